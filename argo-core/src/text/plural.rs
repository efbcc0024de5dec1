//! Numbers of things.

/// Writes a number with its noun, which takes an `s` unless there is one: `1 pod`, `3 pods`.
pub fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_has_no_s() {
        assert_eq!(counted(0, "pod"), "0 pods");
        assert_eq!(counted(1, "pod"), "1 pod");
        assert_eq!(counted(2, "pod"), "2 pods");
    }
}
