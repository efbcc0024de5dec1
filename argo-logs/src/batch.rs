//! Whole lines of one container that share one buffer.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

const NO_TIME: i64 = i64::MIN;

/// Lines that arrived together: one buffer, and where in it each line lies. Nothing is
/// allocated for a line.
#[derive(Clone, Debug)]
pub struct Batch {
    container_id: Arc<str>,
    restart: i32,
    bytes: Bytes,
    lines: Vec<Span>,
}

/// Where one line lies.
#[derive(Clone, Copy, Debug)]
struct Span {
    time: i64,
    start: u32,
    end: u32,
    flags: u8,
}

/// One line of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The bytes as the container wrote them, without line end; not always UTF-8.
    pub text: &'a [u8],
    /// True if the line goes on in the next one: it is longer than the cap.
    pub continues: bool,
    /// True if this goes on with the line before.
    pub continuation: bool,
    time: i64,
}

impl Line<'_> {
    /// When the runtime read the line. Fragments of long lines have none.
    pub fn time(&self) -> Option<Timestamp> {
        let nanos = self.nanos()?;
        let subsecond = i32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?;
        Timestamp::new(nanos.div_euclid(1_000_000_000), subsecond).ok()
    }

    /// The same in nanoseconds since 1970.
    pub fn nanos(&self) -> Option<i64> {
        (self.time != NO_TIME).then_some(self.time)
    }

    fn flags(&self) -> u8 {
        u8::from(self.continues) * Batch::CONTINUES
            + u8::from(self.continuation) * Batch::CONTINUATION
    }
}

impl Batch {
    pub(crate) const CONTINUES: u8 = 1;
    pub(crate) const CONTINUATION: u8 = 2;

    /// No lines yet, of the run `container_id`, which came after `restart` others, all to
    /// lie in `bytes`.
    pub fn new(container_id: Arc<str>, restart: i32, bytes: Bytes) -> Self {
        Self {
            container_id,
            restart,
            bytes,
            lines: Vec::new(),
        }
    }

    /// Copies lines into a batch of their own: for a batch that was put aside on disk.
    pub fn from_lines<'a>(
        container_id: Arc<str>,
        restart: i32,
        lines: impl Iterator<Item = Line<'a>>,
    ) -> Self {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for line in lines {
            let start = offset(bytes.len());
            bytes.extend_from_slice(line.text);
            spans.push(Span {
                time: line.time,
                start,
                end: offset(bytes.len()),
                flags: line.flags(),
            });
        }
        Self {
            container_id,
            restart,
            bytes: bytes.into(),
            lines: spans,
        }
    }

    /// The run of the container that wrote the lines.
    pub fn container_id(&self) -> &Arc<str> {
        &self.container_id
    }

    /// How many runs came before that one.
    pub fn restart(&self) -> i32 {
        self.restart
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// How much memory this keeps: the buffer with what is between the lines.
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.lines.capacity() * size_of::<Span>()
    }

    /// The lines in order.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = Line<'_>> {
        self.lines.iter().map(|span| self.line(*span))
    }

    /// Keeps the lines that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(Line<'_>) -> bool) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.retain(|span| keep(self.line(*span)));
        self.lines = lines;
    }

    /// Keeps the first `len` lines.
    pub fn truncate(&mut self, len: usize) {
        self.lines.truncate(len);
    }

    /// Makes room for so many more lines.
    pub(crate) fn reserve(&mut self, lines: usize) {
        self.lines.reserve(lines);
    }

    pub(crate) fn push(&mut self, time: Option<i64>, range: std::ops::Range<usize>, flags: u8) {
        self.lines.push(Span {
            time: time.unwrap_or(NO_TIME),
            start: offset(range.start),
            end: offset(range.end),
            flags,
        });
    }

    fn line(&self, span: Span) -> Line<'_> {
        Line {
            text: &self.bytes[span.start as usize..span.end as usize],
            continues: span.flags & Batch::CONTINUES != 0,
            continuation: span.flags & Batch::CONTINUATION != 0,
            time: span.time,
        }
    }
}

impl<'a> Line<'a> {
    /// A whole line.
    pub fn new(nanos: Option<i64>, text: &'a [u8]) -> Self {
        Self {
            text,
            continues: false,
            continuation: false,
            time: nanos.unwrap_or(NO_TIME),
        }
    }
}

/// A buffer is at most a chunk of a response and a capped line: far below 4 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_being_copied() {
        let mut batch = Batch::new("A".into(), 1, Bytes::from_static(b"one\ntwo\nthree\n"));
        batch.push(Some(1_500_000_000), 0..3, 0);
        batch.push(None, 4..7, Batch::CONTINUES);
        batch.push(Some(-1), 8..13, Batch::CONTINUATION);
        let copy = Batch::from_lines(batch.container_id().clone(), 1, batch.lines());
        assert_eq!(
            copy.lines().collect::<Vec<_>>(),
            batch.lines().collect::<Vec<_>>()
        );
        let times: Vec<_> = copy.lines().map(|line| line.time()).collect();
        assert_eq!(times[0], Some("1970-01-01T00:00:01.5Z".parse().unwrap()));
        assert_eq!(times[1], None);
        assert_eq!(
            times[2],
            Some("1969-12-31T23:59:59.999999999Z".parse().unwrap())
        );
    }

    #[test]
    fn retain_keeps_order() {
        let mut batch = Batch::new("A".into(), 0, Bytes::from_static(b"abc"));
        for n in 0..3 {
            batch.push(None, n..n + 1, 0);
        }
        batch.retain(|line| line.text != b"b");
        let left: Vec<_> = batch.lines().map(|line| line.text.to_vec()).collect();
        assert_eq!(left, [b"a", b"c"]);
    }
}
