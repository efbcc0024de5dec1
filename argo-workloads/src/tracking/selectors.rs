//! The selectors of all followed Applications.

use argo_core::GroupKind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{AppSelector, Membership, selector::INSTANCE_LABEL, workload::Kinds};

/// The selectors of all followed Applications, and the kinds, which may match differently.
#[derive(Clone, Debug)]
pub(crate) struct Selectors {
    selectors: Vec<AppSelector>,
    kinds: Kinds,
}

impl Selectors {
    pub(crate) fn new(selectors: Vec<AppSelector>, kinds: Kinds) -> Self {
        Self { selectors, kinds }
    }

    /// Replaces the selectors. True if they are others than before.
    pub(crate) fn replace(&mut self, selectors: Vec<AppSelector>) -> bool {
        let is_changed = self.selectors != selectors;
        self.selectors = selectors;
        is_changed
    }

    /// True if an object belongs to a followed Application by its own marks.
    pub(crate) fn own(&self, kind: &GroupKind, meta: &ObjectMeta) -> bool {
        let workload = self.kinds.find(kind);
        self.selectors.iter().any(|selector| match workload {
            Some(workload) => workload.matches(meta, selector),
            None => selector.matches(kind, meta),
        })
    }

    /// True if labels count and the object's label names a followed Application, whoever
    /// owns the object.
    pub(crate) fn labelled(&self, meta: &ObjectMeta) -> bool {
        let mut selectors = self.selectors.iter();
        selectors.any(|selector| selector.is_labelled(meta))
    }

    /// Returns the membership of an object in the followed Application that owns it; if none
    /// does, in the Application at the top.
    pub(crate) fn membership(&self, kind: &GroupKind, meta: &ObjectMeta) -> Membership {
        let selectors = self.selectors.iter();
        let mut all = selectors.map(|selector| selector.membership(kind, meta));
        let first = all.next().unwrap_or(Membership::None);
        if first == Membership::Own {
            return first;
        }
        all.find(|other| *other == Membership::Own).unwrap_or(first)
    }

    /// Returns the label that names the Application.
    pub(crate) fn label_key(&self) -> &str {
        let first = self.selectors.first();
        first.map_or(INSTANCE_LABEL, AppSelector::label_key)
    }
}
