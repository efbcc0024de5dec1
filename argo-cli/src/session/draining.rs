//! The end of a run: the rest of the streams is read, within a limit.

use std::time::Duration;

use argo_core::{Level, Notice, NoticeCode, text::duration};
use argo_workloads::diagnosis::{Severity, Thresholds};
use jiff::Timestamp;

use super::{
    Effect, Session,
    phase::{Cause, Phase, is_success},
};
use crate::argocd::Signal;

/// Time limit for argocd's reaction to a signal, and for the last lines meanwhile. After it,
/// argocd is killed and the run ends.
const LAST: Duration = Duration::from_secs(4);
/// Time limit for the last lines once argocd has ended by itself. The stream of logs ends after
/// 3 s, over Argo CD's API after 10 s, and tells of what it could not read.
const LAST_LINES: Duration = Duration::from_secs(11);

impl Session {
    pub(super) fn drain(&mut self, cause: Cause, now: Timestamp) {
        let limit = match cause {
            Cause::Signal(_) => LAST,
            _ if self.streams.argocd => LAST,
            _ => LAST_LINES,
        };
        self.phase = Phase::Draining {
            cause,
            until: duration::later(now, limit),
        };
        self.effects.push(Effect::Drain);
    }

    pub(super) fn over(&mut self, now: Timestamp) {
        if let Phase::Draining { cause, .. } = &self.phase {
            let cause = cause.clone();
            self.last_look(now);
            self.phase = Phase::Over(cause);
            self.effects.push(Effect::End);
        }
    }

    /// Examines once more. After a failure without a finding, it waives the grace times.
    fn last_look(&mut self, now: Timestamp) {
        self.examine(now);
        let findings = self.findings();
        let explained = findings.iter().any(|f| f.severity > Severity::Info);
        if !explained && !self.cause().is_some_and(is_success) {
            self.examine_with(&Thresholds::one_look(), now);
        }
    }

    /// Ends a run whose streams have not ended in time.
    pub(super) fn cut(&mut self, now: Timestamp) {
        self.effects.push(Effect::Kill);
        if self.streams.logs {
            self.notice(&Notice::new(
                NoticeCode::LinesMissing,
                Level::Warning,
                "the last lines may be missing: the logs could not be read to their end in time",
            ));
        }
        self.over(now);
    }

    /// Ends the run. An argocd that still runs gets SIGTERM, and [`LAST`] to react to it.
    pub(super) fn end_argocd(&mut self, cause: Cause, now: Timestamp) {
        if self.streams.argocd {
            self.effects.push(Effect::Interrupt(Signal::SIGTERM));
        }
        self.drain(cause, now);
    }

    /// Ends the draining as soon as all streams have ended.
    pub(super) fn end_if_all_ended(&mut self, now: Timestamp) {
        let streams = &self.streams;
        let all = !streams.argocd && !streams.logs && !streams.events;
        if matches!(self.phase, Phase::Draining { .. }) && all {
            self.over(now);
        }
    }
}
