//! Jobs that are deleted after their end, because of their `ttlSecondsAfterFinished`.

use std::collections::BTreeMap;

use argo_core::ObjectName;
use jiff::Timestamp;

use super::workload::WorkloadFact;

/// Jobs that are remembered; further ones are ignored.
const JOBS: usize = 200;

/// The Jobs that went after their end, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct FinishedJobs(BTreeMap<ObjectName, Taken>);

/// A Job that went after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its `ttlSecondsAfterFinished`, absent if somebody deleted it.
    pub(crate) ttl: Option<i64>,
    /// The number of times that it went.
    pub(crate) times: u32,
    /// When it was first gone.
    pub(crate) first: Timestamp,
}

impl FinishedJobs {
    /// Takes in the deletion of a workload. A hook goes by the rules of Argo CD.
    pub(super) fn removed(&mut self, fact: &WorkloadFact, now: Timestamp) {
        let is_own = fact.object.uid == fact.root.uid && fact.hook.is_none();
        let has_ended = fact.rollout.complete || fact.rollout.failed.is_some();
        let name = fact.object.name();
        let has_room = self.0.len() < JOBS || self.0.contains_key(&name);
        if !(fact.traits.runs_once() && is_own && has_ended && has_room) {
            return;
        }
        let ttl = fact.workload.spec.ttl_seconds_after_finished;
        let taken = self.0.entry(name).or_insert(Taken {
            ttl,
            times: 0,
            first: now,
        });
        taken.times += 1;
        taken.ttl = ttl;
    }

    pub(super) fn of(&self, name: &ObjectName) -> Option<&Taken> {
        self.0.get(name)
    }
}
