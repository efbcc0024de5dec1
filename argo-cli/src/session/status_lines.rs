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
    progress::{Progress, WorkloadProgress},
    rollout::NOT_SEEN,
};
use jiff::Timestamp;

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
    words: String,
    at: Timestamp,
    /// Earlier lines that would be news no more, with the times at which they were said.
    before: BTreeMap<String, Timestamp>,
}

impl Said {
    fn new(words: String, at: Timestamp, last: Option<Self>) -> Self {
        let mut before = BTreeMap::new();
        if let Some(last) = last {
            before = last.before;
            before.insert(last.words, last.at);
            before.retain(|_, said| duration::between(*said, at) < FLAPPING);
        }
        Self { words, at, before }
    }

    fn is_flapping(&self, words: &str, now: Timestamp) -> bool {
        let said = self.before.get(words);
        said.is_some_and(|said| duration::between(*said, now) < FLAPPING)
    }
}

impl StatusLines {
    /// Returns the line of a workload if it is news and the workload had no line a moment ago.
    /// A workload that was complete from the start gets no line.
    pub(super) fn changed(
        &mut self,
        workload: &WorkloadProgress,
        now: Timestamp,
    ) -> Option<Record> {
        let rollout = &workload.rollout;
        let unseen = rollout.waiting_for.as_deref() == Some(NOT_SEEN);
        if !workload.touched || workload.gone || workload.only_starts_others() || unseen {
            return None;
        }
        let words = words(workload);
        let uid = &workload.object.uid;
        if let Some(said) = self.0.get(uid) {
            let is_early = duration::between(said.at, now) < QUIET;
            let is_held_back = is_early || said.is_flapping(&words, now);
            if words == said.words || (is_held_back && !workload.is_decided()) {
                return None;
            }
        }
        let said = Said::new(words.clone(), now, self.0.remove(uid));
        self.0.insert(Arc::clone(uid), said);
        Some(record(workload, &(words + &terminating(workload)), now))
    }

    /// Returns the lines that were held back and are due now.
    pub(super) fn held_back(&mut self, progress: &Progress, now: Timestamp) -> Vec<Record> {
        let workloads = progress.workloads();
        let lines = workloads
            .into_iter()
            .filter_map(|workload| self.changed(workload, now));
        lines.collect()
    }
}

fn record(workload: &WorkloadProgress, words: &str, now: Timestamp) -> Record {
    let rollout = &workload.rollout;
    let level = if rollout.failed.is_some() {
        Level::Error
    } else {
        Level::Info
    };
    let body = Body::Status(Status {
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
    match workload.old_terminating {
        old if old > 0 && workload.rollout.complete => {
            format!(", {} terminating", counted(old, "old pod"))
        }
        _ => String::new(),
    }
}

/// `1/3 updated, 1 ready`, `3/3 ready after 58 s`, `complete after 4 s`.
fn words(workload: &WorkloadProgress) -> String {
    let rollout = &workload.rollout;
    if let Some(why) = &rollout.failed {
        return format!("failed: {why}");
    }
    let counts = counts(workload);
    match (rollout.complete, workload.took) {
        (true, Some(took)) => format!("{counts} after {}", in_words(took)),
        (true, None) => counts,
        (false, _) => waiting(rollout, counts),
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

fn waiting(rollout: &RolloutState, counts: String) -> String {
    let ready = rollout.ready.unwrap_or(0);
    if let (Some(updated), Some(desired)) = (rollout.updated, rollout.desired)
        && updated < desired
    {
        return format!("{updated}/{desired} updated, {ready} ready");
    }
    let repeated = format!("{ready} of {} ", rollout.desired.unwrap_or(0));
    match &rollout.waiting_for {
        Some(words) if words.starts_with(&repeated) => counts,
        Some(words) if is_clause(words) => format!("{counts}, {words}"),
        Some(words) => format!("{counts}, waiting for {words}"),
        None => counts,
    }
}

/// True if the words stand by themselves (`2 of 3 updated`, `not scheduled yet`); others name
/// the thing that the workload waits for.
fn is_clause(words: &str) -> bool {
    words.starts_with(|first: char| first.is_ascii_digit()) || words.starts_with("not ")
}

#[cfg(test)]
mod tests {
    use argo_core::{AppRef, GroupKind, KindTraits, ObjectRef, TrackEvent, Tracked, TrackedBody};
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
            root: object.clone(),
            object,
            owner: None,
            hook: None,
            is_new: false,
            rollout: None,
            traits: KindTraits::default(),
            body: TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap())),
        };
        TrackEvent::Applied(describe(&builtin(), tracked))
    }

    #[test]
    fn changes_are_said_once_and_completion_at_once() {
        let mut progress = Progress::new(AppRef::new("shop", "argocd"), at(0));
        let mut lines = StatusLines::default();
        let mut say = |event: &TrackEvent, second| {
            let workload = progress.track(event, at(second))?;
            Some(lines.changed(workload, at(second))?.msg)
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
        let later = lines.held_back(&progress, at(5));
        assert_eq!(later[0].msg, "Deployment/web 2/3 ready");
        assert!(lines.held_back(&progress, at(9)).is_empty());
        assert!(!progress.is_complete());
    }

    #[test]
    fn a_workload_that_goes_to_and_fro_is_not_said_each_time() {
        let mut progress = Progress::new(AppRef::new("shop", "argocd"), at(0));
        let mut lines = StatusLines::default();
        let mut said = 0;
        progress.track(&deployment(3, 3), at(0));
        for second in (0..30).step_by(6) {
            for (updated, later) in [(2, 0), (3, 3)] {
                let now = at(second + later);
                let workload = progress.track(&deployment(updated, 2), now).unwrap();
                said += usize::from(lines.changed(workload, now).is_some());
            }
        }
        assert_eq!(said, 2);
        progress.track(&deployment(2, 2), at(28));
        assert_eq!(lines.held_back(&progress, at(70)).len(), 1, "it stays so");
    }
}
