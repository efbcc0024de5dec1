//! The causes that were seen just before a Rollout was aborted.
//!
//! An abort removes the pods of the new revision at once, and with them everything that told
//! why: the crash, the probe. A human would have seen it a moment before.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    Facts, Thresholds,
    context::Context,
    facts::WorkloadFact,
    finding::Severity,
    observation::rollouts,
    report::Candidate,
    rules::{RULES, is_of_pods, is_rollout},
    span::{age, secs},
};

/// The time for which hits that no longer hold are kept: a container that crashed runs again
/// for a while.
const KEPT: i64 = 5;

/// The last hits of each Rollout that is under way, by its uid.
#[derive(Clone, Debug, Default)]
pub(super) struct BeforeAbort(BTreeMap<Arc<str>, Seen>);

#[derive(Clone, Debug)]
struct Seen {
    at: Timestamp,
    candidates: Vec<Candidate>,
}

/// Remembers the hits of Rollouts that are under way, and returns those of Rollouts that were
/// aborted since.
pub(super) fn recall(
    facts: &mut Facts,
    present: &[Candidate],
    thresholds: &Thresholds,
    now: Timestamp,
) -> Vec<Candidate> {
    let rollouts = || {
        facts
            .workloads
            .values()
            .filter(|fact| is_rollout(&fact.object))
    };
    let under_way = |fact: &&WorkloadFact| !fact.rollout.complete && fact.rollout.failed.is_none();
    if rollouts().next().is_none() || thresholds.is_one_look() {
        return Vec::new();
    }
    let mut early = match rollouts().any(|fact| under_way(&fact)) {
        true => early(facts, thresholds, now),
        false => Vec::new(),
    };
    let seen = rollouts()
        .filter(under_way)
        .map(|fact| Arc::clone(&fact.object.uid))
        .map(|uid| {
            let own = early.extract_if(.., |candidate| is_of(candidate, &uid));
            let own = own.collect::<Vec<_>>();
            (uid, own)
        })
        .collect::<Vec<_>>();
    let recalled = rollouts()
        .filter(|fact| {
            fact.rollout.aborted && !facts.releases.inherited.is_inherited(&fact.object.uid)
        })
        .flat_map(|fact| facts.releases.before_abort.of(fact, present))
        .collect();
    let complete: Vec<_> = rollouts()
        .filter(|fact| fact.rollout.complete)
        .map(|fact| Arc::clone(&fact.object.uid))
        .collect();
    let memory = &mut facts.releases.before_abort;
    complete.iter().for_each(|uid| drop(memory.0.remove(uid)));
    for (uid, candidates) in seen {
        memory.see(uid, candidates, now);
    }
    recalled
}

/// Returns the hits at pods, without patience: an abort may come before it ends.
fn early(facts: &Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Candidate> {
    let thresholds = Thresholds {
        allow_restarts: 0,
        ..thresholds.clone()
    };
    let context = Context::new(facts, &thresholds, now);
    let rules = RULES.iter().filter(|rule| is_of_pods(rule));
    rules
        .flat_map(|rule| Candidate::of(rule, &context))
        .collect()
}

fn is_of(candidate: &Candidate, rollout: &str) -> bool {
    let workload = candidate.observation.place.workload.as_ref();
    workload.is_some_and(|workload| *workload.uid == *rollout)
}

impl BeforeAbort {
    fn see(&mut self, uid: Arc<str>, candidates: Vec<Candidate>, now: Timestamp) {
        let is_kept = |seen: &Seen| age(now, seen.at) < secs(KEPT);
        if candidates.is_empty() && self.0.get(&uid).is_some_and(is_kept) {
            return;
        }
        let at = now;
        self.0.insert(uid, Seen { at, candidates });
    }

    /// Returns the hits that explain the abort of a Rollout. Where its time ran out, anything
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
