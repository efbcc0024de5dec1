//! The stable names of causes.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// The cause that a finding names. The text form is stable: programs match on it and
        /// pages link to it (`docs/findings.md#crash-loop`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// Returns the stable name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Code::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    /// An image cannot be pulled.
    ImagePull = "image-pull",
    /// A container ends again and again.
    CrashLoop = "crash-loop",
    /// A container is killed at its memory limit.
    OomKilled = "oom-killed",
    /// The program is for another processor, or no program.
    ExecFormat = "exec-format",
    /// The runtime may not start the program.
    PermissionDenied = "permission-denied",
    /// The runtime cannot start the container.
    StartFailed = "start-failed",
    /// An init container fails or does not end.
    InitFailed = "init-failed",
    /// A container has ended and is never started again, so that its pod cannot be ready.
    ContainerEnded = "container-ended",
    /// A ConfigMap, a Secret or a key in one is missing.
    ConfigMissing = "config-missing",
    /// A probe fails.
    ProbeFailing = "probe-failing",
    /// No node takes the pod.
    Unschedulable = "unschedulable",
    /// A node refuses a pod that was bound to it.
    PodRejected = "pod-rejected",
    /// A node cannot give a running pod its new resources.
    ResizePending = "resize-pending",
    /// A claim has no volume.
    PvcPending = "pvc-pending",
    /// A volume cannot be attached to the node.
    VolumeAttach = "volume-attach",
    /// A volume cannot be mounted.
    VolumeMount = "volume-mount",
    /// The network or the sandbox of a pod cannot be made.
    SandboxFailed = "sandbox-failed",
    /// A quota allows no more pods.
    QuotaExceeded = "quota-exceeded",
    /// The API server refuses the pods.
    AdmissionDenied = "admission-denied",
    /// A Job, or a pod that runs once, failed.
    JobFailed = "job-failed",
    /// A Job took longer than it may.
    DeadlineExceeded = "deadline-exceeded",
    /// A container that runs on keeps a Job from ending.
    JobHeld = "job-held",
    /// A hook of the sync failed.
    HookFailed = "hook-failed",
    /// Pods are evicted again and again.
    Evicted = "evicted",
    /// The node of a pod does not answer.
    NodeLost = "node-lost",
    /// An old pod does not go away.
    StuckTerminating = "stuck-terminating",
    /// A StatefulSet waits for a broken pod of an old revision.
    OldPodBlocks = "old-pod-blocks",
    /// Pods keep an old revision until somebody deletes them.
    OldRevision = "old-revision",
    /// The controller gave up.
    ProgressDeadline = "progress-deadline",
    /// The sync itself failed.
    SyncFailed = "sync-failed",
    /// Argo CD cannot work out the manifests to deploy.
    ComparisonError = "comparison-error",
    /// Two applications own one object.
    SharedResource = "shared-resource",
    /// A Rollout is paused until a person acts.
    RolloutPaused = "rollout-paused",
    /// A Rollout went back to its old revision.
    RolloutAborted = "rollout-aborted",
    /// An analysis of a Rollout failed.
    AnalysisFailed = "analysis-failed",
    /// The controller refuses the spec of a Rollout.
    InvalidSpec = "invalid-spec",
    /// The controller does not look at its objects.
    ControllerSilent = "controller-silent",
    /// Someone paused the rollout.
    AppSuspended = "app-suspended",
    /// The application was Degraded before.
    AlreadyDegraded = "already-degraded",
    /// A resource without pods is not healthy yet.
    WaitingForResource = "waiting-for-resource",
    /// A resource without pods is Degraded.
    DegradedResource = "degraded-resource",
    /// The live objects differ from git, and no sync runs.
    OutOfSync = "out-of-sync",
    /// A sync window forbids the sync.
    SyncWindow = "sync-window",
    /// A sync waits in one of its waves.
    WaveBlocked = "wave-blocked",
    /// Someone deletes the Application.
    ApplicationDeleted = "application-deleted",
}

impl Code {
    /// True if a finding is over once the rules no longer see it: above all, trouble that
    /// keeps containers from starting. A container that crashed runs again for a while, a
    /// probe is silent after a restart, a promised node is not there yet: only a workload
    /// that is complete proves that these are over.
    pub(super) fn is_over_once_absent(self) -> bool {
        matches!(
            self,
            Self::ImagePull
                | Self::ConfigMissing
                | Self::ResizePending
                | Self::PvcPending
                | Self::VolumeAttach
                | Self::VolumeMount
                | Self::SandboxFailed
                | Self::QuotaExceeded
                | Self::AdmissionDenied
                | Self::ComparisonError
                | Self::AppSuspended
                | Self::RolloutPaused
                | Self::InvalidSpec
                | Self::ControllerSilent
                | Self::AlreadyDegraded
                | Self::WaitingForResource
                | Self::DegradedResource
                | Self::OutOfSync
                | Self::SyncWindow
                | Self::WaveBlocked
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let code = Self::ALL.iter().find(|code| code.as_str() == text);
        let unknown = || D::Error::custom(format!("\"{text}\" is no code of a finding"));
        code.copied().ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_anchors_and_unique() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        let anchor = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(texts.into_iter().all(anchor));
    }
}
