//! Events that the tracker sends to the followers.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{
    KindTraits, Notice, ObjectRef, RolloutState,
    resource::{Application, Pod, WorkloadObject},
};

/// The content of a tracked object, by its sort.
#[derive(Clone, Debug)]
pub enum TrackedBody {
    /// A pod.
    Pod(Arc<Pod>),
    /// A workload: an owner of pods at any depth (Deployment, ReplicaSet, Job, Rollout…).
    Workload(Arc<WorkloadObject>),
    /// Anything else that belongs to the application (PVC, HPA, the Application itself).
    Other(Arc<ObjectMeta>),
}

impl TrackedBody {
    /// Returns the metadata of any body.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Pod(pod) => &pod.metadata,
            Self::Workload(workload) => &workload.metadata,
            Self::Other(metadata) => metadata,
        }
    }
}

/// An object of the application.
#[derive(Clone, Debug)]
pub struct Tracked {
    /// The object, with its uid.
    pub object: ObjectRef,
    /// The controller of the object, if it has one.
    pub owner: Option<ObjectRef>,
    /// The object at the top of the ownership chain, which is in git. Equal to `object` for
    /// roots.
    pub root: ObjectRef,
    /// The sync phase of a hook (`PreSync`, `PostSync`…), also for objects that the hook owns.
    pub hook: Option<Arc<str>>,
    /// True if the object was created by this rollout: after the start of the operation, or
    /// of the follower. Logs of new pods are shown from their start.
    pub is_new: bool,
    /// The progress of a workload, by the rule of its kind, or of a pod that no workload
    /// owns. Computed once for each change.
    pub rollout: Option<RolloutState>,
    /// The traits of the object's kind; the default where it is no workload.
    pub traits: KindTraits,
    /// The object itself.
    pub body: TrackedBody,
}

impl Tracked {
    /// Creates a new object at the top of its ownership chain, without a progress rule. A tool
    /// that does not use the tracker tells the log and event streams of its objects so.
    pub fn root(object: ObjectRef, body: TrackedBody) -> Self {
        Self {
            root: object.clone(),
            object,
            owner: None,
            hook: None,
            is_new: true,
            rollout: None,
            traits: KindTraits::default(),
            body,
        }
    }
}

/// A change among the objects of the application.
///
/// Events of one uid come in the cluster's order. A list that is taken again is resolved
/// first: it causes neither false additions nor false removals.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every event is the large one"
)]
pub enum TrackEvent {
    /// An object joined the application or changed. Its owner came before it.
    Applied(Tracked),
    /// An object is gone, or no longer belongs to the application.
    Removed(ObjectRef),
    /// An object of the application carries the tracking id of another application now.
    Claimed {
        /// The object. Its removal follows.
        object: ObjectRef,
        /// The name of the other application.
        by: String,
    },
    /// Every watch has delivered its first list: all objects that existed at the start are known.
    Synced,
    /// The Application, or one that it owns, was found or changed: its health, its operation
    /// with the hooks, its conditions.
    Application(Arc<Application>),
    /// A resource cannot be read, or can be read again.
    Notice(Notice),
}

/// A change of a pod, as a log follower needs it.
#[derive(Clone, Debug)]
pub enum PodEvent {
    /// A pod was created or changed.
    Applied {
        /// The pod.
        pod: Arc<Pod>,
        /// The workload at the top of the pod's ownership chain.
        workload: Option<ObjectRef>,
        /// True if the pod's logs are shown from their start, false for the last lines only.
        is_new: bool,
    },
    /// A pod is gone.
    Removed(ObjectRef),
}

impl TrackEvent {
    /// Returns the part of this event that concerns a log follower.
    pub fn pod_event(&self) -> Option<PodEvent> {
        match self {
            Self::Applied(tracked) => tracked.pod_event(),
            Self::Removed(object) if object.kind.is("", "Pod") => {
                Some(PodEvent::Removed(object.clone()))
            }
            _ => None,
        }
    }
}

impl Tracked {
    fn pod_event(&self) -> Option<PodEvent> {
        let TrackedBody::Pod(pod) = &self.body else {
            return None;
        };
        Some(PodEvent::Applied {
            pod: Arc::clone(pod),
            workload: (self.root.uid != self.object.uid).then(|| self.root.clone()),
            is_new: self.is_new,
        })
    }
}
