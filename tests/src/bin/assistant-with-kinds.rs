//! argo-assistant with two kinds of workload from outside, as a deploy tool would build it.

use std::{process::ExitCode, sync::Arc};

use argo_core::{KindTraits, Newest, RolloutState, resource::WorkloadObject};
use argo_workloads::WorkloadKind;

/// Complete once the newest revision is the current one, whatever the counts.
fn promoted(object: &WorkloadObject) -> RolloutState {
    let state = RolloutState::replicas(object);
    if object.status.current_revision != object.status.update_revision {
        return state.waits("promotion");
    }
    state.done()
}

fn labelled(object: &WorkloadObject) -> KindTraits {
    let revision = object.status.update_revision.as_deref();
    KindTraits {
        newest: Newest::labelled("controller-revision-hash", revision),
        ..KindTraits::default()
    }
}

/// A PetSet replaces its pods in order, under their names, as a StatefulSet does.
fn pets(object: &WorkloadObject) -> KindTraits {
    KindTraits {
        ordered: true,
        keeps_pod_names: true,
        any_pod_dooms: true,
        ..labelled(object)
    }
}

fn main() -> ExitCode {
    let clonesets = WorkloadKind::new("apps.kruise.io", "v1alpha1", "CloneSet", "clonesets");
    let petsets = WorkloadKind::new("zoo.example.com", "v1", "PetSet", "petsets");
    argo_assistant::command::main_with(vec![
        Arc::new(clonesets.rollout(promoted).traits(labelled)),
        Arc::new(petsets.rollout(promoted).traits(pets)),
    ])
}
