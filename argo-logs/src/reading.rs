//! One response: its bytes become lines, and lines that were shown before are left out.

use std::sync::Arc;

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memrchr};

use crate::{
    Batch,
    kubelet::{Cause, split_cause},
    line::{CAP, Stamps, hash},
    mutant::{Mutant, mutated},
    window::{Entry, JUMP, Known, Window},
};

const SECOND: i64 = 1_000_000_000;

/// By how much stdout and stderr overtake each other on a machine that is not overloaded.
pub(crate) const OVERTAKEN: i64 = SECOND / 500;

/// What comes out of a response.
#[derive(Debug)]
pub(crate) enum News {
    /// These lines were not shown before.
    Lines(Batch),
    /// The response goes on, but not where the one before ended.
    Gap {
        /// The last line shown before.
        after: i64,
        /// The first one of this response.
        before: i64,
    },
    /// Within one response time went back further than lines are remembered: from the
    /// first time to the second.
    Repeat(i64, i64),
}

/// Where the lines go.
pub(crate) struct Sink<'a> {
    pub(crate) window: &'a mut Window,
    pub(crate) news: &'a mut Vec<News>,
}

/// How a response begins.
#[derive(Clone, Debug, Default)]
pub(crate) enum Start {
    /// Nothing of it can have been shown.
    #[default]
    Fresh,
    /// It begins in the past, with lines that may have been shown.
    Again {
        /// It is the run that the last line shown is from: that line has to come.
        same_run: bool,
        /// The first line shown of a pod that is not new: earlier ones are not wanted.
        from: Option<Entry>,
        /// What was asked for, in nanoseconds: earlier lines were shown. None: all of the
        /// run, and the newest line shown may be a later run's.
        since: Option<i64>,
    },
}

/// While lines of a response may be known.
#[derive(Debug)]
struct Replay {
    known: Known,
    /// The newest line that may be known.
    until: i64,
    /// The last line shown before, until it comes again.
    last: Option<Entry>,
    /// The first line that was news while that one had not come again.
    early: Option<i64>,
    /// What has no timestamp goes on with a line that was shown.
    fragments: bool,
    /// Earlier lines were not asked for, or are forgotten.
    since: i64,
    from: Option<Entry>,
    /// What was shown has begun.
    has_begun: bool,
}

/// One response being read.
#[derive(Debug)]
pub(crate) struct Reading {
    container_id: Arc<str>,
    restart: i32,
    stamps: Stamps,
    /// The beginning of a line.
    carry: Vec<u8>,
    /// The line in `carry` has lost its first piece, which had this time.
    goes_on: Option<Option<i64>>,
    replay: Option<Replay>,
    newest: i64,
    /// The time of the first line that came.
    begins: Option<i64>,
    /// The last line that came, shown before or not.
    last: Option<Entry>,
    /// How often in a row.
    copies: usize,
    repeated: bool,
    /// The run cannot have written lines from here on: it is another one's log.
    bound: i64,
    foreign: usize,
    /// When the last piece of the response before was written, and whether it came again.
    piece: i64,
    has_piece: bool,
    lines: usize,
    shown: usize,
    first: Option<Entry>,
    /// How many lines came with the last bytes.
    usual: usize,
}

/// Where a line lies, and what is special about it.
struct Place {
    time: Option<i64>,
    start: usize,
    end: usize,
    flags: u8,
}

impl Reading {
    /// A response about to begin. What is from `bound` on is left out.
    pub(crate) fn new(
        container_id: Arc<str>,
        restart: i32,
        start: &Start,
        bound: Option<i64>,
        window: &Window,
    ) -> Self {
        let bound = bound.unwrap_or(i64::MAX);
        Self {
            container_id,
            restart,
            stamps: Stamps::default(),
            carry: Vec::new(),
            goes_on: None,
            replay: Replay::of(start, bound, window),
            newest: i64::MIN,
            begins: None,
            last: None,
            copies: 0,
            repeated: false,
            bound,
            foreign: 0,
            piece: i64::MAX,
            has_piece: false,
            lines: 0,
            shown: 0,
            first: None,
            usual: 0,
        }
    }

    /// The response before ended with a piece of a line of this time.
    pub(crate) fn expect(&mut self, piece: Option<i64>) {
        self.piece = piece.unwrap_or(i64::MAX);
    }

    /// True if lines came that are later than that piece, but not the piece.
    pub(crate) fn has_passed_the_piece(&mut self) -> bool {
        let piece = self.piece;
        self.newest > piece && !self.has_piece && self.tail_time() != Some(piece)
    }

    /// True if lines of another run came.
    pub(crate) fn is_foreign(&self) -> bool {
        self.foreign > 0
    }

    /// How many lines came, and how many of them were news.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.lines, self.shown)
    }

    /// The greatest time of its lines.
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// The time of its first line.
    pub(crate) fn begins(&self) -> Option<i64> {
        self.begins
    }

    /// The first line that was news.
    pub(crate) fn first(&self) -> Option<Entry> {
        self.first
    }

    /// The last line shown before, if it should have come again and did not.
    pub(crate) fn unseen(&self) -> Option<i64> {
        self.replay.as_ref()?.last.map(|entry| entry.time)
    }

    /// How it ended: the last line, and what came after it.
    pub(crate) fn mark(&self) -> (Option<Entry>, usize, &[u8]) {
        (self.last, self.copies, &self.carry)
    }

    /// What came after the last line end.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.carry
    }

    /// The time of that, if it is a line as far as it goes and not a piece of a timestamp.
    pub(crate) fn tail_time(&mut self) -> Option<i64> {
        match self.goes_on {
            Some(time) => time,
            None => {
                let (time, text) = self.stamps.parse(&self.carry)?;
                (text < self.carry.len()).then_some(time)
            }
        }
    }

    /// Takes what the kubelet had to say off the tail.
    pub(crate) fn take_cause(&mut self) -> Option<(Cause, String)> {
        let (line, cause) = split_cause(&self.carry);
        let (cause, text) = cause?;
        let (len, text) = (line.len(), String::from_utf8_lossy(text).into_owned());
        self.carry.truncate(len);
        Some((cause, text))
    }

    /// The next bytes.
    pub(crate) fn feed(&mut self, mut bytes: Bytes, sink: &mut Sink<'_>) {
        if !self.carry.is_empty() || self.goes_on.is_some() {
            let end = memchr(b'\n', &bytes);
            let head = bytes.split_to(end.unwrap_or(bytes.len()));
            self.carry.extend_from_slice(&head);
            self.shorten(sink);
            if end.is_none() {
                return;
            }
            drop(bytes.split_to(1));
            self.carried(sink);
        }
        let whole = memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
        let tail = bytes.split_off(whole);
        if !bytes.is_empty() {
            self.whole_lines(&bytes, sink);
        }
        self.carry.extend_from_slice(&tail);
        self.shorten(sink);
    }

    /// Nothing comes any more. What was news before the last line shown came again is out
    /// of order: a file that was rotated, or lines that the kubelet had skipped.
    pub(crate) fn close(&mut self, sink: &mut Sink<'_>) {
        if let Some(replay) = &mut self.replay
            && let (Some(last), Some(before)) = (replay.last, replay.early)
        {
            replay.last = None;
            sink.gap(last.time, before.max(last.time));
        }
    }

    /// How many lines that are known, from this time on, did not come.
    pub(crate) fn lacks_from(&self, time: i64) -> usize {
        let replay = self.replay.as_ref();
        replay.map_or(0, |replay| replay.known.count_from(time))
    }

    /// Nothing comes any more: what came last is a line too. What is missing before it was
    /// said.
    pub(crate) fn flush(&mut self, sink: &mut Sink<'_>) {
        if let Some(replay) = &mut self.replay {
            replay.last = None;
        }
        if !self.carry.is_empty() {
            self.carried(sink);
        }
    }

    fn whole_lines(&mut self, bytes: &Bytes, sink: &mut Sink<'_>) {
        let mut batch = self.batch(bytes.clone());
        // As many as last time, so that the list need not grow line by line.
        batch.reserve(self.usual);
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            if end - start > CAP {
                self.carry.extend_from_slice(&bytes[start..end]);
                sink.emit(std::mem::replace(&mut batch, self.batch(bytes.clone())));
                self.shorten(sink);
                self.carried(sink);
            } else {
                self.line(bytes, start, end, &mut batch, sink);
            }
            start = end + 1;
        }
        self.usual = batch.len();
        sink.emit(batch);
    }

    #[inline]
    fn line(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        batch: &mut Batch,
        sink: &mut Sink<'_>,
    ) {
        let stamp = self.stamps.parse(&bytes[start..end]);
        let place = Place {
            time: stamp.map(|(time, _)| time),
            start: start + stamp.map_or(0, |(_, text)| text),
            end,
            flags: 0,
        };
        self.place(bytes, &place, batch, sink);
    }

    #[inline]
    fn place(&mut self, bytes: &[u8], place: &Place, batch: &mut Batch, sink: &mut Sink<'_>) {
        self.lines += 1;
        let text = &bytes[place.start..place.end];
        let is_news = match place.time {
            Some(time) => self.is_news(
                Entry {
                    time,
                    hash: hash(text),
                },
                sink,
            ),
            None => self.is_text(),
        };
        if is_news {
            self.shown += 1;
            // Docker and CRI-O keep the carriage return, containerd does not.
            let end = place.end - usize::from(text.last() == Some(&b'\r'));
            batch.push(place.time, place.start..end, place.flags);
        }
    }

    #[inline]
    fn is_news(&mut self, entry: Entry, sink: &mut Sink<'_>) -> bool {
        self.begins.get_or_insert(entry.time);
        let is_copy = self.last.replace(entry) == Some(entry);
        self.copies = if is_copy { self.copies + 1 } else { 1 };
        self.has_piece |= entry.time == self.piece;
        if entry.time >= self.bound {
            self.foreign += 1;
            return false;
        }
        let back = entry.time < self.newest.saturating_sub(JUMP);
        if (back || self.replay.is_some()) && self.is_known(entry, back, sink) {
            return false;
        }
        self.newest = self.newest.max(entry.time);
        self.first.get_or_insert(entry);
        sink.window.push(entry);
        true
    }

    #[cold]
    fn is_known(&mut self, entry: Entry, back: bool, sink: &mut Sink<'_>) -> bool {
        if back {
            self.jump(entry.time, sink);
        }
        self.newest = self.newest.max(entry.time);
        let Some(replay) = &mut self.replay else {
            return false;
        };
        if replay.takes(entry) {
            return true;
        }
        replay.early.get_or_insert(entry.time);
        if entry.time > replay.until {
            replay.fragments = false;
            if let Some(last) = replay.last.take() {
                sink.gap(last.time, entry.time);
            }
            if entry.time > replay.until + SECOND {
                self.replay = None;
            }
        }
        false
    }

    /// The kubelet sends a file again. The clock of a node that goes back looks the same.
    fn jump(&mut self, time: i64, sink: &mut Sink<'_>) {
        if sink.window.has_forgotten(time) && !self.repeated {
            self.repeated = true;
            sink.news.push(News::Repeat(self.newest, time));
        }
        let last = self.replay.take().and_then(|replay| replay.last);
        self.replay = Some(Replay {
            known: sink.window.known(),
            until: sink.window.newest().unwrap_or(self.newest),
            last,
            early: None,
            fragments: false,
            since: i64::MIN,
            from: None,
            has_begun: true,
        });
        self.newest = time;
    }

    /// A line without timestamp. In a response that begins in the past it is the end of a
    /// long line whose beginning is older: that was shown as a whole. It also shows that
    /// the file reaches back that far: it was not rotated.
    fn is_text(&mut self) -> bool {
        match &mut self.replay {
            Some(replay) if replay.fragments => {
                replay.last = None;
                false
            }
            _ => true,
        }
    }

    /// The line in `carry` is complete.
    fn carried(&mut self, sink: &mut Sink<'_>) {
        let bytes = Bytes::from(std::mem::take(&mut self.carry));
        let mut batch = self.batch(bytes.clone());
        match self.goes_on.take() {
            None => self.line(&bytes, 0, bytes.len(), &mut batch, sink),
            Some(time) => {
                let place = Place {
                    time,
                    start: 0,
                    end: bytes.len(),
                    flags: Batch::CONTINUATION,
                };
                self.place(&bytes, &place, &mut batch, sink);
            }
        }
        sink.emit(batch);
    }

    /// Gives out the beginning of a line that is too long. The pieces begin at the same
    /// places whenever the line is sent again.
    fn shorten(&mut self, sink: &mut Sink<'_>) {
        while self.carry.len() > CAP {
            let stamp = match self.goes_on {
                None => self.stamps.parse(&self.carry),
                Some(_) => None,
            };
            let start = stamp.map_or(0, |(_, text)| text);
            if self.carry.len() - start <= CAP {
                return;
            }
            let rest = self.carry.split_off(start + CAP);
            let piece = Bytes::from(std::mem::replace(&mut self.carry, rest));
            let place = Place {
                time: self.goes_on.unwrap_or(stamp.map(|(time, _)| time)),
                start,
                end: piece.len(),
                flags: Batch::CONTINUES | (u8::from(self.goes_on.is_some()) * Batch::CONTINUATION),
            };
            self.goes_on = Some(place.time);
            let mut batch = self.batch(piece.clone());
            self.place(&piece, &place, &mut batch, sink);
            sink.emit(batch);
        }
    }

    fn batch(&self, bytes: Bytes) -> Batch {
        Batch::new(Arc::clone(&self.container_id), self.restart, bytes)
    }
}

impl Replay {
    fn of(start: &Start, bound: i64, window: &Window) -> Option<Self> {
        let Start::Again {
            same_run,
            from,
            since,
        } = start
        else {
            return None;
        };
        let (asked, since) = (*since, since.unwrap_or(i64::MIN));
        Some(Self {
            known: window.known(),
            until: window.until()?,
            last: window.last(since, bound).filter(|_| *same_run),
            early: None,
            fragments: true,
            since: match asked {
                Some(since) => window.shown_before(since, bound),
                None => i64::MIN,
            },
            from: *from,
            has_begun: from.is_none(),
        })
    }

    /// True if the line is not news.
    fn takes(&mut self, entry: Entry) -> bool {
        if mutated(Mutant::LastTime) {
            return entry.time <= self.until;
        }
        if entry.time <= self.until && self.known.take(entry) {
            self.has_begun = true;
            if self.last == Some(entry) && !self.known.has(entry) {
                self.last = None;
            }
            return true;
        }
        entry.time < self.since || self.precedes(entry)
    }

    /// It lies before the first line that was asked for. With one timestamp for many
    /// lines only their order in the file tells.
    fn precedes(&self, entry: Entry) -> bool {
        let before = |from: Entry| !self.has_begun && entry.time <= from.time + OVERTAKEN;
        self.from.is_some_and(before)
    }
}

impl Sink<'_> {
    fn emit(&mut self, batch: Batch) {
        if !batch.is_empty() {
            self.news.push(News::Lines(batch));
        }
    }

    fn gap(&mut self, after: i64, before: i64) {
        self.news.push(News::Gap { after, before });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resume_takes_what_is_forgotten_for_shown() {
        let mut window = Window::default();
        for time in 0..600_000 {
            window.push(Entry {
                time: time * 1000,
                hash: 0,
            });
        }
        let since = Window::since(window.newest().unwrap()) * SECOND;
        let kept = window.shown_before(since, i64::MAX);
        assert!(since < kept, "it is forgotten");
        let start = Start::Again {
            same_run: true,
            from: None,
            since: Some(since),
        };
        let mut reading = Reading::new("A".into(), 0, &start, None, &window);
        let line = |nanos: i64| format!("1970-01-01T00:00:00.{nanos:09}Z x\n");
        let bytes = Bytes::from(line(kept - 1) + &line(kept + 1) + &line(599_999_001));
        let mut news = Vec::new();
        let mut sink = Sink {
            window: &mut window,
            news: &mut news,
        };
        reading.feed(bytes, &mut sink);
        assert_eq!(reading.counts(), (3, 2));
        assert_eq!(reading.first().map(|entry| entry.time), Some(kept + 1));
    }
}
