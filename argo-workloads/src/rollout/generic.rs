//! Any other kind that owns pods.

use argo_core::resource::WorkloadObject;

use super::{NOT_SEEN, RolloutState, not_available, words};

/// Judges an object of an unknown kind by the conventions of kstatus
/// (`sigs.k8s.io/cli-utils/pkg/kstatus`): the generation seen, the conditions `Stalled`,
/// `Reconciling`, `Ready` and `Available`, and the counts of pods where it has them. An
/// object with none of these is complete.
pub fn generic(object: &WorkloadObject) -> RolloutState {
    let status = &object.status;
    let state = RolloutState {
        desired: object.spec.replicas,
        updated: status.updated_replicas,
        ready: status.ready_replicas,
        available: status.available_replicas,
        pause: (object.spec.paused || object.spec.suspend)
            .then(|| super::pause::by_spec(object, None)),
        ..RolloutState::default()
    };
    if status.observed_generation.is_some() && !object.is_observed() {
        return state.waits(NOT_SEEN);
    }
    if let Some(condition) = condition(object, "Stalled", "True") {
        return state.fails(words(condition, "stalled"));
    }
    let reconciling = condition(object, "Reconciling", "True");
    let unready = condition(object, "Ready", "False").or(condition(object, "Available", "False"));
    if let Some(condition) = reconciling.or(unready) {
        return state.waits(words(condition, "its controller"));
    }
    by_counts(state)
}

fn condition<'a>(
    object: &'a WorkloadObject,
    type_: &str,
    status: &str,
) -> Option<&'a argo_core::resource::Condition> {
    object
        .condition(type_)
        .filter(|condition| condition.status == status)
}

fn by_counts(state: RolloutState) -> RolloutState {
    let (Some(desired), Some(ready)) = (state.desired, state.ready) else {
        return state.done();
    };
    let updated = state.updated.unwrap_or(desired);
    let available = state.available.unwrap_or(ready);
    if updated < desired {
        state.waits(format!("{updated} of {desired} updated"))
    } else if available < desired {
        state.waits(not_available(available, ready, desired))
    } else {
        state.done()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::object, *};

    #[test]
    fn conditions_come_before_counts() {
        let with = |status: &Value| {
            let metadata = json!({"generation": 2});
            let spec = json!({"replicas": 3});
            generic(&object(
                json!({"metadata": metadata, "spec": spec, "status": status}),
            ))
        };
        assert_eq!(
            with(&json!({"observedGeneration": 1}))
                .waiting_for
                .as_deref(),
            Some(NOT_SEEN)
        );
        let stalled =
            json!({"conditions": [{"type": "Stalled", "status": "True", "message": "no disk"}]});
        assert_eq!(with(&stalled).failed.as_deref(), Some("no disk"));
        let unready = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "Syncing"}], "readyReplicas": 3});
        assert_eq!(with(&unready).waiting_for.as_deref(), Some("Syncing"));
        assert_eq!(
            with(&json!({"readyReplicas": 2})).waiting_for.as_deref(),
            Some("2 of 3 ready")
        );
        assert!(with(&json!({})).complete);
    }
}
