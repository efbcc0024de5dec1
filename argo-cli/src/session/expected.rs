//! The revision and images that must run before success counts (`--revision`, `--image`).

use std::time::Duration;

use argo_core::text::duration::{self, between, in_words};
use argo_core::{Level, Notice, NoticeCode};
use argo_workloads::expectation::{Expectation, Judgement};
use jiff::Timestamp;

use super::{Cause, Effect, Exited, Phase, Session};

/// The longest wait for a revision that Argo CD does not know yet, where no `--timeout` says
/// otherwise. Argo CD looks at git every three minutes.
const PATIENCE: Duration = Duration::from_secs(300);
/// The time for the first lists, after which an Application that is not known cannot be read.
const FIRST_LISTS: Duration = Duration::from_secs(5);

/// The state of the expectation.
#[derive(Debug)]
pub(super) struct Expected {
    expectation: Expectation,
    /// The revision or image that runs instead, as far as it is known.
    pub(super) instead: Option<String>,
    /// True if argocd reported success before what was expected ran.
    was_early: bool,
}

impl Expected {
    pub(super) fn new(expectation: Expectation) -> Self {
        Self {
            expectation,
            instead: None,
            was_early: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.expectation.is_empty()
    }
}

impl Session {
    /// Compares what runs with what is expected.
    pub(super) fn judge(&mut self) -> Judgement {
        if self.expected.is_empty() {
            return Judgement::Met;
        }
        let images = self.observer.images();
        let application = self.observer.progress().application();
        let expectation = &mut self.expected.expectation;
        let judgement = expectation.judge(application, &images, self.config.started);
        self.expected.instead = match &judgement {
            Judgement::Waiting(why) => Some(why.clone()),
            _ => None,
        };
        judgement
    }

    /// Returns the cause by which a wait ends at once: nothing that it does can help.
    pub(super) fn cannot_come(&mut self) -> Option<Cause> {
        match self.judge() {
            Judgement::Superseded(sentence) => Some(Cause::Superseded(sentence)),
            Judgement::Never(why) => Some(Cause::NotAsExpected(why)),
            _ => None,
        }
    }

    /// Begins to wait for what is expected, after argocd reported success.
    pub(super) fn expect(&mut self, exited: Exited, now: Timestamp) {
        let of_argocd = self.config.argocd.as_ref().and_then(|run| run.timeout);
        let limit = of_argocd.or(self.config.timeout).unwrap_or(PATIENCE);
        let until = match (of_argocd, self.config.timeout) {
            // Each limit of the user counts from its own start; our patience begins only now.
            (None, None) => duration::later(now, limit),
            (Some(_), _) => duration::later(self.argocd.started, limit),
            (None, Some(_)) => duration::later(self.config.started, limit),
        };
        self.consider_expecting(exited, until, now);
    }

    pub(super) fn consider_expecting(&mut self, exited: Exited, until: Timestamp, now: Timestamp) {
        let cause = match self.judge() {
            Judgement::Met => return self.as_expected(exited, now),
            Judgement::Superseded(sentence) => Some(Cause::Superseded(sentence)),
            Judgement::Never(why) => Some(Cause::NotAsExpected(why)),
            Judgement::Unknown => {
                let waited = between(self.config.started, now) >= FIRST_LISTS;
                (waited || self.progress().is_synced()).then_some(Cause::CannotTell)
            }
            Judgement::Waiting(why) => {
                if !self.expected.was_early {
                    let rest = in_words(between(now, until));
                    let msg = format!(
                        "argocd reports success, but {why}; waiting for it for {rest} at most"
                    );
                    self.notice(&Notice::new(NoticeCode::Other, Level::Warning, msg));
                }
                self.expected.was_early = true;
                (now >= until).then_some(Cause::NotAsExpected(why))
            }
        };
        match cause {
            Some(cause) => self.drain(cause, now),
            None => self.phase = Phase::Expecting { exited, until },
        }
    }

    /// Ends the run as argocd did, or runs argocd again if it was too early.
    fn as_expected(&mut self, exited: Exited, now: Timestamp) {
        if !std::mem::take(&mut self.expected.was_early) {
            return self.look_on(Cause::Argocd(exited), now);
        }
        // The result that counts is argocd's, and the one that it gave was about another revision.
        self.phase = Phase::Waiting;
        self.argocd.exited = None;
        self.argocd.started = now;
        self.streams.argocd = true;
        self.effects.push(Effect::RestartArgocd);
    }

    /// True if there is neither an Application nor any object of it, as far as may be seen.
    pub(super) fn found_nothing(&self) -> bool {
        self.observer.found_nothing()
    }
}
