use serde_json::{Value, json};

use super::*;

fn containers(change: impl FnOnce(&mut LogConfig)) -> Containers {
    let mut config = LogConfig::default();
    change(&mut config);
    Containers::new(config)
}

fn now() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

fn running(name: &str, id: &str) -> Value {
    json!({ "name": name, "containerID": id, "restartCount": 0,
        "state": { "running": { "startedAt": "2026-11-24T00:00:00Z" } } })
}

fn failed(name: &str, id: &str) -> Value {
    json!({ "name": name, "containerID": id, "restartCount": 0,
        "state": { "terminated": { "exitCode": 1, "containerID": id } } })
}

/// A pod of a Deployment with the main containers that have a status.
fn pod(name: &str, uid: &str, statuses: &[Value]) -> PodEvent {
    let containers: Vec<_> = statuses
        .iter()
        .map(|s| json!({ "name": s["name"] }))
        .collect();
    applied(
        json!({
            "metadata": { "name": name, "namespace": "shop", "uid": uid },
            "spec": { "containers": containers },
            "status": { "phase": "Running", "containerStatuses": statuses },
        }),
        true,
    )
}

fn applied(pod: Value, is_new: bool) -> PodEvent {
    PodEvent::Applied {
        pod: Arc::new(serde_json::from_value(pod).unwrap()),
        workload: Some(ObjectRef {
            kind: GroupKind::new("apps", "Deployment"),
            namespace: "shop".into(),
            name: "web".into(),
            uid: "w".into(),
        }),
        is_new,
    }
}

fn removed(name: &str, uid: &str) -> PodEvent {
    PodEvent::Removed(ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: "shop".into(),
        name: name.into(),
        uid: uid.into(),
    })
}

fn told(orders: &[Order]) -> Vec<String> {
    let told = orders.iter().map(|order| match order {
        Order::Follow { origin, view, .. } => format!(
            "follow {} {}/{} {:?} at {}",
            origin.id,
            origin.pod.uid,
            origin.container,
            origin.kind,
            view.current.as_ref().map_or("-", |run| &run.id)
        ),
        Order::Update { id, view } => format!("tell {id} {:?}", view.pod),
        Order::Report(notice) => notice.message.clone(),
    });
    told.collect()
}

impl Containers {
    fn told(&mut self, event: &PodEvent) -> Vec<String> {
        told(&self.handle(event, now()))
    }
}

#[test]
fn a_container_is_followed_from_its_first_run_on_and_told_only_changes() {
    let mut all = containers(|_| {});
    let waiting = json!({ "name": "app", "state": { "waiting": {} } });
    assert!(all.told(&pod("web-1", "u1", &[waiting])).is_empty());
    let running = pod("web-1", "u1", &[running("app", "A")]);
    assert_eq!(all.told(&running), ["follow 0 u1/app Main at A"]);
    assert!(all.told(&running).is_empty());
    let ended = pod("web-1", "u1", &[failed("app", "A")]);
    assert_eq!(all.told(&ended), ["tell 0 Live"]);
    assert_eq!(all.told(&removed("web-1", "u1")), ["tell 0 Gone"]);
    assert!(all.told(&removed("web-1", "u1")).is_empty());
}

#[test]
fn every_kind_of_container_is_followed() {
    let event = applied(
        json!({
            "metadata": { "name": "p", "namespace": "shop", "uid": "u" },
            "spec": {
                "initContainers": [{ "name": "i" }, { "name": "s", "restartPolicy": "Always" }],
                "containers": [{ "name": "m" }, { "name": "later" }],
                "ephemeralContainers": [{ "name": "e" }],
            },
            "status": {
                "initContainerStatuses": [running("i", "I"), running("s", "S")],
                "containerStatuses": [running("m", "M")],
                "ephemeralContainerStatuses": [running("e", "E")],
            },
        }),
        true,
    );
    assert_eq!(
        containers(|_| {}).told(&event),
        [
            "follow 0 u/i Init at I",
            "follow 1 u/s Sidecar at S",
            "follow 2 u/m Main at M",
            "follow 3 u/e Ephemeral at E"
        ]
    );
}

#[test]
fn a_name_with_another_uid_is_another_pod_and_the_first_is_gone() {
    let mut all = containers(|_| {});
    all.told(&pod("db-0", "u1", &[running("db", "A")]));
    assert_eq!(
        all.told(&pod("db-0", "u2", &[running("db", "B")])),
        ["tell 0 Gone", "follow 1 u2/db Main at B"]
    );
    assert!(all.told(&removed("db-0", "u1")).is_empty());
    assert_eq!(all.told(&removed("db-0", "u2")), ["tell 1 Gone"]);
}

#[test]
fn a_pod_that_comes_back_is_shown_from_when_it_left() {
    let mut all = containers(|_| {});
    let event = pod("web-1", "u1", &[running("app", "A")]);
    let config = |orders: Vec<Order>| match orders.into_iter().next() {
        Some(Order::Follow { config, .. }) => (config.is_new, config.tail, config.since),
        other => panic!("{other:?}"),
    };
    assert_eq!(config(all.handle(&event, now())), (true, Some(10), None));
    all.told(&removed("web-1", "u1"));
    assert_eq!(
        config(all.handle(&event, now())),
        (false, None, Some(now()))
    );
}

#[test]
fn container_patterns_choose_by_name() {
    let regex = |text| Some(regex::Regex::new(text).unwrap());
    let mut all = containers(|config| {
        config.containers = regex("^app");
        config.exclude_containers = regex("proxy$");
    });
    let names = ["app", "app-proxy", "web"].map(|name| running(name, name));
    assert_eq!(
        all.told(&pod("p", "u", &names)),
        ["follow 0 u/app Main at app"]
    );
}

#[test]
fn places_are_limited_for_pods_that_do_not_fail() {
    let mut all = containers(|config| config.replicas = Some(1));
    let run = |n: u32| {
        pod(
            &format!("web-{n}"),
            &format!("u{n}"),
            &[running("app", "A")],
        )
    };
    assert_eq!(all.told(&run(1)), ["follow 0 u1/app Main at A"]);
    assert_eq!(
        all.told(&run(2)),
        ["showing logs of 1 of its pods only (--replicas)"]
    );
    assert!(all.told(&run(3)).is_empty());
    let fails = pod("web-3", "u3", &[failed("app", "B")]);
    assert_eq!(all.told(&fails), ["follow 1 u3/app Main at B"]);
    assert_eq!(all.told(&removed("web-1", "u1")), ["tell 0 Gone"]);
    assert_eq!(all.told(&run(2)), ["follow 2 u2/app Main at A"]);
}

#[test]
fn places_of_new_pods_are_not_taken_by_others() {
    let mut all = containers(|config| config.replicas = Some(1));
    let body = |uid: &str| {
        json!({
            "metadata": { "name": uid, "namespace": "shop", "uid": uid },
            "spec": { "containers": [{ "name": "app" }] },
            "status": { "containerStatuses": [running("app", "A")] },
        })
    };
    assert_eq!(all.told(&applied(body("old"), false)).len(), 1);
    assert_eq!(
        all.told(&applied(body("new"), true)),
        ["follow 1 new/app Main at A"]
    );
}
