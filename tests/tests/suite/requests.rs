//! What a rollout costs the API server.

use std::collections::BTreeMap;

use simcluster::api::LoggedRequest;

use crate::rollout::Rollout;

const OURS: &str = "kube";

#[tokio::test]
async fn print_requests() {
    let rollout = Rollout::named("good", 20.0).await.begun().await;
    let ended = rollout.sync(&["--", "--timeout", "180"]).run().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    for request in rollout.cluster.api().requests() {
        println!(
            "{} {} {} {}?{} {} {}",
            request.at,
            request.verb,
            request.status,
            request.path,
            request.query,
            request.user_agent,
            request.connection
        );
    }
    let _ = (OURS, BTreeMap::<u8, LoggedRequest>::new());
}
