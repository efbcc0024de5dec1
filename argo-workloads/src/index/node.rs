//! What is known of one object.

use std::sync::Arc;

use argo_core::{GroupKind, KindTraits, ObjectRef, Tracked, TrackedBody, resource::Pod};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{Body, Name};
use crate::hook::hook_phase;

/// An owner as the owned object names it: enough to read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The owner. Its namespace is that of what it owns; it may be cluster-scoped.
    pub owner: ObjectRef,
    /// `apiVersion`, by which it can be read.
    pub api_version: Arc<str>,
}

/// How an object is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// By a watch or a list.
    Present,
    /// It was read once, because something refers to it.
    Read,
    /// It was there.
    Gone,
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) object: ObjectRef,
    /// The controller first.
    pub(crate) owners: Vec<Wanted>,
    /// What belongs where it belongs, by name: the claims of a pod.
    pub(super) uses: Vec<Name>,
    pub(crate) own: bool,
    pub(super) hook: Option<Arc<str>>,
    pub(super) created: Option<Timestamp>,
    /// True if it was created before our eyes, whatever the clocks say.
    pub(super) arrived: bool,
    pub(super) is_new: bool,
    pub(super) state: State,
    /// True for a grave that nothing needs to refer to.
    pub(super) kept: bool,
    /// True while followers believe that it belongs to the application.
    pub(super) told: bool,
    pub(super) seen: u64,
    pub(crate) place: Option<Place>,
    pub(crate) body: Body,
}

/// Where an object belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) root: ObjectRef,
    pub(crate) parent: Option<ObjectRef>,
    pub(super) hook: Option<Arc<str>>,
}

impl Place {
    pub(super) fn root(node: &Node) -> Self {
        Self {
            root: node.object.clone(),
            parent: None,
            hook: node.hook.clone(),
        }
    }

    pub(super) fn below(self, parent: &ObjectRef) -> Self {
        Self {
            parent: Some(parent.clone()),
            ..self
        }
    }
}

impl Node {
    pub(super) fn new(kind: &GroupKind, body: TrackedBody, own: bool, seen: u64) -> Self {
        let meta = body.metadata();
        let object = ObjectRef::from_meta(kind.clone(), meta);
        Self {
            owners: owners(&object, meta),
            uses: match &body {
                TrackedBody::Pod(pod) => claims(&object, pod),
                _ => Vec::new(),
            },
            hook: hook_phase(meta),
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            object,
            own,
            arrived: false,
            is_new: false,
            state: State::Present,
            kept: false,
            told: false,
            seen,
            place: None,
            body: Body::Open(body),
        }
    }

    pub(super) fn name(&self) -> Name {
        let object = &self.object;
        let (namespace, name) = (Arc::clone(&object.namespace), Arc::clone(&object.name));
        (object.kind.clone(), namespace, name)
    }

    pub(super) fn is_pod(&self) -> bool {
        self.body.is_pod()
    }

    /// True if `other` says nothing that this does not: a list that was read again.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let version = self.body.resource_version();
        let same = version.is_some() && version == other.body.resource_version();
        same && self.state == other.state && self.own == other.own
    }

    /// True if `other` stands to its owners as this does.
    pub(super) fn is_linked_as(&self, other: &Self) -> bool {
        self.own == other.own && self.owners == other.owners
    }

    /// The object as followers are told of it, if it belongs to the application. If not,
    /// it is kept in less memory.
    pub(super) fn tracked(&mut self, new_since: Timestamp) -> Option<Tracked> {
        let Some(place) = &self.place else {
            self.body.pack();
            return None;
        };
        self.is_new |= self.arrived || self.created.is_some_and(|at| at >= new_since);
        let controller = || self.owners.first().map(|wanted| wanted.owner.clone());
        Some(Tracked {
            object: self.object.clone(),
            owner: place.parent.clone().or_else(controller),
            root: place.root.clone(),
            hook: place.hook.clone(),
            is_new: self.is_new,
            rollout: None,
            traits: KindTraits::default(),
            body: self.body.open(),
        })
    }
}

fn owners(object: &ObjectRef, meta: &ObjectMeta) -> Vec<Wanted> {
    let wanted = |owner: &OwnerReference| Wanted {
        owner: ObjectRef::from_owner(&object.namespace, owner),
        api_version: owner.api_version.as_str().into(),
    };
    let references = meta.owner_references.iter().flatten();
    let mut references: Vec<_> = references.filter(|owner| !owner.uid.is_empty()).collect();
    references.sort_by_key(|owner| owner.controller != Some(true));
    references.into_iter().map(wanted).collect()
}

fn claims(object: &ObjectRef, pod: &Pod) -> Vec<Name> {
    let kind = GroupKind::new("", "PersistentVolumeClaim");
    let volumes = pod.spec.volumes.iter();
    let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    claims
        .map(|claim| {
            let namespace = Arc::clone(&object.namespace);
            (kind.clone(), namespace, claim.claim_name.as_str().into())
        })
        .collect()
}
