use argo_core::GroupKind;

use super::*;

fn wait(extra: &[&str]) -> Wait {
    let extra: Vec<OsString> = extra.iter().map(OsString::from).collect();
    Wait::of(&extra)
}

fn added(extra: &[&str]) -> String {
    let arguments = wait(extra).arguments();
    let texts: Vec<_> = arguments.iter().map(|a| a.to_string_lossy()).collect();
    texts.join(" ")
}

#[test]
fn a_condition_of_the_user_replaces_ours() {
    const OURS: &str = "--health --sync --operation";
    for (extra, wanted) in [
        (&[][..], OURS),
        (&["--timeout", "300"], OURS),
        (&["--sync"], ""),
        (&["--health"], ""),
        (&["--operation"], ""),
        (&["--suspended"], ""),
        (&["--degraded"], ""),
        (&["--delete"], ""),
        (&["--hydrated"], ""),
        (&["--sync=true"], ""),
        (&["--health=false"], ""),
        // The value of another flag is no condition, nor is a longer name.
        (&["--selector", "--sync"], OURS),
        (&["--synced"], OURS),
        (&["--", "--sync"], OURS),
    ] {
        assert_eq!(added(extra), wanted, "{extra:?}");
    }
}

#[test]
fn argocd_waits_for_what_is_true_or_else_for_its_defaults() {
    use Condition::{Degraded, Health, Operation, Suspended, Sync};
    for (extra, wanted) in [
        (&[][..], &[Health, Sync, Operation][..]),
        (&["--sync"], &[Sync]),
        (&["--suspended", "--health=true"], &[Health, Suspended]),
        (&["--sync=false"], &[Health, Sync, Operation]),
        (&["--sync", "--sync=0", "--degraded"], &[Degraded]),
    ] {
        assert_eq!(wait(extra).conditions, wanted, "{extra:?}");
    }
}

#[test]
fn health_is_not_waited_for_where_a_selected_kind_has_none() {
    const BOTH: &str = "--sync --operation";
    const ALL: &str = "--health --sync --operation";
    for (resources, wanted) in [
        (&[":ConfigMap:settings"][..], BOTH),
        (&[":Secret:shop/token"], BOTH),
        (&["rbac.authorization.k8s.io:Role:web"], BOTH),
        (&["apps:Deployment:web", ":ConfigMap:settings"], BOTH),
        (&["*:ConfigMap:*"], BOTH),
        (&["example.com:Widget:w"], BOTH),
        (&["argoproj.io:Application:child"], BOTH),
        (&["apps:Deployment:web"], ALL),
        (&[":Service:web"], ALL),
        (&["*:Deployment:*"], ALL),
        (&["argoproj.io:Rollout:web"], ALL),
        (&["kafka.strimzi.io:Kafka:k"], ALL),
        // As argocd alone: nobody knows which kinds there are.
        (&["!apps:Deployment:broken"], ALL),
        (&["!:ConfigMap:settings"], ALL),
        (&["*:*:*"], ALL),
        // argocd refuses it.
        (&["Deployment/web"], ALL),
    ] {
        for equals in [true, false] {
            let extra: Vec<String> = resources
                .iter()
                .flat_map(|resource| match equals {
                    true => vec![format!("--resource={resource}")],
                    false => vec!["--resource".to_owned(), (*resource).to_owned()],
                })
                .collect();
            let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
            assert_eq!(added(&extra), wanted, "{extra:?}");
        }
    }
    let named = ["--health", "--resource", ":ConfigMap:settings"];
    assert_eq!(wait(&named).conditions, [Condition::Health]);
    assert_eq!(wait(&named).notice(), None);
}

#[test]
fn a_selection_without_health_is_told() {
    let notice = |resource: &str| wait(&["--resource", resource]).notice();
    let told = notice(":ConfigMap:settings").unwrap();
    assert!(
        told.starts_with(
            "argocd waits until ConfigMap/settings is synced and without an operation"
        ),
        "{told}"
    );
    let told = notice("!apps:Deployment:broken").unwrap();
    assert!(told.contains("-- --sync --operation"), "{told}");
    assert_eq!(notice("apps:Deployment:web"), None);
    assert_eq!(wait(&[]).notice(), None);
}

#[test]
fn resources_are_selected_as_argocd_does() {
    let object = |group: &str, kind: &str, namespace: &str, name: &str| ObjectRef {
        kind: GroupKind::new(group, kind),
        namespace: namespace.into(),
        name: name.into(),
        uid: "1".into(),
    };
    let web = object("apps", "Deployment", "prod", "web");
    let broken = object("apps", "Deployment", "prod", "broken");
    for (resources, wanted) in [
        (&[][..], (true, true)),
        (&["apps:Deployment:web"], (true, false)),
        (&["apps:Deployment:other/web"], (false, false)),
        (&["apps:Deployment:prod/web"], (true, false)),
        (&[":Deployment:web"], (false, false)),
        (&["*:*:web"], (true, false)),
        (&["!apps:Deployment:broken"], (true, false)),
        (&["apps:Deployment:*", "!*:*:broken"], (true, false)),
        (&[":ConfigMap:settings"], (false, false)),
    ] {
        let extra: Vec<&str> = resources.iter().flat_map(|r| ["--resource", r]).collect();
        let selection = wait(&extra).selection;
        let included = (selection.includes(&web), selection.includes(&broken));
        assert_eq!(included, wanted, "{resources:?}");
    }
}

#[test]
fn the_sentence_names_the_selection_and_the_states() {
    for (extra, wanted) in [
        (
            &[][..],
            "shop to be healthy, synced and without an operation",
        ),
        (&["--suspended"], "shop to be suspended"),
        (
            &[
                "--sync",
                "--resource",
                "apps:Deployment:web",
                "--resource",
                ":ConfigMap:a",
            ],
            "Deployment/web, ConfigMap/a to be synced",
        ),
        (
            &["--health", "--resource", "!apps:Deployment:broken"],
            "everything but Deployment/broken to be healthy",
        ),
    ] {
        assert_eq!(wait(extra).sentence("shop"), wanted);
    }
}
