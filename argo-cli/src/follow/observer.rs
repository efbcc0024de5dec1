//! Everything that is known of a deployment: the facts, the progress and the findings.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use argo_core::{AppRef, GroupKind, ObjectRef, TrackEvent, Tracked, TrackedBody, text::duration};
use argo_events::EventRecord;
use argo_logs::{Batch, Line};
use argo_workloads::{
    diagnosis::{
        EventFact, Examiner, Facts, Finding, FindingEvent, LAST_LINES, Thresholds, Timeline,
        stands_out,
    },
    expectation::RunningImage,
    progress::{CrashCounts, PodCounts, Progress, WorkloadProgress},
    resources::{Answer, ReadRequest, Report, Wait},
};
use jiff::Timestamp;

/// The shortest time between two examinations.
const AT_MOST: Duration = Duration::from_millis(500);
/// The longest time between two examinations; some findings need nothing but time.
const AT_LEAST: Duration = Duration::from_secs(1);
/// Bytes of a container's log lines that are searched for words of errors between two
/// examinations. What comes beyond that is a flood, of which each batch is searched at its end.
const SEARCHED: usize = 1 << 20;
/// Lines at the end of a batch that are searched however many come.
const SEARCHED_LINES: usize = 256;
/// The time after an abort in which its explanation arrives.
const EXPLAINED: Duration = Duration::from_secs(2);

/// Takes in the three streams of a deployment and examines their content. It has no clock:
/// the caller passes the times.
#[derive(Debug)]
pub struct Observer {
    facts: Facts,
    examiner: Examiner,
    progress: Progress,
    timeline: Timeline,
    examined: Timestamp,
    /// True if something came after the last examination.
    has_changed: bool,
    /// Bytes that were searched for words of errors since then, by the uid of the pod and the
    /// container.
    searched: HashMap<(Arc<str>, Arc<str>), usize>,
}

impl Observer {
    /// Creates the observer of an application of which nothing is known yet.
    pub fn new(app: AppRef, started: Timestamp) -> Self {
        Self {
            facts: Facts::new(started),
            examiner: Examiner::default(),
            progress: Progress::new(app, started),
            timeline: Timeline::default(),
            examined: started,
            has_changed: false,
            searched: HashMap::new(),
        }
    }

    /// Takes in an event of the tracker. Returns the workload whose state it carries.
    pub fn track(&mut self, event: &TrackEvent, now: Timestamp) -> Option<&WorkloadProgress> {
        self.has_changed = true;
        self.facts.track(event, now);
        self.progress.track(event, now)
    }

    /// Takes in a Kubernetes event.
    pub fn event(&mut self, event: &EventRecord) {
        self.has_changed = true;
        self.facts.resources_mut().hurry_object(&event.object.uid);
        self.facts.event(fact(event));
    }

    /// Takes in lines of a container, of which the last ones may be evidence.
    pub fn lines(&mut self, pod_uid: &Arc<str>, container: &Arc<str>, batch: &Batch) {
        self.has_changed = true;
        let last = batch.len().saturating_sub(LAST_LINES);
        let lines = self.standing_out([pod_uid, container], batch, last);
        let lines = lines.into_iter().chain(batch.lines().skip(last));
        let lines = lines.map(|line| (line.time(), line.text));
        self.facts
            .lines(pod_uid, container, batch.container_id(), lines);
    }

    /// Returns the last line that stands out among the first lines of a batch. The first names
    /// are the uid of the pod and the container.
    fn standing_out<'a>(
        &mut self,
        [pod_uid, container]: [&Arc<str>; 2],
        batch: &'a Batch,
        first: usize,
    ) -> Option<Line<'a>> {
        let key = (Arc::clone(pod_uid), Arc::clone(container));
        let searched = self.searched.entry(key).or_default();
        let is_flood = *searched >= SEARCHED;
        let from = first.saturating_sub(if is_flood { SEARCHED_LINES } else { first });
        let part = batch.part(from..first);
        *searched += part.bytes().len();
        // One search through all of them: most logs that write fast have no such line.
        let has_one = stands_out(part.bytes());
        let mut lines = part.lines().rev();
        lines.find(|line| has_one && stands_out(line.text))
    }

    /// True if an examination may find something, and the last one is not too recent.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let since = duration::between(self.examined, now);
        since >= AT_LEAST || (self.has_changed && since >= AT_MOST)
    }

    /// True unless the last examination is too recent for another one.
    pub fn may_examine(&self, now: Timestamp) -> bool {
        duration::between(self.examined, now) >= AT_MOST
    }

    /// Applies the rules and returns the changes among the findings.
    pub fn examine(&mut self, thresholds: &Thresholds, now: Timestamp) -> Vec<FindingEvent> {
        self.examined = now;
        self.has_changed = false;
        self.searched.clear();
        let findings = self.examiner.examine(&mut self.facts, thresholds, now);
        self.timeline.update(findings, &self.progress, now)
    }

    /// Returns the reasons that are known so far, certain or not. Nothing is reported.
    pub fn reasons(&mut self, thresholds: &Thresholds, now: Timestamp) -> Vec<Finding> {
        self.examiner
            .examine(&mut self.facts, &thresholds.so_far(), now)
    }

    /// Returns the images that the newest pods run.
    pub fn images(&self) -> Vec<RunningImage> {
        self.facts.images()
    }

    /// Takes in what argocd or Argo CD's API says of a resource.
    pub fn report(&mut self, report: Report, now: Timestamp) {
        self.has_changed = true;
        self.facts.resources_mut().report(report, now);
    }

    /// Takes in the answer to a [read](Self::reads). Returns an event for the event stream if
    /// the object was not known before: its events are wanted from now on.
    pub fn answer(&mut self, answer: Answer, now: Timestamp) -> Option<TrackEvent> {
        self.has_changed = true;
        let object = self.facts.resources_mut().answer(answer, now)?;
        Some(TrackEvent::Applied(Tracked {
            is_new: false,
            ..Tracked::root(object, TrackedBody::Other(Arc::default()))
        }))
    }

    /// Returns the live objects that should be read now: those of resources that hold the
    /// application up and whose state no watch delivers.
    pub fn reads(&mut self, now: Timestamp) -> Vec<ReadRequest> {
        let workloads = self.progress.workloads();
        let followed = workloads
            .iter()
            .filter(|workload| !workload.only_starts_others());
        let followed: BTreeSet<&GroupKind> =
            followed.map(|workload| &workload.object.kind).collect();
        let is_followed = |kind: &GroupKind| kind.is("", "Pod") || followed.contains(kind);
        self.facts.resources_mut().due(is_followed, now)
    }

    /// Has the resources that hold the application up read once more, soon.
    pub fn hurry(&mut self) {
        self.facts.resources_mut().hurry();
    }

    /// Returns the resources without a progress of their own that hold the application up.
    pub fn waits(&self, now: Timestamp) -> Vec<Wait> {
        // argocd asks for the health of the application alone, whatever one of its resources says.
        if self.progress.are_healthy() {
            return Vec::new();
        }
        let workloads = self.progress.workloads();
        let is_followed = |object: &ObjectRef| {
            object.kind.is("", "Pod")
                || workloads.iter().any(|workload| {
                    !workload.only_starts_others() && workload.object.same_name(object)
                })
        };
        let mut waits = self.facts.resources().waits(now);
        waits.retain(|wait| !is_followed(&wait.object));
        waits
    }

    /// True if the first lists are complete, and neither the Application nor an object of it was
    /// in them.
    pub fn found_nothing(&self) -> bool {
        let progress = &self.progress;
        progress.is_synced()
            && progress.application().is_none()
            && progress.workloads().is_empty()
            && progress.pods() == 0
    }

    /// Returns the progress of the deployment.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns the findings of the last examination, and their history.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Returns the workloads that have been unable to become complete for at least `grace`,
    /// and those that can never become so: a Rollout that was aborted; a failed Job or an ended
    /// pod, unless Argo CD heals the application by itself.
    pub fn doomed(&self, grace: Duration, now: Timestamp) -> Vec<ObjectRef> {
        let mut doomed = self.timeline.doomed(grace, now);
        let aborted = self.findings().iter().filter(|finding| {
            finding.is_doomed() && self.progress.is_aborted(&finding.workload, EXPLAINED, now)
        });
        doomed.extend(aborted.map(|finding| finding.workload.clone()));
        let application = self.progress.application();
        if !application.is_some_and(|application| application.spec.sync_policy.heals()) {
            let ended = self.findings().iter();
            let ended = ended.filter(|finding| finding.is_final());
            doomed.extend(ended.map(|finding| finding.workload.clone()));
        }
        doomed
    }

    /// True if a pod of the newest revision may still crash although everything is complete.
    pub fn may_still_crash(&self, settle: Duration, now: Timestamp) -> bool {
        let newest = self.facts.newest_pods();
        !settle.is_zero() && self.progress.may_still_crash(settle, &newest, now)
    }

    /// True if a container of the newest revision has crashed since `before`, and more often
    /// than `allowed` in all.
    pub fn has_crashed_since(
        &self,
        before: &CrashCounts,
        allowed: u32,
        is_ignored: impl Fn(&ObjectRef) -> bool,
    ) -> bool {
        let newest = self.facts.newest_pods();
        self.progress
            .has_crashed_since(before, allowed, &newest, is_ignored)
    }

    /// Counts the pods of a workload that are ready, the new and the old ones apart.
    pub fn pods(&self, workload: &WorkloadProgress) -> PodCounts {
        let (newest, of_runs) = (self.facts.newest_pods(), self.facts.pods_of_runs());
        self.progress.pod_counts(workload, &newest, &of_runs)
    }

    /// Returns how often containers of a workload's newest pods were restarted.
    pub fn restarts(&self, workload: &WorkloadProgress) -> u32 {
        self.progress.restarts(workload, &self.facts.newest_pods())
    }

    /// Returns how often they were restarted since they came into being.
    pub fn restarts_ever(&self, workload: &WorkloadProgress) -> u32 {
        let newest = self.facts.newest_pods();
        self.progress.restarts_ever(workload, &newest)
    }

    /// Returns the findings of the last examination, the worst first.
    pub fn findings(&self) -> &[Finding] {
        self.timeline.current()
    }
}

fn fact(event: &EventRecord) -> EventFact {
    EventFact {
        object: event.object.clone(),
        container: event.container.as_deref().map(str::to_owned),
        reason: event.reason.clone(),
        message: event.message.clone(),
        type_: event.type_.clone(),
        count: event.count,
        first: event.first_seen,
        last: event.time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flood_of_a_container_is_searched_up_to_a_limit_and_then_at_the_end_of_each_batch() {
        let app = AppRef::new("shop", "argocd");
        let mut observer = Observer::new(app, Timestamp::UNIX_EPOCH);
        let long = b"x".repeat(1000);
        let with_error_at = |at: usize| {
            let texts = (0..1000).map(|number| match number == at {
                true => &b"FATAL: no"[..],
                false => &long,
            });
            let lines = texts.map(|text| Line::new(Some(0), text));
            Batch::from_lines("run".into(), 0, lines)
        };
        let pod: Arc<str> = "u".into();
        let is_seen = |observer: &mut Observer, container: &str, at| {
            let batch = with_error_at(at);
            let container: Arc<str> = container.into();
            let line = observer.standing_out([&pod, &container], &batch, 1000);
            line.is_some()
        };
        assert!(is_seen(&mut observer, "loud", 0));
        assert!(is_seen(&mut observer, "loud", 0));
        assert!(!is_seen(&mut observer, "loud", 0));
        assert!(is_seen(&mut observer, "loud", 900));
        assert!(is_seen(&mut observer, "quiet", 0));
        observer.examine(&Thresholds::default(), Timestamp::UNIX_EPOCH);
        assert!(is_seen(&mut observer, "loud", 0));
    }
}
