//! Waiting until what exists at the start is well.

use std::time::Duration;

use crate::application::{HealthStatus, health};
use crate::store::Store;

/// Something may be meant not to become well.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);
const KINDS: [&str; 3] = ["deployments.apps", "statefulsets.apps", "daemonsets.apps"];

pub(super) async fn settle(store: &Store) {
    let clock = store.clock();
    let give_up = clock.elapsed() + PATIENCE;
    while !is_well(store) && clock.elapsed() < give_up {
        clock.sleep(LOOK).await;
    }
}

fn is_well(store: &Store) -> bool {
    let lists = KINDS.iter().filter_map(|kind| store.list(kind, None).ok());
    let well = |status| status == HealthStatus::Healthy;
    lists
        .flat_map(|list| list.items)
        .all(|object| health(&object).is_none_or(|health| well(health.status)))
}
