//! Log stores, Loki and VictoriaLogs, give the lines that the cluster lacks.
//!
//! `VICTORIALOGS=http://127.0.0.1:9428` plays the same stories against a real VictoriaLogs
//! (`tests/lab/victorialogs` starts one and does so).

use std::sync::{Arc, LazyLock};

use argo_core::{ObjectRef, PodEvent, resource::Pod};
use argo_logs::StoreRange;
use argo_tests::fake_store::Kind;
use jiff::Timestamp;
use serde_json::json;

mod client;
mod holes;
mod program;
mod scripted;
mod store;

const KINDS: [Kind; 2] = [Kind::Loki, Kind::VictoriaLogs];

fn range(pod: &str, from: i64, until: i64) -> StoreRange {
    StoreRange {
        pod: object(pod),
        container: "app".into(),
        from,
        until,
    }
}

fn object(name: &str) -> ObjectRef {
    let pod = pod(name, true);
    ObjectRef::from_meta(argo_core::GroupKind::new("", "Pod"), &pod.metadata)
}

/// A minute before the first test, to the second.
fn minute_ago() -> Timestamp {
    static THEN: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_second() - 60);
    Timestamp::from_second(*THEN).unwrap()
}

fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap()
}

/// A name that no other run of the test has used.
fn unique(name: &str) -> String {
    format!("{name}-{}", Timestamp::now().as_microsecond())
}

/// A pod that has a node; its container runs since a minute ago, or has told nothing.
fn pod(name: &str, runs: bool) -> Pod {
    let statuses = if runs {
        json!([{"name": "app", "containerID": "containerd://A", "restartCount": 0, "ready": true,
            "state": {"running": {"startedAt": minute_ago().to_string()}}}])
    } else {
        json!([])
    };
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "creationTimestamp": minute_ago().to_string()},
        "spec": {"nodeName": "node1", "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }))
    .unwrap()
}

fn applied(pod: &Pod) -> PodEvent {
    PodEvent::Applied {
        pod: Arc::new(pod.clone()),
        workload: None,
        is_new: true,
    }
}
