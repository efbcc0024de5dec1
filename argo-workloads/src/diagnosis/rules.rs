//! The table of rules.

use jiff::SignedDuration;

use super::{
    code::Code,
    context::{ApplicationView, ContainerView, Context, PodView, ResourceView, WorkloadView},
    observation::Observation,
    span::secs,
};

mod admission;
mod analysis;
mod config;
mod crash;
mod crashes;
mod deadline;
mod ended;
mod ending;
mod hook;
mod image;
mod job;
mod node;
mod operation;
mod probe;
mod pull_error;
mod refused;
mod resize;
mod resource;
mod rollouts;
mod scheduling;
mod silent;
mod start_error;
mod sync_error;
mod sync_state;
mod volume;

/// A rule: a check, and the time for which its observation must last to be a finding.
pub(super) struct Rule {
    pub(super) code: Code,
    /// A state that lasts shorter than this is no finding.
    pub(super) grace: SignedDuration,
    pub(super) check: Check,
    /// The conditions under which the code is reported, in words for people.
    pub(super) reported: &'static str,
}

/// The check of a rule, by the objects that it looks at.
pub(super) enum Check {
    Container(fn(&ContainerView<'_>) -> Option<Observation>),
    Pod(fn(PodView<'_>) -> Option<Observation>),
    /// Looks at all pods, also at old ones and at those that are being deleted.
    OldPod(fn(PodView<'_>) -> Option<Observation>),
    Workload(fn(WorkloadView<'_>) -> Option<Observation>),
    Application(fn(&ApplicationView<'_>) -> Vec<Observation>),
    /// Looks at the Applications that are gone or about to go.
    Leaving(fn(&ApplicationView<'_>) -> Option<Observation>),
    /// Looks at the resources of any kind that Argo CD lists.
    Resource(fn(ResourceView<'_>) -> Option<Observation>),
}

const fn rule(code: Code, grace: i64, check: Check, reported: &'static str) -> Rule {
    Rule {
        code,
        grace: secs(grace),
        check,
        reported,
    }
}

/// All rules. The grace times begin with those of other tools that wait for rollouts (kubedog
/// `pkg/tracker`, krane `lib/krane/kubernetes_resource`, skaffold `pkg/diag/validator`, cli-utils
/// `pkg/kstatus`) and were corrected by recordings; the doc comment of each check says which.
pub(super) const RULES: &[Rule] = &[
    rule(
        Code::ImagePull,
        0,
        Check::Container(image::refused),
        "at once if the image does not exist, its name is invalid, the registry refuses the credentials, or the pull policy forbids pulling",
    ),
    rule(
        Code::ImagePull,
        60,
        Check::Container(image::unreachable),
        "after 60 s if the registry cannot be reached, limits the rate, or the node has no disk space left; earlier if the progress deadline of the Deployment passes first",
    ),
    rule(
        Code::ImagePull,
        180,
        Check::Container(image::slow),
        "after 3 minutes if the pull does not end",
    ),
    rule(
        Code::OomKilled,
        0,
        Check::Container(crash::oom_killed),
        "when it has happened twice",
    ),
    rule(
        Code::ExecFormat,
        0,
        Check::Container(crash::exec_format),
        "when it has happened twice",
    ),
    rule(
        Code::PermissionDenied,
        0,
        Check::Container(crash::permission_denied),
        "when it has happened twice",
    ),
    rule(
        Code::PermissionDenied,
        5,
        Check::Container(config::runs_as_root),
        "after 5 s if the security context forbids the image's user",
    ),
    rule(
        Code::StartFailed,
        0,
        Check::Container(crash::start_failed),
        "when it has happened twice",
    ),
    rule(
        Code::StartFailed,
        15,
        Check::Container(config::cannot_create),
        "after 15 s if the container cannot be created at all",
    ),
    rule(
        Code::InitFailed,
        0,
        Check::Container(crash::init_failed),
        "when it has failed more often than restarts are allowed (2 by default); at once if the pod is not restarted",
    ),
    rule(
        Code::InitFailed,
        180,
        Check::Container(crash::init_hangs),
        "after 3 minutes if it runs and does not end",
    ),
    rule(
        Code::ProbeFailing,
        0,
        Check::Container(probe::killed),
        "when the kubelet has killed the container for a liveness or startup probe more often than restarts are allowed",
    ),
    rule(
        Code::ProbeFailing,
        60,
        Check::Container(probe::not_ready),
        "after 60 s, or after the probe's initial delay plus failure threshold times period if that is longer; if other pods of the same revision became ready much faster, after five times as long as they took, but not before 20 s",
    ),
    rule(
        Code::ProbeFailing,
        60,
        Check::Container(probe::not_started),
        "after the time that the startup probe allows, but not before 60 s, if it has not passed; \"still waiting\" and the verdict name it before",
    ),
    rule(
        Code::ProbeFailing,
        60,
        Check::Pod(probe::gate),
        "after 60 s if all containers are ready and a readiness gate is not met",
    ),
    rule(
        Code::CrashLoop,
        0,
        Check::Container(crash::crash_loop),
        "when it has ended more often than restarts are allowed (2 by default)",
    ),
    rule(
        Code::ContainerEnded,
        0,
        Check::Container(ended::for_good),
        "at once",
    ),
    rule(
        Code::ConfigMissing,
        15,
        Check::Container(config::missing),
        "after 15 s, because operators create Secrets a moment after the pods",
    ),
    rule(
        Code::ConfigMissing,
        15,
        Check::Pod(config::missing_volume),
        "after 15 s if a volume needs it",
    ),
    rule(
        Code::Unschedulable,
        60,
        Check::Pod(scheduling::unschedulable),
        "after 60 s, and as doomed after 3 minutes; not within 5 minutes after an autoscaler promised a node",
    ),
    rule(
        Code::Unschedulable,
        30,
        Check::Pod(scheduling::not_looked_at),
        "after 30 s if no scheduler has looked at the pod",
    ),
    rule(
        Code::PodRejected,
        0,
        Check::Workload(refused::of_workload),
        "at once if the node can never take such a pod, otherwise when two pods of one workload have been refused",
    ),
    rule(
        Code::PodRejected,
        0,
        Check::Pod(refused::of_bare_pod),
        "at once for a pod that no workload owns",
    ),
    rule(
        Code::ResizePending,
        0,
        Check::Pod(resize::impossible),
        "at once if the node is too small, or the resize fails",
    ),
    rule(
        Code::ResizePending,
        60,
        Check::Pod(resize::deferred),
        "after 60 s if the node has too little free",
    ),
    rule(
        Code::PvcPending,
        60,
        Check::Pod(scheduling::claim_pending),
        "after 60 s",
    ),
    rule(
        Code::VolumeAttach,
        120,
        Check::Pod(volume::attach),
        "after 2 minutes",
    ),
    rule(
        Code::VolumeMount,
        120,
        Check::Pod(volume::mount),
        "after 2 minutes",
    ),
    rule(
        Code::SandboxFailed,
        120,
        Check::Pod(volume::sandbox),
        "after 2 minutes",
    ),
    rule(
        Code::QuotaExceeded,
        30,
        Check::Workload(admission::quota),
        "after 30 s, because pods that end may free the quota",
    ),
    rule(
        Code::AdmissionDenied,
        15,
        Check::Workload(admission::denied),
        "after 15 s",
    ),
    rule(
        Code::JobFailed,
        0,
        Check::Workload(job::failed),
        "as soon as the Job's controller has decided so (condition `FailureTarget` or `Failed`)",
    ),
    rule(
        Code::JobFailed,
        0,
        Check::Pod(job::pod_failed),
        "at once for a pod that no workload owns and that is not restarted",
    ),
    rule(
        Code::JobHeld,
        20,
        Check::Pod(job::held),
        "20 s after the last container that ended",
    ),
    rule(
        Code::DeadlineExceeded,
        0,
        Check::Workload(job::took_too_long),
        "as soon as the Job's controller has decided so",
    ),
    rule(
        Code::HookFailed,
        0,
        Check::Workload(hook::job_failed),
        "as soon as the hook's Job failed",
    ),
    rule(
        Code::HookFailed,
        0,
        Check::Application(hook::reported_failed),
        "as soon as the Application says so",
    ),
    rule(
        Code::SyncFailed,
        0,
        Check::Application(operation::sync_failed),
        "as soon as the Application says so",
    ),
    rule(
        Code::ComparisonError,
        10,
        Check::Application(operation::comparison_error),
        "after 10 s",
    ),
    rule(
        Code::SharedResource,
        0,
        Check::Application(operation::shared),
        "as soon as the Application says so (condition `SharedResourceWarning`), or an object carries the tracking id of another application; until that has not shown for a minute",
    ),
    rule(
        Code::RolloutPaused,
        3,
        Check::Workload(rollouts::paused),
        "3 s after a pause began that lasts until a person acts; a timed pause is none",
    ),
    rule(
        Code::AnalysisFailed,
        0,
        Check::Workload(analysis::failed),
        "as soon as an analysis of the newest revision has failed",
    ),
    rule(
        Code::RolloutAborted,
        0,
        Check::Workload(rollouts::aborted),
        "as soon as the controller says so; left out if the cause is known, also one that was seen just before",
    ),
    rule(
        Code::InvalidSpec,
        3,
        Check::Workload(rollouts::invalid),
        "after 3 s, because what the spec refers to may be created a moment later",
    ),
    rule(
        Code::ControllerSilent,
        30,
        Check::Workload(silent::has_not_seen),
        "when the controller has not seen the newest spec, or has not ended a timed pause, for 30 s",
    ),
    rule(
        Code::AppSuspended,
        60,
        Check::Application(operation::suspended),
        "after 60 s",
    ),
    rule(
        Code::AppSuspended,
        60,
        Check::Workload(operation::paused),
        "after 60 s if a workload is paused before it is complete",
    ),
    rule(
        Code::AlreadyDegraded,
        60,
        Check::Application(operation::already_degraded),
        "60 s into the rollout if the health has not changed since before it",
    ),
    rule(
        Code::Evicted,
        0,
        Check::Workload(node::evicted),
        "when three pods of one workload have been evicted",
    ),
    rule(Code::NodeLost, 60, Check::Pod(node::lost), "after 60 s"),
    rule(
        Code::NodeLost,
        30,
        Check::Pod(node::never_took),
        "after 30 s if the node has not taken the pod",
    ),
    rule(
        Code::StuckTerminating,
        30,
        Check::OldPod(node::stuck),
        "30 s after the pod's grace period if the workload is not complete",
    ),
    rule(
        Code::StuckTerminating,
        600,
        Check::OldPod(ending::old_pod),
        "within its grace period only where \"still waiting\" or the verdict names it",
    ),
    rule(
        Code::OldPodBlocks,
        30,
        Check::OldPod(node::old_pod_blocks),
        "after 30 s",
    ),
    rule(
        Code::OldRevision,
        0,
        Check::Workload(node::waits_for_deletion),
        "as soon as all pods are ready and some of them are old",
    ),
    rule(
        Code::ProgressDeadline,
        0,
        Check::Workload(deadline::exceeded),
        "as soon as the controller says so; left out if the cause is known",
    ),
    rule(
        Code::WaitingForResource,
        60,
        Check::Resource(resource::waiting),
        "after 60 s",
    ),
    rule(
        Code::DegradedResource,
        15,
        Check::Resource(resource::degraded),
        "after 15 s",
    ),
    rule(
        Code::OutOfSync,
        20,
        Check::Application(sync_state::out_of_sync),
        "after 20 s, while no operation runs",
    ),
    rule(
        Code::OutOfSync,
        0,
        Check::Application(sync_state::job_taken),
        "at once if a Job of the application was deleted after its end and Argo CD makes it again",
    ),
    rule(
        Code::SyncFailed,
        5,
        Check::Application(sync_state::auto_sync_refused),
        "after 5 s if Argo CD refuses to sync by itself (condition `SyncError`)",
    ),
    rule(
        Code::SyncWindow,
        5,
        Check::Application(sync_state::window),
        "after 5 s",
    ),
    rule(
        Code::WaveBlocked,
        60,
        Check::Application(sync_state::wave),
        "after 60 s; left out if the cause is known",
    ),
    rule(
        Code::ApplicationDeleted,
        0,
        Check::Leaving(sync_state::deleted),
        "at once",
    ),
];

/// True if a rule looks at the pods that may be blamed.
pub(super) fn is_of_pods(rule: &Rule) -> bool {
    matches!(rule.check, Check::Container(_) | Check::Pod(_))
}

impl Rule {
    /// Returns everything that this rule finds, within its grace time or past it.
    pub(super) fn observations(&self, context: &Context<'_>) -> Vec<Observation> {
        match self.check {
            Check::Container(check) => {
                let views = context.pods().flat_map(PodView::containers);
                views
                    .filter_map(|view| Some(check(&view)?.at_container(&view)))
                    .collect()
            }
            Check::Pod(check) => {
                let views = context.pods();
                views
                    .filter_map(|view| Some(check(view)?.at_pod(view)))
                    .collect()
            }
            Check::OldPod(check) => {
                let views = context.all_pods();
                views
                    .filter_map(|view| Some(check(view)?.at_pod(view)))
                    .collect()
            }
            Check::Workload(check) => {
                let views = context.workloads();
                views
                    .filter_map(|view| Some(check(view)?.at_workload(view)))
                    .collect()
            }
            Check::Leaving(check) => {
                let views = context.leaving();
                views
                    .filter_map(|view| Some(check(&view)?.at_application(&view)))
                    .collect()
            }
            Check::Resource(check) => {
                let views = context.resources();
                views
                    .filter_map(|view| Some(check(view)?.about(view.resource.object())))
                    .collect()
            }
            Check::Application(check) => {
                let views = context.applications();
                views
                    .flat_map(|view| {
                        let observations = check(&view).into_iter();
                        observations
                            .map(|observation| observation.at_application(&view))
                            .collect::<Vec<_>>()
                    })
                    .collect()
            }
        }
    }
}

#[cfg(test)]
#[path = "rules/sentences_tests.rs"]
mod sentences_tests;
