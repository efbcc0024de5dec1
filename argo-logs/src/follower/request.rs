//! What is asked for, and what of the answer may have been shown.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Action, Follower, OpenParams, Phase,
    beginning::Beginning,
    nanos,
    open::{NEXT_LOOK, Open},
    run::Run,
    second,
};
use crate::{
    reading::{Reading, Start},
    window::{Entry, Window},
};

impl Follower {
    pub(super) fn open(&mut self, now: Duration) {
        let Some(run) = &mut self.run else {
            return;
        };
        run.keep(&mut self.window);
        let follow = !run.ended() && !self.polling && self.finishing.is_none();
        let (params, start) = self.params(follow);
        let Some(run) = &self.run else {
            return;
        };
        let (id, restart) = (Arc::clone(&run.instance.id), run.instance.restart);
        let started = run.instance.started_at.filter(|_| !run.is_tail).map(nanos);
        let looked_at = run.looked_at;
        let bound = run.bound();
        let mut reading = Reading::new(id, restart, &start, bound, &self.window);
        if let Some(run) = &mut self.run {
            reading.expect(run.last_words());
        }
        let is_tied = reading.unseen().is_some();
        self.actions.push_back(Action::Open(params.clone()));
        let is_fresh = matches!(start, Start::Fresh) && params.tail_lines.is_none();
        let mut open = Open::new(params, reading, is_tied, now, self.config.seed);
        open.may_look = looked_at.is_none_or(|at| now >= at + NEXT_LOOK);
        open.beginning = started.filter(|_| is_fresh).map(Beginning::new);
        self.phase = Phase::Reading(Box::new(open));
    }

    /// Where to begin, and what of it may have been shown.
    pub(super) fn params(&self, follow: bool) -> (OpenParams, Start) {
        let mut params = OpenParams {
            container: Arc::clone(&self.config.container),
            follow,
            previous: false,
            since_time: None,
            tail_lines: None,
        };
        let Some(run) = &self.run else {
            return (params, Start::Fresh);
        };
        params.previous = run.previous;
        let (shown, from) = self.shown(run);
        let started = run.instance.started_at.map(nanos);
        // What was shown last may be a later run's, read as the one before it.
        let limit = if shown > 0 {
            run.bound()
        } else {
            run.bound().into_iter().chain(self.successor()).min()
        };
        let newest = self.window.newest_before(limit);
        let may_be = |newest| started.is_none_or(|start| newest >= start);
        let is_tail = run.is_tail && shown == 0;
        if is_tail {
            // If nothing had been written when it was asked for first, all of it is news.
            let empty_at = run.was_empty_at().and_then(|date| second(date - 1));
            params.since_time = empty_at.max(self.floored_since());
            params.tail_lines = self.config.tail.filter(|_| empty_at.is_none());
        } else if shown > 0 || newest.is_some_and(may_be) {
            params.since_time = newest.map(Window::since).and_then(second);
        }
        let may_come_again = self.window.newest().is_some_and(may_be);
        if shown == 0 && !run.is_rewound && (is_tail || !may_come_again) {
            return (params, Start::Fresh);
        }
        let start = Start::Again {
            same_run: shown > 0,
            from,
            since: params.since_time.map(nanos),
        };
        (params, start)
    }

    /// When the run began that is there after one that takes `previous`.
    fn successor(&self) -> Option<i64> {
        let run = self.run.as_ref().filter(|run| run.previous)?;
        let next = self.view.current.as_ref()?;
        let is_next = next.id != run.instance.id;
        next.started_at.filter(|_| is_next).map(nanos)
    }

    /// How many lines of the run were shown, and the first one if it was asked for as a
    /// tail.
    pub(super) fn shown(&self, run: &Run) -> (usize, Option<Entry>) {
        match &self.phase {
            Phase::Reading(open) => {
                let first = open.reading.first().filter(|_| run.is_tail);
                (run.shown + open.reading.counts().1, run.tail_from.or(first))
            }
            _ => (run.shown, run.tail_from),
        }
    }

    pub(super) fn floored_since(&self) -> Option<Timestamp> {
        second(self.config.since?.as_second())
    }

    pub(super) fn probe(&mut self) {
        let (params, start) = self.params(false);
        if let (Phase::Reading(open), Some(run)) = (&mut self.phase, &self.run) {
            let (id, restart) = (Arc::clone(&run.instance.id), run.instance.restart);
            let reading = Reading::new(id, restart, &start, run.bound(), &self.window);
            open.probe(reading, self.window.clone());
            self.actions.push_back(Action::Probe(params));
        }
    }
}
