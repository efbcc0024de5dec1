//! DaemonSets.

use argo_core::resource::WorkloadObject;

use super::{NOT_SEEN, RolloutState, not_available};

/// The state of a DaemonSet, as `kubectl rollout status` decides it; one pod a node.
///
/// With `OnDelete` kubectl refuses to answer and Argo CD says Healthy; here it is
/// complete once all pods are available. The controller never gives up.
pub fn daemonset(object: &WorkloadObject) -> RolloutState {
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
    } else {
        state.done()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::object, *};

    #[test]
    fn every_node_counts() {
        let on = |updated: i64, ready: i64, strategy: &str| {
            daemonset(&object(json!({
                "spec": {"updateStrategy": {"type": strategy}},
                "status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": updated,
                    "numberReady": ready, "numberAvailable": ready},
            })))
        };
        let words = |state: RolloutState| state.waiting_for.unwrap_or_default();
        assert_eq!(words(on(1, 3, "RollingUpdate")), "1 of 3 updated");
        assert_eq!(words(on(3, 2, "RollingUpdate")), "2 of 3 ready");
        assert!(on(3, 3, "RollingUpdate").complete);
        assert!(on(0, 3, "OnDelete").complete);
    }
}
