//! One run of the container: what was read of it, and whether that is all.

use std::time::Duration;

use jiff::Timestamp;

use super::gaps::Gap;
use crate::{
    Instance,
    reading::{OVERTAKEN, Reading},
    window::{Entry, Window},
};

/// So long a kubelet may be ahead of what the API says of the pod: two reads within this
/// may both have been answered from the run after.
const STATUS_LAG: Duration = Duration::from_millis(1500);
/// So many earlier states are enough: responses that follow each other within the lag.
const CHECKPOINTS: usize = 4;

/// The run being read.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) instance: Instance,
    /// It takes `previous` to get at it.
    pub(super) previous: bool,
    /// Of a pod that is not new: the rules of [`FollowerConfig`](crate::FollowerConfig)
    /// for its beginning hold.
    pub(super) is_tail: bool,
    /// Lines shown.
    pub(super) shown: usize,
    /// When the log was empty, in seconds of the server's clock.
    pub(super) empty_at: Option<i64>,
    /// The first line shown of a tail: earlier ones are not wanted.
    pub(super) tail_from: Option<Entry>,
    /// Everything was read.
    pub(super) complete: bool,
    /// The last response ended as if the run had, and nothing was asked again since.
    pub(super) just_ended: bool,
    /// How often in a row the kubelet said that it has no such run.
    pub(super) missed: u32,
    /// How often in a row it had something else to say.
    pub(super) causes: u32,
    /// The last read says that it is complete.
    pub(super) is_proven: bool,
    /// The last response was cut off.
    pub(super) is_cut: bool,
    /// When a response was broken off by a look soon after it was opened.
    pub(super) looked_at: Option<Duration>,
    /// Its response was alive when the deploy ended.
    pub(super) was_open: bool,
    /// The last response, for what came after its last line end.
    pub(super) reading: Option<Reading>,
    /// The reads before, the latest last.
    checkpoints: Vec<Checkpoint>,
    pub(super) is_rewound: bool,
    /// It was complete for all one could tell, before it was rewound.
    pub(super) was_complete: bool,
    doubt: Option<Doubt>,
    /// The first line of the next run, if it was read as this one's.
    bound: Option<i64>,
    /// Whether the last line shown is of this run is in doubt.
    pub(super) in_doubt: bool,
    alike_since: Option<Duration>,
    /// Responses asked for.
    pub(super) responses: usize,
    /// Not said yet.
    pub(super) gaps: Vec<Gap>,
}

/// What was shown before a response.
#[derive(Debug)]
struct Checkpoint {
    /// Which one, counted.
    response: usize,
    window: Window,
    shown: usize,
    /// The first line that was news in it.
    first: Option<Entry>,
    /// The greatest time of all its lines.
    newest: i64,
}

/// Lines that may be the next run's.
#[derive(Debug)]
struct Doubt {
    first: Entry,
    lines: usize,
    /// They are.
    is_certain: bool,
    /// Before them nothing was shown of this run.
    is_whole: bool,
}

/// What one read of a run that ended says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// It ended cleanly, without lines that are news, with the same tail as the one before.
    pub(super) is_quiet: bool,
    /// The last line shown came again: it is the right run, and it was read so far.
    pub(super) is_proven: bool,
    /// It ended inside a line: the last words of this run, or what the next one is about
    /// to write.
    pub(super) has_tail: bool,
    /// Lines of another run came.
    pub(super) is_foreign: bool,
    /// There cannot be another run.
    pub(super) is_last: bool,
}

impl Run {
    pub(super) fn new(instance: Instance, previous: bool, is_tail: bool) -> Self {
        Self {
            instance,
            previous,
            is_tail,
            shown: 0,
            empty_at: None,
            tail_from: None,
            complete: false,
            just_ended: false,
            missed: 0,
            causes: 0,
            is_proven: false,
            is_cut: false,
            looked_at: None,
            was_open: false,
            reading: None,
            checkpoints: Vec::new(),
            is_rewound: false,
            was_complete: false,
            doubt: None,
            bound: None,
            in_doubt: false,
            alike_since: None,
            responses: 0,
            gaps: Vec::new(),
        }
    }

    /// It will not write any more.
    pub(super) fn ended(&self) -> bool {
        !self.instance.running
    }

    /// Lines were shown, and the last response that brought any was not cut off.
    pub(super) fn has_ended_cleanly(&self) -> bool {
        self.shown > 0 && !self.is_cut && self.reading.is_some()
    }

    /// When the log was empty, in seconds of the server's clock. If the run ended before
    /// that, it was the next one's.
    pub(super) fn was_empty_at(&self) -> Option<i64> {
        let finished = self.instance.finished_at.map(Timestamp::as_second);
        let ran = |date: &i64| finished.is_none_or(|finished| finished > *date);
        self.empty_at.filter(ran)
    }

    /// The last response was this run's for all one can tell by its lines: they began before
    /// the next run, which began at `next`.
    pub(super) fn was_read_before(&self, next: Option<i64>) -> bool {
        let begins = self.reading.as_ref().and_then(Reading::begins);
        begins.is_none_or(|begins| next.is_none_or(|next| begins < next))
    }

    /// The last response ended at the same place.
    pub(super) fn ended_as(&self, reading: &Reading) -> bool {
        let before = self
            .reading
            .as_ref()
            .map_or((None, 0, &[][..]), Reading::mark);
        before == reading.mark()
    }

    /// When the piece was written that is the run's last line for all one can tell: two
    /// responses ended with it.
    pub(super) fn last_words(&mut self) -> Option<i64> {
        let reading = self
            .reading
            .as_mut()
            .filter(|_| self.alike_since.is_some())?;
        reading.tail_time()
    }

    /// A response is about to begin.
    pub(super) fn keep(&mut self, window: &mut Window) {
        // A response without news changed nothing.
        self.checkpoints
            .pop_if(|checkpoint| checkpoint.first.is_none());
        if self.checkpoints.len() == CHECKPOINTS {
            self.checkpoints.remove(0);
        }
        self.responses += 1;
        self.checkpoints.push(Checkpoint {
            response: self.responses,
            window: window.state(),
            shown: self.shown,
            first: None,
            newest: i64::MIN,
        });
    }

    /// A response is over.
    pub(super) fn count(&mut self, reading: &Reading) {
        self.shown += reading.counts().1;
        self.in_doubt &= reading.counts().1 == 0;
        if self.is_tail && self.tail_from.is_none() {
            self.tail_from = reading.first();
        }
        if let Some(checkpoint) = self.checkpoints.last_mut() {
            checkpoint.first = reading.first();
            checkpoint.newest = reading.newest();
        }
    }

    /// Judges a read of a run that ended: one that brings nothing new and ends with the
    /// line shown last is enough. Without such a line (nothing was shown, or the file was
    /// rotated) it takes two, further apart than the kubelet can be ahead of the pod.
    pub(super) fn judge(&mut self, pass: Pass, now: Duration) {
        self.is_proven = pass.is_quiet && pass.is_proven;
        if !pass.is_quiet {
            self.alike_since = None;
            return;
        }
        let lag = if pass.is_last {
            Duration::ZERO
        } else {
            STATUS_LAG
        };
        let since = self.alike_since.replace(self.alike_since.unwrap_or(now));
        let is_proven = pass.is_proven && (pass.is_last || self.previous || !pass.has_tail);
        self.complete = is_proven || since.is_some_and(|since| now >= since + lag);
    }

    /// When the next read makes sense.
    pub(super) fn next_pass(&self, pass: Pass) -> Duration {
        match self.alike_since {
            Some(_) if !pass.is_last => STATUS_LAG,
            _ if pass.is_foreign => STATUS_LAG / 4,
            _ => Duration::ZERO,
        }
    }

    /// The latest responses brought lines of the run that began at `start` (whole
    /// seconds, in nanoseconds) instead of this one's, for all one can tell by their
    /// times: the kubelet knew of the next run before the pod told of it.
    pub(super) fn is_misread(&self, start: i64) -> bool {
        !self.is_rewound && self.first_misread(start).is_some()
    }

    /// Takes those responses back: the states before each, of which the first is the one
    /// to read this run from.
    pub(super) fn rewind(&mut self, start: i64) -> Option<Vec<Window>> {
        let at = self.first_misread(start)?;
        self.forget_gaps(start);
        let checkpoints = self.checkpoints.split_off(at);
        let shown = checkpoints.first()?.shown;
        let first = checkpoints.iter().find(|c| c.first.is_some())?;
        let is_certain = self.has_ended_before(first.newest);
        let mut others = checkpoints
            .iter()
            .filter(|c| self.has_ended_before(c.newest));
        let end = others
            .find_map(|c| c.first)
            .map(|line| line.time - OVERTAKEN);
        let first = first.first?;
        self.bound = self.bound.into_iter().chain(end).min();
        self.doubt = Some(Doubt {
            first,
            lines: self.shown - shown,
            is_certain,
            is_whole: shown == 0,
        });
        self.shown = shown;
        self.is_proven = false;
        self.tail_from = self.tail_from.filter(|_| shown > 0);
        self.is_rewound = true;
        self.was_complete = std::mem::take(&mut self.complete) && !is_certain;
        self.reading = None;
        self.alike_since = None;
        Some(checkpoints.into_iter().map(|c| c.window).collect())
    }

    /// Forgets the holes in responses that are the next run's, which began at `start`:
    /// that it does not go on where this one ended is no hole.
    pub(super) fn forget_gaps(&mut self, start: i64) {
        if let Some(at) = self.first_misread(start) {
            let response = self.checkpoints[at].response;
            self.gaps.retain(|gap| gap.response < response);
        }
    }

    /// How many lines of the next run were shown as this one's, and whether that is in
    /// doubt. If this one has been read again, what did not come with it is the next one's.
    pub(super) fn others(&self) -> (usize, bool) {
        let Some(doubt) = &self.doubt else {
            return (0, false);
        };
        match self.reading.as_ref().filter(|_| self.complete) {
            _ if doubt.is_certain => (doubt.lines, false),
            Some(reading) => (reading.lacks_from(doubt.first.time), false),
            None => (doubt.lines, true),
        }
    }

    /// The tail that was asked for was the next run's.
    pub(super) fn is_tail_of_others(&self) -> bool {
        self.is_tail && self.doubt.as_ref().is_some_and(|doubt| doubt.is_whole)
    }

    /// From here on it cannot have written: its end is told in whole seconds, and what it
    /// wrote last is stamped a little later. All of it is before the first line of the
    /// next one.
    pub(super) fn bound(&self) -> Option<i64> {
        let finished = self.instance.finished_at?;
        let end = (finished.as_second() + 2) * 1_000_000_000;
        Some(self.bound.map_or(end, |bound| bound.min(end)))
    }

    pub(super) fn has_ended_before(&self, time: i64) -> bool {
        self.bound().is_some_and(|bound| time >= bound)
    }

    fn first_misread(&self, start: i64) -> Option<usize> {
        let later =
            |checkpoint: &&Checkpoint| checkpoint.first.is_none_or(|first| first.time >= start);
        let count = self.checkpoints.iter().rev().take_while(later).count();
        let at = self.checkpoints.len() - count;
        let any = self.checkpoints[at..].iter().any(|c| c.first.is_some());
        any.then_some(at)
    }
}
