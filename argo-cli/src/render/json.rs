//! Records as JSON that no pipeline obeys, and log lines as the same JSON by hand.

use std::io::{self, Write};

use argo_core::{
    Level, Record,
    record::{self, Body},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{
    Origin, Stream,
    stamp::{SECOND, timestamp},
};
use crate::sanitize;

/// Appends a record as one line.
pub(super) fn record(record: &Record, out: &mut Vec<u8>) {
    append(record, out);
}

/// Appends a value as one line of compact JSON in which no text is a command of a pipeline,
/// wherever the file is shown.
pub(crate) fn append(value: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    let written = value.serialize(&mut Serializer::with_formatter(&mut *out, Safe));
    if written.is_err() {
        debug_assert!(false, "a value is made of strings and numbers");
        out.truncate(start);
        return;
    }
    out.push(b'\n');
}

/// Appends a line of argocd.
pub(super) fn argo(time: Timestamp, level: Level, stream: Stream, line: &[u8], out: &mut Vec<u8>) {
    let body = Body::Argo(record::Argo {
        stream: stream.name().to_owned(),
        partial: false,
    });
    record(
        &Record::at(time, level, String::from_utf8_lossy(line), body),
        out,
    );
}

/// Compact JSON whose strings are escaped as [`sanitize::json`] does.
struct Safe;

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut safe = Vec::with_capacity(fragment.len());
        sanitize::json(fragment.as_bytes(), &mut safe);
        writer.write_all(&safe)
    }
}

/// Returns the part after the message of a log line: `,"schema":1,"kind":"log",…}` and a
/// newline.
pub(super) fn after_message(app: &str, origin: &Origin<'_>, with_uid: bool) -> Vec<u8> {
    let body = Body::Log(record::Log {
        app: app.to_owned(),
        namespace: origin.namespace.to_owned(),
        workload: origin.workload.map(ToString::to_string),
        pod: origin.pod.to_owned(),
        uid: with_uid.then(|| origin.uid.to_owned()),
        container: origin.container.to_owned(),
        restart: origin.restart,
        partial: false,
        store: origin.store.map(str::to_owned),
    });
    let mut whole = Vec::new();
    record(
        &Record::at(Timestamp::UNIX_EPOCH, Level::Info, "", body),
        &mut whole,
    );
    // The fields behind the message are the same for every line of the run, so serde writes them
    // once, around an empty message.
    let message = memchr::memmem::find(&whole, EMPTY);
    let tail = message.map_or(whole.len(), |at| at + EMPTY.len());
    whole.split_off(tail)
}

/// Marks the line that was just appended as continued by the next one.
pub(super) fn mark_partial(out: &mut Vec<u8>) {
    if out.ends_with(b"}\n") {
        out.truncate(out.len() - 2);
        out.extend_from_slice(b",\"partial\":true}\n");
    }
}

/// Adds the bytes of a line that is no UTF-8 to the JSON that was just appended.
pub(super) fn keep_bytes(text: &[u8], out: &mut Vec<u8>) {
    if std::str::from_utf8(text).is_ok() || !out.ends_with(b"}\n") {
        return;
    }
    out.truncate(out.len() - 2);
    out.extend_from_slice(b",\"bytes\":\"");
    for byte in text {
        let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out.extend_from_slice(b"\"}\n");
}

/// Writes log lines. The second that they share is kept.
#[derive(Debug, Default)]
pub(super) struct LogJson {
    second: Option<i64>,
    /// `{"time":"2026-11-23T10:00:08`
    head: Vec<u8>,
}

impl LogJson {
    /// Appends everything before the message.
    pub(super) fn before_message(&mut self, nanos: i64, level: Level, out: &mut Vec<u8>) {
        self.head(nanos.div_euclid(SECOND));
        out.extend_from_slice(&self.head);
        push_fraction(nanos.rem_euclid(SECOND), out);
        out.extend_from_slice(after_time(level));
    }

    fn head(&mut self, second: i64) {
        if self.second == Some(second) {
            return;
        }
        self.second = Some(second);
        let time = timestamp(second.saturating_mul(SECOND)).to_string();
        self.head = format!("{{\"time\":\"{}", time.trim_end_matches('Z')).into_bytes();
    }
}

/// The empty message in a record's JSON. No other field can look like this, since the quotes
/// of a value are escaped.
const EMPTY: &[u8] = br#""msg":"""#;

fn after_time(level: Level) -> &'static [u8] {
    match level {
        Level::Error => br#"Z","level":"error","msg":"#,
        Level::Warning => br#"Z","level":"warning","msg":"#,
        Level::Info => br#"Z","level":"info","msg":"#,
        Level::Debug => br#"Z","level":"debug","msg":"#,
        Level::Trace => br#"Z","level":"trace","msg":"#,
    }
}

/// `.113`, without trailing zeros, as RFC 3339 times are written by `jiff`.
fn push_fraction(nanos: i64, out: &mut Vec<u8>) {
    let nanos = u32::try_from(nanos).unwrap_or_default();
    if nanos == 0 {
        return;
    }
    let mut digits = *b".000000000";
    // Three numbers of three digits: none of them waits for another.
    let threes = [nanos / 1_000_000, nanos / 1000 % 1000, nanos % 1000];
    for (digits, three) in digits[1..].chunks_exact_mut(3).zip(threes) {
        for (digit, value) in digits
            .iter_mut()
            .zip([three / 100, three / 10 % 10, three % 10])
        {
            *digit += value as u8;
        }
    }
    let end = digits.iter().rposition(|digit| *digit != b'0');
    out.extend_from_slice(&digits[..=end.unwrap_or_default()]);
}
