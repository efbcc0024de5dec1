//! Finds the level that a program wrote into a line.
//!
//! The search knows the few notations that most programs use. It reads the beginning of a
//! line once, and prefers no answer to a wrong one: a word like `error` within a sentence
//! is no level.

use argo_core::Level;

/// Bytes; a level further behind is not found.
const LOOKED_AT: usize = 4096;
/// Words; a level further behind is not found. Words before it may be a time, a thread or
/// a name.
const WORDS: usize = 6;

/// Returns the level of a line if it names one: as a JSON or logfmt field (`level`, `lvl`,
/// `severity`, `log.level`), as a klog header (`E0102 15:04:05.678901`), or as one of the
/// first words (`ERROR`, `[warn]`, `error:`).
pub fn detect(line: &[u8]) -> Option<Level> {
    let line = skip_blank(&line[..line.len().min(LOOKED_AT)]);
    match line.first()? {
        b'{' => json(line),
        _ => klog(line).or_else(|| words(line)).or_else(|| logfmt(line)),
    }
}

/// `Lmmdd hh:mm:ss.uuuuuu`
fn klog(line: &[u8]) -> Option<Level> {
    let (level, rest) = line.split_first()?;
    let date = rest.get(..4)?.iter().all(u8::is_ascii_digit) && rest.get(4) == Some(&b' ');
    match level {
        _ if !date => None,
        b'I' => Some(Level::Info),
        b'W' => Some(Level::Warning),
        b'E' | b'F' => Some(Level::Error),
        _ => None,
    }
}

/// Returns the first word that is a level, if only numbers, dashes or marks like `[main]`
/// come before it.
fn words(line: &[u8]) -> Option<Level> {
    let mut timed = false;
    let words = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .map(strip_colours)
        .filter(|word| !word.is_empty());
    for word in words.take(WORDS) {
        if let Some(level) = marked(word) {
            return Some(level);
        }
        if word.contains(&b'=') {
            return None;
        }
        let is_time = word.iter().any(u8::is_ascii_digit) && !word[0].is_ascii_alphabetic();
        let is_mark =
            matches!(word[0], b'[' | b'(' | b'<') || !word.iter().any(u8::is_ascii_alphanumeric);
        timed |= is_time;
        // Behind a time there may be a name: `2026-11-24 10:00:00 - shop.cart - ERROR - …`.
        if !(timed || is_mark) {
            return None;
        }
    }
    None
}

/// Parses a word that looks like a level: in capitals, in brackets, or before a colon.
fn marked(word: &[u8]) -> Option<Level> {
    let is_bracket = |byte: &u8| matches!(byte, b'[' | b']' | b'(' | b')' | b'<' | b'>' | b'|');
    let from = word.iter().position(|byte| !is_bracket(byte))?;
    let len = word[from..]
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic());
    let (name, rest) = word[from..].split_at(len.unwrap_or(word.len() - from));
    let ends = rest
        .iter()
        .all(|byte| is_bracket(byte) || matches!(byte, b':' | b','));
    let in_capitals = name.iter().all(u8::is_ascii_uppercase);
    let is_marked = in_capitals || from > 0 || rest.first() == Some(&b':');
    if ends && is_marked { named(name) } else { None }
}

/// `level=info`, `lvl="warn"`
fn logfmt(line: &[u8]) -> Option<Level> {
    for equals in memchr::memchr_iter(b'=', line) {
        let start = line[..equals].iter().rposition(|byte| *byte == b' ');
        if is_key(&line[start.map_or(0, |at| at + 1)..equals]) {
            let value = &line[equals + 1..];
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            let len = value.iter().position(|byte| !byte.is_ascii_alphabetic());
            return named(&value[..len.unwrap_or(value.len())]);
        }
    }
    None
}

/// Returns the value of a level key of the outermost object. The JSON need not be complete.
fn json(line: &[u8]) -> Option<Level> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = line.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let text = quoted(&line[at..])?;
                at += text.len() + 2;
                let rest = skip_blank(&line[at.min(line.len())..]);
                if depth == 1 && is_key(text) && rest.first() == Some(&b':') {
                    return value(skip_blank(&rest[1..]));
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Returns the text of a JSON string with its escapes.
fn quoted(json: &[u8]) -> Option<&[u8]> {
    let mut at = 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(&json[1..at]),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn value(json: &[u8]) -> Option<Level> {
    if json.first() == Some(&b'"') {
        return named(quoted(json)?);
    }
    let len = json.iter().position(|byte| !byte.is_ascii_digit());
    numbered(&json[..len.unwrap_or(json.len())])
}

/// Maps the numbers of bunyan and pino.
fn numbered(digits: &[u8]) -> Option<Level> {
    match digits {
        b"10" => Some(Level::Trace),
        b"20" => Some(Level::Debug),
        b"30" => Some(Level::Info),
        b"40" => Some(Level::Warning),
        b"50" | b"60" => Some(Level::Error),
        _ => None,
    }
}

fn is_key(key: &[u8]) -> bool {
    const KEYS: [&[u8]; 8] = [
        b"level",
        b"lvl",
        b"severity",
        b"log.level",
        b"loglevel",
        b"levelname",
        b"@level",
        b"severity_text",
    ];
    KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
}

fn named(name: &[u8]) -> Option<Level> {
    const NAMES: [(&[u8], Level); 26] = [
        (b"error", Level::Error),
        (b"err", Level::Error),
        (b"erro", Level::Error),
        (b"fatal", Level::Error),
        (b"fata", Level::Error),
        (b"panic", Level::Error),
        (b"pani", Level::Error),
        (b"dpanic", Level::Error),
        (b"critical", Level::Error),
        (b"crit", Level::Error),
        (b"severe", Level::Error),
        (b"alert", Level::Error),
        (b"emergency", Level::Error),
        (b"emerg", Level::Error),
        (b"warning", Level::Warning),
        (b"warn", Level::Warning),
        (b"wrn", Level::Warning),
        (b"info", Level::Info),
        (b"information", Level::Info),
        (b"inf", Level::Info),
        (b"notice", Level::Info),
        (b"debug", Level::Debug),
        (b"dbg", Level::Debug),
        (b"debu", Level::Debug),
        (b"trace", Level::Trace),
        (b"trac", Level::Trace),
    ];
    let mut names = NAMES.iter();
    names
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, level)| *level)
}

fn skip_blank(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    &text[start.unwrap_or(text.len())..]
}

/// Strips colour sequences (`ESC[…m`) from a word.
fn strip_colours(mut word: &[u8]) -> &[u8] {
    while word.starts_with(b"\x1b[") {
        match memchr::memchr(b'm', word) {
            Some(end) => word = &word[end + 1..],
            None => break,
        }
    }
    match memchr::memchr(0x1b, word) {
        Some(end) => &word[..end],
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels_are_found_in_what_programs_write() {
        use Level::{Debug, Error, Info, Trace, Warning};
        for (line, level) in [
            (r#"{"ts":1,"level":"warn","msg":"x"}"#, Warning),
            (r#"{"a":{"level":"debug"},"severity" : "ERROR"}"#, Error),
            (
                r#"{"msg":"a \"level\":\"info\" b","log.level":"debug"}"#,
                Debug,
            ),
            (r#"{"level":50,"msg":"cut off he"#, Error),
            (
                "time=2026-11-24T10:00:00Z level=info msg=\"a level=error\"",
                Info,
            ),
            ("lvl=\"dbg\" msg=x", Debug),
            ("E0102 15:04:05.678901       1 server.go:1] x", Error),
            ("I1124 15:04:05.678901       1 server.go:1] x", Info),
            ("ERROR cannot open file", Error),
            ("error: cannot open file", Error),
            ("[warn] slow", Warning),
            ("2026/11/24 10:00:00 [error] 7#7: *1 open() failed", Error),
            (
                "2026-11-24 10:00:00,123 ERROR [main] c.e.Shop - failed",
                Error,
            ),
            ("2026-11-24 10:00:00.123 [main] WARN c.e.Shop", Warning),
            ("2026-11-24 10:00:00,123 - shop.cart - CRITICAL - x", Error),
            ("[2026-11-24T10:00:00Z INFO  shop::cart] x", Info),
            ("\x1b[32mINFO\x1b[0m[0012] started", Info),
            (
                "\x1b[2m2026-11-24T10:00:00Z\x1b[0m \x1b[33m WARN\x1b[0m shop: x",
                Warning,
            ),
            ("\tTRACE x", Trace),
            ("FATAL: password authentication failed", Error),
        ] {
            assert_eq!(detect(line.as_bytes()), Some(level), "{line}");
        }
    }

    #[test]
    fn a_word_in_a_sentence_is_no_level() {
        for line in [
            "",
            " ",
            "Error handling is initialised",
            "no error here",
            "the ERROR page was served",
            "information about the shop",
            "listening on :8080",
            r#"{"msg":"level","x":"error"}"#,
            r#"{"a":["level","error"]}"#,
            r#"{"level":{"x":"error"}}"#,
            "sublevel=error",
            "errors=0 level=",
            "E12 x",
            "INFORMATIONAL x",
            "{\"level",
            "\x1b[",
        ] {
            assert_eq!(detect(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(line in prop::collection::vec(
            prop::sample::select(b"{}[]\"\\:=, \x1bmE0level30error\xff".to_vec()), 0..60))
        {
            let _ = detect(&line);
        }
    }
}
