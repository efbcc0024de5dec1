//! An Argo CD token is all there is: the API with its faults, and those of proxies before it.
//!
//! Each test is a fault that users of other clients have reported.

use argo_core::{
    AppRef,
    argocd::{Client, Options},
    resource::Pod,
};
use argo_tests::fake_argocd::{FakeArgocd, Request, Step, answer};
use serde_json::json;

mod connection;
mod logs;
mod objects;
mod program;
mod versions;

const TOKEN: &str = "CANARY-token";

fn options(fake: &FakeArgocd, more: &[(&str, &str)]) -> Options {
    let env = |name: &str| match name {
        "ARGOCD_SERVER" => Some(fake.address.clone().into()),
        "ARGOCD_AUTH_TOKEN" => Some(TOKEN.into()),
        _ => None,
    };
    let flags = [("plaintext", "")].into_iter().chain(more.iter().copied());
    Options::inferred(env, flags).unwrap()
}

fn client(fake: &FakeArgocd) -> Client {
    Client::new(options(fake, &[])).unwrap()
}

fn app() -> AppRef {
    AppRef::new("shop", "team-a")
}

fn entry(second: u32, content: &str) -> String {
    let time = format!("2026-11-28T06:52:{second:02}.123456789Z");
    json!({"result": {"content": content, "timeStampStr": time, "last": false, "podName": "web-1"}})
        .to_string()
}

/// A pod whose container runs.
fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u1", "resourceVersion": "1"},
        "spec": {"containers": [{"name": "app"}], "restartPolicy": "Never"},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "app", "containerID": "c://1", "restartCount": 0, "ready": true,
                "state": {"running": {"startedAt": "2026-11-28T06:52:00Z"}}},
        ]},
    }))
    .unwrap()
}

/// The answer that has the manifest of the pod.
fn manifest() -> Vec<Step> {
    let pod = serde_json::to_string(&pod()).unwrap();
    answer(200, &json!({ "manifest": pod }).to_string())
}

fn path(request: &Request) -> &str {
    request.path.split('?').next().unwrap_or_default()
}
