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
    let found = report(&texts)
        .or_else(|| fatal(&texts))
        .or_else(|| traceback(&texts))
        .or_else(|| exception(&texts))
        .or_else(|| error(&texts))?;
    let mut text = message(texts[found].trim()).into_owned();
    if let Some(root) = root_cause(&texts[found + 1..]) {
        text = format!("{text}: {root}");
    }
    let text = cap(&without_credentials(&text), MAX);
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

/// Finds the reason in the report with which Spring Boot ends.
fn report(texts: &[&str]) -> Option<usize> {
    let start = texts
        .iter()
        .rposition(|text| text.trim() == "APPLICATION FAILED TO START")?;
    let described = texts[start..]
        .iter()
        .position(|text| text.trim() == "Description:")?;
    let reason = |text: &&str| text.chars().any(char::is_alphabetic);
    let first = start + described + 1;
    Some(first + texts[first..].iter().position(reason)?)
}

fn fatal(texts: &[&str]) -> Option<usize> {
    let panic = texts.iter().position(|text| {
        text.starts_with("panic:") || (text.contains("thread '") && text.contains("panicked at"))
    });
    if let Some(at) = panic {
        // Rust writes the message on the line after the place.
        let rust = texts[at].trim_end().ends_with(':') && !texts[at].starts_with("panic:");
        let message = at + usize::from(rust);
        return (message < texts.len()).then_some(message);
    }
    let words = [
        "FATAL",
        "CRITICAL",
        "PANIC",
        "EMERG",
        "Fatal",
        "fatal:",
        "\"fatal\"",
        "level=fatal",
        "[emerg]",
        "[critical]",
        "[crit]",
        "[alert]",
        "[ALERT]",
        // pino
        "\"level\":60",
    ];
    let is_fatal = |text: &&str| has_any(text, &words) || is_klog(text, b'F');
    texts.iter().rposition(is_fatal)
}

/// Finds the error of Python: the last line of the last traceback, which is not indented.
fn traceback(texts: &[&str]) -> Option<usize> {
    let start = texts.iter().rposition(|text| {
        text.trim_start()
            .starts_with("Traceback (most recent call last)")
    })?;
    let indent = texts[start].len() - texts[start].trim_start().len();
    let ends = |text: &&str| {
        let own = text.len() - text.trim_start().len();
        own <= indent && !text.trim().is_empty()
    };
    Some(start + 1 + texts[start + 1..].iter().position(ends)?)
}

/// Finds an exception. Java names the root in the last `Caused by:`, other languages in the
/// exception itself.
fn exception(texts: &[&str]) -> Option<usize> {
    let is_cause = |text: &&str| text.trim_start().starts_with("Caused by: ");
    let caused = texts.iter().rposition(is_cause);
    caused.or_else(|| {
        let thrown = |text: &&str| {
            !is_frame(text)
                && (text.contains("Exception:")
                    || text.contains("Exception in thread")
                    || text.contains("Unhandled exception")
                    || text.contains("Uncaught ")
                    || text.starts_with("** (")
                    || is_named_error(text))
        };
        texts.iter().rposition(thrown)
    })
}

/// `OutOfMemoryError: Java heap space`
fn is_named_error(text: &str) -> bool {
    let mut ends = text.match_indices("Error: ");
    ends.any(|(at, _)| text[..at].ends_with(char::is_alphanumeric))
}

/// Returns the root of an error of Rust's anyhow: the last line of its list of causes, which
/// follows the error.
fn root_cause(after: &[&str]) -> Option<String> {
    let mut lines = after.iter().filter(|text| !text.trim().is_empty());
    if lines.next()?.trim_end() != "Caused by:" {
        return None;
    }
    let causes = lines.take_while(|text| text.starts_with(' ') && !is_frame(text));
    let root = causes.last()?.trim();
    let number = root.trim_start_matches(|c: char| c.is_ascii_digit());
    Some(number.strip_prefix(": ").unwrap_or(root).to_owned())
}

fn error(texts: &[&str]) -> Option<usize> {
    let strong = [
        "ERROR",
        "Error:",
        "error:",
        "Error",
        "level=error",
        "lvl=error",
        "severity=error",
        ":\"error\"",
        ": \"error\"",
        "\"level\":50",
        "[error]",
        "exec format error",
    ];
    let weak = [
        "failed",
        "Failed",
        "cannot",
        "Cannot",
        "Can't",
        "can't",
        "could not",
        "Could not",
        "refused",
        "denied",
        "not found",
        "No such file",
        "no such file",
        "no such host",
        "No such host",
        "unreachable",
        "timed out",
        "unable to",
        "Unable to",
        "already exists",
        "already in use",
        "invalid",
        "missing",
        "Segmentation fault",
    ];
    let strong = texts
        .iter()
        .rposition(|text| has_any(text, &strong) || is_klog(text, b'E'));
    strong.or_else(|| texts.iter().rposition(|text| has_any(text, &weak)))
}

/// True for a line of this level in the form of Kubernetes' own programs:
/// `F1128 19:00:00.000002       1 main.go:33] no host`
fn is_klog(text: &str, level: u8) -> bool {
    let bytes = text.as_bytes();
    let is_date = bytes
        .get(1..5)
        .is_some_and(|date| date.iter().all(u8::is_ascii_digit));
    bytes.first() == Some(&level) && is_date && bytes.get(5) == Some(&b' ') && text.contains("] ")
}

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| has_word(text, word))
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
    if is_klog(line, b'F') || is_klog(line, b'E') {
        return line.split_once("] ").map_or(line, |(_, rest)| rest).into();
    }
    let Some(message) = field(line, &["msg", "message", "@m", "@mt"]) else {
        return line.into();
    };
    let names = ["error", "err", "exception", "cause", "error.message", "@x"];
    let error = field(line, &names);
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
            (
                "Error: cannot open store\n\nCaused by:\n    0: connect to db\n    1: Connection refused (os error 111)",
                Some("Error: cannot open store: Connection refused (os error 111)"),
            ),
            (
                "Error: cannot open store\n\nCaused by:\n    no route to host",
                Some("Error: cannot open store: no route to host"),
            ),
            (
                "ERROR 1 --- [main] o.s.b.d.LoggingFailureAnalysisReporter :\n\n****\nAPPLICATION FAILED TO START\n****\n\nDescription:\n\nWeb server failed to start. Port 8080 was already in use.\n\nAction:\n\nStop the process.",
                Some("Web server failed to start. Port 8080 was already in use."),
            ),
            (
                "I1128 19:00:00.000001       1 main.go:10] starting\nF1128 19:00:00.000002       1 main.go:33] no host: KUBERNETES_SERVICE_HOST\ngoroutine 1 [running]:",
                Some("no host: KUBERNETES_SERVICE_HOST"),
            ),
            (
                "Terminating due to java.lang.OutOfMemoryError: Java heap space\nbye",
                Some("Terminating due to java.lang.OutOfMemoryError: Java heap space"),
            ),
            (
                "{\"level\":60,\"time\":1,\"msg\":\"no database\"}\n{\"level\":30,\"msg\":\"bye\"}",
                Some("no database"),
            ),
            (
                "{\"log.level\":\"error\",\"message\":\"cannot bind\",\"error.message\":\"port taken\"}\n{\"log.level\":\"info\",\"message\":\"bye\"}",
                Some("cannot bind: port taken"),
            ),
            (
                "** (RuntimeError) no database url\n    (shop 0.1.0) lib/shop.ex:3: Shop.start/2",
                Some("** (RuntimeError) no database url"),
            ),
            (
                "Can't locate Shop/Db.pm in @INC at /app/run.pl line 3.\nbye",
                Some("Can't locate Shop/Db.pm in @INC at /app/run.pl line 3."),
            ),
            (
                "[2026-11-28 19:00:00][critical][main] no listener on :8080\nexiting",
                Some("[2026-11-28 19:00:00][critical][main] no listener on :8080"),
            ),
            (
                "nginx: [emerg] no \"ssl_certificate\" is defined\nbye",
                Some("nginx: [emerg] no \"ssl_certificate\" is defined"),
            ),
            ("all fine\n0 NO_ERRORS", None),
            ("", None),
        ];
        for (log, expected) in cases {
            assert_eq!(of(log).as_deref(), expected, "{log}");
        }
    }
}
