//! One object of the index.

use std::{borrow::Cow, sync::Arc};

use argo_core::{
    GroupKind, KindTraits, ObjectName, ObjectRef, Tracked, TrackedBody,
    resource::{PackedPod, PodHead},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{
    Body,
    marks::{KnownMarks, Marks},
};
use crate::tracking::hook::hook_phase;

/// An owner that no watch delivers, as an owner reference names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownOwner {
    /// The owner. Its namespace is that of the object that it owns; it may be
    /// cluster-scoped.
    pub owner: ObjectRef,
    /// `apiVersion` of the reference.
    pub api_version: Arc<str>,
}

/// The source of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A watch or a list.
    Present,
    /// A single read, made because another object refers to it.
    Read,
    /// No source any more: the object was deleted. `retained` is true while the object is
    /// remembered although no other object refers to it.
    Gone { retained: bool },
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) object: ObjectRef,
    /// The controller first.
    pub(crate) owners: Vec<UnknownOwner>,
    /// Objects that this one pulls into the application by naming them: the claims of a
    /// pod.
    pub(super) uses: Vec<ObjectName>,
    /// True if the object belongs to the application by its own marks.
    pub(crate) own: bool,
    pub(super) hook: Option<Arc<str>>,
    pub(super) created: Option<Timestamp>,
    /// True if the object came into being with the rollout, or after the first list of its
    /// kind, whatever the clocks say.
    pub(super) is_new: bool,
    pub(super) state: State,
    /// True while followers count the object as part of the application.
    pub(super) reported: bool,
    /// The list generation in which the object was last applied.
    pub(super) seen: u64,
    pub(crate) place: Option<Box<Place>>,
    pub(super) body: Body,
    /// The marks of a pod whose watch delivers it packed.
    marks: Option<Arc<Marks>>,
}

/// The place of an object in the application.
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
    pub(super) fn new(kind: &GroupKind, body: &TrackedBody, own: bool, seen: u64) -> Self {
        let meta = body.metadata();
        let mut node = Self::of(kind, meta, Body::Open(body.clone()), seen);
        node.own = own;
        if let TrackedBody::Pod(pod) = body {
            let volumes = pod.spec.volumes.iter();
            let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
            node.uses = claims.map(|claim| node.claim(&claim.claim_name)).collect();
        }
        node
    }

    /// Makes a node of a pod of which only the head is decoded.
    pub(super) fn packed(
        pod: &Arc<PackedPod>,
        head: &PodHead,
        marks: &mut KnownMarks,
        seen: u64,
    ) -> Self {
        let body = Body::Pod(Arc::clone(pod));
        let mut node = Self::of(&GroupKind::new("", "Pod"), &head.metadata, body, seen);
        node.marks = Some(marks.of(&head.metadata));
        node.uses = head.claims.iter().map(|claim| node.claim(claim)).collect();
        node
    }

    fn of(kind: &GroupKind, meta: &ObjectMeta, body: Body, seen: u64) -> Self {
        let object = ObjectRef::from_meta(kind.clone(), meta);
        Self {
            owners: owners(&object, meta),
            uses: Vec::new(),
            hook: hook_phase(meta),
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            object,
            own: false,
            is_new: false,
            state: State::Present,
            reported: false,
            seen,
            place: None,
            body,
            marks: None,
        }
    }

    /// True for a pod whose body is here as its watch delivered it, or was dropped.
    pub(super) fn is_packed_pod(&self) -> bool {
        matches!(self.body, Body::Pod(_) | Body::LeftOut(_))
    }

    /// Returns the names that many objects have in common.
    pub(super) fn common_names(&mut self) -> impl Iterator<Item = &mut Arc<str>> {
        let ObjectRef {
            kind, namespace, ..
        } = &mut self.object;
        let owners = self.owners.iter_mut().flat_map(|owner| {
            let ObjectRef {
                kind, namespace, ..
            } = &mut owner.owner;
            let version = &mut owner.api_version;
            [&mut kind.group, &mut kind.kind, namespace, version]
        });
        [&mut kind.group, &mut kind.kind, namespace]
            .into_iter()
            .chain(owners)
    }

    fn claim(&self, name: &str) -> ObjectName {
        ObjectName {
            kind: GroupKind::new("", "PersistentVolumeClaim"),
            namespace: Arc::clone(&self.object.namespace),
            name: name.into(),
        }
    }

    /// Takes a change of a pod that is nobody's, if the change does not touch what decides
    /// whose it is: its metadata. The volumes of a pod never change.
    pub(super) fn refresh(&mut self, pod: &Arc<PackedPod>, seen: u64) -> bool {
        let before = match &self.body {
            Body::Pod(before) => before.fingerprint(),
            Body::LeftOut(before) => *before,
            Body::Open(_) | Body::Packed(_) => return false,
        };
        let is_nobodys = self.place.is_none() && self.state == State::Present;
        if !is_nobodys || before != pod.fingerprint() {
            return false;
        }
        if let Body::Pod(body) = &mut self.body {
            *body = Arc::clone(pod);
        }
        self.seen = seen;
        true
    }

    /// Drops the body of a packed pod, and returns the fingerprint that stays in its place.
    pub(super) fn leave_out(&mut self) -> Option<u64> {
        if let Body::Pod(pod) = &self.body {
            self.body = Body::LeftOut(pod.fingerprint());
        }
        self.left_out()
    }

    /// Returns the fingerprint of a pod whose body was dropped.
    pub(super) fn left_out(&self) -> Option<u64> {
        match self.body {
            Body::LeftOut(fingerprint) => Some(fingerprint),
            _ => None,
        }
    }

    /// Returns the metadata; of a pod that was left out only the marks.
    pub(crate) fn metadata(&self) -> Cow<'_, ObjectMeta> {
        let whole = self.body.metadata();
        whole.unwrap_or_else(|| {
            let marks = self.marks.as_ref();
            let metadata = marks.map(|marks| marks.metadata(&self.object, &self.owners));
            Cow::Owned(metadata.unwrap_or_default())
        })
    }

    pub(super) fn name(&self) -> ObjectName {
        self.object.name()
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone { .. })
    }

    pub(super) fn is_pod(&self) -> bool {
        self.body.is_pod()
    }

    /// True if `other` is the same version: a list that was read again.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let version = self.body.resource_version();
        let same = version.is_some() && version == other.body.resource_version();
        same && self.state == other.state && self.own == other.own
    }

    /// True if `other` has the same owners and marks.
    pub(super) fn is_linked_as(&self, other: &Self) -> bool {
        self.own == other.own && self.owners == other.owners
    }

    /// Returns the object as followers get it, if it belongs to the application. If not,
    /// packs it to save memory.
    pub(super) fn tracked(&mut self, new_since: Timestamp) -> Option<Tracked> {
        let Some(place) = &self.place else {
            self.body.pack();
            return None;
        };
        let body = self.body.open()?;
        self.is_new |= self.created.is_some_and(|at| at >= new_since);
        let controller = || self.owners.first().map(|owner| owner.owner.clone());
        Some(Tracked {
            object: self.object.clone(),
            owner: place.parent.clone().or_else(controller),
            root: place.root.clone(),
            hook: place.hook.clone(),
            is_new: self.is_new,
            rollout: None,
            traits: KindTraits::default(),
            body,
        })
    }
}

fn owners(object: &ObjectRef, meta: &ObjectMeta) -> Vec<UnknownOwner> {
    let unknown = |owner: &OwnerReference| UnknownOwner {
        owner: ObjectRef::from_owner(&object.namespace, owner),
        api_version: owner.api_version.as_str().into(),
    };
    let references = meta.owner_references.iter().flatten();
    let mut references: Vec<_> = references.filter(|owner| !owner.uid.is_empty()).collect();
    references.sort_by_key(|owner| owner.controller != Some(true));
    references.into_iter().map(unknown).collect()
}
