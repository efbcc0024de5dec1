//! Puts the progress of each workload into words.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use argo_core::text::{
    counted,
    duration::{self, in_words},
};
use argo_core::{
    Level, Record, RolloutState, Runs,
    record::{Body, Status},
};
use argo_workloads::{
    progress::{PodCounts, WorkloadProgress},
    rollout::NOT_SEEN,
    workload::{Rollout, Workload},
};
use jiff::Timestamp;

use crate::follow::Observer;

/// The shortest time between two lines of a workload, unless it becomes complete or fails.
const QUIET: Duration = Duration::from_secs(2);

/// A line that was said of a workload less than this ago is not said again while it goes to
/// and fro, unless it is complete or fails.
const FLAPPING: Duration = Duration::from_secs(30);

/// The lines that were said about workloads, by uid.
#[derive(Debug, Default)]
pub(super) struct StatusLines(BTreeMap<Arc<str>, Said>);

/// The last lines of a workload.
#[derive(Clone, Debug)]
struct Said {
    key: String,
    at: Timestamp,
    /// Earlier lines that would be news no more, with the times at which they were said.
    before: BTreeMap<String, Timestamp>,
}

impl Said {
    fn new(key: String, at: Timestamp, last: Option<Self>) -> Self {
        let mut before = BTreeMap::new();
        if let Some(last) = last {
            before = last.before;
            before.insert(last.key, last.at);
            before.retain(|_, said| duration::between(*said, at) < FLAPPING);
        }
        Self { key, at, before }
    }

    fn is_flapping(&self, key: &str, now: Timestamp) -> bool {
        let said = self.before.get(key);
        said.is_some_and(|said| duration::between(*said, now) < FLAPPING)
    }
}

impl StatusLines {
    /// Returns the line of a workload if it is news and the workload had no line a moment ago.
    /// A workload that was complete from the start gets no line. `pods` counts its pods.
    pub(super) fn changed(
        &mut self,
        workload: &WorkloadProgress,
        pods: impl FnOnce() -> PodCounts,
        now: Timestamp,
    ) -> Option<Record> {
        let rollout = &workload.rollout;
        let unseen = rollout.waiting_for.as_deref() == Some(NOT_SEEN);
        let is_used = workload.stands_for.is_some();
        let is_untouched = !workload.involvement.touched && !is_used;
        if is_untouched || workload.gone || workload.only_starts_others() || unseen {
            return None;
        }
        let pods = if rollout.complete || workload.runs != Runs::ForEver {
            PodCounts::default()
        } else {
            pods()
        };
        let words = words(workload, pods, now);
        let key = key(workload, &words);
        let uid = &workload.object.uid;
        if let Some(said) = self.0.get(uid) {
            let is_early = duration::between(said.at, now) < QUIET;
            let is_held_back = is_early || said.is_flapping(&key, now);
            if key == said.key || (is_held_back && !workload.is_decided()) {
                return None;
            }
        }
        let said = Said::new(key, now, self.0.remove(uid));
        self.0.insert(Arc::clone(uid), said);
        Some(record(workload, &(words + &terminating(workload)), now))
    }

    /// Returns the lines that were held back and are due now.
    pub(super) fn held_back(&mut self, observer: &Observer, now: Timestamp) -> Vec<Record> {
        let workloads = observer.progress().workloads();
        let lines = workloads
            .into_iter()
            .filter_map(|workload| self.changed(workload, || observer.pods(workload), now));
        lines.collect()
    }
}

/// Returns the part of a line that makes it news. Of a Rollout that is its step, its pause and
/// the number of its new pods: the rest changes a dozen times in each step.
fn key(workload: &WorkloadProgress, words: &str) -> String {
    let rollout = &workload.rollout;
    let is_rollout = Rollout.names().is(&workload.object.kind);
    if workload.is_decided() || !is_rollout {
        return words.to_owned();
    }
    let pause = rollout.pause.map(|pause| (pause.by, pause.since));
    let waits = rollout.waiting_for.as_deref();
    let analysis = waits.filter(|waits| is_run(waits));
    format!(
        "{:?} {pause:?} {:?} {analysis:?}",
        rollout.step, rollout.updated
    )
}

fn record(workload: &WorkloadProgress, words: &str, now: Timestamp) -> Record {
    let rollout = &workload.rollout;
    let level = if workload.has_failed() {
        Level::Error
    } else {
        Level::Info
    };
    let body = Body::Status(Status {
        app: None,
        namespace: workload.object.namespace.to_string(),
        workload: workload.object.to_string(),
        ready: rollout.ready,
        desired: rollout.desired,
        complete: rollout.complete,
    });
    let msg = format!("{} {words}", workload.object);
    Record::at(now, level, msg, body)
}

/// Returns `, 1 old pod terminating` where a complete workload still has old pods. The line is
/// not said again once they are gone.
fn terminating(workload: &WorkloadProgress) -> String {
    match workload.pods.old_terminating {
        old if old > 0 && workload.rollout.complete => {
            format!(", {} terminating", counted(old, "old pod"))
        }
        _ => String::new(),
    }
}

/// `1/3 updated, 1 ready`, `3/3 ready after 58 s`, `complete after 4 s`.
fn words(workload: &WorkloadProgress, pods: PodCounts, now: Timestamp) -> String {
    let rollout = &workload.rollout;
    if let Some(rollout) = &workload.stands_for {
        return format!("is scaled to 0: {rollout} runs its pods");
    }
    match &rollout.failed {
        Some(why) if workload.inherited => {
            return format!("waits for a new release; the last one failed: {why}");
        }
        Some(why) => return format!("failed: {why}"),
        None => {}
    }
    let counts = counts(workload);
    match (rollout.complete, workload.timing.took) {
        (true, Some(took)) => format!("{counts} after {}", in_words(took)),
        (true, None) => counts,
        (false, _) => waiting(rollout, counts, pods, now),
    }
}

fn counts(workload: &WorkloadProgress) -> String {
    let rollout = &workload.rollout;
    let ready = rollout.ready.unwrap_or(0);
    let runs_for_ever = workload.runs == Runs::ForEver && !workload.is_bare_pod();
    match rollout.desired {
        // A bare pod that is restarted for ever is never done.
        _ if rollout.complete && workload.is_bare_pod() && ready > 0 => "running".to_owned(),
        _ if rollout.complete && !runs_for_ever => "complete".to_owned(),
        Some(desired) if workload.runs == Runs::Once => format!("{ready}/{desired} succeeded"),
        // Pods that are scaled away may be ready for a moment longer.
        Some(desired) => format!("{}/{desired} ready", ready.min(desired)),
        None if rollout.complete => "complete".to_owned(),
        None => "in progress".to_owned(),
    }
}

fn waiting(rollout: &RolloutState, counts: String, pods: PodCounts, now: Timestamp) -> String {
    let ready = rollout.ready.unwrap_or(0);
    let mixed = rollout.desired.filter(|_| pods.old > 0);
    // The pods may be known later than their workload.
    let updated = rollout.updated.zip(rollout.desired);
    let counts = match (mixed, updated) {
        (Some(desired), _) => pods.words(desired),
        (None, Some((updated, desired))) if updated < desired => {
            format!("{updated}/{desired} updated")
        }
        _ => counts,
    };
    if let Some(pause) = rollout.pause {
        return format!("{counts}, {}", pause.words(now));
    }
    if let Some(step) = rollout.step {
        let weight = step
            .weight
            .map_or(String::new(), |weight| format!(" (weight {weight})"));
        let waits = rollout.waiting_for.as_deref().unwrap_or_default();
        let analysis = if is_run(waits) {
            format!(", waiting for {waits}")
        } else {
            String::new()
        };
        let starting = starting(rollout, pods);
        return format!(
            "step {}/{}{weight}: {counts}{starting}{analysis}",
            step.number, step.of
        );
    }
    if let (Some(updated), Some(desired)) = (rollout.updated, rollout.desired)
        && updated < desired
    {
        return match mixed {
            Some(_) => counts,
            None => format!("{updated}/{desired} updated, {ready} ready"),
        };
    }
    let repeated = format!("{ready} of {} ", rollout.desired.unwrap_or(0));
    match &rollout.waiting_for {
        Some(words) if words.starts_with(&repeated) => counts,
        // The pods that still serve are the same ones.
        Some(words) if mixed.is_some() && words.contains(" old pod") => counts,
        Some(words) if is_clause(words) => format!("{counts}, {words}"),
        Some(words) => format!("{counts}, waiting for {words}"),
        None => counts,
    }
}

/// True if a Rollout waits for an analysis or an Experiment.
fn is_run(waits: &str) -> bool {
    waits.starts_with("the analysis ") || waits.starts_with("the Experiment ")
}

/// `, 1 starting`
fn starting(rollout: &RolloutState, pods: PodCounts) -> String {
    let updated = rollout
        .updated
        .and_then(|updated| usize::try_from(updated).ok());
    let starting = updated.map_or(0, |updated| updated.saturating_sub(pods.new));
    // Without any pod in sight nothing is known.
    let is_known = pods != PodCounts::default();
    if starting == 0 || !is_known {
        return String::new();
    }
    format!(", {starting} starting")
}

/// True if the words stand by themselves (`2 of 3 updated`, `not scheduled yet`); others name
/// the thing that the workload waits for.
fn is_clause(words: &str) -> bool {
    words.starts_with(|first: char| first.is_ascii_digit()) || words.starts_with("not ")
}

#[cfg(test)]
mod tests {
    use argo_core::{AppRef, GroupKind, ObjectRef, TrackEvent, Tracked, TrackedBody};
    use argo_workloads::{builtin, describe};
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn deployment(updated: i64, ready: i64) -> TrackEvent {
        let value = json!({"spec": {"replicas": 3}, "status": {"replicas": 3,
            "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready}});
        let object = ObjectRef {
            kind: GroupKind::new("apps", "Deployment"),
            namespace: "n".into(),
            name: "web".into(),
            uid: "web".into(),
        };
        let tracked = Tracked {
            is_new: false,
            ..Tracked::root(
                object,
                TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap())),
            )
        };
        TrackEvent::Applied(describe(&builtin(), tracked))
    }

    #[test]
    fn changes_are_said_once_and_completion_at_once() {
        let mut observer = Observer::new(AppRef::new("shop", "argocd"), at(0));
        let mut lines = StatusLines::default();
        let mut say = |event: &TrackEvent, second| {
            let workload = observer.track(event, at(second))?;
            Some(lines.changed(workload, PodCounts::default, at(second))?.msg)
        };
        assert_eq!(say(&deployment(3, 3), 0), None);
        let updating = say(&deployment(1, 3), 1);
        assert_eq!(
            updating.as_deref(),
            Some("Deployment/web 1/3 updated, 3 ready")
        );
        assert_eq!(say(&deployment(1, 3), 2), None);
        assert_eq!(say(&deployment(2, 3), 2), None);
        let complete = say(&deployment(3, 3), 2);
        assert_eq!(
            complete.as_deref(),
            Some("Deployment/web 3/3 ready after 2 s")
        );
        assert_eq!(say(&deployment(3, 2), 3), None);
        let later = lines.held_back(&observer, at(5));
        assert_eq!(later[0].msg, "Deployment/web 2/3 ready");
        assert!(lines.held_back(&observer, at(9)).is_empty());
        assert!(!observer.progress().is_complete());
    }

    #[test]
    fn a_workload_that_goes_to_and_fro_is_not_said_each_time() {
        let mut observer = Observer::new(AppRef::new("shop", "argocd"), at(0));
        let mut lines = StatusLines::default();
        let mut said = 0;
        observer.track(&deployment(3, 3), at(0));
        for second in (0..30).step_by(6) {
            for (updated, later) in [(2, 0), (3, 3)] {
                let now = at(second + later);
                let workload = observer.track(&deployment(updated, 2), now).unwrap();
                said += usize::from(lines.changed(workload, PodCounts::default, now).is_some());
            }
        }
        assert_eq!(said, 2);
        observer.track(&deployment(2, 2), at(28));
        assert_eq!(lines.held_back(&observer, at(70)).len(), 1, "it stays so");
    }
}
