//! An entry of a log.

use serde::Deserialize;

/// A line of a log, an answer of the cluster that is no line, or the end of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogEntry {
    /// The line, without white space at its end.
    pub content: String,
    /// The time of the line with nanoseconds, RFC 3339.
    pub time_stamp_str: String,
    /// True at the end of the cluster's stream, which proves nothing about the container.
    pub last: bool,
    /// The pod; empty for what is no line.
    pub pod_name: String,
}

/// Go's zero time.
const ZERO: &str = "0001-01-01T00:00:00Z";

impl LogEntry {
    /// True if the text is an answer of the cluster, such as "previous terminated container not
    /// found", and no line of a log.
    pub fn is_answer(&self) -> bool {
        !self.last && self.pod_name.is_empty() && self.time_stamp_str == ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_lines_and_ends_are_told_apart() {
        let read = |text: &str| serde_json::from_str::<LogEntry>(text).unwrap();
        let answer = read(
            r#"{"content":"previous terminated container \"app\" in pod \"web-1\" not found","timeStamp":null,"last":false,"timeStampStr":"0001-01-01T00:00:00Z","podName":""}"#,
        );
        assert!(answer.is_answer());
        let line = read(
            r#"{"content":"a","timeStamp":"2026-11-28T06:52:09Z","last":false,"timeStampStr":"2026-11-28T06:52:09.823900079Z","podName":"web-1"}"#,
        );
        assert!(!line.is_answer() && !line.last);
        let end = read(
            r#"{"content":"","last":true,"timeStampStr":"2026-11-28T06:52:14.974163546Z","podName":""}"#,
        );
        assert!(end.last && !end.is_answer());
    }
}
