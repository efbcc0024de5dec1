//! The traits by which kinds of workload differ, as plain data about one object.

use std::{borrow::Cow, sync::Arc};

/// The traits of a workload's kind, read from one object.
///
/// The default is a kind that nothing is known of: it runs for ever, makes its pods in
/// any order under random names, and its pods are all of one revision. Build others from
/// it: `KindTraits { ordered: true, ..KindTraits::default() }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindTraits {
    /// True if each pod must be ready before the next one is made or replaced
    /// (StatefulSet with `OrderedReady`).
    pub ordered: bool,
    /// True if a pod's replacement has the pod's name (StatefulSet).
    pub keeps_pod_names: bool,
    /// True if one doomed pod dooms the workload. Otherwise another pod may take its
    /// place, and all new pods must be doomed.
    pub any_pod_dooms: bool,
    /// Whether the workload runs for ever, once, or starts others by the clock.
    pub runs: Runs,
    /// The place where the controller reports pods that the API server refused.
    pub refused_pods: RefusedPods,
    /// The arguments of kubectl that resume the paused workload, without its namespace:
    /// `rollout resume deployment/web`. Absent where no single command does.
    pub resume: Option<Vec<String>>,
    /// The rule by which pods of the newest revision are told from older ones.
    pub newest: Newest,
    /// The revision of its owner that this object stands for (a ReplicaSet).
    pub revision: Option<OwnedRevision>,
}

impl KindTraits {
    /// True if the workload's pods end by themselves (Job).
    pub fn runs_once(&self) -> bool {
        self.runs == Runs::Once
    }
}

/// The lifetime of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Runs {
    /// The pods of the kind are replaced when they end.
    #[default]
    ForEver,
    /// The pods of the kind end by themselves (Job).
    Once,
    /// The kind has no pods of its own and starts other workloads by the clock (CronJob).
    OnSchedule,
}

/// The place where a controller reports pods that the API server refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RefusedPods {
    /// The refusal stands only in events (`FailedCreate`).
    #[default]
    Events,
    /// In the condition `ReplicaFailure`.
    Condition,
}

/// The rule by which pods of the newest revision are told from older ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Newest {
    /// All pods are of one revision, or nothing tells them apart.
    #[default]
    All,
    /// Pods with this label. The first label that any pod carries decides; if no pod
    /// carries one, the last.
    Labelled(Vec<RevisionLabel>),
    /// Pods of the owned object with the highest [`OwnedRevision::number`].
    Owned,
}

impl Newest {
    /// Pods with this value in a label; all pods until the controller has named one.
    pub fn labelled(key: &'static str, value: Option<&str>) -> Self {
        value.map_or(Self::All, |value| {
            Self::Labelled(vec![RevisionLabel::new(key, value)])
        })
    }
}

/// A label that controllers put on each pod of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RevisionLabel {
    /// Key.
    pub key: Cow<'static, str>,
    /// Value; absent where only the youngest pod tells it.
    pub value: Option<Arc<str>>,
}

impl RevisionLabel {
    /// Names the label of a revision.
    pub fn new(key: impl Into<Cow<'static, str>>, value: &str) -> Self {
        Self {
            key: key.into(),
            value: Some(value.into()),
        }
    }

    /// Names a label whose value is that of the youngest pod.
    pub fn of_youngest_pod(key: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key: key.into(),
            value: None,
        }
    }
}

/// The revision of its owner that an owned workload stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRevision {
    /// Number among the owner's revisions; the highest is the newest. Absent until the
    /// owner's controller has written it.
    pub number: Option<i64>,
    /// The label of the revision's pods.
    pub label: RevisionLabel,
}
