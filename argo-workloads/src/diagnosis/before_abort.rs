//! The causes that were seen just before a Rollout was aborted.
//!
//! An abort removes the pods of the new revision at once, and with them everything that told
//! why: the crash, the probe. A human would have seen it a moment before.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    context::Context,
    facts::WorkloadFact,
    finding::Severity,
    observation::rollouts,
    report::Candidate,
    rules::{RULES, is_of_pods},
    span::{age, secs},
    thresholds::Thresholds,
};

/// The time for which causes that no longer hold are kept: a container that crashed runs again
/// for a while.
const KEPT: i64 = 5;

/// The last causes of each Rollout that is under way, by its uid.
#[derive(Clone, Debug, Default)]
pub(super) struct BeforeAbort(BTreeMap<Arc<str>, Seen>);

#[derive(Clone, Debug)]
struct Seen {
    at: Timestamp,
    candidates: Vec<Candidate>,
}

/// Returns the causes seen at pods, without patience: an abort may come before it ends.
fn early(context: &Context<'_>) -> Vec<Candidate> {
    let thresholds = Thresholds {
        allow_restarts: 0,
        ..context.thresholds.clone()
    };
    let context = Context::new(context.facts, &thresholds, context.now);
    let rules = RULES.iter().filter(|rule| is_of_pods(rule));
    rules
        .flat_map(|rule| Candidate::of(rule, &context))
        .collect()
}

fn is_of(candidate: &Candidate, rollout: &str) -> bool {
    let workload = candidate.observation.place.workload.as_ref();
    workload.is_some_and(|workload| *workload.uid == *rollout)
}

fn is_under_way(fact: &WorkloadFact) -> bool {
    !fact.rollout.complete && fact.rollout.failed.is_none()
}

impl BeforeAbort {
    /// Remembers the causes of Rollouts that are under way, and returns those of Rollouts that
    /// were aborted since.
    pub(super) fn recall(
        &mut self,
        context: &Context<'_>,
        present: &[Candidate],
    ) -> Vec<Candidate> {
        let facts = context.facts;
        let workloads = facts.workloads.values();
        let rollouts: Vec<_> = workloads.filter(|fact| fact.is_rollout()).collect();
        if rollouts.is_empty() || context.thresholds.is_one_look() {
            return Vec::new();
        }
        let is_inherited =
            |fact: &WorkloadFact| facts.releases.inherited.is_inherited(&fact.object.uid);
        let aborted = rollouts
            .iter()
            .filter(|fact| fact.rollout.aborted && !is_inherited(fact));
        let recalled = aborted.flat_map(|fact| self.of(fact, present)).collect();
        self.update(&rollouts, context);
        recalled
    }

    fn update(&mut self, rollouts: &[&WorkloadFact], context: &Context<'_>) {
        for fact in rollouts.iter().filter(|fact| fact.rollout.complete) {
            self.0.remove(&fact.object.uid);
        }
        let under_way: Vec<_> = rollouts.iter().filter(|fact| is_under_way(fact)).collect();
        if under_way.is_empty() {
            return;
        }
        let mut early = early(context);
        for fact in under_way {
            let uid = &fact.object.uid;
            let own = early.extract_if(.., |candidate| is_of(candidate, uid));
            let own = own.collect();
            self.remember(Arc::clone(uid), own, context.now);
        }
    }

    fn remember(&mut self, uid: Arc<str>, candidates: Vec<Candidate>, now: Timestamp) {
        let is_kept = |seen: &Seen| age(now, seen.at) < secs(KEPT);
        if candidates.is_empty() && self.0.get(&uid).is_some_and(is_kept) {
            return;
        }
        let at = now;
        self.0.insert(uid, Seen { at, candidates });
    }

    /// Returns the causes that explain the abort of a Rollout. Where its time ran out, anything
    /// that held it up does; otherwise only what was certain.
    fn of(&self, fact: &WorkloadFact, present: &[Candidate]) -> Vec<Candidate> {
        let message = fact.rollout.failed.as_deref().unwrap_or_default();
        let is_late = message.contains("timed out progressing");
        let is_present = |candidate: &Candidate| {
            present.iter().any(|other| {
                other.code == candidate.code
                    && other.is_past_grace
                    && other.observation.key == candidate.observation.key
            })
        };
        let seen = self.0.get(&fact.object.uid).into_iter();
        let explaining = seen
            .flat_map(|seen| &seen.candidates)
            .filter(|candidate| {
                let is_certain = candidate.observation.severity == Severity::Doomed;
                is_late || (candidate.is_past_grace && is_certain)
            })
            .filter(|candidate| !is_present(candidate));
        let explaining = explaining.cloned().map(|mut candidate| {
            candidate.is_past_grace = true;
            candidate.observation.severity = Severity::Doomed;
            candidate.observation.evidence.push(message.to_owned());
            // The pods are gone, and with them their logs.
            candidate.observation.next = Some(rollouts(&fact.object, &["get", "rollout"]));
            candidate
        });
        explaining.collect()
    }
}
