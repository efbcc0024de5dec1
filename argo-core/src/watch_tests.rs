use std::{collections::VecDeque, convert::Infallible, sync::Mutex};

use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::json;

use super::*;
use crate::resource::PackedPod;

/// A server that gives these answers, one for each request, and then none any more.
fn server(answers: Vec<(u16, String)>) -> Client {
    let answers = Mutex::new(VecDeque::from(answers));
    let service = tower::service_fn(move |_: Request<Body>| {
        let answer = answers.lock().unwrap().pop_front();
        async move {
            let (code, body) = match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            };
            let mut response = Response::new(Body::from(body.into_bytes()));
            *response.status_mut() = code.try_into().unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    Client::new(service, "default")
}

fn word(event: &WatchEvent<PackedPod>) -> String {
    match event {
        WatchEvent::Restarted => "restarted".to_owned(),
        WatchEvent::Synced => "synced".to_owned(),
        WatchEvent::Degraded(_) => "degraded".to_owned(),
        WatchEvent::Restored => "restored".to_owned(),
        event => format!("{event:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_left_out_shows_that_the_watch_works_again() {
    let pod = |version: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata":
            {"name": "other", "uid": "other", "resourceVersion": version}})
    };
    let packed: PackedPod = serde_json::from_value(pod("1")).unwrap();
    let bystanders = Bystanders::default();
    bystanders.insert(packed.fingerprint());
    let list = json!({"kind": "PodList", "apiVersion": "v1",
        "metadata": {"resourceVersion": "2"}, "items": []});
    let failure = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
        "status": "Failure", "message": "no", "reason": "x", "code": 500});
    let change = format!("{{\"type\":\"MODIFIED\",\"object\":{}}}\n", pod("3"));
    let failed = (500, failure.to_string());
    let client = server(vec![
        (200, list.to_string()),
        failed.clone(),
        failed.clone(),
        failed,
        (200, change),
    ]);
    let config = WatchConfig::default().bystanders(Some(bystanders));
    let mut events = watch(Api::<PackedPod>::namespaced(client, "n"), config);
    for wanted in ["restarted", "synced", "degraded", "restored"] {
        assert_eq!(word(&events.next().await.unwrap()), wanted);
    }
    let more = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
    assert!(more.is_err(), "{more:?}");
}
