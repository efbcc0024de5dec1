//! Durations in words.

use std::time::Duration;

/// `4 s`, `1 m 06 s`, `2 h 03 m`; parts of a second are cut.
pub fn elapsed(duration: Duration) -> String {
    seconds(duration.as_secs())
}

/// The same of whole seconds.
pub fn seconds(seconds: u64) -> String {
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{rest} s"),
        (0, minutes) => format!("{minutes} m {rest:02} s"),
        (hours, minutes) => format!("{hours} h {minutes:02} m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (number, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (66, "1 m 06 s"),
            (3_599, "59 m 59 s"),
            (3_600, "1 h 00 m"),
            (90_061, "25 h 01 m"),
        ] {
            assert_eq!(seconds(number), text);
        }
        assert_eq!(elapsed(Duration::from_millis(1_999)), "1 s");
    }
}
