//! The kinds that are watched, with their names worked out once.

use std::sync::Arc;

use argo_core::{GroupKind, Tracked, TrackedBody};

use super::Workload;
use crate::rollout;

/// The kinds that are watched besides pods, in the order of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Kinds(Arc<[Known]>);

#[derive(Debug)]
struct Known {
    kind: GroupKind,
    resource: String,
    workload: Arc<dyn Workload>,
}

impl Kinds {
    pub(crate) fn new(kinds: &[Arc<dyn Workload>]) -> Self {
        let known = kinds.iter().map(|workload| Known {
            kind: workload.names().group_kind(),
            resource: workload.names().resource(),
            workload: Arc::clone(workload),
        });
        Self(known.collect())
    }

    pub(crate) fn kind(&self, place: usize) -> &GroupKind {
        &self.0[place].kind
    }

    /// Returns the name that RBAC has for a kind.
    pub(crate) fn resource(&self, place: usize) -> &str {
        &self.0[place].resource
    }

    pub(crate) fn at(&self, place: usize) -> &dyn Workload {
        &*self.0[place].workload
    }

    pub(crate) fn find(&self, kind: &GroupKind) -> Option<&dyn Workload> {
        let known = self.0.iter().find(|known| known.kind == *kind);
        known.map(|known| &*known.workload)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &dyn Workload> {
        self.0.iter().map(|known| &*known.workload)
    }

    /// Fills in the progress and the traits of an object by the rules of its kind.
    pub(crate) fn describe(&self, mut tracked: Tracked) -> Tracked {
        match &tracked.body {
            TrackedBody::Pod(pod) if tracked.root.uid == tracked.object.uid => {
                tracked.rollout = Some(rollout::pod(pod));
            }
            TrackedBody::Workload(object) => {
                if let Some(kind) = self.find(&tracked.object.kind) {
                    tracked.rollout = Some(kind.rollout(object));
                    tracked.traits = kind.traits(object);
                }
            }
            TrackedBody::Pod(_) | TrackedBody::Other(_) => {}
        }
        tracked
    }
}
