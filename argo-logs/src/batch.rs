//! Whole lines of one container that share one buffer.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;

const NO_TIME: i64 = i64::MIN;

/// Lines that arrived together: one buffer, and the position of each line in it. Nothing
/// is allocated for a single line.
#[derive(Clone, Debug)]
pub struct Batch {
    container_id: Arc<str>,
    restart: i32,
    bytes: Bytes,
    lines: Vec<Span>,
    /// True unless a line may hold a line feed.
    is_split: bool,
}

/// The position of a line in the buffer.
#[derive(Clone, Copy, Debug)]
struct Span {
    time: i64,
    start: u32,
    end: u32,
    flags: u8,
}

/// Some lines of a [`Batch`] that follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    batch: &'a Batch,
    lines: &'a [Span],
}

impl<'a> Group<'a> {
    /// The bytes from the first line to the last. What stands between the lines of a log is
    /// among them: line ends, times, and lines that were removed.
    pub fn bytes(&self) -> &'a [u8] {
        let (first, last) = (self.lines.first(), self.lines.last());
        let start = first.map_or(0, |span| span.start as usize);
        let end = last.map_or(0, |span| span.end as usize);
        self.batch.bytes.get(start..end).unwrap_or_default()
    }

    /// True unless a line may hold a line feed: those of a log never do.
    pub fn is_split(&self) -> bool {
        self.batch.is_split
    }

    /// The lines in order.
    pub fn lines(self) -> impl ExactSizeIterator<Item = Line<'a>> + DoubleEndedIterator {
        let batch = self.batch;
        self.lines.iter().map(move |span| batch.line(*span))
    }
}

/// One line of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The bytes as the container wrote them, without line end; not always UTF-8.
    pub text: &'a [u8],
    /// True if the line is longer than 1 MiB and continues in the next one.
    pub continues: bool,
    /// True if this is a later piece of the line before.
    pub continuation: bool,
    time: i64,
}

impl Line<'_> {
    /// Time at which the runtime read the line. Pieces of long lines may have none.
    pub fn time(&self) -> Option<Timestamp> {
        let nanos = self.nanos()?;
        let subsecond = i32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?;
        Timestamp::new(nanos.div_euclid(1_000_000_000), subsecond).ok()
    }

    /// [`time`](Self::time) in nanoseconds since 1970.
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

    /// Creates an empty batch for lines that lie in `bytes`, written by the run
    /// `container_id` with `restart` runs before it.
    pub fn new(container_id: Arc<str>, restart: i32, bytes: Bytes) -> Self {
        Self {
            container_id,
            restart,
            bytes,
            lines: Vec::new(),
            is_split: true,
        }
    }

    /// Copies lines into a new batch, for example lines that were put aside on disk.
    pub fn from_lines<'a>(
        container_id: Arc<str>,
        restart: i32,
        lines: impl Iterator<Item = Line<'a>>,
    ) -> Self {
        let (mut bytes, mut spans, mut is_split) = (Vec::new(), Vec::new(), true);
        for line in lines {
            is_split &= memchr::memchr(b'\n', line.text).is_none();
            let start = offset(bytes.len());
            bytes.extend_from_slice(line.text);
            spans.push(Span {
                time: line.time,
                start,
                end: offset(bytes.len()),
                flags: line.flags(),
            });
            // Words at the ends of two lines must not become one in [`Group::bytes`].
            bytes.push(b'\n');
        }
        Self {
            container_id,
            restart,
            bytes: bytes.into(),
            lines: spans,
            is_split,
        }
    }

    /// The id of the run that wrote the lines; empty where nobody knows it, or where lines come
    /// from a log store behind newer ones.
    pub fn container_id(&self) -> &Arc<str> {
        &self.container_id
    }

    /// Number of runs before that one.
    pub fn restart(&self) -> i32 {
        self.restart
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True if the batch has no lines.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Bytes of memory that the batch keeps, with the bytes between its lines.
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.lines.capacity() * size_of::<Span>()
    }

    /// The lines in order.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = Line<'_>> {
        self.lines.iter().map(|span| self.line(*span))
    }

    /// The lines in groups of at most `most`.
    pub fn groups(&self, most: usize) -> impl Iterator<Item = Group<'_>> {
        self.lines
            .chunks(most.max(1))
            .map(|lines| Group { batch: self, lines })
    }

    /// Some of the lines, by their numbers.
    pub fn part(&self, lines: Range<usize>) -> Group<'_> {
        let lines = self.lines.get(lines).unwrap_or_default();
        Group { batch: self, lines }
    }

    /// Removes the lines for which `keep` returns false.
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

    pub(crate) fn push(&mut self, time: Option<i64>, range: Range<usize>, flags: u8) {
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

/// Converts an offset. A buffer holds at most a chunk of a response and a capped line, far
/// below 4 GiB.
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
    fn groups_have_every_line_once() {
        let mut batch = Batch::new("A".into(), 0, Bytes::from_static(b"a\nb\nc\n"));
        for n in 0..3 {
            batch.push(None, 2 * n..2 * n + 1, 0);
        }
        let bytes: Vec<_> = batch.groups(2).map(|group| group.bytes()).collect();
        assert_eq!(bytes, [&b"a\nb"[..], b"c"]);
        let lines: Vec<_> = batch.groups(2).flat_map(|group| group.lines()).collect();
        assert_eq!(lines, batch.lines().collect::<Vec<_>>());
        assert!(batch.groups(2).all(|group| group.is_split()));
        let line = Line::new(None, b"a\n::error::");
        let copy = Batch::from_lines("A".into(), 0, [line].into_iter());
        assert!(copy.groups(2).all(|group| !group.is_split()));
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
