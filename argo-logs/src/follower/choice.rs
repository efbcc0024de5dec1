//! Which run of the container is read, and which one next.

use std::{sync::Arc, time::Duration};

use argo_core::{Level, NoticeCode};

use super::{Follower, POLL, STATUS_LAG, nanos, notices, run::Run};
use crate::{ContainerView, Instance, PodState, window::Window};

impl Follower {
    /// Takes over what the pod says, unless it said something later before: the watch and
    /// the answers overtake each other.
    pub(super) fn learn(&mut self, view: ContainerView) -> bool {
        if self.is_outdated(&view) {
            return false;
        }
        for (instance, _) in view.instances() {
            self.seen.insert(Arc::clone(&instance.id));
        }
        if let Some((instance, _)) = view.instances().last() {
            self.newest = Some((Arc::clone(&instance.id), !instance.running));
        }
        self.view = view;
        let located = self.located();
        if let (Some(run), Some((instance, previous))) = (&mut self.run, located) {
            (run.instance, run.previous) = (instance, previous);
        }
        true
    }

    pub(super) fn is_outdated(&self, view: &ContainerView) -> bool {
        let Some((id, ended)) = &self.newest else {
            return false;
        };
        match view.instances().last() {
            None => view.pod == PodState::Live,
            Some((newest, _)) if newest.id == *id => *ended && newest.running,
            Some((newest, _)) => self.seen.contains(&newest.id),
        }
    }

    pub(super) fn located(&self) -> Option<(Instance, bool)> {
        let id = &self.run.as_ref()?.instance.id;
        let mut instances = self.view.instances();
        let (instance, previous) = instances.find(|(instance, _)| instance.id == *id)?;
        Some((instance.clone(), previous))
    }

    /// Where the run is to be had: it is gone, or running, or takes `previous`.
    pub(super) fn place(&self) -> (PodState, Option<(bool, bool)>) {
        let located = self.located();
        let place = located.map(|(run, previous)| (run.running, previous));
        (self.view.pod, place)
    }

    /// The run does not run any more, for all the pod says.
    pub(super) fn has_moved(&self) -> bool {
        self.view.pod == PodState::Gone
            || self.run.is_some() && self.located().is_none_or(|(run, _)| !run.running)
    }

    /// Goes on with the run; true if it is over and done with.
    pub(super) fn go_on(&mut self, now: Duration) -> bool {
        let located = self.located();
        let Some(run) = &mut self.run else {
            return true;
        };
        if run.complete {
            self.retire();
            return true;
        }
        if located.is_none() {
            return self.run_is_gone(now);
        }
        if !run.ended() && std::mem::take(&mut run.just_ended) && self.finishing.is_none() {
            self.pause(now + STATUS_LAG, false);
            return false;
        }
        self.rewind();
        self.open(now);
        false
    }

    /// The pod tells of other runs only.
    pub(super) fn run_is_gone(&mut self, now: Duration) -> bool {
        if self.view.instances().next().is_none() && self.finishing.is_none() {
            self.pause(now + POLL, true);
            return false;
        }
        self.lose();
        true
    }

    /// The run cannot be read any more.
    pub(super) fn lose(&mut self) {
        let Some(mut run) = self.run.take() else {
            return;
        };
        let next = self.next_start().filter(|_| self.is_gone(&run));
        if let Some(next) = next {
            run.forget_gaps(next);
        }
        if run.is_proven && run.was_read_before(next) {
            run.complete = true;
        } else {
            self.say_lost(&run);
        }
        self.run = Some(run);
        self.retire();
    }

    /// When the oldest run began that the pod tells of.
    fn next_start(&self) -> Option<i64> {
        let (next, _) = self.view.instances().next()?;
        next.started_at.map(nanos)
    }

    /// The pod does not tell of it any more.
    fn is_gone(&self, run: &Run) -> bool {
        let mut instances = self.view.instances();
        instances.all(|(instance, _)| instance.id != run.instance.id)
    }

    pub(super) fn say_lost(&mut self, run: &Run) {
        let message = notices::end_unread(&run.instance, run.shown, run.is_tail);
        let mut notice = match run.shown {
            0 => self
                .config
                .notice(NoticeCode::InstancesLost, Level::Warning, message),
            _ => self.config.missing(message),
        };
        if run.was_complete || run.has_ended_cleanly() {
            // Nearly always it was: the doubt is whether both runs are of one second, or
            // whether a kubelet that was stopped let the response end as the run does.
            notice.level = Level::Debug;
        }
        self.say(notice);
    }

    /// The run is over and done with.
    pub(super) fn retire(&mut self) {
        self.shown_early = self.run.as_ref().map_or((0, false), Run::others);
        if self.shown_early.0 > 0 && self.run.as_ref().is_some_and(Run::is_tail_of_others) {
            let message = "the first lines of the next run may be missing: it was not known yet";
            self.say(self.config.missing(message));
        }
        self.flush();
        if let Some(later) = self.later.take() {
            let earlier = std::mem::take(&mut self.window);
            self.window = later.knowing(&[earlier]);
        }
        if let Some(mut run) = self.run.take() {
            self.done.insert(Arc::clone(&run.instance.id));
            if !run.complete {
                self.say_gaps(&mut run);
            }
            self.forget_retired();
            self.retired = Some(run).filter(|run| run.complete);
        }
    }

    fn forget_retired(&mut self) {
        if let Some(mut run) = self.retired.take() {
            self.say_gaps(&mut run);
        }
    }

    /// The oldest run that was not read yet.
    pub(super) fn next_run(&mut self) -> Option<Run> {
        self.view.instances().next()?;
        let is_tail = std::mem::take(&mut self.is_first) && !self.config.is_new;
        if is_tail {
            self.skip_the_past();
        }
        let is_new = |(run, _): &(&Instance, bool)| !self.done.contains(&run.id);
        let (instance, previous) = self.view.instances().find(is_new)?;
        let instance = instance.clone();
        if let Some(run) = self.misread_before(&instance) {
            return Some(run);
        }
        self.forget_retired();
        self.count_restarts(instance.restart);
        let mut run = Run::new(instance, previous, is_tail);
        (run.shown, run.in_doubt) = std::mem::take(&mut self.shown_early);
        Some(run)
    }

    /// Of a pod that is not new only the newest run matters.
    pub(super) fn skip_the_past(&mut self) {
        let Some((newest, _)) = self.view.instances().last() else {
            return;
        };
        self.next_restart = newest.restart;
        if let (Some(_), Some(last)) = (&self.view.current, &self.view.last) {
            self.done.insert(Arc::clone(&last.id));
        }
    }

    pub(super) fn count_restarts(&mut self, restart: i32) {
        if restart > self.next_restart {
            let message = notices::lost(self.next_restart, restart - 1);
            let code = NoticeCode::InstancesLost;
            self.say(self.config.notice(code, Level::Warning, message));
        }
        self.next_restart = self.next_restart.max(restart + 1);
    }

    /// The run before, if what was read of it may have been the beginning of this one.
    pub(super) fn misread_before(&mut self, instance: &Instance) -> Option<Run> {
        let start = nanos(instance.started_at?);
        let last = self.view.last.as_ref()?;
        let mut run = self.retired.take_if(|run| run.is_misread(start))?;
        if run.instance.id != last.id {
            run.was_complete = true;
            run.forget_gaps(start);
            self.say_gaps(&mut run);
            self.say_lost(&run);
            return None;
        }
        (run.instance, run.previous) = (last.clone(), true);
        if let Some(states) = run.rewind(start) {
            self.go_back(states);
        }
        Some(run)
    }

    pub(super) fn rewind(&mut self) {
        let next = self.view.current.as_ref();
        let start = next.and_then(|next| next.started_at).map(nanos);
        if let (Some(run), Some(start)) = (&mut self.run, start)
            && run.previous
            && run.is_misread(start)
            && let Some(states) = run.rewind(start)
        {
            self.go_back(states);
        }
    }

    pub(super) fn go_back(&mut self, mut states: Vec<Window>) {
        self.later = Some(self.window.clone());
        states.push(std::mem::take(&mut self.window));
        let first = states.swap_remove(0);
        self.window = first.knowing(&states);
    }
}
