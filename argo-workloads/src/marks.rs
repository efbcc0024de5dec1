//! Which objects are marked as the application's own.

use std::sync::Arc;

use argo_core::GroupKind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{AppSelector, Membership, Workload};

/// The selectors of all followed Applications, and the kinds that may have a word in it.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    pub(crate) selectors: Vec<AppSelector>,
    pub(crate) kinds: Vec<Arc<dyn Workload>>,
}

impl Marks {
    /// True if an object belongs to a followed Application by its own marks.
    pub(crate) fn own(&self, kind: &GroupKind, meta: &ObjectMeta) -> bool {
        let workload = self.kinds.iter().find(|workload| workload.kind() == *kind);
        self.selectors.iter().any(|selector| match workload {
            Some(workload) => workload.matches(meta, selector),
            None => selector.matches(kind, meta),
        })
    }

    /// True if labels count and its label names a followed Application, whoever owns it.
    pub(crate) fn labelled(&self, meta: &ObjectMeta) -> bool {
        let mut selectors = self.selectors.iter();
        selectors.any(|selector| selector.is_labelled(meta))
    }

    /// What its marks say, to the Application or, if any of them owns it, to that one.
    pub(crate) fn membership(&self, kind: &GroupKind, meta: &ObjectMeta) -> Membership {
        let mut all = self
            .selectors
            .iter()
            .map(|selector| selector.membership(kind, meta));
        let first = all.next().unwrap_or(Membership::None);
        if first == Membership::Own {
            return first;
        }
        all.find(|other| *other == Membership::Own).unwrap_or(first)
    }
}
