//! What is asked for, and what of the answer may have been shown.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Action, Follower, OpenParams, Phase, nanos, open::Open, run::Run, second};
use crate::{
    reading::{Reading, Start},
    window::Entry,
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
        let bound = run.bound();
        let reading = Reading::new(id, restart, &start, &self.window).until(bound);
        let is_tied = reading.unseen().is_some();
        self.actions.push_back(Action::Open(params.clone()));
        let open = Open::new(params, reading, is_tied, now, self.config.seed);
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
        // What was shown last may be the beginning of this run, unless it is a later one's.
        let may_be =
            |newest| started.is_none_or(|start| newest >= start) && !run.has_ended_before(newest);
        let shown_before = self.window.newest().is_some_and(may_be);
        let is_tail = run.is_tail && shown == 0;
        if is_tail {
            // If nothing had been written when it was asked for first, all of it is news.
            let empty_at = run.empty_at.and_then(|date| second(date - 1));
            params.since_time = empty_at.max(self.floored_since());
            params.tail_lines = self.config.tail.filter(|_| empty_at.is_none());
        } else if shown > 0 || shown_before {
            params.since_time = self.window.since().and_then(second);
        }
        if shown == 0 && !run.is_rewound && (is_tail || !shown_before) {
            return (params, Start::Fresh);
        }
        let same_run = shown > 0;
        (params, Start::Again { same_run, from })
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
            let reading = Reading::new(id, restart, &start, &self.window);
            open.probe(reading, self.window.clone());
            self.actions.push_back(Action::Probe(params));
        }
    }
}
