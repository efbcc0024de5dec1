//! Maps the reason of an event to a level.

use std::{collections::HashMap, str::FromStr};

use argo_core::{Level, ParseLevelError};

use crate::EventRecord;

/// Reasons of one writer by level, separated by blanks.
struct Family {
    error: &'static str,
    warning: &'static str,
    info: &'static str,
    debug: &'static str,
}

/// The reasons in the event packages of Kubernetes and of Argo: error where something
/// failed for good or needs a change, warning where it may go away by itself, info for
/// what happens in any rollout, debug for what says nothing about one.
///
/// The type in the event is not used: a pull back-off is `Normal`, the back-off of a restart
/// is `Warning` (recordings `02`, `03`).
const FAMILIES: &[Family] = &[
    // Kubelet: `pkg/kubelet/events/event.go`, and reasons of kubelet admission and eviction.
    Family {
        error: "Failed InspectFailed ErrImageNeverPull FailedPostStartHook FailedValidation \
            Evicted OOMKilling SystemOOM UnexpectedAdmissionError OutOfcpu OutOfmemory \
            OutOfpods OutOfephemeral-storage NodeAffinity NodePorts HostPortConflict \
            NodeSelectorMismatching InsufficientFreeCPU InsufficientFreeMemory OutOfDisk \
            HostNetworkNotSupported PodOSNotSupported PodOSSelectorNodeLabelDoesNotMatch \
            TopologyAffinityError SMTAlignmentError AppArmor SysctlForbidden \
            PodFeatureUnsupported InitContainerRestartForbidden KubeletSetupFailed \
            ResizeError ResizeInfeasible FailedPrepareDynamicResources",
        warning: "BackOff Unhealthy Preempting Preempted ExceededGracePeriod FailedKillPod \
            FailedCreatePodContainer FailedCreatePodSandBox FailedStatusPodSandBox \
            FailedPodSandBoxStatus FailedPreStopHook UnfinishedPreStopHook NetworkNotReady \
            FailedAttachVolume FailedDetachVolume FailedMount FailedUnMount FailedMapVolume \
            FailedUnmapDevice VolumeResizeFailed FileSystemResizeFailed \
            FailedMountOnFilesystemMismatch FailedOCIMountPoint \
            FailedToRetrieveImagePullSecret NodeNotReady \
            NodeNotSchedulable Rebooted Shutdown ContainerGCFailed ImageGCFailed \
            FailedNodeAllocatableEnforcement InvalidDiskCapacity FreeDiskSpaceFailed \
            EvictionThresholdMet ProbeWarning ResizeDeferred NilShaper \
            VolumeConditionAbnormal TaskHung TaintManagerEviction NodeControllerEviction",
        info: "Created Started Killing Pulling Pulled NodeReady NodeSchedulable Starting \
            NodeAllocatableEnforced SandboxChanged VolumeResizeSuccessful \
            FileSystemResizeSuccessful AlreadyMountedVolume SuccessfulAttachVolume \
            SuccessfulMountVolume SuccessfulDetachVolume SuccessfulUnMountVolume \
            ResizeStarted ResizeCompleted PossibleMemoryBackedVolumesOnDisk CgroupV1",
        debug: "FailedSync DNSConfigForming MissingClusterDNS NodeHasSufficientMemory \
            NodeHasNoDiskPressure NodeHasSufficientPID",
    },
    // Scheduler and cluster autoscaler.
    Family {
        error: "",
        warning: "FailedScheduling NotTriggerScaleUp FailedToScaleUpGroup ScaleUpTimedOut \
            ScaleDownFailed",
        info: "Scheduled TriggeredScaleUp ScaledUpGroup ScaleDown Nominated",
        debug: "",
    },
    // Controllers of workloads: `pkg/controller/{controller_utils.go,deployment,replicaset,statefulset,daemon,job,cronjob}`.
    Family {
        error: "FailedCreate ReplicaSetCreateError BackoffLimitExceeded DeadlineExceeded \
            PodFailurePolicy MaxFailedIndexesExceeded FailedIndexes InvalidSchedule \
            UnparseableSchedule UnParseableCronJobSchedule UnknownTimeZone \
            ProgressDeadlineExceeded",
        warning: "FailedDelete FailedUpdate FailedDaemonPod FailedPlacement SelectingAll \
            RecreatingFailedPod RecreatingTerminatedPod DeploymentRollbackRevisionNotFound \
            TooManyActivePods TooManySucceededPods TooManyMissedTimes MissSchedule \
            FailedNeedsStart FailedGet MissingJob UnexpectedJob OwnerRefInvalidNamespace",
        info: "ScalingReplicaSet DeploymentRollback DeploymentRollbackTemplateUnchanged \
            SuccessfulCreate SuccessfulDelete SuccessfulUpdate SucceededDaemonPod Completed \
            SuccessCriteriaMet SuccessPolicy Suspended Resumed SawCompletedJob \
            JobAlreadyActive MarkedForDeletion Cancelled TaintManagerEvictionCancelled",
        debug: "",
    },
    // Autoscaling and disruption budgets: `pkg/controller/{podautoscaler,disruption}`; a new pod has no metrics for a while.
    Family {
        error: "",
        warning: "FailedRescale FailedGetScale FailedUpdateStatus FailedConvertHPA InvalidSelector \
            SelectorRequired AmbiguousSelector InvalidMetricSourceType FailedGetObjectMetric \
            FailedGetExternalMetric FailedParseMetric CalculateExpectedPodCountFailed \
            UnmanagedPods",
        info: "SuccessfulRescale FailedGetResourceMetric FailedGetContainerResourceMetric \
            FailedGetPodsMetric FailedComputeMetricsReplicas NoPods NoControllers",
        debug: "",
    },
    // Volumes: `pkg/controller/volume/events/event.go`, external provisioners.
    Family {
        error: "ProvisioningFailed ClaimLost ClaimMisbound VolumeMismatch",
        warning: "FailedBinding VolumeFailedRecycle VolumeFailedDelete ProvisioningCleanupFailed \
            VolumeModifyFailed ExternalExpandFailed",
        info: "VolumeRecycled RecyclerPod VolumeDelete ExternalProvisioning \
            ProvisioningSucceeded Provisioning WaitForFirstConsumer WaitForPodScheduled \
            ExternalExpanding Resizing FileSystemResizeRequired VolumeModify \
            VolumeModifySuccessful",
        debug: "",
    },
    // Services and endpoints: `cloud-provider/controllers/service`, `pkg/controller/{endpoint,endpointslice}`.
    Family {
        error: "SyncLoadBalancerFailed CreatingLoadBalancerFailed",
        warning: "UpdateLoadBalancerFailed DeletingLoadBalancerFailed UnAvailableLoadBalancer \
            FailedToUpdateEndpoint FailedToCreateEndpoint FailedToUpdateEndpointSlices \
            TopologyAwareHintsDisabled",
        info: "EnsuringLoadBalancer EnsuredLoadBalancer UpdatedLoadBalancer \
            DeletingLoadBalancer DeletedLoadBalancer LoadBalancerSourceRanges ExternalIP \
            Type TopologyAwareHintsEnabled",
        debug: "LeaderElection",
    },
    // Argo CD: `util/argo/audit_logger.go`.
    Family {
        error: "",
        warning: "",
        info: "ResourceCreated ResourceDeleted ResourceActionRan ResourceUpdated \
            OperationStarted OperationCompleted",
        debug: "StatusRefreshed",
    },
    // Argo Rollouts: `utils/conditions/conditions.go`, `utils/record/record.go`.
    Family {
        error: "RolloutAborted InvalidSpec AnalysisRunFailed AnalysisRunError ExperimentFailed \
            ExperimentError MetricFailed MetricError ServiceNotFound IngressNotFound \
            TrafficRoutingError TargetGroupUnverified WeightVerifyError",
        warning: "AnalysisRunInconclusive ExperimentInconclusive TargetGroupVerifyError \
            TargetGroupVerifySkipped",
        info: "RolloutUpdated RolloutCompleted RolloutPaused RolloutResumed RolloutRetry \
            RolloutStepCompleted RolloutAddedToInformer RolloutHealthy NewReplicaSetCreated \
            NewReplicaSetAvailable FoundNewReplicaSet ReplicaSetUpdated ReplicaSetCreated \
            SwitchService SkipSteps AnalysisRunPending AnalysisRunRunning \
            AnalysisRunSuccessful ExperimentPending ExperimentRunning ExperimentSuccessful \
            TrafficWeightUpdated TargetGroupVerified",
        debug: "",
    },
];

/// Levels of reasons that mean different things: reason, part of the message, level. The
/// first match wins over the level of the reason.
const MESSAGES: &[(&str, &str, Level)] = &[
    // A restart, by the text in the recordings 10-failure-kinds.
    ("Killing", "will be restarted", Level::Warning),
    // Occurs in one of fourteen healthy rollouts, 1.4 s after the apply, and goes away.
    (
        "FailedMount",
        "failed to sync configmap cache: timed out waiting for the condition",
        Level::Info,
    ),
    (
        "FailedMount",
        "failed to sync secret cache: timed out waiting for the condition",
        Level::Info,
    ),
    // Argo CD writes the outcome into the message: recordings argocd/objects.
    ("OperationCompleted", " failed", Level::Error),
    ("ResourceUpdated", "-> Degraded", Level::Warning),
];

/// Levels chosen by the user for certain reasons.
#[derive(Clone, Debug, Default)]
pub struct LevelOverrides {
    levels: HashMap<String, Level>,
}

impl LevelOverrides {
    /// Sets the level of a reason.
    pub fn set(&mut self, reason: &str, level: Level) {
        self.levels.insert(reason.to_ascii_lowercase(), level);
    }

    /// Returns true if the user chose a level for a reason.
    pub fn contains(&self, reason: &str) -> bool {
        chosen(reason, self).is_some()
    }
}

impl Extend<LevelOverride> for LevelOverrides {
    fn extend<T: IntoIterator<Item = LevelOverride>>(&mut self, overrides: T) {
        for LevelOverride { reason, level } in overrides {
            self.set(&reason, level);
        }
    }
}

impl FromIterator<LevelOverride> for LevelOverrides {
    fn from_iter<T: IntoIterator<Item = LevelOverride>>(overrides: T) -> Self {
        let mut all = Self::default();
        all.extend(overrides);
        all
    }
}

/// `REASON=LEVEL`, as written on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelOverride {
    /// The reason, in any case.
    pub reason: String,
    /// The level of its events.
    pub level: Level,
}

/// The error of parsing a [`LevelOverride`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseLevelOverrideError {
    /// The reason or the `=` is missing.
    #[error("\"{0}\" is not REASON=LEVEL; for example Unhealthy=info")]
    Form(String),
    /// The level is unknown.
    #[error("cannot read the level of {reason}")]
    Level {
        /// The reason.
        reason: String,
        /// The error of parsing the level.
        source: ParseLevelError,
    },
}

impl FromStr for LevelOverride {
    type Err = ParseLevelOverrideError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text
            .split_once('=')
            .filter(|(reason, _)| !reason.trim().is_empty());
        let Some((reason, level)) = parts else {
            return Err(ParseLevelOverrideError::Form(text.to_owned()));
        };
        let reason = reason.trim().to_owned();
        match level.trim().parse() {
            Ok(level) => Ok(Self { reason, level }),
            Err(source) => Err(ParseLevelOverrideError::Level { reason, source }),
        }
    }
}

/// Returns the level of an event: the user's choice, else by the message, else by the reason,
/// else (for an unknown reason) by the type.
pub fn level(type_: &str, reason: &str, message: &str, overrides: &LevelOverrides) -> Level {
    chosen(reason, overrides)
        .or_else(|| by_message(reason, message))
        .or_else(|| by_reason(reason))
        .unwrap_or(match type_ {
            "Warning" => Level::Warning,
            _ => Level::Info,
        })
}

fn chosen(reason: &str, overrides: &LevelOverrides) -> Option<Level> {
    if overrides.levels.is_empty() {
        return None;
    }
    overrides.levels.get(&reason.to_ascii_lowercase()).copied()
}

fn by_message(reason: &str, message: &str) -> Option<Level> {
    MESSAGES
        .iter()
        .find(|(known, part, _)| *known == reason && message.contains(part))
        .map(|(_, _, level)| *level)
}

fn by_reason(reason: &str) -> Option<Level> {
    FAMILIES.iter().find_map(|family| {
        [
            (family.error, Level::Error),
            (family.warning, Level::Warning),
            (family.info, Level::Info),
            (family.debug, Level::Debug),
        ]
        .into_iter()
        .find(|(reasons, _)| {
            reasons
                .split_ascii_whitespace()
                .any(|known| known == reason)
        })
        .map(|(_, level)| level)
    })
}

/// The reasons for which a kubelet refuses a pod that was bound to its node (kubernetes
/// `pkg/kubelet/lifecycle`, `pkg/kubelet/cm`), besides `OutOf…` and `Insufficient…`.
const REFUSALS: &[&str] = &[
    "NodeAffinity",
    "NodePorts",
    "NodeName",
    "NodeUnschedulable",
    "NodeSelectorMismatching",
    "HostPortConflict",
    "TaintToleration",
    "HostNetworkNotSupported",
    "PodOSNotSupported",
    "PodOSSelectorNodeLabelDoesNotMatch",
    "UnexpectedAdmissionError",
    "TopologyAffinityError",
    "SMTAlignmentError",
    "AppArmor",
    "SysctlForbidden",
    "PodFeatureUnsupported",
    "InitContainerRestartForbidden",
    "VolumeAttachmentLimitExceeded",
];

/// True if a node refuses a pod that a workload owns. The workload makes another one at once,
/// and so on.
pub(crate) fn is_refused_pod(record: &EventRecord) -> bool {
    let reason = record.reason.as_str();
    let is_refusal = reason.starts_with("OutOf")
        || reason.starts_with("Insufficient")
        || REFUSALS.contains(&reason);
    let is_owned = record.object.uid != record.root.uid;
    is_refusal && is_owned && record.object.kind.is("", "Pod") && record.type_ == "Warning"
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn plain(type_: &str, reason: &str, message: &str) -> Level {
        level(type_, reason, message, &LevelOverrides::default())
    }

    #[test]
    fn levels_of_recorded_events() {
        use Level::{Debug, Error, Info, Warning};
        for (type_, reason, message, expected) in [
            (
                "Normal",
                "Scheduled",
                "Successfully assigned s01/web to node1",
                Info,
            ),
            ("Normal", "Started", "Started container app", Info),
            ("Normal", "Killing", "Stopping container app", Info),
            (
                "Normal",
                "Killing",
                "Container app failed liveness probe, will be restarted",
                Warning,
            ),
            (
                "Normal",
                "BackOff",
                "Back-off pulling image \"registry.invalid/x:1\"",
                Warning,
            ),
            (
                "Warning",
                "BackOff",
                "Back-off restarting failed container app in pod",
                Warning,
            ),
            ("Warning", "Failed", "Error: ErrImagePull", Error),
            ("Warning", "Unhealthy", "Readiness probe failed: ", Warning),
            (
                "Warning",
                "FailedCreate",
                "Error creating: pods \"x\" is forbidden",
                Error,
            ),
            (
                "Warning",
                "FailedMount",
                "MountVolume.SetUp failed for volume \"v\" : secret \"x\" not found",
                Warning,
            ),
            (
                "Warning",
                "FailedMount",
                "MountVolume.SetUp failed for volume \"kube-api-access-x\" : failed to sync configmap cache: timed out waiting for the condition",
                Info,
            ),
            (
                "Warning",
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
                Error,
            ),
            (
                "Warning",
                "OperationCompleted",
                "Sync operation to 015bb failed: ComparisonError: x",
                Error,
            ),
            (
                "Normal",
                "OperationCompleted",
                "Sync operation to d64f9 succeeded",
                Info,
            ),
            (
                "Normal",
                "ResourceUpdated",
                "Updated health status: Progressing -> Degraded",
                Warning,
            ),
            (
                "Normal",
                "ResourceUpdated",
                "Updated health status: Missing -> Healthy",
                Info,
            ),
            ("Warning", "FailedSync", "error determining status", Debug),
        ] {
            assert_eq!(
                plain(type_, reason, message),
                expected,
                "{reason}: {message}"
            );
        }
    }

    #[test]
    fn unknown_reasons_follow_their_type() {
        assert_eq!(
            plain("Warning", "SomethingOfAnOperator", ""),
            Level::Warning
        );
        assert_eq!(plain("Normal", "SomethingOfAnOperator", ""), Level::Info);
        assert_eq!(plain("", "", ""), Level::Info);
    }

    #[test]
    fn what_the_user_wants_wins() {
        let wanted = ["unhealthy=debug", " Killing = error "];
        let overrides = wanted
            .iter()
            .map(|text| text.parse::<LevelOverride>().unwrap())
            .collect();
        assert_eq!(level("Warning", "Unhealthy", "", &overrides), Level::Debug);
        assert_eq!(
            level("Normal", "Killing", "will be restarted", &overrides),
            Level::Error
        );
        for (text, message) in [
            (
                "Unhealthy",
                "\"Unhealthy\" is not REASON=LEVEL; for example Unhealthy=info",
            ),
            (
                "=info",
                "\"=info\" is not REASON=LEVEL; for example Unhealthy=info",
            ),
            ("Unhealthy=loud", "cannot read the level of Unhealthy"),
        ] {
            assert_eq!(
                text.parse::<LevelOverride>().unwrap_err().to_string(),
                message
            );
        }
    }

    #[test]
    fn no_reason_stands_twice() {
        let mut seen = HashSet::new();
        for family in FAMILIES {
            let reasons = [family.error, family.warning, family.info, family.debug];
            for reason in reasons
                .iter()
                .flat_map(|reasons| reasons.split_ascii_whitespace())
            {
                assert!(seen.insert(reason), "{reason}");
            }
        }
        assert!(seen.len() > 200, "{}", seen.len());
    }
}
