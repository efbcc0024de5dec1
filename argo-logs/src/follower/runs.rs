//! The runs of the container: which one is being read, and which one comes next.

use std::{collections::HashSet, sync::Arc, time::Duration};

use super::{
    drain::Drain,
    gap::Gap,
    notices::Report,
    printed::Printed,
    run::{EarlyLines, ReadRun},
};
use crate::{
    ContainerView, PodState, Run,
    reader::{ResponseReader, Window, nanos},
};

const SECOND: i64 = 1_000_000_000;

/// The runs that the pod told of.
#[derive(Debug)]
pub(super) struct Runs {
    view: ContainerView,
    /// The run being read.
    current: Option<ReadRun>,
    /// The run before, while it may turn out to have been misread.
    retired: Option<ReadRun>,
    /// Lines of the next run that were printed as the current one's.
    early: EarlyLines,
    /// Runs that were read to their end or lost.
    done: HashSet<Arc<str>>,
    /// All runs that the pod ever told of.
    seen: HashSet<Arc<str>>,
    /// The newest of them.
    newest: Option<NewestRun>,
    /// Number of restarts that the next run should have behind it.
    next_restart: i32,
    /// True until the first run is chosen.
    is_first: bool,
}

#[derive(Debug)]
struct NewestRun {
    id: Arc<str>,
    has_ended: bool,
}

/// The state of the current run as far as it decides where to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pod: PodState,
    /// `None` if the pod does not tell of the run any more.
    run: Option<RunPlace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RunPlace {
    running: bool,
    previous: bool,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            view: ContainerView::default(),
            current: None,
            retired: None,
            early: EarlyLines::default(),
            done: HashSet::new(),
            seen: HashSet::new(),
            newest: None,
            next_restart: 0,
            is_first: true,
        }
    }
}

impl Runs {
    pub(super) fn current(&self) -> Option<&ReadRun> {
        self.current.as_ref()
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut ReadRun> {
        self.current.as_mut()
    }

    pub(super) fn pod_is_gone(&self) -> bool {
        self.view.pod == PodState::Gone
    }

    /// True once the container will never write again.
    pub(super) fn are_over(&self) -> bool {
        self.view.is_over()
    }

    /// True if the pod tells of no run at all.
    pub(super) fn are_unknown(&self) -> bool {
        self.view.runs().next().is_none()
    }

    /// True if the pod never told of any run.
    pub(super) fn were_never_known(&self) -> bool {
        self.seen.is_empty()
    }

    /// Takes over what the pod says. Returns false if the pod said something later before:
    /// the watch and the answers overtake each other.
    pub(super) fn learn(&mut self, view: ContainerView) -> bool {
        if self.is_outdated(&view) {
            return false;
        }
        for (run, _) in view.runs() {
            self.seen.insert(Arc::clone(&run.id));
        }
        if let Some((run, _)) = view.runs().last() {
            self.newest = Some(NewestRun {
                id: Arc::clone(&run.id),
                has_ended: !run.running,
            });
        }
        self.view = view;
        let located = self
            .located()
            .map(|(run, previous)| (run.clone(), previous));
        if let (Some(current), Some((run, previous))) = (&mut self.current, located) {
            (current.run, current.previous) = (run, previous);
        }
        true
    }

    fn is_outdated(&self, view: &ContainerView) -> bool {
        let Some(known) = &self.newest else {
            return false;
        };
        match view.runs().last() {
            // A live pod does not forget its runs.
            None => view.pod == PodState::Live,
            // A run that ended does not run again.
            Some((newest, _)) if newest.id == known.id => known.has_ended && newest.running,
            // The newest run does not become older.
            Some((newest, _)) => self.seen.contains(&newest.id),
        }
    }

    fn located(&self) -> Option<(&Run, bool)> {
        let id = &self.current.as_ref()?.run.id;
        self.view.runs().find(|(run, _)| run.id == *id)
    }

    pub(super) fn place(&self) -> Place {
        let run = self.located().map(|(run, previous)| RunPlace {
            running: run.running,
            previous,
        });
        Place {
            pod: self.view.pod,
            run,
        }
    }

    /// True if the pod tells of other runs only.
    pub(super) fn current_is_gone(&self) -> bool {
        self.located().is_none()
    }

    /// True if the current run does not run any more, as far as the pod says.
    pub(super) fn has_moved(&self) -> bool {
        let still_runs = self.located().is_some_and(|(run, _)| run.running);
        self.pod_is_gone() || self.current.is_some() && !still_runs
    }

    /// True if the run before the present one is removed for good: the kubelet keeps one
    /// container that has ended.
    pub(super) fn previous_is_removed(&self) -> bool {
        let present = self.view.current.as_ref();
        present.is_some_and(|present| !present.running)
    }

    /// Start of the present run, if the current one is the one before it.
    pub(super) fn successor(&self) -> Option<i64> {
        let run = self.current.as_ref().filter(|run| run.previous)?;
        let next = self.view.current.as_ref()?;
        let is_next = next.id != run.run.id;
        next.started_at.filter(|_| is_next).map(nanos)
    }

    /// Keeps a gap of the current run until the pod had time to tell of a next run. Returns
    /// the gap if there is no run.
    pub(super) fn hold(&mut self, gap: Gap) -> Option<Gap> {
        let Some(run) = &mut self.current else {
            return Some(gap);
        };
        let response = run.responses();
        run.gaps.hold(gap, response);
        None
    }

    /// Time at which [`take_due_gaps`](Self::take_due_gaps) has to be called.
    pub(super) fn gaps_due(&self) -> Option<Duration> {
        // A run whose end the pod tells of is read again before its gaps are reported.
        let run = self.current.as_ref();
        let run = run.filter(|run| run.gaps.has_new() || !self.has_moved());
        let runs = run.into_iter().chain(&self.retired);
        runs.filter_map(|run| run.gaps.due()).min()
    }

    /// Returns the gaps that the pod did not explain in time.
    pub(super) fn take_due_gaps(&mut self, now: Duration) -> Vec<Report> {
        let has_moved = self.has_moved();
        for run in self.current.iter_mut().chain(&mut self.retired) {
            run.gaps.start(now);
        }
        let current = self.current.as_mut().filter(|_| !has_moved);
        let runs = self.retired.as_mut().into_iter().chain(current);
        reports(runs.flat_map(|run| run.gaps.take_due(now)))
    }

    /// Returns all gaps: nothing will explain them any more.
    pub(super) fn take_all_gaps(&mut self) -> Vec<Report> {
        let runs = self.retired.iter_mut().chain(&mut self.current);
        reports(runs.flat_map(|run| run.gaps.take_all()))
    }

    /// Decides about the current run, which cannot be read any more: it is complete, or
    /// its end is lost, which is a report.
    pub(super) fn lose(&mut self) -> Option<Report> {
        let next = self.next_start().filter(|_| self.current_is_gone());
        let run = self.current.as_mut()?;
        if let Some(next) = next {
            run.forget_gaps(next);
        }
        let is_proven = matches!(run.drain, Drain::Proven { .. });
        let is_all = is_proven && run.was_read_before(next);
        if is_all || run.run.never_started() {
            run.drain = Drain::Complete;
            return None;
        }
        Some(lost(run, run.was_complete()))
    }

    /// Start of the oldest run that the pod tells of.
    fn next_start(&self) -> Option<i64> {
        let (next, _) = self.view.runs().next()?;
        next.started_at.map(nanos)
    }

    /// Takes the reader whose last piece is a line of the current run without a line end, if
    /// there is one.
    pub(super) fn take_last_words(&mut self) -> Option<ResponseReader> {
        let run = self.current.as_mut()?;
        let mut reader = run.reader.take()?;
        let time = reader.tail_time();
        let is_later = |time| {
            // A run that was not read to its end may have a later one's words instead.
            let may_be_later = self.view.has_started(run.run.restart, time);
            run.has_ended_before(time) || !run.is_complete() && may_be_later
        };
        let is_foreign = time.is_some_and(is_later);
        // Cut off, or before the last printed line came again, it is a piece of a line.
        let is_line = !run.last.is_cut() && reader.unseen().is_none() && time.is_some();
        ((run.is_complete() || is_line) && !is_foreign).then_some(reader)
    }

    /// Keeps the lines of the next run that were printed as the current one's. Returns true
    /// if the next run may lack its first lines.
    pub(super) fn keep_early_lines(&mut self) -> bool {
        let current = self.current.as_ref();
        self.early = current.map(ReadRun::early_lines).unwrap_or_default();
        self.early.count > 0 && current.is_some_and(ReadRun::is_tail_of_next)
    }

    /// Ends the current run. Returns gaps that nothing will explain any more.
    pub(super) fn retire(&mut self) -> Vec<Report> {
        let Some(mut run) = self.current.take() else {
            return Vec::new();
        };
        self.done.insert(Arc::clone(&run.run.id));
        let mut gaps = Vec::new();
        if !run.is_complete() {
            gaps = reports(run.gaps.take_all());
        }
        gaps.extend(self.forget_retired());
        self.retired = Some(run).filter(ReadRun::is_complete);
        gaps
    }

    fn forget_retired(&mut self) -> Vec<Report> {
        let retired = self.retired.take();
        reports(retired.into_iter().flat_map(|mut run| run.gaps.take_all()))
    }

    /// Begins with the oldest run that was not read yet. Returns `None` if there is none.
    pub(super) fn start_next(
        &mut self,
        is_new_pod: bool,
        printed: &mut Printed,
    ) -> Option<Vec<Report>> {
        if self.are_unknown() {
            return None;
        }
        let is_tail = std::mem::take(&mut self.is_first) && !is_new_pod;
        if is_tail {
            self.skip_the_past();
        }
        let (run, previous) = self.oldest_unread()?;
        let mut reports = Vec::new();
        if let Some(misread) = self.misread_before(&run, printed, &mut reports) {
            self.current = Some(misread);
            return Some(reports);
        }
        reports.extend(self.forget_retired());
        reports.extend(self.count_restarts(&run));
        let early = match std::mem::take(&mut self.early) {
            early if early.count > 0 => early,
            _ => self.lines_out_of_turn(&run, previous, printed.window()),
        };
        self.current = Some(ReadRun::new(run, previous, is_tail, early));
        Some(reports)
    }

    /// Counts the lines of a run that were printed as those of one before the last one: the
    /// kubelet was two runs ahead of the pod.
    fn lines_out_of_turn(&self, run: &Run, previous: bool, printed: &Window) -> EarlyLines {
        let Some(started) = run.started_at.map(nanos) else {
            return EarlyLines::default();
        };
        let present = self.view.current.as_ref().filter(|_| previous);
        let next = present.and_then(|next| next.started_at).map(nanos);
        // Within the second of its start the last lines of the run before may stand.
        let times = started + SECOND..next.unwrap_or(i64::MAX);
        EarlyLines {
            count: printed.count_in(times),
            in_doubt: false,
        }
    }

    fn oldest_unread(&self) -> Option<(Run, bool)> {
        let mut runs = self.view.runs();
        let (run, previous) = runs.find(|(run, _)| !self.done.contains(&run.id))?;
        Some((run.clone(), previous))
    }

    /// Skips all runs but the newest of a pod that is older than the rollout.
    fn skip_the_past(&mut self) {
        let Some((newest, _)) = self.view.runs().last() else {
            return;
        };
        self.next_restart = newest.restart;
        if let (Some(_), Some(last)) = (&self.view.current, &self.view.last) {
            self.done.insert(Arc::clone(&last.id));
        }
    }

    /// Counts the restarts up to the next run. Returns a report about runs in between, which
    /// came and went unread.
    fn count_restarts(&mut self, next: &Run) -> Option<Report> {
        let (first, restart) = (self.next_restart, next.restart);
        self.next_restart = first.max(restart + 1);
        // Where a container cannot be started, the runs in between were no better.
        if restart <= first || next.never_started() {
            return None;
        }
        // A run without a container wrote nothing.
        let last = restart - 1 - i32::from(self.view.last_is_made_up);
        (first <= last).then_some(Report::RunsLost { first, last })
    }

    /// Returns the run before `next` for being read again, if lines read of it may have been
    /// the beginning of `next`.
    fn misread_before(
        &mut self,
        next: &Run,
        printed: &mut Printed,
        reports: &mut Vec<Report>,
    ) -> Option<ReadRun> {
        let start = nanos(next.started_at?);
        let last = self.view.last.as_ref()?;
        let mut run = self.retired.take_if(|run| run.is_misread(start))?;
        if run.run.id != last.id {
            // The run cannot be read again: the pod tells of a later one in its place.
            run.forget_gaps(start);
            reports.extend(run.gaps.take_all().into_iter().map(Report::Gap));
            reports.push(lost(&run, true));
            return None;
        }
        (run.run, run.previous) = (last.clone(), true);
        if let Some(windows) = run.rewind(start) {
            printed.go_back(windows);
        }
        Some(run)
    }

    /// Takes the latest responses of the current run back if they brought lines of the
    /// present run instead.
    pub(super) fn rewind(&mut self, printed: &mut Printed) {
        let present = self.view.current.as_ref();
        let start = present.and_then(|run| run.started_at).map(nanos);
        if let (Some(run), Some(start)) = (&mut self.current, start)
            && run.previous
            && run.is_misread(start)
            && let Some(windows) = run.rewind(start)
        {
            printed.go_back(windows);
        }
    }
}

fn reports(gaps: impl IntoIterator<Item = Gap>) -> Vec<Report> {
    gaps.into_iter().map(Report::Gap).collect()
}

/// Reports the end of a run that cannot be read. Nearly always nothing is missing if the run
/// seemed complete: the doubt is whether two runs are of one second, or whether a kubelet
/// that was stopped ended the response as the end of a run does.
fn lost(run: &ReadRun, was_complete: bool) -> Report {
    Report::EndLost {
        restart: run.run.restart,
        printed: run.printed,
        is_tail: run.tail.is_some(),
        in_doubt: was_complete || run.has_ended_cleanly(),
    }
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
