//! Several applications in one run.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, time::Duration};

use argo_core::{AppRef, TrackEvent, client};
use argo_workloads::{SharedWatches, TrackConfig};
use futures::{StreamExt, stream::SelectAll};
use serde_json::{Value, json};
use simcluster::{
    api::{LoggedRequest, Match, Rule},
    cluster::{Cluster, Options},
    scenario::Scenario,
};

use crate::{
    assistant::{Assistant, Ended, Folder, until},
    workload::{Workload, manifests},
};

mod cost;

const WELL: &str = "app: {run: [{log: \"here is {name}\"}, {ready: true}, {forever: true}]}";
const BADLY: &str = r#"app: {pull: {error: "rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example.com/shop/web:2\": failed to resolve reference \"registry.example.com/shop/web:2\": registry.example.com/shop/web:2: not found"}}"#;

/// An Application in namespace argocd that has deployed a Deployment of its name.
fn application(name: &str, behaviour: &str, replicas: u32) -> Value {
    let deployment = Workload::deployment(name, &behaviour.replace("{name}", name));
    let deployment = deployment.replicas(replicas);
    json!({"name": name, "destination": format!("{name}-prod"), "deployed": manifests(&[deployment])})
}

async fn cluster(others: &[Value]) -> Cluster {
    let text = json!({"name": "several", "others": others}).to_string();
    let scenario = Scenario::parse("several.yaml", &text).unwrap();
    let options = Options {
        speed: Some(20.0),
        ..Options::default()
    };
    Cluster::start(&scenario, options).await.unwrap()
}

/// shop and search are well, pay is not.
async fn three() -> Cluster {
    cluster(&[
        application("shop", WELL, 1),
        application("pay", BADLY, 1),
        application("search", WELL, 1),
    ])
    .await
}

fn sync(cluster: &Cluster, args: &[&str]) -> Assistant {
    let line = [&["sync", "--settle", "0"], args].concat();
    Assistant::new(&line).kubeconfig(&cluster.kubeconfig())
}

fn last(ended: &Ended) -> &str {
    ended.stdout.lines().next_back().unwrap_or_default()
}

/// argocd says this when everything else was said.
fn after(folder: &Folder, end: &str) -> String {
    format!("steps: [{{await: {:?}}}, {end}]", folder.path().join("go"))
}

#[tokio::test]
async fn two_are_well_and_one_fails() {
    let cluster = three().await;
    let folder = Folder::new("several");
    let seen = folder.path().join("seen.json");
    let fatal = r#"{error: '{"level":"fatal","msg":"timed out (60s) waiting for app \"argocd/pay\" match desired state"}'}, {exit: 20}"#;
    let script = format!(
        "steps: [{{dump: {seen:?}}}, {{await: {:?}}}, {fatal}]",
        folder.path().join("go")
    );
    let mut run = sync(&cluster, &["shop", "pay", "search", "argocd"])
        .script(&script)
        .start();
    run.until("[finding] Deployment/pay: image").await;
    std::fs::write(folder.path().join("go"), "").unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
    // One argocd for all.
    let seen: Value = serde_json::from_slice(&std::fs::read(seen).unwrap()).unwrap();
    let args = seen["arguments"].to_string();
    let wanted = r#""wait","shop","pay","search","--app-namespace=argocd""#;
    assert!(args.contains(wanted), "{args}");
    // Each line says whose it is.
    let lines = ended.lines();
    let has = |parts: &[&str]| {
        lines
            .iter()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    };
    assert!(
        has(&["[shop] [shop-", "/app] here is shop"]),
        "{}",
        ended.stdout
    );
    assert!(
        has(&["[search] [search-", "/app] here is search"]),
        "{}",
        ended.stdout
    );
    assert!(
        has(&["[pay] [finding] Deployment/pay: image"]),
        "{}",
        ended.stdout
    );
    assert!(has(&[
        "Waiting with argocd for 3 applications: argocd/shop, argocd/pay, argocd/search"
    ]));
    // A block for each, and one last line.
    for app in ["shop", "search"] {
        // It depends on the moment whether the rollout was seen or was over before.
        let seen = ended.count(&format!("Rolled out {app} in "));
        let over = ended.count(&format!("{app} is rolled out"));
        assert_eq!(seen + over, 1, "{app}: {}", ended.stdout);
    }
    for block in ["FAILED  pay", "─"] {
        assert!(ended.count(block) > 0, "no {block}: {}", ended.stdout);
    }
    let cause = "1 of 3 applications failed: pay: Deployment/pay: image registry.example.com/shop/pay:2 does not exist";
    assert!(last(&ended).starts_with(cause), "{}", last(&ended));
}

#[tokio::test]
async fn records_carry_the_application_and_a_recording_shows_the_same() {
    let cluster = three().await;
    let folder = Folder::new("several");
    let file = folder.path().join("run.zst");
    let file = file.to_str().unwrap();
    let mut run = sync(
        &cluster,
        &["shop", "pay", "search", "argocd", "--record", file],
    )
    .script(&after(&folder, "exit: 0"))
    .env("LOG_FORMAT", "json")
    .start();
    run.until("image-pull").await;
    std::fs::write(folder.path().join("go"), "").unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(0), "argocd's: {}", ended.stdout);
    let records = crate::rollout::records(&ended);
    let of = |kind: &str| -> Vec<&Value> {
        records
            .iter()
            .filter(|record| record["kind"] == kind)
            .collect()
    };
    for record in of("log") {
        let pod = record["pod"].as_str().unwrap();
        assert!(pod.starts_with(record["app"].as_str().unwrap()), "{record}");
    }
    let findings = of("finding");
    assert!(!findings.is_empty() && findings.iter().all(|it| it["app"] == "pay"));
    let verdicts = of("verdict");
    let apps: Vec<&str> = verdicts
        .iter()
        .map(|it| it["app"].as_str().unwrap())
        .collect();
    assert_eq!(apps, ["shop", "pay", "search", ""]);
    let outcomes: Vec<&str> = verdicts[3]["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| app["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes.len(), 3);
    let again = Assistant::new(&["replay", file])
        .env("LOG_FORMAT", "json")
        .run()
        .await;
    assert_eq!(again.stdout, ended.stdout);
    let text = Assistant::new(&["replay", file]).run().await;
    assert!(text.count("[pay] [finding]") > 0, "{}", text.stdout);
}

#[tokio::test]
async fn the_exit_code_is_argocds_or_the_first_that_counts() {
    let cluster = three().await;
    let lines: [(&[&str], &str, i32); 4] = [
        // argocd says that all is well, and knows best.
        (&["shop", "search", "argocd"], "exit: 0", 0),
        (&["shop", "search", "argocd"], "exit: 20", 20),
        // One is missing, and argocd's words win.
        (
            &["shop", "nowhere", "argocd"],
            r#"error: '{"level":"fatal","msg":"rpc error: code = PermissionDenied desc = permission denied"}'}, {exit: 20"#,
            20,
        ),
        // Something else is wanted than what runs.
        (
            &[
                "shop",
                "search",
                "argocd",
                "--image",
                "registry.example.com/shop/shop:9",
                "--timeout",
                "2s",
            ],
            "exit: 0",
            1,
        ),
    ];
    for (args, end, code) in lines {
        let ended = sync(&cluster, args)
            .script(&format!("steps: [{{{end}}}]"))
            .run()
            .await;
        assert_eq!(ended.code(), Some(code), "{args:?}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn what_is_missing_and_what_may_not_be_read_is_said_of_the_one_that_it_is_about() {
    let cluster = three().await;
    let script = r#"steps: [{error: '{"level":"fatal","msg":"rpc error: code = PermissionDenied desc = permission denied"}'}, {exit: 20}]"#;
    let ended = sync(&cluster, &["shop", "nowhere", "search", "argocd"])
        .script(script)
        .run()
        .await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
    assert_eq!(ended.count("FAILED  nowhere"), 1, "{}", ended.stdout);
    assert_eq!(ended.count("FAILED  shop"), 0, "{}", ended.stdout);
    assert!(
        last(&ended)
            .starts_with("1 of 3 applications failed: nowhere: Argo CD has no such application"),
        "{}",
        last(&ended)
    );
    // Nothing of one may be read.
    for resource in ["pods", "deployments.apps", "replicasets.apps"] {
        cluster.api().faults().forbid(Rule {
            resource: Some(resource.to_owned()),
            namespace: Some("pay-prod".to_owned()),
            ..Rule::default()
        });
    }
    let mut run = sync(&cluster, &["shop", "pay", "argocd"])
        .script("steps: [hang]")
        .start();
    run.until("[pay] [assistant] cannot list").await;
    run.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(143), "{}", ended.stdout);
    assert_eq!(ended.count("[shop] [assistant] cannot list"), 0);
    assert!(last(&ended).contains("interrupted"), "{}", last(&ended));
}

#[tokio::test]
async fn follow_waits_for_all_and_diagnose_looks_at_all() {
    let cluster = three().await;
    let run = |command: &str, args: &[&str]| {
        Assistant::new(&[&[command], args].concat()).kubeconfig(&cluster.kubeconfig())
    };
    let ended = run("follow", &["shop", "search", "argocd", "--settle", "0"])
        .run()
        .await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    assert!(
        last(&ended).starts_with("Rolled out 2 applications in "),
        "{}",
        last(&ended)
    );
    let ended = run(
        "follow",
        &[
            "argocd/shop",
            "argocd/pay",
            "--grace",
            "1s",
            "--settle",
            "0",
        ],
    )
    .run()
    .await;
    assert_eq!(ended.code(), Some(1), "{}", ended.stdout);
    assert!(
        last(&ended).starts_with("1 of 2 applications failed: pay: "),
        "{}",
        last(&ended)
    );
    let ended = run("diagnose", &["shop", "pay", "search", "argocd"])
        .run()
        .await;
    assert_eq!(ended.code(), Some(1), "{}", ended.stdout);
    assert!(
        last(&ended).starts_with("1 of 3 applications failed: pay: "),
        "{}",
        last(&ended)
    );
}

#[tokio::test]
async fn a_selector_chooses_and_argocd_gets_the_same_list() {
    let cluster = three().await;
    for (name, labels) in [("shop", "a"), ("search", "a"), ("pay", "b")] {
        let patch = json!({"metadata": {"labels": {"team": labels}}, "spec": {"project": "web"}});
        cluster
            .store()
            .merge_patch("applications.argoproj.io", "argocd", name, &patch)
            .unwrap();
    }
    let folder = Folder::new("several");
    let seen = folder.path().join("seen.json");
    let script = format!("steps: [{{dump: {seen:?}}}, {{exit: 0}}]");
    for args in [
        &["-l", "team=a", "argocd"][..],
        &["-l", "team in (a)"],
        &["--project", "web", "-l", "team!=b", "argocd"],
    ] {
        let ended = sync(&cluster, args).script(&script).run().await;
        assert_eq!(ended.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
        let seen: Value = serde_json::from_slice(&std::fs::read(&seen).unwrap()).unwrap();
        let args = seen["arguments"].to_string();
        let wanted = r#""wait","search","shop","--app-namespace=argocd""#;
        assert!(args.contains(wanted), "{args}");
    }
    let ended = sync(&cluster, &["-l", "team=c", "argocd"]).run().await;
    assert_eq!(ended.code(), Some(72), "{}", ended.stderr);
    let said = "no Application has the labels team=c in namespace argocd";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    cluster.api().faults().forbid(Rule {
        resource: Some("applications.argoproj.io".to_owned()),
        ..Rule::default()
    });
    let ended = sync(&cluster, &["-l", "team=a"]).run().await;
    assert_eq!(ended.code(), Some(77), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("name a namespace"),
        "{}",
        ended.stderr
    );
}

/// argocd looks for what a selector chooses once; an application that appears later joins, and
/// argocd is run again for it.
#[tokio::test]
async fn an_application_that_appears_later_joins() {
    let cluster = three().await;
    let label = |name: &str| {
        let patch = json!({"metadata": {"labels": {"team": "a"}}});
        let store = cluster.store();
        let patched = store.merge_patch("applications.argoproj.io", "argocd", name, &patch);
        patched.unwrap();
    };
    label("shop");
    let folder = Folder::new("several");
    let (calls, go) = (folder.path().join("calls"), folder.path().join("go"));
    let text =
        format!("#!/bin/sh\necho \"$*\" >> {calls:?}\nwhile ! [ -e {go:?} ]; do sleep 0.1; done\n");
    let argocd = folder.write("argocd", &text);
    std::fs::set_permissions(&argocd, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut run = sync(&cluster, &["-l", "team=a", "argocd"])
        .env("ARGOCD", argocd)
        .start();
    run.drain_until(until("argocd", || calls.exists())).await;
    label("search");
    let lists = || {
        let requests = cluster.api().requests();
        let of = |it: &&LoggedRequest| it.verb == "log" && it.namespace == "search-prod";
        requests.iter().filter(of).count()
    };
    run.drain_until(until("the logs of search", || lists() > 0))
        .await;
    std::fs::write(go, "").unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    let said = "argocd/search now matches the labels team=a in namespace argocd and joins the run; argocd waits for it after the others";
    assert_eq!(ended.count(said), 1, "{}", ended.stdout);
    assert!(ended.count("[search] ") > 0, "{}", ended.stdout);
    assert_eq!(ended.count("here is search"), 1, "{}", ended.stdout);
    assert_eq!(ended.count("here is shop"), 1, "{}", ended.stdout);
    let calls = std::fs::read_to_string(calls).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert!(
        calls.len() == 2 && calls[0].starts_with("app wait shop "),
        "{calls:?}"
    );
    assert!(calls[1].contains(" search "), "{calls:?}");
    let both = "Rolled out 2 applications";
    assert!(last(&ended).starts_with(both), "{}", last(&ended));
}

/// Lists and watches by what they are of.
fn streams(cluster: &Cluster, verb: &str) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for it in cluster.api().requests() {
        if it.verb == verb {
            *counts.entry((it.resource, it.namespace)).or_default() += 1;
        }
    }
    counts
}

async fn connection(cluster: &Cluster) -> client::Connection {
    let folder = Folder::new("kubeconfig");
    let file = folder.write("config", &cluster.kubeconfig());
    let mut options = client::Options::inferred(|_| None);
    options.kubeconfig = Some(file);
    client::connect(&options).await.unwrap()
}

/// Fifty applications of ten pods in one namespace each: no kind is listed or watched twice.
#[tokio::test]
async fn fifty_applications_share_their_watches() {
    const APPS: usize = 50;
    let names: Vec<String> = (0..APPS).map(|number| format!("app-{number:02}")).collect();
    let apps: Vec<Value> = names
        .iter()
        .map(|name| application(name, WELL, 10))
        .collect();
    let cluster = cluster(&apps).await;
    let watches = SharedWatches::new(connection(&cluster).await.into(), TrackConfig::default());
    let mut events = SelectAll::new();
    for (number, name) in names.iter().enumerate() {
        let tracked = watches.track(AppRef::new(name, "argocd"));
        events.push(tracked.map(move |event| (number, event)));
    }
    let (mut pods, mut synced) = (BTreeMap::new(), 0);
    let reading = async {
        while synced < APPS {
            match events.next().await.unwrap() {
                (app, TrackEvent::Applied(tracked)) if &*tracked.object.kind.kind == "Pod" => {
                    assert_eq!(&*tracked.object.namespace, format!("{}-prod", names[app]));
                    pods.insert(tracked.object.uid, app);
                }
                (_, TrackEvent::Synced) => synced += 1,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(120), reading)
        .await
        .unwrap();
    let of = |app| pods.values().filter(|of| **of == app).count();
    assert_eq!((0..APPS).map(of).collect::<Vec<_>>(), [10; APPS]);
    let lists = streams(&cluster, "list");
    assert!(lists.values().all(|count| *count == 1), "{lists:#?}");
    let applications = ("applications.argoproj.io".to_owned(), "argocd".to_owned());
    assert_eq!(lists[&applications], 1, "one list of all Applications");
    let kinds = lists.keys().filter(|(_, of)| of == "app-00-prod").count();
    assert_eq!(lists.len(), 1 + APPS * kinds, "namespaces × kinds");
    let open = |on: Match| cluster.api().faults().open(&on);
    let watched = Match {
        verb: Some("watch".to_owned()),
        ..Match::default()
    };
    until("open watches", || open(watched.clone()) == 1 + APPS * kinds).await;
    drop(events);
    until("end of all watches", || open(watched.clone()) == 0).await;
}

/// All in one namespace: the watches are those of one application.
#[tokio::test]
async fn applications_of_one_namespace_share_one_watch_a_kind() {
    let apps: Vec<Value> = (0..5)
        .map(|number| {
            let mut app = application(&format!("app-{number}"), WELL, 2);
            app["destination"] = json!("prod");
            app
        })
        .collect();
    let cluster = cluster(&apps).await;
    let folder = Folder::new("several");
    let mut run = sync(
        &cluster,
        &["app-0", "app-1", "app-2", "app-3", "app-4", "argocd"],
    )
    .script(&after(&folder, "exit: 0"))
    .start();
    run.until("[app-4] [assistant] Following 1 workload and 2 pods")
        .await;
    let is_log = |it: &&LoggedRequest| it.verb == "log" && it.query.contains("follow=true");
    let followed = || cluster.api().requests().iter().filter(is_log).count();
    run.drain_until(until("logs", || followed() == 10)).await;
    std::fs::write(folder.path().join("go"), "").unwrap();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    for verb in ["list", "watch"] {
        let streams = streams(&cluster, verb);
        assert!(
            streams.values().all(|count| *count == 1),
            "{verb}: {streams:#?}"
        );
    }
    assert_eq!(followed(), 10);
    assert!(
        last(&ended).starts_with("Rolled out 5 applications"),
        "{}",
        last(&ended)
    );
}

/// A role that names each Application: there is a watch for each, and the rest is the same.
#[tokio::test]
async fn applications_that_may_not_be_listed_are_watched_one_by_one() {
    let cluster = three().await;
    cluster.api().faults().forbid(Rule {
        verb: Some("list".to_owned()),
        resource: Some("applications.argoproj.io".to_owned()),
        ..Rule::default()
    });
    let watches = SharedWatches::new(connection(&cluster).await.into(), TrackConfig::default());
    let mut events = SelectAll::new();
    for name in ["shop", "pay"] {
        events.push(
            watches
                .track(AppRef::new(name, "argocd"))
                .map(move |event| (name, event)),
        );
    }
    let mut refused = Vec::new();
    let reading = async {
        while refused.len() < 2 {
            if let (name, TrackEvent::Notice(notice)) = events.next().await.unwrap() {
                refused.push((name, notice.message));
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .unwrap();
    assert!(
        refused
            .iter()
            .all(|(_, message)| message.contains("Applications")),
        "{refused:?}"
    );
}
