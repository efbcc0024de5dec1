//! A kind of workload from outside: the CloneSet of OpenKruise, with a rollout rule of its
//! own. `cargo run -p argo-workloads --example cloneset -- shop argocd` says which objects
//! of the application are followed.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{env, error::Error, sync::Arc};

use argo_core::{AppRef, client, resource::WorkloadObject};
use argo_workloads::{TrackConfig, WorkloadKind, explain, rollout::RolloutState};

/// Done once the controller has seen the change and each replica is new and ready.
fn rule(object: &WorkloadObject) -> RolloutState {
    let desired = object.spec.replicas.unwrap_or(1);
    let updated = object.status.updated_replicas.unwrap_or(0);
    let ready = object.status.ready_replicas.unwrap_or(0);
    let complete = object.is_observed() && updated >= desired && ready >= desired;
    RolloutState {
        desired: Some(desired),
        updated: Some(updated),
        ready: Some(ready),
        available: object.status.available_replicas,
        complete,
        paused: object.spec.paused,
        waiting_for: (!complete).then(|| format!("{updated} of {desired} updated")),
        ..RolloutState::default()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clonesets = WorkloadKind::new("apps.kruise.io", "v1alpha1", "CloneSet", "clonesets");
    let mut config = TrackConfig::default();
    config.kinds.push(Arc::new(clonesets.rollout(rule)));

    let mut args = env::args().skip(1);
    let name = args.next().ok_or("usage: cloneset APP APP_NAMESPACE")?;
    let app = AppRef::new(name, args.next().unwrap_or_else(|| "argocd".to_owned()));
    let options = client::Options::inferred(|name| env::var_os(name));
    let connection = client::connect(&options).await?;
    for one in explain(connection.into(), app, config).await? {
        let followed = if one.followed { "followed" } else { "ignored " };
        println!(
            "{followed} {}/{}  {}",
            one.object.namespace, one.object, one.why
        );
    }
    Ok(())
}
