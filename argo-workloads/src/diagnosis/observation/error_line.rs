//! The line of a log that looks like the error.

use std::borrow::Cow;

use argo_core::text::cap;

use crate::diagnosis::facts::Line;
use crate::message::without_credentials;

/// Characters above which the line is cut.
const MAX: usize = 200;

/// Returns the line that most likely names the cause, or nothing where none looks like it: a
/// guess would be read as a fact.
///
/// A word that ends programs (`FATAL`, `panic:`) beats an exception, an exception beats
/// an error. Within a kind the last line wins, except for a Go panic, whose first line is
/// the message and whose others are stacks.
pub(crate) fn error_line(lines: &[Line]) -> Option<String> {
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let found = fatal(&texts)
        .or_else(|| traceback(&texts))
        .or_else(|| exception(&texts))
        .or_else(|| error(&texts))?;
    let text = cap(&without_credentials(&message(found.trim())), MAX);
    (!text.is_empty()).then_some(text)
}

/// Returns the last line that says something: the last words of a program that names no error.
pub(crate) fn last_line(lines: &[Line]) -> Option<String> {
    let mut texts = lines.iter().rev().map(|line| line.text.as_str());
    let says = |text: &&str| text.chars().any(char::is_alphabetic) && !is_frame(text);
    let text = without_credentials(&message(texts.find(says)?.trim()));
    let text = cap(&text, MAX);
    (!text.is_empty()).then_some(text)
}

/// True if a line belongs to a stack.
fn is_frame(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("at ") || text.starts_with("... ") || text.starts_with("exit status ")
}

fn fatal<'a>(texts: &[&'a str]) -> Option<&'a str> {
    let panic = texts.iter().position(|text| {
        text.starts_with("panic:") || (text.contains("thread '") && text.contains("panicked at"))
    });
    if let Some(at) = panic {
        // Rust writes the message on the line after the place.
        let rust = texts[at].trim_end().ends_with(':') && !texts[at].starts_with("panic:");
        return texts.get(at + usize::from(rust)).copied();
    }
    let words = [
        "FATAL",
        "CRITICAL",
        "PANIC",
        "EMERG",
        "fatal:",
        "\"fatal\"",
        "level=fatal",
    ];
    let is_fatal = |text: &&&str| words.iter().any(|word| has_word(text, word));
    texts.iter().rev().find(is_fatal).copied()
}

/// Finds the error of Python: the last line of the last traceback, which is not indented.
fn traceback<'a>(texts: &[&'a str]) -> Option<&'a str> {
    let start = texts.iter().rposition(|text| {
        text.trim_start()
            .starts_with("Traceback (most recent call last)")
    })?;
    let indent = texts[start].len() - texts[start].trim_start().len();
    texts[start + 1..].iter().copied().find(|text| {
        let own = text.len() - text.trim_start().len();
        own <= indent && !text.trim().is_empty()
    })
}

/// Finds an exception. Java names the root in the last `Caused by:`, other languages in the
/// exception itself.
fn exception<'a>(texts: &[&'a str]) -> Option<&'a str> {
    let caused = texts.iter().rev().find_map(|text| {
        let text = text.trim_start();
        text.starts_with("Caused by: ").then_some(text)
    });
    caused.or_else(|| {
        let thrown = |text: &&&str| {
            !is_frame(text)
                && (text.contains("Exception:")
                    || text.contains("Exception in thread")
                    || text.contains("Unhandled exception")
                    || text.contains("Uncaught "))
        };
        texts.iter().rev().find(thrown).copied()
    })
}

fn error<'a>(texts: &[&'a str]) -> Option<&'a str> {
    let strong = [
        "ERROR",
        "Error:",
        "error:",
        "Error",
        "level=error",
        "\"level\":\"error\"",
        "\"level\": \"error\"",
        "[error]",
        "\"severity\":\"ERROR\"",
        "exec format error",
    ];
    let weak = [
        "failed",
        "Failed",
        "cannot",
        "Cannot",
        "could not",
        "Could not",
        "refused",
        "denied",
        "not found",
        "No such file",
        "no such file",
        "unable to",
        "Unable to",
        "already exists",
        "invalid",
        "missing",
    ];
    let last = |words: &[&str]| {
        let has = |text: &&&str| words.iter().any(|word| has_word(text, word));
        texts.iter().rev().find(has).copied()
    };
    last(&strong).or_else(|| last(&weak))
}

/// True if the word stands alone: `ERROR` is not in `NO_ERRORS`.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let starts = !word.starts_with(part) || !before.is_some_and(part);
        let ends = !word.ends_with(part) || !after.is_some_and(part);
        starts && ends
    })
}

/// Returns the message of a structured line, of JSON or of `msg="…"`, with the error that it
/// names beside it; otherwise the line.
fn message(line: &str) -> Cow<'_, str> {
    let Some(message) = field(line, &["msg", "message"]) else {
        return line.into();
    };
    let error = field(line, &["error", "err", "exception", "cause"]);
    match error.filter(|error| !error.is_empty() && !message.contains(error)) {
        Some(error) if message.is_empty() => error.into(),
        Some(error) => format!("{message}: {error}").into(),
        None => message.into(),
    }
}

/// Returns the text of the first field of these names that a structured line has.
fn field<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let forms = [
            format!("\"{name}\":\""),
            format!("\"{name}\": \""),
            format!("{name}=\""),
        ];
        let is_apart = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let start = forms.iter().find_map(|form| {
            let mut found = line
                .match_indices(form.as_str())
                .filter(|(at, _)| is_apart(*at));
            found.next().map(|(at, _)| at + form.len())
        })?;
        let rest = &line[start..];
        Some(&rest[..unescaped_quote(rest)])
    })
}

fn unescaped_quote(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn of(text: &str) -> Option<String> {
        let time = Timestamp::UNIX_EPOCH;
        let line = |text: &str| Line {
            time,
            text: text.to_owned(),
        };
        error_line(&text.lines().map(line).collect::<Vec<_>>())
    }

    #[test]
    fn last_words_are_no_frames() {
        let line = |text: &str| Line {
            time: Timestamp::UNIX_EPOCH,
            text: text.to_owned(),
        };
        let last =
            |texts: &[&str]| last_line(&texts.iter().map(|text| line(text)).collect::<Vec<_>>());
        let words = [
            "reading /etc/shop.conf",
            "port 80 is taken, giving up",
            "",
            "---",
        ];
        assert_eq!(last(&words).as_deref(), Some("port 80 is taken, giving up"));
        let stack = ["Boom", "    at a.js:1", "    ... 3 more frames"];
        assert_eq!(last(&stack).as_deref(), Some("Boom"));
        let json = ["{\"level\":\"info\",\"msg\":\"bye\"}"];
        assert_eq!(last(&json).as_deref(), Some("bye"));
        assert_eq!(last(&[]), None);
    }

    #[test]
    fn it_finds_the_line_that_a_person_would() {
        let cases = [
            (
                "starting\nFATAL:  data directory has wrong ownership\nHINT:  see docs",
                Some("FATAL: data directory has wrong ownership"),
            ),
            (
                "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\nexit status 2",
                Some("panic: runtime error: index out of range"),
            ),
            (
                "thread 'main' panicked at src/main.rs:2:5:\nno database\nnote: run with RUST_BACKTRACE=1",
                Some("no database"),
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    x\nKeyError: 'DB_HOST'\nbye",
                Some("KeyError: 'DB_HOST'"),
            ),
            (
                "Exception in thread \"main\" java.lang.RuntimeException: x\n\tat a.B.c(B.java:1)\nCaused by: java.net.ConnectException: refused\n\t... 3 more",
                Some("Caused by: java.net.ConnectException: refused"),
            ),
            (
                "{\"level\":\"info\",\"msg\":\"up\"}\n{\"level\":\"error\",\"msg\":\"no \\\"route\\\"\",\"t\":1}",
                Some("no \\\"route\\\""),
            ),
            (
                "{\"level\":\"error\",\"msg\":\"cannot open store\",\"error\":\"disk quota exceeded\"}",
                Some("cannot open store: disk quota exceeded"),
            ),
            (
                "level=error xmsg=\"no\" msg=\"dial: no route\" err=\"no route\"",
                Some("dial: no route"),
            ),
            (
                "connecting\ndial tcp: connection refused",
                Some("dial tcp: connection refused"),
            ),
            (
                "exec /app: exec format error",
                Some("exec /app: exec format error"),
            ),
            ("all fine\n0 NO_ERRORS", None),
            ("", None),
        ];
        for (log, expected) in cases {
            assert_eq!(of(log).as_deref(), expected, "{log}");
        }
    }
}
