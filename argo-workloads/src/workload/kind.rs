//! A kind of workload from outside.

use argo_core::{KindTraits, RolloutState, resource::WorkloadObject};

use super::{Names, Workload};
use crate::rollout::generic;

/// A kind of workload whose objects look like a Deployment's: a `spec` and a `status`
/// with the usual counts.
///
/// ```
/// use argo_core::KindTraits;
/// use argo_workloads::{TrackConfig, WorkloadKind};
///
/// let pets = WorkloadKind::new("apps.kruise.io", "v1alpha1", "CloneSet", "clonesets")
///     .traits(|_| KindTraits { any_pod_dooms: true, ..KindTraits::default() });
/// let config = TrackConfig::default().kind(pets);
/// # drop(config);
/// ```
#[derive(Clone, Debug)]
pub struct WorkloadKind {
    names: Names,
    rollout: fn(&WorkloadObject) -> RolloutState,
    traits: fn(&WorkloadObject) -> KindTraits,
}

impl WorkloadKind {
    /// Names a kind: API group, version, kind and plural.
    ///
    /// The kind's progress follows the conventions of [`generic`] until another rule is
    /// [given](Self::rollout), and its traits are the default ones.
    pub fn new(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        Self {
            names: Names::owned(group, version, kind, plural),
            rollout: generic,
            traits: |_| KindTraits::default(),
        }
    }

    /// Replaces the rule by which progress is read from an object.
    #[must_use]
    pub fn rollout(mut self, rule: fn(&WorkloadObject) -> RolloutState) -> Self {
        self.rollout = rule;
        self
    }

    /// Replaces the traits of the kind.
    #[must_use]
    pub fn traits(mut self, traits: fn(&WorkloadObject) -> KindTraits) -> Self {
        self.traits = traits;
        self
    }
}

impl Workload for WorkloadKind {
    fn names(&self) -> &Names {
        &self.names
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        (self.rollout)(object)
    }

    fn traits(&self, object: &WorkloadObject) -> KindTraits {
        (self.traits)(object)
    }
}
