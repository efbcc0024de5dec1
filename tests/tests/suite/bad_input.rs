//! Wrong use and things that are not there: one sentence, the documented exit code, no panic.

use std::os::unix::fs::PermissionsExt;

use simcluster::api::{Action, Fault, LoggedRequest, Match, Rule};

use crate::{
    assistant::{Assistant, Ended, Folder, is_alive, until},
    rollout::Rollout,
    workload::{Workload, synced},
};

/// A pod that tells numbers, two a second.
fn counting() -> String {
    synced(&[Workload::deployment(
        "web",
        r#"app: {run: [{log: "here we go"}, {ready: true}, {lines: {rate: 2, text: "number {n}"}}]}"#,
    )])
}

/// One sentence and perhaps what to do, nothing on stdout.
fn assert_refused(ended: &Ended, code: i32, parts: &[&str]) {
    let Ended { stdout, stderr, .. } = ended;
    assert_eq!(ended.code(), Some(code), "{stderr}");
    assert_eq!(stdout, "", "{stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(stderr.lines().count() <= 3, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "no {part:?} in {stderr}");
    }
}

#[tokio::test]
async fn flags_and_values_that_are_none() {
    for (args, parts) in [
        (
            &["sync", "shop", "argocd", "--tails", "3"][..],
            ["'--tails'", "'--tail'"],
        ),
        (
            &["sync", "shop", "argocd", "--tail", "x"],
            ["'x'", "--tail"],
        ),
        (
            &["sync", "shop", "argocd", "--timeout", "soon"],
            ["'soon'", "such as 30s"],
        ),
        (
            &["sync", "argocd/shop", "shop"],
            ["shop is taken for a namespace", "NAMESPACE/shop"],
        ),
        (
            &["sync", "shop"],
            ["the namespace of application shop is missing", "Usage:"],
        ),
        (&["sync"], ["no application is named", "Usage:"]),
        (
            &["sync", "shop/", "argocd"],
            ["'shop/'", "lower-case letters"],
        ),
        (&["sink", "shop", "argocd"], ["'sink'", "--help"]),
    ] {
        let ended = Assistant::new(args).run().await;
        assert_eq!(
            (ended.code(), ended.stdout.as_str()),
            (Some(2), ""),
            "{args:?}"
        );
        for part in parts {
            assert!(
                ended.stderr.contains(part),
                "no {part:?} in {}",
                ended.stderr
            );
        }
    }
}

#[tokio::test]
async fn a_variable_of_our_own_with_a_bad_value_is_an_error() {
    let run = Assistant::new(&["sync", "shop", "argocd"]).env("ARGO_ASSISTANT_TAIL", "many");
    let ended = run.run().await;
    assert_eq!((ended.code(), ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("'many'"), "{}", ended.stderr);
    let variable = "ARGO_ASSISTANT_TAIL";
    assert!(ended.stderr.contains(variable), "{}", ended.stderr);
}

/// The run gets as far as looking for a cluster, of which there is none.
#[tokio::test]
async fn a_foreign_value_of_a_log_variable_is_a_warning() {
    for (name, value) in [
        ("LOG_FORMAT", "logfmt"),
        ("LOG_LEVEL", "notice"),
        ("LOG_TIMESTAMP_FORMAT", "YYYY"),
        ("LOG_FULL_TIMESTAMP", "maybe"),
        ("LOG_DISABLE_COLORS", "on"),
    ] {
        let run = Assistant::new(&["sync", "shop", "argocd"]).env(name, value);
        let stderr = run.run().await.stderr;
        let warning = format!("warning: {name} is {value:?}, which is not ");
        assert_eq!(stderr.matches(&warning).count(), 1, "{stderr}");
        assert!(stderr.contains("no Kubernetes configuration"), "{stderr}");
    }
}

#[tokio::test]
async fn no_kubeconfig() {
    let sync = ["sync", "shop", "argocd"];
    let ended = Assistant::new(&sync).run().await;
    let parts = [
        "no Kubernetes configuration",
        ".kube/config does not exist",
        "--kubeconfig FILE",
    ];
    assert_refused(&ended, 2, &parts);

    let run = Assistant::new(&sync).env("KUBECONFIG", "/nowhere/config");
    let parts = [
        "not in a cluster",
        "/nowhere/config (from KUBECONFIG) does not exist",
    ];
    assert_refused(&run.run().await, 2, &parts);

    let ended = Assistant::new(&[&sync[..], &["--kubeconfig", "/nowhere/else"]].concat()).run();
    let parts = ["/nowhere/else", "No such file or directory"];
    assert_refused(&ended.await, 2, &parts);
}

#[tokio::test]
async fn a_kubeconfig_of_nonsense() {
    for text in ["{ not yaml", "just words", "clusters: 7"] {
        let ended = Assistant::new(&["sync", "shop", "argocd"])
            .kubeconfig(text)
            .run();
        assert_refused(
            &ended.await,
            2,
            &["Kubernetes configuration", "/kubeconfig"],
        );
    }
}

#[tokio::test]
async fn a_context_that_is_not_there() {
    let rollout = Rollout::written(&counting(), 20.0).await;
    let ended = rollout.sync(&["--context", "prod"]).run().await;
    assert_refused(&ended, 2, &["\"prod\"", "/kubeconfig"]);
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let mut rollout = Rollout::written(&counting(), 20.0).await;
    let kubeconfig = rollout.cluster.kubeconfig();
    let url = rollout.cluster.url();
    rollout.cluster.api_mut().stop().await;
    // `sync` goes on with argocd, which knows more than we.
    for command in ["follow", "diagnose", "explain"] {
        let run = Assistant::new(&[command, "shop", "argocd"]).kubeconfig(&kubeconfig);
        let parts = [
            "cannot reach the cluster",
            "context \"sim\"",
            &url,
            "Connection refused",
        ];
        assert_refused(&run.run().await, 2, &parts);
    }
}

#[tokio::test]
async fn credentials_that_are_refused() {
    let rollout = Rollout::secured(&counting(), 20.0).await;
    let kubeconfig = rollout.cluster.kubeconfig();
    for command in ["follow", "diagnose"] {
        let wrong = kubeconfig.replace("token: \"simcluster\"", "token: \"old\"");
        assert_ne!(wrong, kubeconfig);
        let run = Assistant::new(&[command, "shop", "argocd"]).kubeconfig(&wrong);
        let parts = [
            "refuses the credentials",
            "context \"sim\"",
            "401 Unauthorized",
            "log in",
        ];
        assert_refused(&run.run().await, 2, &parts);
    }
}

#[tokio::test]
async fn credentials_that_expire_on_the_way_lose_nothing_so_far() {
    let rollout = Rollout::secured(&counting(), 20.0).await;
    let mut run = rollout.watched(&[]).start();
    run.until("/app] number 3").await;
    let faults = rollout.cluster.api().faults();
    faults.add(Fault {
        on: Match::default(),
        action: Action::ExpireToken,
    });
    for verb in ["watch", "log"] {
        let on = Match {
            verb: Some(verb.to_owned()),
            ..Match::default()
        };
        assert!(
            faults.end_open(
                &on,
                &Action::End {
                    after: Default::default()
                }
            ) > 0
        );
    }
    run.until("the cluster refuses the credentials (context \"sim\"): Unauthorized")
        .await;
    let ended = rollout.finish(run).await;
    assert_eq!(ended.code(), Some(0), "argocd's: {}", ended.stdout);
    for number in 1..=3 {
        let line = format!("/app] number {number}\n");
        assert_eq!(ended.stdout.matches(&line).count(), 1, "{}", ended.stdout);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// A plugin that says of no token when it expires: only a refusal tells.
#[tokio::test]
async fn a_plugin_is_asked_for_another_token_when_the_first_is_refused() {
    let rollout = Rollout::secured(&counting(), 20.0).await;
    let folder = Folder::new("plugin");
    let (calls, other) = (folder.path().join("calls"), folder.path().join("other"));
    let plugin = folder.write(
        "plugin",
        &format!(
            r#"echo >> {calls:?}
test -e {other:?} && token=simcluster-2 || token=simcluster
echo '{{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",'
echo '"status": {{"token": "'$token'"}}}}'
"#
        ),
    );
    let exec = format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: [{plugin:?}]}}"
    );
    let kubeconfig = rollout.cluster.kubeconfig();
    let with_plugin = kubeconfig.replace("token: \"simcluster\"", &exec);
    assert_ne!(with_plugin, kubeconfig);
    let run = rollout.watched(&[]).kubeconfig(&with_plugin);
    let mut run = run.env("LOG_FORMAT", "json").start();
    run.until("\"number 3\"").await;
    let called = || std::fs::read_to_string(&calls).unwrap().lines().count();
    let before = called();
    std::fs::write(&other, "").unwrap();
    let faults = rollout.cluster.api().faults();
    faults.expire_token("simcluster");
    for verb in ["watch", "log"] {
        let on = Match {
            verb: Some(verb.to_owned()),
            ..Match::default()
        };
        let end = Action::End {
            after: Default::default(),
        };
        let served = || {
            let requests = rollout.cluster.api().requests();
            let is = |it: &&LoggedRequest| it.verb == verb && it.status == 200;
            requests.iter().filter(is).count()
        };
        let before = served();
        let ended = faults.end_open(&on, &end);
        assert!(ended > 0);
        run.drain_until(until("it goes on", || served() >= before + ended))
            .await;
    }
    run.until("\"number 100\"").await;
    let ended = rollout.finish(run).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    assert_eq!(ended.count("refuse"), 0, "{}", ended.stdout);
    for number in 1..=100 {
        let line = format!("\"msg\":\"number {number}\"");
        assert_eq!(ended.count(&line), 1, "{line}");
    }
    // As often as at the start: the client and the logs have each their own.
    let again = called() - before;
    assert!((1..=before).contains(&again), "{again} after {before}");
}

#[tokio::test]
async fn what_may_not_be_read_is_one_notice_and_the_rest_goes_on() {
    for (resource, namespace, notice) in [
        (
            "events",
            "shop-prod",
            "not allowed to list and watch events",
        ),
        (
            "statefulsets.apps",
            "shop-prod",
            "cannot list statefulsets.apps",
        ),
        (
            "applications.argoproj.io",
            "argocd",
            "cannot read Applications",
        ),
    ] {
        let rollout = Rollout::written(&counting(), 20.0).await;
        rollout.cluster.api().faults().forbid(Rule {
            resource: Some(resource.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..Rule::default()
        });
        let mut run = rollout.watched(&["-n", "shop-prod"]).start();
        run.until("/app] number 5").await;
        run.until(notice).await;
        let ended = rollout.finish(run).await;
        assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
        assert_eq!(ended.count(notice), 1, "{}", ended.stdout);
        assert!(!ended.stdout.contains("Status {"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_named_with_the_rule_to_add() {
    let rollout = Rollout::written(&counting(), 20.0).await;
    rollout.cluster.api().faults().forbid(Rule {
        resource: Some("replicasets.apps".to_owned()),
        ..Rule::default()
    });
    let mut run = rollout.watched(&[]).start();
    run.until("[status] Deployment/web 1/1 ready").await;
    let ended = rollout.finish(run).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    let notice = "WARN [assistant] cannot list replicasets.apps in shop-prod (403 forbidden)";
    assert_eq!(ended.count(notice), 1, "{}", ended.stdout);
    assert_eq!(
        ended.count("--verb=get,list,watch --resource=replicasets.apps"),
        1
    );
}

#[tokio::test]
async fn logs_that_may_not_be_read_are_one_notice() {
    let rollout = Rollout::written(&counting(), 20.0).await;
    rollout.cluster.api().faults().forbid(Rule {
        resource: Some("pods/log".to_owned()),
        ..Rule::default()
    });
    let mut run = rollout.watched(&[]).start();
    run.until("pods/log").await;
    let ended = rollout.finish(run).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    let said = "cannot get pods/log in shop-prod (403 forbidden)";
    assert_eq!(ended.count(said), 1, "{}", ended.stdout);
    assert!(ended.count("Started container app") > 0, "{}", ended.stdout);
}

#[tokio::test]
async fn an_application_that_is_nowhere() {
    let rollout = Rollout::written(&counting(), 20.0).await;
    let run = Assistant::new(&["sync", "nope", "nowhere"])
        .kubeconfig(&rollout.cluster.kubeconfig())
        .env("ARGO_SIM_SERVER", rollout.cluster.url());
    let ended = run.run().await;
    assert_eq!(ended.code(), Some(20), "argocd's: {}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap();
    let cause = "nope: Argo CD has no such application, or the token may not see it \
                 (Applications are in: argocd); no workload";
    assert!(last.starts_with(cause), "{last}");
}

#[tokio::test]
async fn without_argocd_a_namespace_that_does_not_exist_is_said() {
    let rollout = Rollout::written(&counting(), 20.0).await;
    let run = Assistant::new(&["follow", "nope", "nowhere", "--timeout", "1s"])
        .kubeconfig(&rollout.cluster.kubeconfig());
    let ended = run.run().await;
    assert_eq!(ended.code(), Some(72), "{}", ended.stdout);
    let notice = "there is no Application nowhere/nope: only namespace nowhere is watched";
    assert_eq!(ended.count(notice), 1, "{}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap();
    let cause = "neither the Application nowhere/nope nor any object of it was found in this cluster \
         (Applications are in: argocd)";
    assert_eq!(last, format!("nope: {cause}"));
}

#[tokio::test]
async fn an_argocd_that_cannot_be_run() {
    let rollout = Rollout::written(&counting(), 20.0).await;
    let folder = Folder::new("bin");
    let plain = folder.write("argocd", "#!/bin/sh\n");
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o644)).unwrap();
    for (argocd, code, part) in [
        (
            "no-such-argocd".into(),
            127,
            "\"no-such-argocd\" is not on PATH",
        ),
        ("/nowhere/argocd".into(), 127, "does not exist"),
        (plain.into_os_string(), 126, "is not executable"),
    ] {
        let ended = rollout.sync(&[]).env("ARGOCD", argocd).run().await;
        assert_refused(&ended, code, &["cannot run argocd: ", part]);
    }
}

/// As argocd 2.10 says it.
#[tokio::test]
async fn an_argocd_that_is_older_than_our_flag_is_run_again_without_it() {
    const OLD: &str = "#!/bin/sh\n\
        for a in \"$@\"; do case $a in --app-namespace*|-N)\n\
        printf 'Error: unknown flag: --app-namespace\\nUsage:\\n  argocd app wait [flags]\\n' >&2; exit 1;;\n\
        esac; done\n\
        echo \"$@\"; exec \"$ARGO_REAL\"\n";
    let rollout = Rollout::written(&counting(), 20.0).await;
    let folder = Folder::new("old");
    let old = folder.write("argocd", OLD);
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = rollout.sync(&["--", "--timeout", "9"]).script("steps: []");
    let run = run
        .env("ARGOCD", old)
        .env("ARGO_REAL", env!("CARGO_BIN_EXE_scripted-argocd"));
    let ended = run.run().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    assert_eq!(ended.count("Usage:"), 0, "{}", ended.stdout);
    assert_eq!(ended.count("it is older than 2.11"), 1, "{}", ended.stdout);
    let again = "[argo] app wait argocd/shop --health --sync --operation --grpc-web --timeout 9";
    assert_eq!(ended.count(again), 1, "{}", ended.stdout);
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_quietly() {
    let rollout = Rollout::written(&counting(), 20.0).await;
    let folder = Folder::new("reader");
    let seen = folder.path().join("argocd.json");
    let script = format!("steps: [{{dump: {seen:?}}}, hang]");
    let mut run = rollout.sync(&[]).script(&script).start();
    run.until("/app] number 1").await;
    drop(run.child.stdout.take());
    let (status, stderr) = run.without_stdout().await;
    assert_eq!((status.code(), stderr.as_str()), (Some(141), ""));
    let seen: serde_json::Value = serde_json::from_slice(&std::fs::read(seen).unwrap()).unwrap();
    let argocd = nix::unistd::Pid::from_raw(seen["pid"].as_i64().unwrap().try_into().unwrap());
    until("end of argocd", || !is_alive(argocd)).await;
}
