//! In which order a sync does what (gitops-engine/pkg/sync/sync_tasks.go).

use serde_json::{Value, json};

use super::object::{annotation, text};

const HOOK: &str = "argocd.argoproj.io/hook";
const DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// The kinds that come first, in this order; all others follow.
const KINDS: [&str; 18] = [
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "Secret",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ServiceAccount",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "StatefulSet",
    "Job",
];

/// A part of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    PreSync,
    Sync,
    PostSync,
    SyncFail,
}

impl Phase {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::PreSync => "PreSync",
            Self::Sync => "Sync",
            Self::PostSync => "PostSync",
            Self::SyncFail => "SyncFail",
        }
    }
}

/// Deletion policy of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeletePolicy {
    pub(super) before_creation: bool,
    pub(super) succeeded: bool,
    pub(super) failed: bool,
}

/// One object to apply.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) phase: Phase,
    pub(super) wave: i64,
    pub(super) hook: bool,
    pub(super) policy: DeletePolicy,
    pub(super) object: Value,
}

/// Returns true for a hook. An object with the hook `Skip` only is none.
pub(super) fn is_hook(object: &Value) -> bool {
    !hook_phases(object).is_empty()
}

fn hook_phases(object: &Value) -> Vec<Phase> {
    let names = annotation(object, HOOK).split(',').map(str::trim);
    names
        .filter_map(|name| match name {
            "PreSync" => Some(Phase::PreSync),
            "Sync" => Some(Phase::Sync),
            "PostSync" => Some(Phase::PostSync),
            "SyncFail" => Some(Phase::SyncFail),
            _ => None,
        })
        .collect()
}

/// Returns true if a sync leaves an object alone.
pub(super) fn is_skipped(object: &Value) -> bool {
    annotation(object, HOOK).trim() == "Skip"
}

fn delete_policy(object: &Value) -> DeletePolicy {
    let names: Vec<&str> = annotation(object, DELETE_POLICY)
        .split(',')
        .map(str::trim)
        .collect();
    let has = |name| names.contains(&name);
    let (succeeded, failed) = (has("HookSucceeded"), has("HookFailed"));
    DeletePolicy {
        before_creation: has("BeforeHookCreation") || !succeeded && !failed,
        succeeded,
        failed,
    }
}

/// The tasks of a sync in order. A hook without a name gets one from revision, phase and time.
pub(super) fn plan(objects: &[Value], revision: &str, started: i64) -> Vec<Task> {
    let mut tasks = Vec::new();
    for object in objects.iter().filter(|object| !is_skipped(object)) {
        let phases = hook_phases(object);
        let hook = !phases.is_empty();
        let phases = if hook { phases } else { vec![Phase::Sync] };
        for phase in phases {
            let mut object = object.clone();
            if hook && text(&object, "name").is_empty() {
                let name = generated_name(&object, phase, revision, started);
                object["metadata"]["name"] = json!(name);
            }
            tasks.push(Task {
                phase,
                wave: annotation(&object, WAVE).parse().unwrap_or(0),
                hook,
                policy: delete_policy(&object),
                object,
            });
        }
    }
    tasks.sort_by_key(|task| {
        let name = text(&task.object, "name").to_owned();
        (
            task.phase,
            task.wave,
            kind_order(&task.object),
            !task.hook,
            name,
        )
    });
    tasks
}

fn generated_name(object: &Value, phase: Phase, revision: &str, started: i64) -> String {
    let prefix = text(object, "generateName");
    let short = revision.get(..7).unwrap_or(revision);
    let phase = phase.as_str().to_lowercase();
    format!("{prefix}{short}-{phase}-{started}")
}

fn kind_order(object: &Value) -> usize {
    let kind = object["kind"].as_str().unwrap_or_default();
    let place = KINDS.iter().position(|known| *known == kind);
    place.unwrap_or(KINDS.len())
}
