//! Reads one response: turns its bytes into lines and leaves out those printed before.

mod entry;
mod hash;
mod kubelet_messages;
mod overlap;
mod partial;
mod pieced_lines;
mod positions;
mod progress;
mod timestamp;
mod window;

use std::sync::Arc;

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memrchr};

pub(crate) use self::{
    entry::Entry,
    kubelet_messages::KubeletMessage,
    overlap::Start,
    pieced_lines::CAP,
    positions::{Beginning, Positions, PrintedBeginnings},
    timestamp::{TimestampParser, nanos},
    window::{OVERTAKEN, SeenLines, Window},
};
use self::{
    hash::hash,
    kubelet_messages::split_message,
    overlap::{Comparison, Overlap},
    partial::Partial,
    pieced_lines::{LONG, is_rest},
    progress::Progress,
    timestamp::is_beginning,
    window::JUMP,
};
use crate::Batch;

/// An item found in a response.
#[derive(Debug)]
pub(crate) enum ReadItem {
    /// Lines that were not printed before.
    Lines(Batch),
    /// The response does not continue where the one before ended.
    Gap {
        /// Time of the last line printed before.
        after: i64,
        /// Time of the first line behind the gap.
        before: i64,
    },
    /// Within one response the time went back to this, further than lines are remembered.
    Repeat(i64),
}

/// The state shared by all responses of a container that a reader updates.
pub(crate) struct Sink<'a> {
    pub(crate) window: &'a mut Window,
    pub(crate) items: &'a mut Vec<ReadItem>,
}

/// Identifies the run whose log a response is meant to be.
#[derive(Clone, Debug)]
pub(crate) struct RunId {
    pub(crate) container_id: Arc<str>,
    pub(crate) restart: i32,
}

/// Reads one response of a log.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    run: RunId,
    timestamps: TimestampParser,
    partial: Partial,
    overlap: Option<Overlap>,
    /// Set if the node sends lines without times.
    positions: Option<Positions>,
    progress: Progress,
    /// The run cannot have written lines from this time on; later ones are another run's.
    bound: i64,
    /// Number of lines from `bound` on.
    foreign: usize,
    expected: Option<ExpectedPiece>,
    /// True once a [`ReadItem::Repeat`] was reported.
    has_repeated: bool,
    /// Number of lines in the last chunk: the capacity reserved for the next.
    usual: usize,
}

/// The piece of a line with which the response before ended.
#[derive(Clone, Copy, Debug)]
struct ExpectedPiece {
    time: i64,
    has_come: bool,
}

/// The position of a line in a buffer.
struct Position {
    time: Option<i64>,
    start: usize,
    end: usize,
    flags: u8,
    /// True if the line came in pieces.
    is_pieced: bool,
}

impl ResponseReader {
    /// Creates a reader for a response that is about to begin. Lines from `bound` on are
    /// left out.
    pub(crate) fn new(run: RunId, start: &Start, bound: Option<i64>, window: &Window) -> Self {
        let bound = bound.unwrap_or(i64::MAX);
        Self {
            run,
            timestamps: TimestampParser::default(),
            partial: Partial::default(),
            overlap: Overlap::new(start, bound, window),
            positions: None,
            progress: Progress::default(),
            bound,
            foreign: 0,
            expected: None,
            has_repeated: false,
            usual: 0,
        }
    }

    /// Expects the piece of a line of this time, with which the response before ended.
    pub(crate) fn expect(&mut self, piece: Option<i64>) {
        self.expected = piece.map(|time| ExpectedPiece {
            time,
            has_come: false,
        });
    }

    /// True if lines later than the expected piece came, but not the piece itself.
    pub(crate) fn has_passed_the_piece(&mut self) -> bool {
        let Some(piece) = self.expected else {
            return false;
        };
        // The other stream's lines may be stamped a little later and stand before the piece.
        let is_passed = self.progress.newest > piece.time.saturating_add(OVERTAKEN);
        is_passed && !piece.has_come && self.tail_time() != Some(piece.time)
    }

    /// Expects lines without times, of which those of `printed` were printed.
    pub(crate) fn expect_positions(&mut self, printed: Vec<Beginning>) {
        if !printed.is_empty() {
            self.positions = Some(Positions::new(printed));
        }
    }

    /// The position within a log whose lines have no times.
    pub(crate) fn positions(&self) -> Option<&Positions> {
        self.positions.as_ref()
    }

    /// The lines without times that came.
    pub(crate) fn beginning(&self) -> Option<Beginning> {
        self.positions.as_ref()?.seen()
    }

    /// Ends a response that ended with the log. Returns true if lines without times do not
    /// continue those printed before.
    pub(crate) fn reach_end(&mut self) -> bool {
        self.positions.as_mut().is_some_and(Positions::end)
    }

    /// True if lines of another run came.
    pub(crate) fn is_foreign(&self) -> bool {
        self.foreign > 0
    }

    /// Number of lines that came.
    pub(crate) fn lines(&self) -> usize {
        self.progress.lines
    }

    /// Number of lines that came and were new.
    pub(crate) fn printed(&self) -> usize {
        self.progress.printed
    }

    /// True if the response brought neither a line nor a piece of one.
    pub(crate) fn is_empty(&self) -> bool {
        self.progress.lines == 0 && self.partial.bytes.is_empty()
    }

    /// The greatest time of the lines.
    pub(crate) fn newest(&self) -> i64 {
        self.progress.newest
    }

    /// Time of the first line.
    pub(crate) fn begins(&self) -> Option<i64> {
        self.progress.begins
    }

    /// The last line, printed before or not.
    pub(crate) fn last(&self) -> Option<Entry> {
        self.progress.last
    }

    /// The first new line.
    pub(crate) fn first(&self) -> Option<Entry> {
        self.progress.first
    }

    /// Time of the last line printed before, if it should have come again and did not.
    pub(crate) fn unseen(&self) -> Option<i64> {
        self.overlap.as_ref()?.missing()
    }

    /// True if both responses ended at the same place of the log.
    pub(crate) fn ends_like(&self, other: &Self) -> bool {
        self.end_mark() == other.end_mark()
    }

    /// True if the response ended like one without any line.
    pub(crate) fn ends_like_nothing(&self) -> bool {
        self.end_mark() == (None, 0, &[][..])
    }

    fn end_mark(&self) -> (Option<Entry>, usize, &[u8]) {
        let progress = &self.progress;
        (progress.last, progress.copies, &self.partial.bytes)
    }

    /// True if the response ended inside a line.
    pub(crate) fn has_tail(&self) -> bool {
        !self.partial.bytes.is_empty()
    }

    /// Time of the piece behind the last line end; `None` if the piece ends inside its
    /// timestamp.
    pub(crate) fn tail_time(&mut self) -> Option<i64> {
        if let Some(time) = self.partial.goes_on {
            return time;
        }
        let (time, text) = self.timestamps.parse(&self.partial.bytes)?;
        (text < self.partial.bytes.len()).then_some(time)
    }

    /// Removes a message of the kubelet from the end of the response and returns it.
    pub(crate) fn take_message(&mut self) -> Option<(KubeletMessage, String)> {
        let (line, message) = split_message(&self.partial.bytes);
        let (message, text) = message?;
        let (len, text) = (line.len(), String::from_utf8_lossy(text).into_owned());
        self.partial.bytes.truncate(len);
        Some((message, text))
    }

    /// Reads the next bytes.
    pub(crate) fn feed(&mut self, mut bytes: Bytes, sink: &mut Sink<'_>) {
        if self.partial.is_begun() {
            let end = memchr(b'\n', &bytes);
            let head = bytes.split_to(end.unwrap_or(bytes.len()));
            self.partial.bytes.extend_from_slice(&head);
            self.shorten(sink);
            if end.is_none() {
                return;
            }
            drop(bytes.split_to(1));
            self.finish_partial(sink);
        }
        let whole = memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
        let tail = bytes.split_off(whole);
        if !bytes.is_empty() {
            self.whole_lines(&bytes, sink);
        }
        self.partial.bytes.extend_from_slice(&tail);
        self.shorten(sink);
    }

    /// Ends the reading: reports a gap if the last printed line never came again.
    pub(crate) fn close(&mut self, sink: &mut Sink<'_>) {
        if let Some(overlap) = &mut self.overlap
            && let Some((after, before)) = overlap.close()
        {
            sink.gap(after, before);
        }
    }

    /// Counts the printed lines from `time` on that did not come again.
    pub(crate) fn lacks_from(&self, time: i64) -> usize {
        let overlap = self.overlap.as_ref();
        overlap.map_or(0, |overlap| overlap.count_missing_from(time))
    }

    /// Hands out the piece behind the last line end as a line. Any gap before it has been
    /// reported.
    pub(crate) fn flush(&mut self, sink: &mut Sink<'_>) {
        if let Some(overlap) = &mut self.overlap {
            overlap.settle();
        }
        if !self.partial.bytes.is_empty() && !self.is_cut_in_stamp() {
            self.finish_partial(sink);
        }
    }

    /// True if the piece behind the last line end ends inside its timestamp: nothing of the line
    /// itself has come.
    pub(crate) fn is_cut_in_stamp(&self) -> bool {
        let is_unstamped = self.positions.as_ref().is_some_and(Positions::is_certain);
        let is_first_piece = self.partial.goes_on.is_none();
        is_first_piece && !is_unstamped && is_beginning(&self.partial.bytes)
    }

    fn whole_lines(&mut self, bytes: &Bytes, sink: &mut Sink<'_>) {
        let mut batch = self.batch(bytes.clone());
        batch.reserve(self.usual);
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            if end - start > CAP {
                self.partial.bytes.extend_from_slice(&bytes[start..end]);
                sink.emit(std::mem::replace(&mut batch, self.batch(bytes.clone())));
                self.shorten(sink);
                self.finish_partial(sink);
            } else if !self.next_line(bytes, (start, end), &mut batch, sink.window) {
                self.line(bytes, (start, end), false, &mut batch, sink);
            }
            start = end + 1;
        }
        self.usual = batch.len();
        sink.emit(batch);
    }

    /// Takes a line that can only be new: it is stamped, follows the one before, and nothing is
    /// compared any more. Returns false for any other line, which [`line`](Self::line) judges.
    #[inline]
    fn next_line(
        &mut self,
        bytes: &[u8],
        (start, end): (usize, usize),
        batch: &mut Batch,
        window: &mut Window,
    ) -> bool {
        let is_compared =
            self.overlap.is_some() || self.positions.is_some() || self.expected.is_some();
        if is_compared || end - start >= LONG {
            return false;
        }
        let Some((time, text)) = self.timestamps.parse(&bytes[start..end]) else {
            return false;
        };
        if time >= self.bound || time < self.progress.newest.saturating_sub(JUMP) {
            return false;
        }
        let text = &bytes[start + text..end];
        let entry = Entry::of(time, text);
        self.progress.new_line(entry);
        window.push(entry);
        batch.push(Some(time), end - text.len()..end_of(text, end), 0);
        true
    }

    #[inline]
    fn line(
        &mut self,
        bytes: &[u8],
        (start, end): (usize, usize),
        is_pieced: bool,
        batch: &mut Batch,
        sink: &mut Sink<'_>,
    ) {
        let is_unstamped = self.positions.as_ref().is_some_and(Positions::is_certain);
        let stamp = if is_unstamped {
            None
        } else {
            self.timestamps.parse(&bytes[start..end])
        };
        let position = Position {
            time: stamp.map(|(time, _)| time),
            start: start + stamp.map_or(0, |(_, text)| text),
            end,
            flags: 0,
            is_pieced: is_pieced || end - start >= LONG,
        };
        self.place(bytes, &position, batch, sink);
    }

    #[inline]
    fn place(&mut self, bytes: &[u8], at: &Position, batch: &mut Batch, sink: &mut Sink<'_>) {
        self.progress.lines += 1;
        let text = &bytes[at.start..at.end];
        let is_new = match at.time {
            Some(time) => {
                // A single line without a time was the rest of a longer one.
                self.positions = None;
                self.is_new(Entry::of(time, text), (text, at.is_pieced), sink)
            }
            None => self.is_new_unstamped(text, sink.window),
        };
        if is_new {
            self.progress.printed += 1;
            batch.push(at.time, at.start..end_of(text, at.end), at.flags);
        }
    }

    #[inline]
    fn is_new(&mut self, entry: Entry, line: (&[u8], bool), sink: &mut Sink<'_>) -> bool {
        self.progress.count(entry);
        if let Some(piece) = &mut self.expected {
            piece.has_come |= entry.time == piece.time;
        }
        if entry.time >= self.bound {
            self.foreign += 1;
            return false;
        }
        let goes_back = entry.time < self.progress.newest.saturating_sub(JUMP);
        let (text, is_pieced) = line;
        if (goes_back || self.overlap.is_some()) && self.is_printed(entry, text, goes_back, sink) {
            return false;
        }
        self.progress.newest = self.progress.newest.max(entry.time);
        self.progress.first.get_or_insert(entry);
        sink.window.push(entry);
        if is_pieced {
            sink.window.pieced.push(entry, text);
        }
        true
    }

    /// Judges a line without a time. If a log begins with one, none of its lines has any;
    /// otherwise it is the rest of a line whose beginning was not asked for.
    #[cold]
    fn is_new_unstamped(&mut self, text: &[u8], window: &Window) -> bool {
        if self.progress.lines == 1 && window.newest().is_none() && self.positions.is_none() {
            self.positions = Some(Positions::default());
        }
        match &mut self.positions {
            Some(positions) => positions.is_new(hash(text)),
            None => !self.overlap.as_mut().is_some_and(Overlap::takes_tail),
        }
    }

    #[cold]
    fn is_printed(
        &mut self,
        entry: Entry,
        text: &[u8],
        goes_back: bool,
        sink: &mut Sink<'_>,
    ) -> bool {
        if goes_back {
            self.jump(entry.time, sink);
        }
        self.progress.newest = self.progress.newest.max(entry.time);
        let begins_file = goes_back || self.progress.lines == 1;
        if begins_file && self.is_rest_of_printed(entry, text, sink) {
            return true;
        }
        let Some(overlap) = &mut self.overlap else {
            return false;
        };
        match overlap.compare(entry) {
            Comparison::Printed => true,
            Comparison::New { gap, is_over } => {
                if let Some(after) = gap {
                    sink.gap(after, entry.time);
                }
                if is_over {
                    self.overlap = None;
                }
                false
            }
        }
    }

    /// True for the rest of a line that was printed before its file was rotated.
    fn is_rest_of_printed(&mut self, entry: Entry, text: &[u8], sink: &Sink<'_>) -> bool {
        let window = &sink.window;
        let whole = window.pieced.whole_of(text, entry.time, window.newest());
        match (whole, &mut self.overlap) {
            (Some(whole), Some(overlap)) => overlap.takes_rest(entry, whole),
            _ => false,
        }
    }

    /// Completes the piece of a line with which the response ended by the piece with which
    /// the one before it did, if the file was rotated inside of the line.
    pub(crate) fn complete_from(&mut self, before: &mut Self) {
        let (Some(time), Some(earlier)) = (self.tail_time(), before.tail_time()) else {
            return;
        };
        let (piece, whole) = (self.tail_text(), before.tail_text());
        // A response that was cut ends with the beginning of the piece, and a line that repeats
        // itself ends with its beginning. Two records have one time only on a coarse clock.
        let is_beginning = earlier == time && whole.starts_with(piece);
        let is_rest = is_rest(piece, whole) && !is_beginning;
        if is_rest && self.progress.lines == 0 && earlier <= time {
            self.partial.bytes.clone_from(&before.partial.bytes);
            // The file follows that of the piece, but what is missing before the piece is
            // missing still.
            if let Some(overlap) = &mut self.overlap
                && before.unseen().is_none()
            {
                overlap.settle();
            }
        }
    }

    /// Text of the piece behind the last line end.
    fn tail_text(&mut self) -> &[u8] {
        let stamp = self.timestamps.parse(&self.partial.bytes);
        let start = stamp.map_or(0, |(_, text)| text);
        &self.partial.bytes[start..]
    }

    /// Handles a jump back in time: the kubelet sends a file again. A node whose clock is
    /// set back looks the same.
    fn jump(&mut self, time: i64, sink: &mut Sink<'_>) {
        if sink.window.has_forgotten(time) && !self.has_repeated {
            self.has_repeated = true;
            sink.items.push(ReadItem::Repeat(time));
        }
        let newest = self.progress.newest;
        let overlap = Overlap::after_jump(self.overlap.take(), newest, sink.window);
        self.overlap = Some(overlap);
        self.progress.newest = time;
    }

    /// Hands out the partial line, whose end has come.
    fn finish_partial(&mut self, sink: &mut Sink<'_>) {
        let bytes = Bytes::from(std::mem::take(&mut self.partial.bytes));
        let mut batch = self.batch(bytes.clone());
        match self.partial.goes_on.take() {
            None => self.line(&bytes, (0, bytes.len()), true, &mut batch, sink),
            Some(time) => {
                let position = Position {
                    time,
                    start: 0,
                    end: bytes.len(),
                    flags: Batch::CONTINUATION,
                    is_pieced: true,
                };
                self.place(&bytes, &position, &mut batch, sink);
            }
        }
        sink.emit(batch);
    }

    /// Hands out the beginning of a line longer than [`CAP`]. The pieces begin at the same
    /// offsets whenever the line is sent again.
    fn shorten(&mut self, sink: &mut Sink<'_>) {
        while self.partial.bytes.len() > CAP {
            let stamp = match self.partial.goes_on {
                None => self.timestamps.parse(&self.partial.bytes),
                Some(_) => None,
            };
            let start = stamp.map_or(0, |(_, text)| text);
            if self.partial.bytes.len() - start <= CAP {
                return;
            }
            let rest = self.partial.bytes.split_off(start + CAP);
            let piece = Bytes::from(std::mem::replace(&mut self.partial.bytes, rest));
            let is_later = self.partial.goes_on.is_some();
            let position = Position {
                time: self.partial.goes_on.unwrap_or(stamp.map(|(time, _)| time)),
                start,
                end: piece.len(),
                flags: Batch::CONTINUES | (u8::from(is_later) * Batch::CONTINUATION),
                is_pieced: true,
            };
            self.partial.goes_on = Some(position.time);
            let mut batch = self.batch(piece.clone());
            self.place(&piece, &position, &mut batch, sink);
            sink.emit(batch);
        }
    }

    fn batch(&self, bytes: Bytes) -> Batch {
        let container_id = Arc::clone(&self.run.container_id);
        Batch::new(container_id, self.run.restart, bytes)
    }
}

/// Returns the end of a text that ends at `end`, without a carriage return: Docker and CRI-O
/// keep it, containerd does not.
#[inline]
fn end_of(text: &[u8], end: usize) -> usize {
    end - usize::from(text.last() == Some(&b'\r'))
}

impl Sink<'_> {
    fn emit(&mut self, batch: Batch) {
        if !batch.is_empty() {
            self.items.push(ReadItem::Lines(batch));
        }
    }

    fn gap(&mut self, after: i64, before: i64) {
        self.items.push(ReadItem::Gap { after, before });
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
