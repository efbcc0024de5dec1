//! A kind of workload from outside: the CloneSet of OpenKruise, with a rollout rule of its
//! own. `cargo run -p argo-workloads --example cloneset -- shop argocd` says which objects
//! of the application are followed.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{env, error::Error};

use argo_core::{AppRef, KindTraits, Newest, RolloutState, client, resource::WorkloadObject};
use argo_workloads::{TrackConfig, WorkloadKind, explain};

/// Complete once the controller has seen the change and each replica is new and ready.
fn rule(object: &WorkloadObject) -> RolloutState {
    let state = RolloutState::replicas(object);
    let (desired, updated) = (state.desired.unwrap_or(1), state.updated.unwrap_or(0));
    if object.is_observed() && updated >= desired && state.ready.unwrap_or(0) >= desired {
        return state.done();
    }
    state.waits(format!("{updated} of {desired} updated"))
}

/// Pods of the newest revision carry its name as a label.
fn traits(object: &WorkloadObject) -> KindTraits {
    let revision = object.status.update_revision.as_deref();
    KindTraits {
        newest: Newest::labelled("controller-revision-hash", revision),
        ..KindTraits::default()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clonesets = WorkloadKind::new("apps.kruise.io", "v1alpha1", "CloneSet", "clonesets");
    let config = TrackConfig::default().kind(clonesets.rollout(rule).traits(traits));

    let mut args = env::args().skip(1);
    let name = args.next().ok_or("usage: cloneset APP APP_NAMESPACE")?;
    let app = AppRef::new(name, args.next().unwrap_or_else(|| "argocd".to_owned()));
    let options = client::Options::inferred(|name| env::var_os(name));
    let connection = client::connect(&options).await?;
    for one in explain(connection.into(), app, config).await?.objects {
        let followed = if one.followed { "followed" } else { "ignored " };
        println!(
            "{followed} {}/{}  {}",
            one.object.namespace, one.object, one.why
        );
    }
    Ok(())
}
