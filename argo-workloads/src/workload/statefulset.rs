//! StatefulSets: they own their pods, which keep their names.

use argo_core::{KindTraits, Newest, RolloutState, resource::WorkloadObject};

use super::{Names, Workload};
use crate::rollout::{NOT_SEEN, old_kept};

/// A StatefulSet. Its progress follows `kubectl rollout status`.
///
/// With `OnDelete` kubectl refuses to answer and Argo CD says Healthy; here it waits until
/// somebody has deleted the old pods, since the new revision does not run. Ordinals below the partition keep the old revision. The controller never gives up: a
/// StatefulSet that crashes for ever only ever waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatefulSet;

static NAMES: Names = Names::new("apps", "v1", "StatefulSet", "statefulsets");

impl Workload for StatefulSet {
    fn names(&self) -> &Names {
        &NAMES
    }

    fn rollout(&self, object: &WorkloadObject) -> RolloutState {
        let state = RolloutState::replicas(object);
        if object.status.observed_generation.unwrap_or(0) == 0 || !object.is_observed() {
            return state.waits(NOT_SEEN);
        }
        let (desired, ready) = (state.desired.unwrap_or(1), state.ready.unwrap_or(0));
        if ready < desired {
            return state.waits(format!("{ready} of {desired} ready"));
        }
        let (updated, wanted) = (state.updated.unwrap_or(0), to_update(object, desired));
        if updated < wanted {
            return state.waits(format!("{updated} of {wanted} updated"));
        }
        if is_on_delete(object) && updated < desired {
            return state.waits(old_kept(desired.saturating_sub(updated)));
        }
        state.done()
    }

    fn traits(&self, object: &WorkloadObject) -> KindTraits {
        KindTraits {
            ordered: object.spec.pod_management_policy.as_deref() != Some("Parallel"),
            keeps_pod_names: true,
            any_pod_dooms: true,
            newest: Newest::labelled(
                "controller-revision-hash",
                object.status.update_revision.as_deref(),
            ),
            ..KindTraits::default()
        }
    }
}

fn is_on_delete(object: &WorkloadObject) -> bool {
    object.spec.update_strategy.type_.as_deref() == Some("OnDelete")
}

/// Counts the pods that must have the newest revision.
fn to_update(object: &WorkloadObject, desired: i64) -> i64 {
    if is_on_delete(object) {
        return 0;
    }
    let partition = object
        .spec
        .update_strategy
        .rolling_update
        .partition
        .unwrap_or(0);
    desired.saturating_sub(partition.max(0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rollout::tests::object;

    fn with_strategy(strategy: &Value, updated: i64) -> RolloutState {
        StatefulSet.rollout(&object(json!({
            "metadata": {"generation": 2},
            "spec": {"replicas": 3, "updateStrategy": strategy},
            "status": {"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": updated},
        })))
    }

    #[test]
    fn a_partition_keeps_some_pods_old() {
        let partition = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
        assert_eq!(
            with_strategy(&partition, 0).waiting_for.as_deref(),
            Some("0 of 1 updated")
        );
        assert!(with_strategy(&partition, 1).complete);
        let on_delete = json!({"type": "OnDelete"});
        assert!(with_strategy(&on_delete, 3).complete);
        assert_eq!(
            with_strategy(&on_delete, 1).waiting_for.as_deref(),
            Some("somebody to delete 2 old pods (OnDelete)")
        );
        assert!(!with_strategy(&json!({"type": "RollingUpdate"}), 2).complete);
    }

    #[test]
    fn nothing_is_known_before_the_controller_looked() {
        let state = StatefulSet.rollout(&object(json!({"spec": {"replicas": 0}})));
        assert_eq!(state.waiting_for.as_deref(), Some(NOT_SEEN));
    }
}
