//! Durations as people write them, and times apart by a duration.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Writes a duration in at most two units: `4 s`, `3 m`, `2 m 10 s`, `1 h 05 m`, `3 d`. Parts of
/// the smallest unit are cut.
pub fn in_words(duration: Duration) -> String {
    seconds_in_words(duration.as_secs())
}

/// Writes a number of seconds like [`in_words`].
pub fn seconds_in_words(seconds: u64) -> String {
    if seconds < MINUTE {
        format!("{seconds} s")
    } else if seconds < HOUR {
        two_units(seconds, (MINUTE, "m"), (1, "s"))
    } else if seconds < 2 * DAY {
        two_units(seconds, (HOUR, "h"), (MINUTE, "m"))
    } else {
        format!("{} d", seconds / DAY)
    }
}

/// Writes a duration that may be negative like [`in_words`]; a negative one is `0 s`.
pub fn signed_in_words(duration: SignedDuration) -> String {
    in_words(Duration::try_from(duration).unwrap_or_default())
}

fn two_units(seconds: u64, large: (u64, &str), small: (u64, &str)) -> String {
    let whole = seconds / large.0;
    let rest = seconds % large.0 / small.0;
    if rest == 0 {
        format!("{whole} {}", large.1)
    } else {
        format!("{whole} {} {rest:02} {}", large.1, small.1)
    }
}

/// Returns the time between two moments; zero if the clock went back.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// Returns the moment that much after a time, at most the latest one there is.
pub fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Returns the moment that much before a time, at least the earliest one there is.
pub fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_units_at_most() {
        for (seconds, text) in [
            (0, "0 s"),
            (55, "55 s"),
            (59, "59 s"),
            (66, "1 m 06 s"),
            (130, "2 m 10 s"),
            (180, "3 m"),
            (3_599, "59 m 59 s"),
            (3_600, "1 h"),
            (3_900, "1 h 05 m"),
            (90_061, "25 h 01 m"),
            (300_000, "3 d"),
        ] {
            assert_eq!(seconds_in_words(seconds), text);
        }
        assert_eq!(in_words(Duration::from_millis(1_999)), "1 s");
        assert_eq!(signed_in_words(SignedDuration::from_secs(-5)), "0 s");
        assert_eq!(signed_in_words(SignedDuration::from_secs(130)), "2 m 10 s");
    }

    #[test]
    fn times_stay_within_their_range() {
        let (early, late) = (Timestamp::MIN, Timestamp::MAX);
        assert_eq!(between(late, early), Duration::ZERO);
        assert_eq!(later(late, Duration::from_secs(1)), late);
        assert_eq!(earlier(early, Duration::from_secs(1)), early);
        let start = Timestamp::UNIX_EPOCH;
        let end = later(start, Duration::from_secs(5));
        assert_eq!(between(start, end), Duration::from_secs(5));
        assert_eq!(earlier(end, Duration::from_secs(5)), start);
    }
}
