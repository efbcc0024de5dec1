//! The applications that the application deploys: `argocd app wait` leaves them out, as Argo CD has
//! no health for an Application among the objects of another one, so argocd is run for them too.

use std::{collections::BTreeSet, time::Duration};

use argo_core::{AppRef, Level, Notice, NoticeCode, text::duration};
use argo_workloads::progress::{Child, ChildState};
use jiff::Timestamp;

use super::{Effect, Phase, Session};
use crate::{argocd::Condition, heartbeat::Other};

/// Applications that a sentence names; the rest is counted.
const NAMED: usize = 6;
/// Time in which an application that was just made is seen.
const UNSEEN: Duration = Duration::from_secs(3);

/// The applications that argocd was run for after the application itself was done.
#[derive(Debug, Default)]
pub(super) struct Children {
    /// Those that argocd has waited for or waits for now.
    asked: BTreeSet<String>,
    /// Those that it waits for now, in the order of their waves.
    current: Vec<AppRef>,
    /// Those of them that are to be compared with their new source before.
    stale: Vec<AppRef>,
    /// Those that nobody waits for, which was said.
    left_out: BTreeSet<String>,
    /// The end of the wait for those that the Application lists and that were not seen yet.
    unseen_until: Option<Timestamp>,
}

impl Children {
    /// Returns the number of applications that argocd waits for, one after the other.
    pub(super) fn len(&self) -> usize {
        self.current.len().max(1)
    }
}

impl Session {
    /// True while the applications that ours deploys are not known: a sync that has just made them
    /// is over before anybody has seen them.
    pub(super) fn are_children_unseen(&mut self, now: Timestamp) -> bool {
        if !self.is_for_children() || !self.progress().has_unseen_children() {
            self.children.unseen_until = None;
            return false;
        }
        let until = duration::later(now, UNSEEN);
        now < *self.children.unseen_until.get_or_insert(until)
    }

    /// True if argocd is to wait for the applications that ours deploys.
    fn is_for_children(&self) -> bool {
        let run = self.config.argocd.as_ref();
        let wanted = run.filter(|run| run.children && run.wait.selection.is_everything());
        wanted.is_some() && self.waits_for(Condition::Health)
    }

    /// True if a resource of what argocd waits for is Degraded; `None` if nobody can tell.
    pub(super) fn is_degraded(&self) -> Option<bool> {
        if !self.waits_for_children() {
            return self.progress().health().map(|health| health == "Degraded");
        }
        let children = self.progress().children().into_iter();
        let mut awaited = children.filter(|child| self.children.current.contains(&child.app));
        Some(awaited.any(|child| child.is_degraded))
    }

    /// Has argocd run for the applications that ours deploys and that it has not waited for. True
    /// if there are any. Their own children, and those that come late, are found by the next call.
    pub(super) fn waits_on_for_children(&mut self, now: Timestamp) -> bool {
        if !self.is_for_children() {
            return false;
        }
        let children = self.progress().children();
        self.tell_left_out(&children);
        let mut next: Vec<Child> = children
            .into_iter()
            .filter(|child| child.state.is_waited_for())
            .filter(|child| !self.children.asked.contains(&child.app.to_string()))
            .collect();
        self.children.current.clear();
        if next.is_empty() {
            return false;
        }
        next.sort_by_key(|child| (child.wave, child.app.to_string()));
        self.notice(&Notice::new(
            NoticeCode::Other,
            Level::Info,
            self.children_sentence(&next),
        ));
        let stale = next
            .iter()
            .filter(|child| child.state == ChildState::NotCompared);
        self.children.stale = stale.map(|child| child.app.clone()).collect();
        self.children.current = next.into_iter().map(|child| child.app).collect();
        let asked = self.children.current.iter().map(AppRef::to_string);
        self.children.asked.extend(asked);
        self.phase = Phase::Waiting;
        self.argocd.exited = None;
        self.argocd.started = now;
        self.streams.argocd = true;
        self.effects.push(Effect::RestartArgocd);
        true
    }

    fn children_sentence(&self, next: &[Child]) -> String {
        let has_waves = next.iter().any(|child| child.wave != next[0].wave);
        let name = |child: &Child| match has_waves {
            true => format!("{} (wave {})", child.app.name, child.wave),
            false => child.app.name.clone(),
        };
        let names: Vec<String> = next.iter().take(NAMED).map(name).collect();
        let more = match next.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let app = &self.config.app.name;
        let names = names.join(", ");
        match self.children.asked.is_empty() {
            true => format!(
                "{app} itself is done; waiting with argocd for the applications that it deploys: {names}{more} \
                 (--no-children leaves them out)"
            ),
            false => format!(
                "waiting with argocd for further applications that {app} deploys: {names}{more}"
            ),
        }
    }

    fn tell_left_out(&mut self, children: &[Child]) {
        for child in children {
            let ChildState::Stuck(stuck) = child.state else {
                continue;
            };
            if self.children.left_out.insert(child.app.to_string()) {
                let (app, why) = (&child.app.name, stuck.words());
                let msg = format!("not waiting for application {app}: it {why}");
                self.notice(&Notice::new(NoticeCode::Other, Level::Warning, msg));
            }
        }
    }

    /// True while argocd waits for the applications that ours deploys.
    pub(crate) fn waits_for_children(&self) -> bool {
        !self.children.current.is_empty()
    }

    /// Returns the applications that argocd waits for now: ours, or those that it deploys.
    pub(crate) fn awaited_apps(&self) -> Vec<AppRef> {
        match self.children.current.as_slice() {
            [] => vec![self.config.app.clone()],
            children => children.to_vec(),
        }
    }

    /// Takes the applications that are to be compared with git before argocd waits for them.
    pub(crate) fn take_stale(&mut self) -> Vec<AppRef> {
        std::mem::take(&mut self.children.stale)
    }

    /// Returns what the heartbeat says of the applications that ours deploys.
    pub(super) fn children_wait(&self) -> Option<Other> {
        let (app, state, more) = self.open_child()?;
        Some(Other {
            what: format!("application {app} {state}{more}"),
            why: String::new(),
            age: None,
        })
    }

    /// `application cart is not healthy yet (and 2 more)`
    pub(super) fn child_clause(&self) -> Option<String> {
        let (app, state, more) = self.open_child()?;
        Some(format!("application {app} is {state}{more}"))
    }

    /// Returns the first application that ours deploys and that is waited for, its state, and how
    /// many there are besides.
    fn open_child(&self) -> Option<(String, &'static str, String)> {
        if self.runs_argocd() && !self.waits_for_children() {
            return None;
        }
        let is_open = |state: ChildState| match self.runs_argocd() {
            true => state.is_waited_for(),
            false => state.is_syncing(),
        };
        let children = self.progress().children();
        let open: Vec<&Child> = children
            .iter()
            .filter(|child| is_open(child.state))
            .collect();
        let first = open.first()?;
        let state = match first.state {
            ChildState::NotCompared => "not compared with git yet",
            ChildState::Syncing => "syncing",
            _ => "not healthy yet",
        };
        let more = match open.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        Some((first.app.name.clone(), state, more))
    }
}
