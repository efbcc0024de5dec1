//! The hash by which lines are compared.

/// Hashes a line (folded multiplication, as in wyhash).
///
/// The hash has to be fast and to spread well. It need not withstand an attacker: a program
/// that makes its own lines collide loses one of its own lines.
#[inline]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    const SECOND: u64 = 0xe703_7ed1_a0b4_28db;
    const THIRD: u64 = 0x8ebc_6af0_9c88_c6e3;
    let (blocks, rest) = bytes.as_chunks::<16>();
    let (pairs, odd) = blocks.as_chunks::<2>();
    // Two chains of multiplications, of which neither waits for the other.
    let (mut state, mut other) = (bytes.len() as u64 ^ SECOND, THIRD);
    for [one, two] in pairs {
        state = fold(state, one);
        other = fold(other, two);
    }
    for block in odd {
        state = fold(state, block);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    let mut end = [0x5a; 16];
    end[..8].copy_from_slice(&other.to_le_bytes());
    fold(fold(state, &last), &end)
}

#[inline]
fn fold(state: u64, block: &[u8; 16]) -> u64 {
    const FIRST: u64 = 0xa076_1d64_78bd_642f;
    let block = u128::from_le_bytes(*block);
    let (low, high) = (block as u64, (block >> 64) as u64);
    let product = u128::from(low ^ FIRST) * u128::from(high ^ state);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_changed_byte_changes_the_hash(mut line in proptest::collection::vec(any::<u8>(), 1..200), at in any::<usize>(), by in 1..=255_u8) {
            let before = hash(&line);
            let at = at % line.len();
            line[at] ^= by;
            prop_assert_ne!(before, hash(&line));
            line[at] ^= by;
            line.push(0);
            prop_assert_ne!(before, hash(&line));
        }
    }
}
