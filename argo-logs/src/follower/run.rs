//! One run of the container: the lines read of it, and whether they are all.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    checkpoints::{Checkpoint, Checkpoints},
    drain::Drain,
    gap::{Gap, Gaps},
    notices::Report,
};
use crate::{
    Run,
    reader::{Beginning, Entry, OVERTAKEN, ResponseReader, Window},
};

/// A run as far as it was read.
#[derive(Debug)]
pub(super) struct ReadRun {
    pub(super) run: Run,
    /// True if a request for the run needs `previous`.
    pub(super) previous: bool,
    /// Set for the first run of a pod that is older than the rollout: `tail` and `since` of
    /// [`FollowerConfig`](crate::FollowerConfig) apply to it.
    pub(super) tail: Option<Tail>,
    /// Number of lines printed.
    pub(super) printed: usize,
    /// True if the last printed line may be of another run.
    pub(super) in_doubt: bool,
    pub(super) drain: Drain,
    pub(super) last: LastResponse,
    /// Time of the last response that was broken off because of an early look.
    pub(super) looked_at: Option<Duration>,
    /// The last response that told anything of the run; it holds the piece behind the last
    /// line end.
    pub(super) reader: Option<ResponseReader>,
    pub(super) gaps: Gaps,
    checkpoints: Checkpoints,
    misread: Option<SuspectedMisread>,
}

/// The beginning of a log of which only the last lines are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    /// Time at which the log was empty, in seconds of the server's clock.
    pub(super) empty_at: Option<i64>,
    /// The first printed line. Lines before it are not wanted.
    pub(super) first: Option<Entry>,
}

/// The end of the last response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LastResponse {
    /// The last response ended cleanly, or there was none yet.
    #[default]
    Clean,
    /// A follow ended with a clean final chunk, and the pod has not been read since.
    FollowEnded,
    /// The last response was cut off.
    Cut,
    /// Like `Cut`; the follow before it was alive when the deploy ended.
    CutAfterFollow,
    /// Like `Clean`; the follow before it was alive when the deploy ended.
    CleanAfterFollow,
}

/// Lines that were printed as this run's and may be the next one's: the kubelet knew of the
/// next run before the pod told of it.
#[derive(Debug)]
struct SuspectedMisread {
    /// The first of the lines.
    first: Entry,
    /// Number of the lines.
    lines: usize,
    doubt: Doubt,
    /// Number of lines of this run printed before them.
    printed_before: usize,
    /// The run wrote before this time: it is that of the first line of the next run.
    bound: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// The lines certainly belong to the next run.
    Certain,
    /// The run seemed to be complete when the doubt came up.
    AfterComplete,
    /// The run was not complete.
    Open,
}

/// Lines of the next run that were printed as this one's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EarlyLines {
    pub(super) count: usize,
    pub(super) in_doubt: bool,
}

impl ReadRun {
    pub(super) fn new(run: Run, previous: bool, is_tail: bool, early: EarlyLines) -> Self {
        Self {
            run,
            previous,
            tail: is_tail.then(Tail::default),
            printed: early.count,
            in_doubt: early.in_doubt,
            drain: Drain::default(),
            last: LastResponse::default(),
            looked_at: None,
            reader: None,
            gaps: Gaps::default(),
            checkpoints: Checkpoints::default(),
            misread: None,
        }
    }

    /// True once the run will not write any more.
    pub(super) fn has_ended(&self) -> bool {
        !self.run.running
    }

    pub(super) fn is_complete(&self) -> bool {
        self.drain.is_complete()
    }

    /// True if the last response that told anything of the run was not cut off. A run that
    /// wrote nothing is told of by an empty response.
    pub(super) fn has_ended_cleanly(&self) -> bool {
        !self.last.is_cut() && self.reader.is_some()
    }

    /// True once a response told anything of the run.
    pub(super) fn has_been_read(&self) -> bool {
        self.reader.is_some()
    }

    /// Returns the beginnings of a log without times that the next response may have.
    pub(super) fn beginnings(&self) -> Vec<Beginning> {
        self.checkpoints.beginnings(self.previous)
    }

    /// Number of requests so far.
    pub(super) fn responses(&self) -> usize {
        self.checkpoints.responses()
    }

    /// Time at which the log was empty, in seconds of the server's clock. If the run had
    /// ended by then, the empty log was the next run's.
    pub(super) fn was_empty_at(&self) -> Option<i64> {
        let empty_at = self.tail?.empty_at?;
        let finished = self.run.finished_at.map(Timestamp::as_second);
        let had_ended = finished.is_some_and(|finished| finished <= empty_at);
        (!had_ended).then_some(empty_at)
    }

    /// True if the last response seems to be this run's: its lines begin before `next`, at
    /// which the next run began.
    pub(super) fn was_read_before(&self, next: Option<i64>) -> bool {
        let begins = self.reader.as_ref().and_then(ResponseReader::begins);
        match (begins, next) {
            (Some(begins), Some(next)) => begins < next,
            _ => true,
        }
    }

    /// True if the last response ended at the same place of the log as `reader`.
    pub(super) fn ended_like(&self, reader: &ResponseReader) -> bool {
        match &self.reader {
            Some(before) => before.ends_like(reader),
            None => reader.ends_like_nothing(),
        }
    }

    /// Returns the gap at the end of the last read, if the last printed line did not come
    /// again.
    pub(super) fn last_gap(&self) -> Option<Gap> {
        let reader = self.reader.as_ref()?;
        let unseen = reader.unseen()?;
        // The file was rotated after its last line, which the follow before had brought.
        let was_rotated = self.last == LastResponse::CleanAfterFollow && reader.lines() == 0;
        Some(Gap::new(unseen, None, self.in_doubt || was_rotated))
    }

    /// Reports that the end of the run is lost.
    pub(super) fn end_lost(&self) -> Report {
        Report::EndLost {
            restart: self.run.restart,
            printed: self.printed,
            is_tail: false,
            in_doubt: false,
        }
    }

    /// Returns the time of the piece with which two responses ended: the run's last line
    /// has no line end.
    pub(super) fn last_words(&mut self) -> Option<i64> {
        self.drain.quiet_since()?;
        self.reader.as_mut()?.tail_time()
    }

    /// Keeps the state before a request.
    pub(super) fn begin_response(&mut self, window: Window) {
        self.checkpoints.push(window, self.printed);
    }

    /// Adds a line to those that were printed before the last response.
    pub(super) fn remember(&mut self, line: Option<Entry>) {
        self.checkpoints.remember(line);
    }

    /// Counts the lines of a response that is over.
    pub(super) fn count(&mut self, reader: &ResponseReader) {
        self.printed += reader.printed();
        self.in_doubt &= reader.printed() == 0;
        if let Some(tail) = &mut self.tail
            && tail.first.is_none()
        {
            tail.first = reader.first();
        }
        self.checkpoints.count(reader);
    }

    /// Notes that the log was empty at `date`, in seconds of the server's clock.
    pub(super) fn was_empty(&mut self, date: Option<i64>) {
        if let Some(tail) = &mut self.tail
            && tail.empty_at.is_none()
        {
            tail.empty_at = date;
        }
    }

    /// True if the latest responses seem to have brought lines of the run that began at
    /// `start` (whole seconds, in nanoseconds): the kubelet knew of the next run before the
    /// pod told of it.
    pub(super) fn is_misread(&self, start: i64) -> bool {
        self.misread.is_none() && self.checkpoints.first_response_after(start).is_some()
    }

    /// Takes those responses back. Returns the windows before each of them; the run has to
    /// be read again from the first.
    pub(super) fn rewind(&mut self, start: i64) -> Option<Vec<Window>> {
        self.forget_gaps(start);
        let taken = self.checkpoints.take_after(start)?;
        let printed = taken.first()?.printed;
        let first = taken.iter().find(|kept| kept.first.is_some())?;
        let doubt = self.doubt_of(first);
        self.misread = Some(SuspectedMisread {
            first: first.first?,
            lines: self.printed - printed,
            doubt,
            printed_before: printed,
            bound: self.first_of_next(&taken),
        });
        self.printed = printed;
        if let Some(tail) = &mut self.tail
            && printed == 0
        {
            tail.first = None;
        }
        self.reader = None;
        self.drain = Drain::Open;
        Some(taken.into_iter().map(|kept| kept.window).collect())
    }

    pub(super) fn is_rewound(&self) -> bool {
        self.misread.is_some()
    }

    /// True if the run seemed to be complete before it was rewound.
    pub(super) fn was_complete(&self) -> bool {
        let misread = self.misread.as_ref();
        misread.is_some_and(|misread| misread.doubt == Doubt::AfterComplete)
    }

    fn doubt_of(&self, first: &Checkpoint) -> Doubt {
        if self.has_ended_before(first.newest) {
            Doubt::Certain
        } else if self.is_complete() {
            Doubt::AfterComplete
        } else {
            Doubt::Open
        }
    }

    /// Returns the time before the first line that this run cannot have written.
    fn first_of_next(&self, taken: &[Checkpoint]) -> Option<i64> {
        let mut others = taken
            .iter()
            .filter(|kept| self.has_ended_before(kept.newest));
        let first = others.find_map(|kept| kept.first)?;
        Some(first.time - OVERTAKEN)
    }

    /// Forgets the gaps in responses of the next run, which began at `start`: it need not
    /// continue where this one ended.
    pub(super) fn forget_gaps(&mut self, start: i64) {
        if let Some(response) = self.checkpoints.first_response_after(start) {
            self.gaps.forget_from(response);
        }
    }

    /// Returns the lines of the next run that were printed as this one's.
    pub(super) fn early_lines(&self) -> EarlyLines {
        let Some(misread) = &self.misread else {
            return EarlyLines::default();
        };
        let reader = self.reader.as_ref().filter(|_| self.is_complete());
        match reader {
            _ if misread.doubt == Doubt::Certain => EarlyLines {
                count: misread.lines,
                in_doubt: false,
            },
            // Lines that did not come again with this run are the next one's.
            Some(reader) => EarlyLines {
                count: reader.lacks_from(misread.first.time),
                in_doubt: false,
            },
            None => EarlyLines {
                count: misread.lines,
                in_doubt: true,
            },
        }
    }

    /// True if the tail that was asked for was the next run's.
    pub(super) fn is_tail_of_next(&self) -> bool {
        let misread = self.misread.as_ref();
        self.tail.is_some() && misread.is_some_and(|misread| misread.printed_before == 0)
    }

    /// Returns the time from which on the run cannot have written. Its end is given in
    /// whole seconds, and its last line is stamped a little later; all of its lines are
    /// before the first line of the next run.
    pub(super) fn bound(&self) -> Option<i64> {
        let finished = self.run.finished_at?;
        let end = (finished.as_second() + 2) * 1_000_000_000;
        let bound = self.misread.as_ref().and_then(|misread| misread.bound);
        Some(bound.map_or(end, |bound| bound.min(end)))
    }

    pub(super) fn has_ended_before(&self, time: i64) -> bool {
        self.bound().is_some_and(|bound| time >= bound)
    }
}

impl LastResponse {
    /// The state of a follow that is dropped because the deploy is over.
    pub(super) fn at_finish(was_open: bool) -> Self {
        if was_open {
            Self::CutAfterFollow
        } else {
            Self::Cut
        }
    }

    pub(super) fn is_cut(self) -> bool {
        matches!(self, Self::Cut | Self::CutAfterFollow)
    }

    /// Returns true once after a follow that ended cleanly.
    pub(super) fn take_follow_ended(&mut self) -> bool {
        let has_ended = *self == Self::FollowEnded;
        if has_ended {
            *self = Self::Clean;
        }
        has_ended
    }

    /// The state after a response that was cut off.
    pub(super) fn cut(self) -> Self {
        match self {
            Self::CutAfterFollow | Self::CleanAfterFollow => Self::CutAfterFollow,
            _ => Self::Cut,
        }
    }

    /// The state after a response that ended cleanly.
    pub(super) fn clean(self, follow: bool) -> Self {
        match self {
            _ if follow => Self::FollowEnded,
            Self::CutAfterFollow | Self::CleanAfterFollow => Self::CleanAfterFollow,
            _ => Self::Clean,
        }
    }

    /// The state after the answer that there is no such log any more. A follow was read to
    /// its end before; otherwise the answer says nothing about how far the log was read.
    pub(super) fn gone(mut self, followed: bool) -> Self {
        if followed {
            return Self::FollowEnded;
        }
        self.take_follow_ended();
        self
    }
}
