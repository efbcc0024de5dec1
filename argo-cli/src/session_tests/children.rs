//! An application that deploys applications: argocd is run for them once it is done itself.

use super::*;

fn started(child: &str, wave: &str, status: &Value) -> Value {
    json!({"metadata": {"name": child, "namespace": "argocd", "uid": child,
            "annotations": {"argocd.argoproj.io/sync-wave": wave}},
        "spec": {"syncPolicy": {"automated": {}}}, "status": status})
}

fn told(application: Value) -> Input {
    let application: Application = serde_json::from_value(application).unwrap();
    Input::Track(TrackEvent::Application(Arc::new(application)))
}

fn state(sync: &str, health: &str) -> Value {
    json!({"sync": {"status": sync, "revision": "new"}, "health": {"status": health,
            "lastTransitionTime": at(1).to_string()},
        "operationState": {"phase": "Succeeded", "syncResult": {"revision": if sync == "Synced" {"new"} else {"old"}}}})
}

/// The parent, synced and healthy, with the Applications that it lists.
fn parent(children: &[&str]) -> Input {
    let listed = |name: &&str| json!({"group": "argoproj.io", "kind": "Application", "name": name, "namespace": "argocd"});
    let listed: Vec<Value> = children.iter().map(listed).collect();
    told(
        json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "shop"},
        "status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}, "resources": listed}}),
    )
}

fn with_children() -> Config {
    Config {
        argocd: Some(ArgocdRun {
            children: true,
            ..ArgocdRun::default()
        }),
        settle: Duration::ZERO,
        ..config()
    }
}

/// A run whose parent is done, and whose only child made argocd fail after 9 s.
fn with_a_child_that_fails(config: Config) -> Run {
    let mut run = Run::new(config);
    let failed = Exited {
        exit: ArgocdExit::Code(20),
        degraded: true,
    };
    let progressing = started("web", "0", &state("Synced", "Progressing"));
    let degraded = started("web", "0", &state("Synced", "Degraded"));
    run.tell(parent(&["web"]), 1)
        .tell(told(progressing), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .tell(told(degraded), 8)
        .tell(Input::Argocd(failed), 9);
    run
}

fn names(run: &Run) -> Vec<String> {
    let apps = run.session.awaited_apps().into_iter();
    apps.map(|app| app.name).collect()
}

#[test]
fn argocd_is_run_for_the_children_wave_by_wave() {
    let mut run = Run::new(with_children());
    run.tell(parent(&["web", "db"]), 1)
        .tell(told(started("web", "2", &state("OutOfSync", "Missing"))), 1)
        .tell(told(started("db", "-1", &json!({}))), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    assert_eq!(run.done, ["again"]);
    assert_eq!(names(&run), ["db", "web"]);
    let stale: Vec<String> = run
        .session
        .take_stale()
        .into_iter()
        .map(|app| app.name)
        .collect();
    assert_eq!(stale, ["db"], "it was never compared");
    let said = run.said.last().unwrap();
    assert!(said.contains("db (wave -1), web (wave 2)"), "{said}");
    // One more came meanwhile; those that argocd was run for are not asked about again.
    run.tell(
        told(started("late", "0", &state("Synced", "Progressing"))),
        20,
    )
    .tell(Input::Argocd(SUCCESS), 30);
    assert_eq!((run.done.len(), names(&run)), (2, vec!["late".to_owned()]));
    run.tell(Input::Argocd(SUCCESS), 40).streams_end(41);
    assert_eq!(run.result(), (vec!["again", "again", "drain", "end"], 0));
}

#[test]
fn a_child_that_fails_is_the_result() {
    let mut run = with_a_child_that_fails(with_children());
    run.until(10, 12).streams_end(13);
    assert_eq!(run.result(), (vec!["again", "drain", "end"], 20));
}

#[test]
fn what_recovers_is_the_child() {
    let mut config = with_children();
    if let Some(run) = &mut config.argocd {
        run.on_degraded = OnDegraded::Wait;
    }
    let mut run = with_a_child_that_fails(config);
    run.until(10, 20);
    assert_eq!(
        run.done,
        ["again"],
        "the parent is Healthy, and the child is not"
    );
    run.tell(told(started("web", "0", &state("Synced", "Healthy"))), 21)
        .tell(Input::Tick, 22);
    assert_eq!((run.done.len(), names(&run)), (2, vec!["web".to_owned()]));
}

#[test]
fn children_that_were_just_made_are_looked_for() {
    let mut run = Run::new(with_children());
    run.tell(parent(&["web"]), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 4);
    assert!(run.done.is_empty(), "{:?}", run.done);
    run.tell(told(started("web", "0", &json!({}))), 4)
        .tell(Input::Tick, 5);
    assert_eq!(run.done, ["again"]);
    // One that never comes is not waited for.
    let mut run = Run::new(with_children());
    run.tell(parent(&["web"]), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 6);
    assert_eq!(run.done, ["drain"]);
}

#[test]
fn nobody_waits_for_what_nothing_will_change_or_is_left_out() {
    let degraded = json!({"sync": {"status": "Synced"}, "health": {"status": "Degraded"}});
    let mut run = Run::new(with_children());
    run.tell(parent(&["old", "well"]), 1)
        .tell(told(started("old", "0", &degraded)), 1)
        .tell(told(started("well", "0", &state("Synced", "Healthy"))), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    assert_eq!(run.done, ["drain"]);
    let why = "not waiting for application old: it was Degraded before this sync";
    assert!(run.said.iter().any(|line| line == why), "{:?}", run.said);
    let mut run = Run::new(Config {
        settle: Duration::ZERO,
        ..config()
    });
    run.tell(parent(&["web"]), 1)
        .tell(
            told(started("web", "0", &state("Synced", "Progressing"))),
            1,
        )
        .tell(Input::Argocd(SUCCESS), 2);
    assert_eq!(run.done, ["drain"], "--no-children");
}

#[test]
fn follow_waits_until_the_children_are_synced() {
    let mut run = Run::new(Config {
        argocd: None,
        settle: Duration::ZERO,
        ..config()
    });
    run.tell(parent(&["web"]), 1)
        .tell(deployment(1), 1)
        .tell(told(started("web", "0", &json!({}))), 1)
        .until(2, 20);
    assert!(run.done.is_empty(), "{:?}", run.done);
    run.tell(told(started("web", "0", &state("Synced", "Healthy"))), 21)
        .tell(Input::Tick, 22);
    assert_eq!(run.done, ["drain"]);
}
