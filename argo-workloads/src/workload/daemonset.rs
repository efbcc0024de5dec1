//! DaemonSets: they own one pod on each node.

use argo_core::{KindTraits, Newest, RevisionLabel, RolloutState, resource::WorkloadObject};

use super::{Names, Workload};
use crate::rollout::{NOT_SEEN, not_available, old_kept};

/// A DaemonSet. Its progress follows `kubectl rollout status`, with one pod on each node.
///
/// With `OnDelete` kubectl refuses to answer and Argo CD says Healthy; here it waits until
/// somebody has deleted the old pods. The controller never gives up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaemonSet;

static NAMES: Names = Names::new("apps", "v1", "DaemonSet", "daemonsets");

impl Workload for DaemonSet {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        let status = &object.status;
        let desired = status.desired_number_scheduled.unwrap_or(0);
        let updated = status.updated_number_scheduled.unwrap_or(0);
        let available = status.number_available.unwrap_or(0);
        let state = RolloutState {
            desired: Some(desired),
            updated: Some(updated),
            ready: Some(status.number_ready.unwrap_or(0)),
            available: Some(available),
            ..RolloutState::default()
        };
        let on_delete = object.spec.update_strategy.type_.as_deref() == Some("OnDelete");
        if !object.is_observed() {
            state.waits(NOT_SEEN)
        } else if updated < desired && !on_delete {
            state.waits(format!("{updated} of {desired} updated"))
        } else if available < desired {
            let ready = state.ready.unwrap_or(0);
            state.waits(not_available(available, ready, desired))
        } else if updated < desired {
            state.waits(old_kept(desired.saturating_sub(updated)))
        } else {
            state.done()
        }
    }

    // The controller numbers its templates and labels pods with the number. The hash of the
    // revision stands nowhere in the DaemonSet: without the number the youngest pod tells it.
    fn traits(&self, object: &WorkloadObject) -> KindTraits {
        const GENERATION: &str = "deprecated.daemonset.template.generation";
        let annotations = object.metadata.annotations.as_ref();
        let generation = annotations.and_then(|annotations| annotations.get(GENERATION));
        let numbered =
            generation.map(|number| RevisionLabel::new("pod-template-generation", number));
        let hashed = RevisionLabel::of_youngest_pod("controller-revision-hash");
        KindTraits {
            any_pod_dooms: true,
            newest: Newest::Labelled(numbered.into_iter().chain([hashed]).collect()),
            ..KindTraits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rollout::tests::object;

    #[test]
    fn every_node_counts() {
        let on = |updated: i64, ready: i64, strategy: &str| {
            DaemonSet.rollout(&object(json!({
                "spec": {"updateStrategy": {"type": strategy}},
                "status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": updated,
                    "numberReady": ready, "numberAvailable": ready},
            })))
        };
        let words = |state: RolloutState| state.waiting_for.unwrap_or_default();
        assert_eq!(words(on(1, 3, "RollingUpdate")), "1 of 3 updated");
        assert_eq!(words(on(3, 2, "RollingUpdate")), "2 of 3 ready");
        assert!(on(3, 3, "RollingUpdate").complete);
        assert!(on(3, 3, "OnDelete").complete);
        assert_eq!(
            on(0, 3, "OnDelete").waiting_for.as_deref(),
            Some("somebody to delete 3 old pods (OnDelete)")
        );
    }
}
