// Several applications in one run, as a table of what happens to them.

use argo_core::{GroupKind, ObjectRef, Tracked, TrackedBody, resource::Application};
use argo_workloads::{builtin, describe, expectation::Expectation};
use serde_json::json;

use super::*;
use crate::{
    args::{Events, OnDegraded, OnPaused},
    session::ArgocdRun,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn config(name: &str) -> Config {
    Config {
        app: AppRef::new(name, "argocd"),
        started: at(0),
        argocd: Some(ArgocdRun::default()),
        events: Events::All,
        fail_fast: false,
        grace: Duration::ZERO,
        allow_restarts: 2,
        ignore: Vec::new(),
        timeout: None,
        settle: Duration::ZERO,
        wait_terminated: false,
        on_paused: None,
        expectation: Expectation::default(),
        is_one_of_several: true,
    }
}

const fn exited(code: i32) -> Exited {
    Exited {
        exit: ArgocdExit::Code(code),
        degraded: false,
    }
}

/// The applications of a run, and one that joins it.
const NAMES: [&str; 4] = ["shop", "pay", "search", "late"];

/// A run about shop, pay and search that remembers what is done.
struct Run {
    apps: Apps,
    done: Vec<&'static str>,
    said: Vec<Record>,
}

impl Run {
    fn new(change: impl Fn(&mut Config)) -> Self {
        let configs = ["shop", "pay", "search"].map(|name| {
            let mut config = config(name);
            change(&mut config);
            config
        });
        let mut run = Self {
            apps: Apps::new(configs.into()),
            done: Vec::new(),
            said: Vec::new(),
        };
        for (app, name) in NAMES.iter().enumerate().take(3) {
            run.track(app, application(name), 0);
            run.track(app, TrackEvent::Synced, 0);
        }
        run
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Show(record) => self.said.push(record),
                Effect::Forward(_) | Effect::Read(_) => {}
                Effect::Interrupt(_) => self.done.push("interrupt"),
                Effect::Kill => self.done.push("kill"),
                Effect::RestartArgocd => self.done.push("again"),
                Effect::Drain => self.done.push("drain"),
                Effect::End => self.done.push("end"),
            }
        }
    }

    fn track(&mut self, app: usize, event: TrackEvent, second: i64) {
        let effects = self.apps.tracked(app, event, at(second));
        self.take(effects);
    }

    /// A Deployment of an application, with so many of two pods ready.
    fn deployment(&mut self, app: usize, ready: u32, second: i64) {
        self.track(app, deployment(app, ready), second);
    }

    fn tick(&mut self, second: i64) {
        let effects = self.apps.tick(at(second));
        self.take(effects);
    }

    fn argocd(&mut self, exited: Exited, about: &About, second: i64) {
        let effects = self.apps.argocd(exited, about, at(second));
        self.take(effects);
    }

    /// The streams end, and the run with them.
    fn end(&mut self, second: i64) -> Summary {
        self.tick(second);
        let ends: [fn() -> Input; 2] = [|| Input::LogsEnded, || Input::EventsEnded];
        for input in ends {
            let effects = self.apps.all(input, at(second));
            self.take(effects);
        }
        assert_eq!(self.done.last(), Some(&"end"), "{:?}", self.done);
        assert_eq!(self.done.iter().filter(|it| **it == "drain").count(), 1);
        self.apps.summary(None, at(second))
    }
}

/// `rolled out`, `failed` and so on, of each.
fn outcomes(summary: &Summary) -> Vec<&'static str> {
    summary.apps.iter().map(|app| app.outcome.name()).collect()
}

fn application(name: &str) -> TrackEvent {
    in_health(name, "Healthy")
}

fn in_health(name: &str, health: &str) -> TrackEvent {
    let value = json!({"metadata": {"name": name, "namespace": "argocd", "uid": name},
        "spec": {"destination": {"namespace": name}},
        "status": {"sync": {"status": "Synced"}, "health": {"status": health}, "resources": [
            {"group": "apps", "kind": "Deployment", "namespace": name, "name": "web"}]}});
    let application: Application = serde_json::from_value(value).unwrap();
    TrackEvent::Application(Arc::new(application))
}

fn deployment(app: usize, ready: u32) -> TrackEvent {
    let name = NAMES[app];
    let value = json!({"metadata": {"generation": 1}, "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2,
            "readyReplicas": ready, "availableReplicas": ready}});
    let object = ObjectRef {
        kind: GroupKind::new("apps", "Deployment"),
        namespace: name.into(),
        name: "web".into(),
        uid: format!("web-of-{name}").into(),
    };
    let body = TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap()));
    let tracked = Tracked {
        is_new: false,
        ..Tracked::root(object, body)
    };
    TrackEvent::Applied(describe(&builtin(), tracked))
}

/// A pod of an application's Deployment that has crashed again and again.
fn crashing(name: &str) -> TrackEvent {
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "containerID": "containerd://a",
        "startedAt": at(0).to_string(), "finishedAt": at(1).to_string()}});
    let value = json!({"spec": {"restartPolicy": "Always", "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": 5,
            "containerID": "containerd://a", "lastState": ended,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
    let named = |kind: GroupKind, uid: String| ObjectRef {
        kind,
        namespace: name.into(),
        name: "web".into(),
        uid: uid.into(),
    };
    let body = TrackedBody::Pod(Arc::new(serde_json::from_value(value).unwrap()));
    let pod = named(GroupKind::new("", "Pod"), format!("pod-of-{name}"));
    let tracked = Tracked {
        root: named(
            GroupKind::new("apps", "Deployment"),
            format!("web-of-{name}"),
        ),
        ..Tracked::root(pod, body)
    };
    TrackEvent::Applied(describe(&builtin(), tracked))
}

#[test]
fn success_of_argocd_is_success_of_each() {
    let mut run = Run::new(|_| {});
    (0..3).for_each(|app| run.deployment(app, 1, 1));
    (0..3).for_each(|app| run.deployment(app, 2, 2));
    run.argocd(exited(0), &About::Nothing, 2);
    let summary = run.end(3);
    assert_eq!(outcomes(&summary), ["succeeded"; 3]);
    assert_eq!((summary.exit, summary.argocd_exit), (0, Some(0)));
    assert!(run.said.iter().any(|record| record.app() == Some("pay")));
}

/// The application late joins the run, and is known.
fn join(run: &mut Run, second: i64) {
    assert_eq!(run.apps.join(&[AppRef::new("late", "argocd")]), Some(3));
    run.track(3, application("late"), second);
    run.deployment(3, 1, second);
    run.track(3, TrackEvent::Synced, second);
}

#[test]
fn argocd_waits_for_an_application_that_joins_after_the_others() {
    let mut run = Run::new(|_| {});
    (0..3).for_each(|app| run.deployment(app, 2, 1));
    join(&mut run, 2);
    run.argocd(exited(0), &About::Nothing, 3);
    assert_eq!(run.done, ["again"]);
    assert_eq!(run.apps.waiting(), [AppRef::new("late", "argocd")]);
    run.deployment(3, 2, 4);
    run.argocd(exited(0), &About::Nothing, 5);
    assert_eq!(outcomes(&run.end(6)), ["succeeded"; 4]);
    assert!(run.said.iter().any(|record| record.app() == Some("late")));
}

#[test]
fn a_failure_before_argocd_knows_of_an_application_that_joined_is_not_about_it() {
    let mut run = Run::new(|_| {});
    run.deployment(0, 2, 1);
    run.deployment(1, 2, 1);
    run.deployment(2, 1, 1);
    join(&mut run, 2);
    run.argocd(exited(20), &About::Nothing, 3);
    run.tick(4);
    let summary = run.end(5);
    assert_eq!(
        outcomes(&summary),
        ["succeeded", "succeeded", "failed", "waiting"]
    );
    assert_eq!(run.apps.join(&[AppRef::new("more", "argocd")]), None);
}

#[test]
fn a_run_about_one_application_becomes_one_about_two() {
    let mut own = config("shop");
    own.is_one_of_several = false;
    own.argocd.as_mut().unwrap().timeout = Some(Duration::from_secs(60));
    let mut run = Run {
        apps: Apps::new(vec![own]),
        done: Vec::new(),
        said: Vec::new(),
    };
    run.track(0, application("shop"), 0);
    run.deployment(0, 1, 0);
    run.track(0, TrackEvent::Synced, 0);
    assert_eq!(run.apps.join(&[AppRef::new("pay", "argocd")]), Some(1));
    run.track(1, application("pay"), 1);
    run.deployment(1, 1, 1);
    run.track(1, TrackEvent::Synced, 1);
    run.said.clear();
    for second in 2..25 {
        run.tick(second);
    }
    assert_eq!(run.said.len(), 1, "one line for both: {:#?}", run.said);
    let limit = |app: usize| run.apps.members[app].session.config().argocd.clone();
    for app in 0..2 {
        let limit = limit(app).unwrap().timeout;
        assert_eq!(limit, Some(Duration::from_secs(120)), "one after the other");
    }
    (0..2).for_each(|app| run.deployment(app, 2, 30));
    run.argocd(exited(0), &About::Nothing, 31);
    assert_eq!(run.done, ["again"]);
    run.apps.waiting();
    run.argocd(exited(0), &About::Nothing, 32);
    assert_eq!(outcomes(&run.end(33)), ["succeeded"; 2]);
}

/// argocd has given up on shop, which may recover, when pay joins.
#[test]
fn an_application_that_joins_while_no_argocd_runs_is_waited_for() {
    let mut own = config("shop");
    own.is_one_of_several = false;
    own.grace = Duration::from_secs(30);
    own.argocd = Some(ArgocdRun {
        on_degraded: OnDegraded::Wait,
        ..ArgocdRun::default()
    });
    let mut run = Run {
        apps: Apps::new(vec![own]),
        done: Vec::new(),
        said: Vec::new(),
    };
    run.track(0, in_health("shop", "Degraded"), 0);
    run.deployment(0, 1, 0);
    run.track(0, TrackEvent::Synced, 0);
    let degraded = Exited {
        degraded: true,
        ..exited(20)
    };
    run.argocd(degraded, &About::Nothing, 1);
    run.apps.join(&[AppRef::new("pay", "argocd")]);
    run.track(1, application("pay"), 2);
    run.deployment(1, 2, 2);
    run.track(1, TrackEvent::Synced, 2);
    run.tick(3);
    assert!(run.done.is_empty(), "shop may recover: {:?}", run.done);
    let mut second = 3;
    while run.done.is_empty() && second < 60 {
        second += 1;
        run.tick(second);
    }
    assert_eq!(run.done, ["again"]);
    assert_eq!(run.apps.waiting(), [AppRef::new("pay", "argocd")]);
    run.argocd(exited(0), &About::Nothing, 61);
    let summary = run.end(62);
    assert_eq!(outcomes(&summary), ["failed", "succeeded"]);
    assert_eq!(summary.exit, 20);
}

#[test]
fn applications_that_join_are_named() {
    let apps = ["a", "b", "c", "d", "e", "f"].map(|name| AppRef::new(name, "argocd"));
    assert_eq!(
        joined(&apps[..1], "the labels team=x", true),
        "argocd/a now matches the labels team=x and joins the run; argocd waits for it after the others"
    );
    assert_eq!(
        joined(&apps[..3], "the labels team=x in namespace argocd", true),
        "argocd/a, argocd/b and argocd/c now match the labels team=x in namespace argocd and join the run; argocd waits for them after the others"
    );
    assert_eq!(
        joined(&apps[..1], "the project x", false),
        "argocd/a now belongs to the project x and joins the run"
    );
    assert_eq!(
        joined(&apps, "the project x", false),
        "argocd/a, argocd/b, argocd/c, argocd/d, argocd/e and 1 more now belong to the project x and join the run"
    );
}

#[test]
fn what_argocd_gave_up_on_has_failed_and_the_others_are_as_they_are() {
    let mut run = Run::new(|_| {});
    run.deployment(0, 2, 1);
    run.deployment(1, 1, 1);
    run.deployment(2, 1, 1);
    run.argocd(exited(20), &About::App("argocd/pay".to_owned()), 2);
    run.tick(3);
    let summary = run.end(4);
    assert_eq!(outcomes(&summary), ["succeeded", "failed", "waiting"]);
    assert_eq!(summary.exit, 20);
    let alone: Vec<i32> = summary.apps.iter().map(|app| app.exit).collect();
    assert_eq!(alone, [0, 20, 70]);
}

#[test]
fn who_is_unseen_is_known_only_after_the_first_lists() {
    let mut run = Run {
        apps: Apps::new(["shop", "pay", "search"].map(config).into()),
        done: Vec::new(),
        said: Vec::new(),
    };
    run.argocd(exited(20), &About::Unseen, 0);
    for app in [0, 2] {
        run.track(app, application(NAMES[app]), 1);
        run.deployment(app, 2, 1);
        run.track(app, TrackEvent::Synced, 1);
    }
    run.tick(1);
    assert!(run.done.is_empty(), "{:?}", run.done);
    run.track(1, TrackEvent::Synced, 2);
    run.tick(2);
    run.tick(4);
    assert_eq!(outcomes(&run.end(5)), ["succeeded", "failed", "succeeded"]);
}

#[test]
fn when_its_time_is_over_argocd_was_waiting_for_one() {
    let mut run = Run::new(|_| {});
    run.deployment(0, 2, 1);
    run.deployment(1, 1, 1);
    run.deployment(2, 1, 1);
    let pay = About::Perhaps(AppRef::new("pay", "argocd"));
    run.argocd(exited(20), &pay, 2);
    run.tick(3);
    assert_eq!(outcomes(&run.end(4)), ["succeeded", "failed", "waiting"]);
}

#[test]
fn a_failure_about_nothing_in_particular_is_one_of_all_that_are_not_done() {
    let mut run = Run::new(|_| {});
    run.deployment(0, 2, 1);
    run.deployment(1, 1, 1);
    run.deployment(2, 1, 1);
    run.argocd(exited(20), &About::Nothing, 2);
    run.tick(3);
    assert_eq!(outcomes(&run.end(4)), ["succeeded", "failed", "failed"]);
}

#[test]
fn the_time_limit_is_that_of_all() {
    let mut run = Run::new(|config| config.timeout = Some(Duration::from_secs(9)));
    run.deployment(0, 2, 1);
    run.deployment(1, 1, 1);
    run.deployment(2, 1, 1);
    run.tick(9);
    assert_eq!(run.done, ["interrupt", "drain"]);
    // What argocd says of it is our doing.
    run.argocd(
        Exited {
            exit: ArgocdExit::Signal(15),
            degraded: false,
        },
        &About::Nothing,
        10,
    );
    let summary = run.end(10);
    assert_eq!(outcomes(&summary)[1..], ["timeout", "timeout"]);
    assert_eq!((summary.exit, summary.argocd_exit), (70, None));
}

#[test]
fn the_limit_of_argocd_counts_from_its_own_start() {
    let mut run = Run::new(|config| {
        config.argocd.as_mut().unwrap().timeout = Some(Duration::from_secs(60));
    });
    (0..3).for_each(|app| run.deployment(app, 1, 1));
    // A look at git came before, and took its time.
    run.apps.argocd_begins(at(50));
    run.tick(139);
    assert!(run.done.is_empty(), "{:?}", run.done);
    run.tick(140);
    assert_eq!(run.done, ["interrupt", "drain"]);
}

#[test]
fn one_application_that_fails_fast_ends_the_run() {
    let mut run = Run::new(|config| config.fail_fast = true);
    run.deployment(0, 2, 1);
    run.deployment(2, 1, 1);
    run.deployment(1, 0, 1);
    run.track(1, crashing("pay"), 1);
    run.tick(2);
    run.tick(3);
    assert_eq!(run.done, ["interrupt", "drain"]);
    let signalled = Exited {
        exit: ArgocdExit::Signal(15),
        degraded: false,
    };
    run.argocd(signalled, &About::Nothing, 4);
    let summary = run.end(4);
    assert_eq!(outcomes(&summary), ["succeeded", "failed", "waiting"]);
    assert_eq!((summary.exit, summary.argocd_exit), (1, None));
}

#[test]
fn a_degraded_application_is_waited_for_and_argocd_runs_again_for_all() {
    let mut run = Run::new(|config| {
        config.grace = Duration::from_secs(60);
        config.argocd = Some(ArgocdRun {
            on_degraded: OnDegraded::Wait,
            ..ArgocdRun::default()
        });
    });
    (0..3).for_each(|app| run.deployment(app, 1, 1));
    let degraded = Exited {
        degraded: true,
        ..exited(20)
    };
    run.argocd(degraded, &About::App("pay".to_owned()), 2);
    assert!(run.done.is_empty(), "{:?}", run.done);
    (0..3).for_each(|app| run.deployment(app, 2, 3));
    run.tick(4);
    assert_eq!(run.done, ["again"]);
    run.argocd(exited(0), &About::Nothing, 5);
    let summary = run.end(6);
    assert_eq!(outcomes(&summary), ["succeeded"; 3]);
    assert_eq!(summary.exit, 0);
}

#[test]
fn without_argocd_each_application_ends_by_itself() {
    let mut run = Run::new(|config| {
        config.argocd = None;
        config.timeout = Some(Duration::from_secs(60));
        config.on_paused = Some(OnPaused::Wait);
    });
    run.deployment(0, 2, 1);
    run.deployment(1, 1, 1);
    run.deployment(2, 2, 1);
    run.tick(2);
    assert!(
        run.done.is_empty(),
        "pay is still on its way: {:?}",
        run.done
    );
    run.deployment(1, 2, 20);
    run.tick(21);
    let summary = run.end(22);
    assert_eq!(outcomes(&summary), ["succeeded"; 3]);
    assert_eq!(summary.exit, 0);
}

#[test]
fn a_signal_ends_all_and_a_second_one_kills() {
    let mut run = Run::new(|_| {});
    (0..3).for_each(|app| run.deployment(app, 1, 1));
    let effects = run.apps.signal(Signal::SIGTERM, at(2));
    run.take(effects);
    assert_eq!(run.done, ["interrupt", "drain"]);
    let effects = run.apps.signal(Signal::SIGTERM, at(3));
    run.take(effects);
    assert_eq!(run.done, ["interrupt", "drain", "kill", "end"]);
    let summary = run.apps.summary(None, at(3));
    assert_eq!(
        (summary.exit, outcomes(&summary)),
        (143, vec!["interrupted"; 3])
    );
}

#[test]
fn one_line_tells_of_all_that_are_missing() {
    let mut run = Run::new(|_| {});
    run.deployment(0, 2, 1);
    run.deployment(1, 1, 1);
    run.deployment(2, 2, 1);
    run.said.clear();
    for second in 2..25 {
        run.tick(second);
    }
    let beats: Vec<&str> = run
        .said
        .iter()
        .map(|record| record.msg.as_str())
        .filter(|msg| msg.starts_with("still waiting"))
        .collect();
    let [beat] = beats[..] else {
        panic!("{beats:#?}")
    };
    assert!(
        beat.starts_with(
            "still waiting after 20 s: 2 of 3 applications are complete; pay: 0 of 1 workloads complete; Deployment/web 1/2 ready"
        ),
        "{beat}"
    );
}

#[test]
fn applications_of_one_name_are_told_apart_by_their_namespace() {
    let mut other = config("shop");
    other.app = AppRef::new("shop", "team-a");
    let names = names(&[config("shop"), other, config("pay")]);
    assert_eq!(names, ["argocd/shop", "team-a/shop", "pay"]);
}
