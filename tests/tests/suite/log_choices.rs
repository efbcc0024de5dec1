//! Flags that choose log lines, and the notices about the rest.

use serde_json::{Value, json};
use simcluster::logs::{LogWriter, Origin};

use crate::{
    assistant::{Assistant, Ended, until},
    rollout::{Rollout, logs, messages, on, records},
    workload::{Workload, synced},
};

/// A pod with two containers, each of which writes all it has at once.
fn chatty_pod() -> String {
    let web = Workload::deployment(
        "web",
        r#"
        app: {run: [{lines: {count: 30, text: "line {n}"}}, {ready: true}, {forever: true}]}
        proxy: {run: [{raw: 'caf\xe9 one\n\xff\xfe two\nthree\n'}, {ready: true}, {forever: true}]}
        "#,
    );
    synced(&[web.with_container("proxy")])
}

/// Rolls that out, and ends once so many logs were opened.
async fn chatty(flags: &[&str], opened: usize) -> Ended {
    let rollout = Rollout::written(&chatty_pod(), 20.0).await.begun().await;
    let mut run = rollout.watched(flags).env("LOG_FORMAT", "json").start();
    let ready = || {
        let pods = rollout.cluster.store().list("pods", Some("shop-prod"));
        let pods = pods.unwrap().items;
        let is_ready = |container: usize| {
            pods.iter()
                .all(|pod| pod["status"]["containerStatuses"][container]["ready"] == true)
        };
        pods.len() == 1 && is_ready(0) && is_ready(1)
    };
    run.drain_until(until("ready pod", ready)).await;
    run.drain_until(rollout.open(on("log", "pods/log"), opened))
        .await;
    let ended = rollout.finish(run).await;
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    ended
}

/// The lines by the name of the container: there is one pod.
fn of_containers(records: &[Value]) -> Vec<(String, Vec<String>)> {
    let by_name = logs(records).into_iter().map(|(name, lines)| {
        let (_, container) = name.split_once('/').unwrap();
        (container.to_owned(), lines)
    });
    by_name.collect()
}

fn numbered(range: std::ops::RangeInclusive<u32>) -> Vec<String> {
    range.map(|n| format!("line {n}")).collect()
}

fn limits(records: &[Value]) -> Vec<(&str, &str)> {
    let notices = records.iter().filter(|record| record["code"] == "limited");
    let told = notices.map(|notice| {
        let (_, container) = notice["object"].as_str().unwrap().split_once('/').unwrap();
        (container, notice["msg"].as_str().unwrap())
    });
    told.collect()
}

#[tokio::test]
async fn beyond_a_number_of_lines_there_is_a_count() {
    let records = records(&chatty(&["--max-lines-per-container", "5"], 2).await);
    assert_eq!(of_containers(&records)[0].1, numbered(1..=5));
    assert_eq!(of_containers(&records)[1].1.len(), 3);
    let told = [
        ("app", "only the first 5 lines are shown"),
        ("app", "25 lines left out at the end"),
    ];
    assert_eq!(limits(&records), told);
}

/// Five seconds' worth may come at once.
#[tokio::test]
async fn beyond_a_rate_there_is_a_count() {
    let records = records(&chatty(&["--max-rate", "2"], 2).await);
    let shown = of_containers(&records).remove(0).1;
    assert_eq!(shown[..10], numbered(1..=10));
    let told = limits(&records);
    let [("app", text)] = told[..] else {
        panic!("{told:?}")
    };
    let left_out = format!(
        "{} lines left out: more than 2 lines a second",
        30 - shown.len()
    );
    assert_eq!(text, left_out);
}

#[tokio::test]
async fn containers_are_chosen_by_name() {
    for (flags, expected) in [
        (&["--container", "^a"][..], "app"),
        (&["--exclude-container", "ox"], "app"),
        (
            &["--container", "p", "--exclude-container", "^app$"],
            "proxy",
        ),
    ] {
        let records = records(&chatty(flags, 1).await);
        let shown = of_containers(&records);
        let names: Vec<_> = shown.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [expected], "{flags:?} {records:#?}");
    }
}

#[tokio::test]
async fn lines_are_chosen_by_their_bytes() {
    let (latin, binary) = ("caf\u{fffd} one", "\u{fffd}\u{fffd} two");
    for (flags, expected) in [
        (&["--include", r"(?-u:\xe9)"][..], &[latin][..]),
        (&["--include", "one|two"], &[latin, binary]),
        (&["--exclude", r"(?-u:^\xff)"], &[latin, "three"]),
        (&["--include", "o", "--exclude", r"(?-u:\xfe)"], &[latin]),
    ] {
        let only = ["--container", "proxy"];
        let records = records(&chatty(&[&only, flags].concat(), 1).await);
        let shown = of_containers(&records).remove(0).1;
        assert_eq!(shown, expected, "{flags:?}");
    }
}

#[tokio::test]
async fn a_pattern_that_is_none_is_one_sentence() {
    for (flag, pattern, why) in [
        ("--container", "(app", "unclosed group"),
        (
            "--exclude-container",
            "[z-a]",
            "invalid character class range",
        ),
        ("--include", "*", "repetition operator missing expression"),
        ("--exclude", "(?=x)", "look-around"),
        ("--include", "\\w{100}{100}{100}", "size limit"),
    ] {
        let ended = Assistant::new(&["sync", "shop", "argocd", flag, pattern]);
        let ended = ended.run().await;
        assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""));
        let sentence = ended.stderr.lines().next().unwrap();
        for part in [pattern, flag, why] {
            assert!(sentence.contains(part), "no {part:?} in {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("\n\n\n"), "{}", ended.stderr);
    }
}

/// A pod that was there long before, whose log the test writes.
const OLD: &str = r#"
name: old
controllers: false
application: {name: shop, destination: shop-prod}
steps:
- {at: 0s, put: {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop-prod, uid: u, creationTimestamp: "$now-3h", annotations: {argocd.argoproj.io/tracking-id: "shop:/Pod:shop-prod/web"}}, spec: {nodeName: n, containers: [{name: app}]}, status: {phase: Running, containerStatuses: [{name: app, ready: true, restartCount: 0, containerID: "containerd://a", state: {running: {startedAt: "$now-3h"}}}]}}}
"#;

const MINUTE: i64 = 60_000_000_000;

fn write(log: &mut LogWriter, what: &str, since: i64) {
    for n in 1..=20 {
        let text = format!("{what} {n}");
        log.record(Origin::Stdout, since + n, true, text.as_bytes());
    }
}

/// The pod after a restart; its new run began at `at`.
fn restarted(pod: &Value, at: jiff::Timestamp) -> Value {
    let whole = |at: jiff::Timestamp| at.strftime("%FT%TZ").to_string();
    let before = &pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"];
    let mut pod = pod.clone();
    pod["status"]["containerStatuses"][0] = json!({
        "name": "app", "ready": true, "restartCount": 1, "containerID": "containerd://b",
        "state": { "running": { "startedAt": whole(at) } },
        "lastState": { "terminated": { "exitCode": 1, "containerID": "containerd://a",
            "startedAt": before, "finishedAt": whole(at) } },
    });
    pod
}

/// Returns the lines shown of a pod that wrote twenty lines two hours ago and twenty ten minutes ago;
/// then it restarts and writes twenty more.
async fn old(flags: &[&str]) -> Vec<String> {
    let rollout = Rollout::written(OLD, 1.0).await;
    let (store, runs) = (rollout.cluster.store(), rollout.cluster.logs());
    let pod = || store.get("pods", "shop-prod", "web");
    until("pod", || pod().is_some()).await;
    let pod = pod().unwrap().value().clone();
    let now = || i64::try_from(store.clock().now().as_nanosecond()).unwrap();
    let mut log = runs.start(&pod, "app", 0, "containerd://a");
    write(&mut log, "early", now() - 120 * MINUTE);
    write(&mut log, "late", now() - 10 * MINUTE);
    let run = rollout.watched(flags);
    let mut run = run.env("LOG_FORMAT", "json").start();
    rollout.open(on("log", "pods/log"), 1).await;
    runs.run("u", "app", "containerd://a").unwrap().end();
    let pod = restarted(&pod, store.clock().now());
    let mut log = runs.start(&pod, "app", 1, "containerd://b");
    write(&mut log, "again", now());
    store.put_raw(pod).unwrap();
    run.until("again 20").await;
    let records = records(&rollout.finish(run).await);
    assert_eq!(messages(&records, "notice").len(), 2, "{records:#?}");
    logs(&records).remove("web/app").unwrap()
}

#[tokio::test]
async fn of_old_pods_the_last_lines_or_those_of_a_time_and_every_line_of_a_new_run() {
    for (flags, early, late) in [
        (&[][..], 0, 10),
        (&["--tail", "3"], 0, 3),
        (&["--tail", "30"], 10, 20),
        (&["--tail", "-1"], 20, 20),
        (&["--tail", "0"], 0, 0),
        (&["--since", "1h"], 0, 20),
        (&["--since", "5h"], 20, 20),
        (&["--since", "1m"], 0, 0),
        (&["--since", "1h", "--tail", "5"], 0, 5),
    ] {
        let last =
            |what: &'static str, count: u32| (21 - count..=20).map(move |n| format!("{what} {n}"));
        let expected = last("early", early).chain(last("late", late));
        let expected: Vec<_> = expected.chain(last("again", 20)).collect();
        assert_eq!(old(flags).await, expected, "{flags:?}");
    }
}

/// Five pods of a workload, new however late the program starts; then one of them fails.
fn five() -> String {
    let pod = |n: u32, status: &str| {
        format!(
            r#"put: {{apiVersion: v1, kind: Pod, metadata: {{name: c{n}, namespace: shop-prod, uid: c{n}, creationTimestamp: "$now+1h", ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: rc, uid: rc-1, controller: true}}]}}, spec: {{nodeName: n, containers: [{{name: app}}]}}, status: {{phase: Running, containerStatuses: [{{name: app, ready: true, {status}}}]}}}}}}"#
        )
    };
    let mut text = r#"
name: five
controllers: false
application: {name: shop, destination: shop-prod}
steps:
- {at: 0s, put: {apiVersion: v1, kind: ConfigMap, metadata: {name: rc, namespace: shop-prod, uid: rc-1, annotations: {argocd.argoproj.io/tracking-id: "shop:/ConfigMap:shop-prod/rc"}}}}
"#
    .to_owned();
    for n in 0..5 {
        let status = format!(
            r#"restartCount: 0, containerID: "containerd://{n}", state: {{running: {{startedAt: "$now"}}}}"#
        );
        let put = pod(n, &status);
        text.push_str(&format!("- {{at: 0s, {put}\n"));
        text.push_str(&format!("- {{at: 0s, log: {{pod: shop-prod/c{n}, container: app, lines: \"first of c{n}\\n\"}}}}\n"));
    }
    let failed = r#"restartCount: 1, containerID: "containerd://4b", state: {running: {startedAt: "$now"}}, lastState: {terminated: {exitCode: 1, containerID: "containerd://4", startedAt: "$now-40s", finishedAt: "$now-1s"}}"#;
    let put = pod(4, failed);
    text.push_str(&format!(
        "- {{at: 40s, end_log: {{pod: shop-prod/c4, container: app}}}}\n- {{at: 40s, {put}\n"
    ));
    text.push_str(
        "- {at: 40s, log: {pod: shop-prod/c4, container: app, lines: \"second of c4\\n\"}}\n",
    );
    text
}

#[tokio::test]
async fn of_each_workload_some_pods_and_those_that_fail_from_their_beginning() {
    let rollout = Rollout::written(&five(), 20.0).await;
    let run = rollout.watched(&["--replicas", "2"]);
    let mut run = run.env("LOG_FORMAT", "json").start();
    run.until("second of c4").await;
    let records = records(&rollout.finish(run).await);
    let lines = logs(&records);
    let lines: Vec<_> = lines.values().flatten().map(String::as_str).collect();
    assert_eq!(
        lines,
        ["first of c0", "first of c1", "first of c4", "second of c4"]
    );
    let notices = messages(&records, "notice");
    let told = notices
        .iter()
        .filter(|text| text.contains("of 2 of its pods only"));
    assert_eq!(told.count(), 1, "{notices:?}");
}
