//! Applications that join a run that goes on.

use std::time::Duration;

use argo_core::AppRef;

use super::{Apps, Member, names};
use crate::session::{Config, Session};

/// The most applications that the sentence names.
const NAMED: usize = 5;

impl Apps {
    /// Takes applications that have appeared, unless the run is decided already. Returns the
    /// number of the first one.
    pub(crate) fn join(&mut self, apps: &[AppRef]) -> Option<usize> {
        if self.are_decided() {
            return None;
        }
        let first = self.members.len();
        let limit = self.longer_limit(apps.len());
        for member in &mut self.members {
            member.session.share_the_run(limit);
        }
        for app in apps {
            let config = self.config_of(app);
            self.members.push(Member {
                name: names::beside(&self.members, app),
                session: Session::new(config),
                is_asked: false,
                is_decided: false,
                is_over: false,
            });
        }
        Some(first)
    }

    /// Returns argocd's time limit with one more turn for each application that joins: it waits
    /// for one after the other.
    fn longer_limit(&self, joining: usize) -> Option<Duration> {
        let limit = self.config().argocd.as_ref()?.timeout?;
        let count = |apps: usize| u32::try_from(apps).unwrap_or(u32::MAX);
        let turn = limit / count(self.members.len());
        Some(turn.saturating_mul(count(self.members.len() + joining)))
    }

    /// Returns the configuration of one more application: but for the application, that of the
    /// others.
    fn config_of(&self, app: &AppRef) -> Config {
        let mut config = self.config().clone();
        config.app = app.clone();
        config
    }
}

/// Returns the sentence about applications that have joined. They have something in common:
/// `the labels team=shop in namespace argocd`, or `the project web`.
pub(crate) fn joined(apps: &[AppRef], described: &str, runs_argocd: bool) -> String {
    let is_one = apps.len() == 1;
    let verb = match (described.starts_with("the project "), is_one) {
        (true, true) => "belongs to",
        (true, false) => "belong to",
        (false, true) => "matches",
        (false, false) => "match",
    };
    let (joins, it) = if is_one {
        ("joins", "it")
    } else {
        ("join", "them")
    };
    let mut names: Vec<String> = apps.iter().take(NAMED).map(AppRef::to_string).collect();
    let last = match apps.len().saturating_sub(NAMED) {
        0 => names.pop().unwrap_or_default(),
        more => format!("{more} more"),
    };
    let names = match names.is_empty() {
        true => last,
        false => format!("{} and {last}", names.join(", ")),
    };
    let after = match runs_argocd {
        true => format!("; argocd waits for {it} after the others"),
        false => String::new(),
    };
    format!("{names} now {verb} {described} and {joins} the run{after}")
}
