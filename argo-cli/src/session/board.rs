//! How far each workload is, and what of that is worth a line.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use argo_core::{
    GroupKind, Level, ObjectRef, Record, Tracked, TrackedBody,
    record::{Body, Status},
    resource::Pod,
};
use argo_workloads::rollout::{self, NOT_SEEN, RolloutState};
use jiff::Timestamp;

use super::Course;
use crate::{args::WorkloadName, span, summary};

/// Counts of one workload change no faster than this on the screen; that it is complete or
/// has failed is said at once.
const QUIET: Duration = Duration::from_secs(2);

/// The workloads of an application and the pods that count for them.
#[derive(Debug)]
pub struct Board {
    started: Timestamp,
    rows: BTreeMap<Arc<str>, Row>,
    pods: BTreeMap<Arc<str>, PodSeen>,
}

/// One workload.
#[derive(Clone, Debug)]
pub struct Row {
    /// The workload.
    pub object: ObjectRef,
    /// How far it is.
    pub state: RolloutState,
    created: Option<Timestamp>,
    /// True for what a workload owns: the Jobs of CronJobs.
    owned: bool,
    /// The sync phase, if it is a hook.
    pub hook: Option<Arc<str>>,
    /// True if it is new or was not complete at some time of this run.
    pub touched: bool,
    /// Since when it is not complete; none while it is.
    pub pending_since: Option<Timestamp>,
    /// The new pod that was not ready when it was last seen incomplete.
    pub held_up_by: Option<Arc<str>>,
    /// How long it took to become complete, the last time.
    pub took: Option<Duration>,
    /// True once it was deleted.
    pub gone: bool,
    /// Restarts of the containers of its new pods that are gone.
    restarts_of_gone: u32,
    told: Told,
}

/// What was said of a workload last.
#[derive(Clone, Debug, Default)]
struct Told {
    words: String,
    at: Option<Timestamp>,
}

/// How often the containers of pods have ended, by the pod's uid.
pub type Ends = BTreeMap<Arc<str>, u32>;

/// A pod, as far as it counts for its workload.
#[derive(Debug)]
struct PodSeen {
    root: Arc<str>,
    is_new: bool,
    restarts: u32,
    pod: Arc<Pod>,
}

impl Board {
    /// Nothing is known yet.
    pub fn new(started: Timestamp) -> Self {
        Self {
            started,
            rows: BTreeMap::new(),
            pods: BTreeMap::new(),
        }
    }

    /// An object is there or changed; what to say about it.
    pub fn apply(&mut self, tracked: &Tracked, now: Timestamp) -> Option<Record> {
        if let TrackedBody::Pod(pod) = &tracked.body {
            self.apply_pod(tracked, pod);
        }
        let state = state(tracked)?;
        let uid = Arc::clone(&tracked.object.uid);
        let unready = if state.complete {
            None
        } else {
            self.unready(&uid)
        };
        let row = self.rows.entry(uid).or_insert_with(|| Row::new(tracked));
        row.held_up_by = unready.or(row.held_up_by.take());
        row.change(state, self.started, now);
        row.tell(now)
    }

    /// A new pod of a workload that is to run for ever and is not ready.
    fn unready(&self, root: &str) -> Option<Arc<str>> {
        let of_root = |pod: &&PodSeen| *pod.root == *root && pod.is_new && pod.runs_for_ever();
        let mut pods = self.pods.values().filter(of_root);
        let unready = pods.find(|pod| {
            pod.pod
                .condition("Ready")
                .is_none_or(|ready| ready.status != "True")
        })?;
        unready.pod.metadata.name.as_deref().map(Arc::from)
    }

    fn apply_pod(&mut self, tracked: &Tracked, pod: &Arc<Pod>) {
        let counts = pod.containers().filter_map(|(_, status)| status);
        let restarts = counts.map(|status| u32::try_from(status.restart_count).unwrap_or(0));
        let seen = PodSeen {
            root: Arc::clone(&tracked.root.uid),
            is_new: tracked.is_new,
            restarts: restarts.sum(),
            pod: Arc::clone(pod),
        };
        self.pods.insert(Arc::clone(&tracked.object.uid), seen);
    }

    /// An object is gone.
    pub fn remove(&mut self, object: &ObjectRef) {
        if let Some(pod) = self.pods.remove(&object.uid)
            && let Some(row) = self.rows.get_mut(&pod.root)
            && pod.is_new
        {
            row.restarts_of_gone += pod.restarts;
        }
        if let Some(row) = self.rows.get_mut(&object.uid) {
            row.gone = true;
        }
    }

    /// What was held back and may be said now.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Record> {
        let rows = self.rows.values_mut();
        rows.filter_map(|row| row.tell(now)).collect()
    }

    /// The workloads by namespace, kind and name; hooks that were deleted stay, and of the
    /// Jobs of CronJobs those of this run.
    pub fn rows(&self) -> Vec<&Row> {
        let mut rows: Vec<_> = self.rows.values().filter(|row| row.counts()).collect();
        rows.sort_by_key(|row| (row.name(), row.created));
        // A hook is made anew at each try of a sync: the last one is what counts.
        rows.dedup_by(|later, earlier| {
            let same = later.name() == earlier.name() && earlier.gone;
            if same {
                *earlier = *later;
            }
            same
        });
        rows
    }

    /// Restarts of the containers of a workload's new pods.
    pub fn restarts(&self, row: &Row) -> u32 {
        let pods = self.pods.values();
        let present = pods.filter(|pod| pod.is_new && pod.root == row.object.uid);
        row.restarts_of_gone + present.map(|pod| pod.restarts).sum::<u32>()
    }

    /// How many new pods there are.
    pub fn new_pods(&self) -> usize {
        self.pods.values().filter(|pod| pod.is_new).count()
    }

    /// How many pods there are.
    pub fn pods(&self) -> usize {
        self.pods.len()
    }

    /// How the workload of this name goes on, also if it was made anew; `pods` are those
    /// that a finding is about.
    pub(super) fn course(&self, object: &ObjectRef, pods: &[String]) -> Course {
        let is_same = |row: &&Row| {
            let (kind, name) = (&row.object.kind, &row.object.name);
            (kind, name, &row.object.namespace) == (&object.kind, &object.name, &object.namespace)
        };
        let mut rows = self.rows.values().filter(is_same).peekable();
        let is_known = rows.peek().is_some();
        match rows.find(|row| !row.gone).map(|row| &row.state) {
            Some(state) if state.failed.is_some() => Course::Failed,
            Some(state) if state.complete => Course::Complete,
            None if is_known => Course::Gone,
            _ => self.course_of_pods(object, pods),
        }
    }

    /// What owns pods and has no rollout of its own is there as long as they are.
    fn course_of_pods(&self, root: &ObjectRef, pods: &[String]) -> Course {
        let names = self.pods.values().filter(|pod| pod.root == root.uid);
        let names = names.filter_map(|pod| pod.pod.metadata.name.as_ref());
        if pods.is_empty() || names.clone().any(|name| pods.contains(name)) {
            Course::Going
        } else {
            Course::Anew
        }
    }

    /// True if every workload is complete and there is one.
    pub fn is_complete(&self) -> bool {
        let mut rows = self
            .rows
            .values()
            .filter(|row| !row.gone && row.counts())
            .peekable();
        rows.peek().is_some() && rows.all(|row| row.state.complete)
    }

    /// How often the containers of each new pod that is to run for ever have ended so far.
    pub fn ends(&self) -> Ends {
        let pods = self
            .pods
            .iter()
            .filter(|(_, pod)| pod.is_new && pod.runs_for_ever());
        pods.map(|(uid, pod)| (Arc::clone(uid), pod.ends()))
            .collect()
    }

    /// True if a container has ended that had not before, but of workloads that do not
    /// matter. A pod that came later counts from its first end on.
    pub fn has_ended_since(&self, before: &Ends, ignored: &[WorkloadName]) -> bool {
        let ended = self
            .ends()
            .into_iter()
            .filter(|(uid, ends)| *ends > before.get(uid).copied().unwrap_or(0));
        ended
            .into_iter()
            .any(|(uid, _)| !self.is_ignored(&uid, ignored))
    }

    fn is_ignored(&self, pod_uid: &str, ignored: &[WorkloadName]) -> bool {
        let row = self
            .pods
            .get(pod_uid)
            .and_then(|pod| self.rows.get(&pod.root));
        row.is_some_and(|row| ignored.iter().any(|ignored| ignored.is(&row.object)))
    }

    /// True if a crash may still come: a new container runs that nothing asked whether it is
    /// ready, or a new pod has not been ready for `settle`.
    pub fn may_still_crash(&self, settle: Duration, now: Timestamp) -> bool {
        let new = self.pods.values().filter(|pod| pod.is_new);
        new.filter(|pod| !pod.pod.is_finished())
            .any(|pod| !has_probes(&pod.pod) || !ready_for(&pod.pod, settle, now))
    }
}

impl PodSeen {
    fn runs_for_ever(&self) -> bool {
        self.pod.spec.restart_policy.as_deref().unwrap_or("Always") == "Always"
    }

    /// Ends of its containers: each restart is one, and so is a container that is not
    /// running after it ran. Init containers end as they should.
    fn ends(&self) -> u32 {
        let statuses = &self.pod.status.container_statuses;
        let counts = statuses.iter().map(|status| {
            let ended = u32::from(status.state.terminated.is_some());
            u32::try_from(status.restart_count).unwrap_or(0) + ended
        });
        counts.sum()
    }
}

impl Row {
    fn new(tracked: &Tracked) -> Self {
        Self {
            object: tracked.object.clone(),
            state: RolloutState::default(),
            created: tracked
                .body
                .metadata()
                .creation_timestamp
                .as_ref()
                .map(|time| time.0),
            owned: tracked.object.uid != tracked.root.uid,
            hook: tracked.hook.clone(),
            touched: tracked.is_new,
            pending_since: None,
            held_up_by: None,
            took: None,
            gone: false,
            restarts_of_gone: 0,
            told: Told::default(),
        }
    }

    fn name(&self) -> (Arc<str>, GroupKind, Arc<str>) {
        let object = &self.object;
        (
            Arc::clone(&object.namespace),
            object.kind.clone(),
            Arc::clone(&object.name),
        )
    }

    pub(super) fn is_cron_job(&self) -> bool {
        &*self.object.kind.kind == "CronJob"
    }

    fn counts(&self) -> bool {
        (!self.gone || self.hook.is_some()) && (self.touched || !self.owned)
    }

    fn change(&mut self, state: RolloutState, started: Timestamp, now: Timestamp) {
        let first = self.told.words.is_empty() && self.pending_since.is_none();
        if state.complete {
            let since = self
                .pending_since
                .take()
                .or_else(|| (first && self.touched).then_some(started));
            self.took = since.map(|since| span::between(since, now)).or(self.took);
        } else {
            self.touched = true;
            self.pending_since.get_or_insert(now);
        }
        self.state = state;
    }

    /// A record if there is news. That something was complete from the start is none.
    fn tell(&mut self, now: Timestamp) -> Option<Record> {
        let words = self.words();
        let held = self
            .told
            .at
            .is_some_and(|at| span::between(at, now) < QUIET);
        let decided = self.state.complete || self.state.failed.is_some();
        let unseen = self.state.waiting_for.as_deref() == Some(NOT_SEEN);
        // A CronJob is always complete; what it does its Jobs tell.
        let mute = !self.touched || self.gone || self.is_cron_job();
        if mute || unseen || words == self.told.words || (held && !decided) {
            return None;
        }
        self.told = Told {
            words: words.clone(),
            at: Some(now),
        };
        let level = if self.state.failed.is_some() {
            Level::Error
        } else {
            Level::Info
        };
        let body = Body::Status(Status {
            namespace: self.object.namespace.to_string(),
            workload: self.object.to_string(),
            ready: self.state.ready,
            desired: self.state.desired,
            complete: self.state.complete,
        });
        Some(Record::at(
            now,
            level,
            format!("{} {words}", self.object),
            body,
        ))
    }

    /// `1/3 updated, 1 ready`, `3/3 ready after 58 s`, `complete after 4 s`.
    pub fn words(&self) -> String {
        let state = &self.state;
        if let Some(why) = &state.failed {
            return format!("failed: {why}");
        }
        let counts = counts(&self.object, state);
        match (state.complete, self.took) {
            (true, Some(took)) => format!("{counts} after {}", summary::elapsed(took)),
            (true, None) => counts,
            (false, _) => waiting(state, counts),
        }
    }
}

/// The state of what has one of its own: what stands in git, and the Jobs of CronJobs.
fn state(tracked: &Tracked) -> Option<RolloutState> {
    let kind = &tracked.object.kind;
    let is_job = &*kind.kind == "Job" && &*kind.group == "batch";
    if tracked.object.uid != tracked.root.uid && !is_job {
        return None;
    }
    match &tracked.body {
        // A pod that is being deleted ends as it likes.
        TrackedBody::Pod(pod) if pod.metadata.deletion_timestamp.is_some() => None,
        TrackedBody::Pod(pod) => Some(rollout::pod(pod)),
        TrackedBody::Workload(workload) => Some(rollout::of(kind, workload)),
        TrackedBody::Other(_) => None,
    }
}

fn counts(object: &ObjectRef, state: &RolloutState) -> String {
    let (ready, desired) = (state.ready.unwrap_or(0), state.desired.unwrap_or(0));
    match &*object.kind.kind {
        "Job" | "CronJob" | "Pod" if state.complete => "complete".to_owned(),
        "Job" => format!("{ready}/{desired} succeeded"),
        _ if state.desired.is_none() => if state.complete {
            "complete"
        } else {
            "in progress"
        }
        .to_owned(),
        _ => format!("{ready}/{desired} ready"),
    }
}

fn waiting(state: &RolloutState, counts: String) -> String {
    let (ready, desired) = (state.ready.unwrap_or(0), state.desired.unwrap_or(0));
    let repeated = format!("{ready} of {desired} ");
    match (state.updated, state.desired) {
        (Some(updated), Some(desired)) if updated < desired => {
            format!(
                "{updated}/{desired} updated, {} ready",
                state.ready.unwrap_or(0)
            )
        }
        _ => match &state.waiting_for {
            Some(words) if words.starts_with(&repeated) => counts,
            Some(words) if words.starts_with(|first: char| first.is_ascii_digit()) => {
                format!("{counts}, {words}")
            }
            Some(words) => format!("{counts}, waiting for {words}"),
            None => counts,
        },
    }
}

fn has_probes(pod: &Pod) -> bool {
    pod.spec
        .containers
        .iter()
        .all(|container| container.readiness_probe.is_some())
}

fn ready_for(pod: &Pod, settle: Duration, now: Timestamp) -> bool {
    let ready = pod
        .condition("Ready")
        .filter(|ready| ready.status == "True");
    let since = ready.and_then(|ready| ready.last_transition_time.as_ref());
    since.is_some_and(|since| span::between(since.0, now) >= settle)
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, KindTraits};
    use argo_workloads::{builtin, describe};
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn tracked(kind: (&str, &str), name: &str, body: TrackedBody) -> Tracked {
        let object = ObjectRef {
            kind: GroupKind::new(kind.0, kind.1),
            namespace: "n".into(),
            name: name.into(),
            uid: name.into(),
        };
        let tracked = Tracked {
            root: object.clone(),
            object,
            owner: None,
            hook: None,
            is_new: false,
            rollout: None,
            traits: KindTraits::default(),
            body,
        };
        describe(&builtin(), tracked)
    }

    fn deployment(updated: i64, ready: i64) -> Tracked {
        let value: Value = json!({"spec": {"replicas": 3}, "status": {"replicas": 3,
            "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready}});
        let workload = serde_json::from_value(value).unwrap();
        tracked(
            ("apps", "Deployment"),
            "web",
            TrackedBody::Workload(Arc::new(workload)),
        )
    }

    fn pod(restarts: i32, probe: bool, ready_since: &str) -> Tracked {
        let probe = probe.then(|| json!({"httpGet": {"path": "/"}}));
        let value = json!({"spec": {"containers": [{"name": "app", "readinessProbe": probe}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": restarts}],
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ready_since}]}});
        let pod = serde_json::from_value(value).unwrap();
        let mut pod = tracked(("", "Pod"), "web-1", TrackedBody::Pod(Arc::new(pod)));
        pod.root = deployment(3, 3).object;
        pod.is_new = true;
        pod
    }

    #[test]
    fn changes_are_told_once_and_completion_at_once() {
        let mut board = Board::new(at(0));
        let mut say =
            |tracked: &Tracked, second| board.apply(tracked, at(second)).map(|record| record.msg);
        assert_eq!(say(&deployment(3, 3), 0), None);
        assert_eq!(
            say(&deployment(1, 3), 1).as_deref(),
            Some("Deployment/web 1/3 updated, 3 ready")
        );
        assert_eq!(say(&deployment(1, 3), 2), None);
        assert_eq!(say(&deployment(2, 3), 2), None);
        assert_eq!(
            say(&deployment(3, 3), 2).as_deref(),
            Some("Deployment/web 3/3 ready after 1 s")
        );
        assert_eq!(say(&deployment(3, 2), 3), None);
        let later = board.tick(at(5));
        assert_eq!(later[0].msg, "Deployment/web 2/3 ready");
        assert!(board.tick(at(9)).is_empty() && !board.is_complete());
    }

    #[test]
    fn of_a_hook_that_was_tried_again_the_last_try_counts() {
        let mut board = Board::new(at(0));
        for (uid, second) in [("first", 1), ("second", 9)] {
            let created = at(second).to_string();
            let value =
                json!({"metadata": {"creationTimestamp": created}, "spec": {"completions": 1}});
            let workload = serde_json::from_value(value).unwrap();
            let mut hook = tracked(
                ("batch", "Job"),
                "migrate",
                TrackedBody::Workload(Arc::new(workload)),
            );
            (hook.object.uid, hook.root.uid) = (uid.into(), uid.into());
            hook.hook = Some("PreSync".into());
            board.apply(&hook, at(second));
            if uid == "first" {
                board.remove(&hook.object);
            }
        }
        let rows = board.rows();
        assert_eq!((rows.len(), &*rows[0].object.uid), (1, "second"));
    }

    #[test]
    fn restarts_of_pods_that_are_gone_still_count() {
        let mut board = Board::new(at(0));
        board.apply(&deployment(3, 3), at(0));
        board.apply(&pod(2, true, "1970-01-01T00:00:00Z"), at(1));
        board.remove(&pod(2, true, "1970-01-01T00:00:00Z").object);
        let rows = board.rows();
        assert_eq!(board.restarts(rows[0]), 2);
    }

    #[test]
    fn without_a_probe_or_just_ready_it_may_still_crash() {
        let settle = Duration::from_secs(10);
        let check = |probe, ready_since: i64| {
            let mut board = Board::new(at(0));
            board.apply(&pod(0, probe, &at(ready_since).to_string()), at(0));
            board.may_still_crash(settle, at(20))
        };
        assert!(check(false, 0) && check(true, 15));
        assert!(!check(true, 5));
    }
}
