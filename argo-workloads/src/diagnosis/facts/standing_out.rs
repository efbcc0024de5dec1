//! Lines that stand out from a log by a word that programs keep for their errors.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::bytes::Regex;

/// A line says nothing about an end that came this much later.
const RELATED: SignedDuration = SignedDuration::from_secs(120);

/// Words that end programs, or begin their last message.
const FATAL: &str = r#"(?-u)\b(?:FATAL|CRITICAL|PANIC|EMERG|Fatal)\b|\bpanic: |\bfatal: |level=fatal|"fatal"|"level":60|\[emerg\]|\[critical\]|\[crit\]|\[alert\]|\[ALERT\]"#;
/// Words of errors. Those that healthy programs write, too, are none.
const ERROR: &str = r#"(?-u)\bERROR\b|(?:level|lvl|severity)=error|: ?"(?:error|ERROR)"|"level":50|[Ee]rror: |Exception: |Exception in thread|Caused by: |\[error\]|exec format error"#;

static FATAL_WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(FATAL).ok());
static ANY_WORDS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!("{FATAL}|{ERROR}")).ok());

/// True if a text of one line or more has a word of an error. Made for logs that write fast:
/// one pass over the bytes.
pub fn stands_out(text: &[u8]) -> bool {
    has(&ANY_WORDS, text)
}

fn has(words: &LazyLock<Option<Regex>>, text: &[u8]) -> bool {
    words.as_ref().is_some_and(|words| words.is_match(text))
}

/// A line in its bytes: most lines are dropped before their text is needed.
#[derive(Clone, Debug)]
pub(super) struct RawLine {
    pub(super) time: Option<Timestamp>,
    pub(super) text: Vec<u8>,
    /// The number of frames of a stack up to this line, if it is one.
    pub(super) frames: usize,
}

/// The last lines of a run that stood out, apart from those that are kept anyway: a program may
/// say a lot between its error and its end.
#[derive(Clone, Debug, Default)]
pub(super) struct StandingOut {
    fatal: Option<RawLine>,
    error: Option<RawLine>,
}

impl StandingOut {
    /// Takes a line that is kept no longer. Returns its memory.
    pub(super) fn dropped(&mut self, line: RawLine) -> Vec<u8> {
        if !stands_out(&line.text) {
            return line.text;
        }
        let place = if has(&FATAL_WORDS, &line.text) {
            &mut self.fatal
        } else {
            &mut self.error
        };
        place.replace(line).map(|old| old.text).unwrap_or_default()
    }

    /// Returns the lines that may have to do with an end at `end`, oldest first.
    pub(super) fn before(&self, end: Timestamp) -> Vec<&RawLine> {
        let lines = self.fatal.iter().chain(&self.error);
        let is_near = |line: &&RawLine| {
            let time = line.time.unwrap_or(end);
            end.duration_since(time) <= RELATED
        };
        let mut lines: Vec<_> = lines.filter(is_near).collect();
        lines.sort_by_key(|line| line.time);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_errors_stand_out() {
        let errors = [
            "FATAL:  data directory has wrong ownership",
            "2026-11-28 ERROR shop: no route to db",
            "{\"level\":\"error\",\"msg\":\"no\"}",
            "ts=1 level=error msg=no",
            "KeyError: 'DB_HOST'",
            "Caused by: java.net.ConnectException: refused",
            "panic: runtime error: index out of range",
        ];
        for line in errors {
            assert!(stands_out(line.as_bytes()), "{line}");
        }
        let others = [
            "0 NO_ERRORS",
            "errors: none so far",
            "loading ErrorHandler",
            "closing listener 7",
            "panicking is not an option",
        ];
        for line in others {
            assert!(!stands_out(line.as_bytes()), "{line}");
        }
    }
}
