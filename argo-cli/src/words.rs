//! Numbers in words.

use std::time::Duration;

use jiff::Timestamp;

/// `4 s`, `1 m 06 s`, `2 h 03 m`.
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The span between two times; none if the clock went back.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// `1 pod`, `2 pods`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_counts() {
        let words = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!([words(4), words(66), words(7380)], ["4 s", "1 m 06 s", "2 h 03 m"]);
        assert_eq!([count(1, "pod"), count(0, "pod")], ["1 pod", "0 pods"]);
    }
}
