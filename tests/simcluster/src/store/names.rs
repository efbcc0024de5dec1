//! Generated names and uids, the same ones for the same seed.

/// The letters of generated names: no vowels, no digits like letters
/// (k8s.io/apimachinery, pkg/util/rand).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A small pseudo-random generator (SplitMix64).
#[derive(Debug)]
pub(super) struct Names {
    state: u64,
}

impl Names {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The five letters behind `generateName`.
    pub(super) fn suffix(&mut self) -> String {
        (0..5).map(|_| self.letter()).collect()
    }

    /// A version 4 UUID.
    pub(super) fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    fn letter(&mut self) -> char {
        let index = usize::try_from(self.next() % LETTERS.len() as u64).unwrap_or_default();
        char::from(LETTERS[index])
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_a_version_4_uuid() {
        let uid = Names::new(7).uid();
        let parts: Vec<usize> = uid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{uid}");
        assert_eq!(&uid[14..15], "4");
        assert!("89ab".contains(&uid[19..20]), "{uid}");
    }

    #[test]
    fn the_seed_decides() {
        let three = |seed| {
            let mut names = Names::new(seed);
            [names.suffix(), names.suffix(), names.uid()]
        };
        assert_eq!(three(1), three(1));
        assert_ne!(three(1), three(2));
        assert_ne!(three(1)[0], three(1)[1]);
    }
}
