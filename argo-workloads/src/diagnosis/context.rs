//! The world at one moment, as the rules look at it.

use std::{collections::BTreeSet, sync::Arc};

use argo_core::{
    KindTraits, RolloutState,
    resource::{Application, Container, ContainerStatus, Pod, Probe},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    facts::{
        ContainerHistory, EventFact, Facts, Line, PodFact, StartProblem, WorkloadFact,
        newest::run_of,
    },
    span::age,
    thresholds::Thresholds,
};
use crate::resources::Resource;

pub(super) mod application;
mod resource;

/// The time in which a sync may bring a revision that mends an earlier failure.
const REPLACED_WITHIN: SignedDuration = super::span::secs(60);

/// The world at one moment.
pub(super) struct Context<'a> {
    pub(super) facts: &'a Facts,
    pub(super) thresholds: &'a Thresholds,
    pub(super) now: Timestamp,
    newest: BTreeSet<&'a str>,
    /// The pods that [count](PodView::counts): each rule asks for them.
    counting: Vec<&'a PodFact>,
}

/// A pod that was made within this time before we started may be the work of the same sync.
const JUST_MADE: SignedDuration = super::span::secs(60);

/// One container of a pod that counts.
#[derive(Clone, Copy)]
pub(super) struct ContainerView<'a> {
    pub(super) pod: PodView<'a>,
    pub(super) container: &'a Container,
    pub(super) status: Option<&'a ContainerStatus>,
    pub(super) history: &'a ContainerHistory,
    pub(super) role: Role,
}

/// The purpose of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The container runs and ends before the others start.
    Init,
    /// The container starts before the others and runs with them.
    Sidecar,
    /// The container does the work that the pod exists for.
    Regular,
}

/// One pod that counts.
#[derive(Clone, Copy)]
pub(super) struct PodView<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) fact: &'a PodFact,
}

/// One workload.
#[derive(Clone, Copy)]
pub(super) struct WorkloadView<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) fact: &'a WorkloadFact,
    pub(super) state: &'a RolloutState,
}

/// One resource of an Application, of any kind.
#[derive(Clone, Copy)]
pub(super) struct ResourceView<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) resource: &'a Resource,
}

/// One Application.
#[derive(Clone, Copy)]
pub(super) struct ApplicationView<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) application: &'a Application,
}

impl<'a> Context<'a> {
    pub(super) fn new(facts: &'a Facts, thresholds: &'a Thresholds, now: Timestamp) -> Self {
        let mut context = Self {
            facts,
            thresholds,
            now,
            newest: facts.newest_pods(),
            counting: Vec::new(),
        };
        let counts = |fact: &&PodFact| {
            let context = &context;
            PodView { context, fact }.counts()
        };
        context.counting = facts.pods.values().filter(counts).collect();
        context
    }

    /// Returns the rollout state of a workload or a bare pod.
    pub(super) fn state(&self, uid: &str) -> Option<&'a RolloutState> {
        if let Some(fact) = self.facts.workloads.get(uid) {
            return Some(&fact.rollout);
        }
        self.facts.pods.get(uid)?.rollout.as_ref()
    }

    /// Returns the traits of a workload's kind.
    pub(super) fn traits(&self, uid: &str) -> Option<&'a KindTraits> {
        self.facts.workloads.get(uid).map(|fact| &fact.traits)
    }

    pub(super) fn workloads(&'a self) -> impl Iterator<Item = WorkloadView<'a>> {
        let facts = self.facts.workloads.values();
        facts.map(|fact| WorkloadView {
            context: self,
            fact,
            state: &fact.rollout,
        })
    }

    /// Returns the pods that may be blamed: of the newest revision, not about to go, and of a
    /// workload that is not done without them.
    pub(super) fn pods(&'a self) -> impl Iterator<Item = PodView<'a>> {
        self.counting.iter().map(|fact| PodView {
            context: self,
            fact,
        })
    }

    /// Returns every known pod.
    pub(super) fn all_pods(&'a self) -> impl Iterator<Item = PodView<'a>> {
        let facts = self.facts.pods.values();
        facts.map(|fact| PodView {
            context: self,
            fact,
        })
    }

    pub(super) fn applications(&'a self) -> impl Iterator<Item = ApplicationView<'a>> {
        let applications = self.facts.applications.iter();
        let present = applications.filter(|(uid, _)| self.facts.deleted_at(uid).is_none());
        present.map(|(_, application)| ApplicationView {
            context: self,
            application,
        })
    }

    /// Returns the Applications that are gone, or about to go.
    pub(super) fn leaving(&'a self) -> impl Iterator<Item = ApplicationView<'a>> {
        let applications = self.facts.applications.iter();
        let leaving = applications.filter(|(uid, application)| {
            application.metadata.deletion_timestamp.is_some()
                || self.facts.deleted_at(uid).is_some()
        });
        leaving.map(|(_, application)| ApplicationView {
            context: self,
            application,
        })
    }

    pub(super) fn resources(&'a self) -> impl Iterator<Item = ResourceView<'a>> {
        let resources = self.facts.resources().all();
        resources.map(|resource| ResourceView {
            context: self,
            resource,
        })
    }

    /// True if this is the uid of an Application.
    pub(super) fn is_application(&self, uid: &str) -> bool {
        self.facts.applications.get(uid).is_some()
    }

    /// Counts the pods of the newest revision of a workload, without those that are being
    /// deleted and those that measure for an analysis.
    pub(super) fn new_pods(&'a self, root: &str) -> usize {
        let pods = self
            .all_pods()
            .filter(|view| &*view.fact.root.uid == root && view.is_newest() && !view.is_going());
        pods.filter(|view| view.metric().is_none()).count()
    }

    /// True if the controller gave up on the last release of a workload, and this one has not
    /// reached it yet. One look has no last release.
    pub(super) fn is_inherited(&self, uid: &str) -> bool {
        !self.thresholds.is_one_look() && self.facts.releases.inherited.is_inherited(uid)
    }

    /// True if every pod of the newest revision is about to go.
    pub(super) fn is_replacing(&'a self, root: &str) -> bool {
        let newest = || {
            self.all_pods()
                .filter(|view| &*view.fact.root.uid == root && view.is_newest())
        };
        newest().next().is_some() && newest().all(PodView::is_going)
    }

    pub(super) fn age(&self, since: Timestamp) -> SignedDuration {
        age(self.now, since)
    }

    /// Returns the latest event of an object that `fits` accepts.
    pub(super) fn event(
        &self,
        uid: &str,
        fits: impl Fn(&EventFact) -> bool,
    ) -> Option<&'a EventFact> {
        self.facts.events_of(uid)?.latest(fits)
    }
}

/// True if the cluster took a pod away.
pub(super) fn is_disrupted(pod: &Pod) -> bool {
    const REASONS: [&str; 5] = [
        "Evicted",
        "Preempting",
        "NodeShutdown",
        "Terminated",
        "NodeLost",
    ];
    let reason = pod.status.reason.as_deref();
    let condition = pod.condition("DisruptionTarget");
    reason.is_some_and(|reason| REASONS.contains(&reason))
        || condition.is_some_and(|condition| condition.status == "True")
}

impl<'a> PodView<'a> {
    /// True if the pod is of the newest revision of its workload.
    pub(super) fn is_newest(self) -> bool {
        self.context.newest.contains(&*self.fact.object.uid)
    }

    /// True unless the pod was deleted.
    pub(super) fn is_present(self) -> bool {
        let pods = &self.context.facts.pods;
        pods.contains_key(&self.fact.object.uid)
    }

    /// True if the pod is being deleted.
    pub(super) fn is_going(self) -> bool {
        self.fact.pod.metadata.deletion_timestamp.is_some()
    }

    /// True if the cluster took the pod away: an eviction, a drain, a preemption, a node that
    /// shuts down. Its containers did not fail.
    pub(super) fn is_disrupted(self) -> bool {
        is_disrupted(&self.fact.pod)
    }

    fn counts(self) -> bool {
        let fact = self.fact;
        if self.is_going() || !self.is_newest() {
            return false;
        }
        let done = |uid: &str| self.context.state(uid).is_some_and(|state| state.complete);
        // A Job that succeeded in the end forgives its failed pods.
        let forgiven = self
            .job()
            .is_some_and(|job| done(&job.object.uid) || (!fact.is_new && !job.is_new));
        // A measurement that was taken counts by its result alone.
        let measured = ["Successful", "Failed"];
        if self
            .analysis_phase()
            .is_some_and(|phase| measured.contains(&phase))
        {
            return false;
        }
        let unwanted = self.desired() == Some(0);
        let settled = !fact.is_new && done(&fact.root.uid);
        !forgiven && !unwanted && !settled
    }

    /// Returns the Job that owns the pod.
    pub(super) fn job(self) -> Option<&'a WorkloadFact> {
        let owner = self.fact.owner.as_ref()?;
        let job = self.context.facts.workloads.get(&owner.uid)?;
        job.traits.runs_once().then_some(job)
    }

    /// Returns the metric that the pod measures, if it runs for an analysis.
    pub(super) fn metric(self) -> Option<&'a str> {
        self.job()?.metric()
    }

    /// True if the pod runs on for an analysis that is over without a result.
    pub(super) fn is_measured_in_vain(self) -> bool {
        let over = ["Inconclusive", "Error"];
        self.analysis_phase()
            .is_some_and(|phase| over.contains(&phase))
    }

    /// Returns the phase of the analysis that the pod measures for.
    fn analysis_phase(self) -> Option<&'a str> {
        self.metric()?;
        let run = run_of(self.context.facts, self.fact)?;
        let run = self.context.facts.workloads.get(&run.object.uid)?;
        run.workload.status.phase.as_deref()
    }

    fn desired(self) -> Option<i64> {
        self.context.state(&self.fact.root.uid)?.desired
    }

    /// True if the pod was there before the rollout.
    pub(super) fn is_older(self) -> bool {
        !self.fact.is_new
    }

    /// True if a state that began at `since` is not the work of this rollout. One look has no
    /// beginning.
    pub(super) fn was_so_before(self, since: Timestamp) -> bool {
        let context = self.context;
        !context.thresholds.is_one_look()
            && self.is_older()
            && since <= context.facts.started
            && !self.is_of_this_sync()
    }

    /// True if the sync that is followed may have made the pod: a pipeline often syncs first,
    /// and follows a moment later. Where the Application is known, its operation tells which
    /// pods are new.
    fn is_of_this_sync(self) -> bool {
        let facts = self.context.facts;
        let created = self.fact.pod.metadata.creation_timestamp.as_ref();
        let is_young = created.is_some_and(|time| age(facts.started, time.0) < JUST_MADE);
        facts.applications.is_empty() && is_young
    }

    /// True while a new revision may be on its way: a rollout often mends an earlier failure.
    pub(super) fn may_be_replaced(self) -> bool {
        self.context.age(self.context.facts.started) < REPLACED_WITHIN
    }

    pub(super) fn restart_policy(self) -> &'a str {
        let policy = self.fact.pod.spec.restart_policy.as_deref();
        policy.unwrap_or("Always")
    }

    pub(super) fn containers(self) -> impl Iterator<Item = ContainerView<'a>> {
        let spec = &self.fact.pod.spec;
        let inits = spec.init_containers.iter().map(|container| {
            let sidecar = container.restart_policy.as_deref() == Some("Always");
            (container, if sidecar { Role::Sidecar } else { Role::Init })
        });
        let regular = spec
            .containers
            .iter()
            .map(|container| (container, Role::Regular));
        let pod = self;
        inits.chain(regular).filter_map(move |(container, role)| {
            let status = &pod.fact.pod.status;
            let statuses = match role {
                Role::Regular => &status.container_statuses,
                Role::Init | Role::Sidecar => &status.init_container_statuses,
            };
            Some(ContainerView {
                pod,
                container,
                status: statuses.iter().find(|status| status.name == container.name),
                history: pod.fact.containers.get(&container.name)?,
                role,
            })
        })
    }

    /// Returns the latest event of the pod that `fits` accepts.
    pub(super) fn event(self, fits: impl Fn(&EventFact) -> bool) -> Option<&'a EventFact> {
        self.context.event(&self.fact.object.uid, fits)
    }

    /// Returns the latest event of the pod that `fits` accepts, unless the pod has got
    /// further since: a mount that worked in the end leaves its failures behind.
    pub(super) fn blocking_event(self, fits: impl Fn(&EventFact) -> bool) -> Option<&'a EventFact> {
        const FURTHER: [&str; 4] = ["Pulling", "Pulled", "Created", "Started"];
        let event = self.event(fits)?;
        let further = self.event(|event| FURTHER.contains(&&*event.reason));
        let overtaken = further.is_some_and(|further| further.last > event.last);
        (!overtaken && self.is_not_started()).then_some(event)
    }

    /// True until a container of the pod has run.
    pub(super) fn is_not_started(self) -> bool {
        self.fact.pod.status.phase.as_deref().unwrap_or("Pending") == "Pending"
            && self.fact.pod.containers().all(|(_, status)| {
                status.is_none_or(|status| {
                    status.state.running.is_none() && status.state.terminated.is_none()
                })
            })
    }

    /// `kubectl -n shop …` about this pod.
    pub(super) fn namespace(self) -> &'a str {
        &self.fact.object.namespace
    }

    pub(super) fn name(self) -> &'a str {
        &self.fact.object.name
    }
}

impl<'a> ContainerView<'a> {
    pub(super) fn context(&self) -> &'a Context<'a> {
        self.pod.context
    }

    pub(super) fn name(&self) -> &'a str {
        &self.container.name
    }

    /// Names the container with its role: `container app`, `init container migrate`.
    pub(super) fn label(&self) -> String {
        let role = match self.role {
            Role::Init => "init container",
            Role::Sidecar => "sidecar",
            Role::Regular => "container",
        };
        format!("{role} {}", self.name())
    }

    /// Returns the policy by which its end is judged: its own where it has one (Kubernetes
    /// 1.34), the pod's otherwise. Init containers are started until they succeed.
    pub(super) fn restart_policy(&self) -> &'a str {
        let own = self.container.restart_policy.as_deref();
        own.unwrap_or_else(|| self.pod.restart_policy())
    }

    pub(super) fn start_problem(&self) -> Option<&'a StartProblem> {
        self.history.start_problem.as_ref()
    }

    pub(super) fn image(&self) -> &'a str {
        self.container.image.as_deref().unwrap_or_default()
    }

    /// Returns the reason for which the container waits, in one word; empty if it does not
    /// wait.
    pub(super) fn waiting_reason(&self) -> &'a str {
        let waiting = self.status.and_then(|status| status.state.waiting.as_ref());
        let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
        reason.unwrap_or_default()
    }

    /// Returns the time at which the container's present run began.
    pub(super) fn running_since(&self) -> Option<Timestamp> {
        let running = self.status?.state.running.as_ref()?;
        running.started_at.as_ref().map(|time| time.0)
    }

    /// True until the container has run for the first time.
    pub(super) fn never_ran(&self) -> bool {
        self.history.ends.is_empty()
            && self
                .status
                .is_none_or(|status| status.state.running.is_none())
    }

    pub(super) fn lines(&self) -> &'a [Line] {
        let facts = self.context().facts;
        facts.lines_of(self.pod.fact, self.name())
    }

    /// Returns the latest event about this container that `fits` accepts.
    pub(super) fn event(&self, fits: impl Fn(&EventFact) -> bool) -> Option<&'a EventFact> {
        let name = self.name();
        self.pod
            .event(|event| event.container.as_deref() == Some(name) && fits(event))
    }

    pub(super) fn readiness(&self) -> Option<&'a Probe> {
        self.container.readiness_probe.as_ref()
    }
}

impl<'a> WorkloadView<'a> {
    /// True if the controller gave up on the last release only.
    pub(super) fn is_inherited(self) -> bool {
        self.context.is_inherited(&self.fact.object.uid)
    }

    /// True if no followed object owns the workload.
    pub(super) fn is_root(self) -> bool {
        self.fact.object.uid == self.fact.root.uid
    }

    /// Returns the newest pods of the workload, by the root that they belong to.
    pub(super) fn pods(self) -> impl Iterator<Item = PodView<'a>> {
        let root: &'a Arc<str> = &self.fact.root.uid;
        self.context
            .all_pods()
            .filter(move |view| view.fact.root.uid == *root && view.is_newest() && !view.is_going())
    }

    /// Returns the time at which a condition last changed.
    pub(super) fn condition_time(self, type_: &str) -> Option<Timestamp> {
        let condition = self.fact.workload.condition(type_)?;
        let time = condition.last_transition_time.as_ref();
        time.or(condition.last_update_time.as_ref())
            .map(|time| time.0)
    }
}
