//! Durations as people write them.

use jiff::{SignedDuration, Timestamp};

/// Seconds as a duration.
pub(super) const fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// How long ago something was; never negative.
pub(super) fn age(now: Timestamp, since: Timestamp) -> SignedDuration {
    now.duration_since(since).max(SignedDuration::ZERO)
}

/// `55 s`, `2 m 10 s`, `1 h 05 m`, `3 d`.
pub(super) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 if seconds % 60 == 0 => format!("{} m", seconds / 60),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_at_most() {
        let cases = [
            (-5, "0 s"),
            (55, "55 s"),
            (130, "2 m 10 s"),
            (180, "3 m"),
            (3900, "1 h 05 m"),
            (300_000, "3 d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(span(secs(seconds)), text);
        }
    }
}
