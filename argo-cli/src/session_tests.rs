// A run as a table of what happens and what is done about it.

use argo_core::{GroupKind, KindTraits, ObjectRef, Tracked, TrackedBody};
use argo_workloads::{builtin, describe};
use serde_json::{Value, json};

use super::*;
use crate::argocd::ArgocdOutcome;

#[path = "session_tests/children.rs"]
mod children;
#[path = "session_tests/degraded.rs"]
mod degraded;
#[path = "session_tests/expected.rs"]
mod expected;
#[path = "session_tests/settling.rs"]
mod settling;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn config() -> Config {
    Config {
        app: AppRef::new("shop", "argocd"),
        started: at(0),
        argocd: Some(ArgocdRun::default()),
        events: Events::All,
        fail_fast: false,
        grace: Duration::from_secs(60),
        allow_restarts: 2,
        ignore: Vec::new(),
        timeout: None,
        settle: Duration::from_secs(10),
        wait_terminated: false,
        on_paused: None,
        expectation: Expectation::default(),
        is_one_of_several: false,
    }
}

/// An argocd that is run again after a Degraded resource recovered.
fn recovering() -> Option<ArgocdRun> {
    Some(ArgocdRun {
        on_degraded: OnDegraded::Wait,
        ..ArgocdRun::default()
    })
}

const SUCCESS: Exited = Exited {
    exit: ArgocdExit::Code(0),
    degraded: false,
};

/// A run that is told what happens, and remembers what it did by name.
struct Run {
    session: Session,
    done: Vec<&'static str>,
    said: Vec<String>,
}

impl Run {
    /// Marks the state at the start as known.
    fn new(config: Config) -> Self {
        let mut run = Self::unsynced(config);
        run.tell(Input::Track(TrackEvent::Synced), 0);
        run
    }

    fn unsynced(config: Config) -> Self {
        Self {
            session: Session::new(config),
            done: Vec::new(),
            said: Vec::new(),
        }
    }

    fn tell(&mut self, input: Input, second: i64) -> &mut Self {
        for effect in self.session.handle(input, at(second)) {
            match effect {
                Effect::Show(record) => self.said.push(record.msg),
                Effect::Forward(_) | Effect::Read(_) => {}
                Effect::Interrupt(_) => self.done.push("interrupt"),
                Effect::Kill => self.done.push("kill"),
                Effect::RestartArgocd => self.done.push("again"),
                Effect::Drain => self.done.push("drain"),
                Effect::End => self.done.push("end"),
            }
        }
        self
    }

    fn streams_end(&mut self, second: i64) -> &mut Self {
        self.tell(Input::LogsEnded, second)
            .tell(Input::EventsEnded, second)
    }

    /// Time passes, with a tick each second.
    fn until(&mut self, from: i64, to: i64) -> &mut Self {
        for second in from..=to {
            self.tell(Input::Tick, second);
        }
        self
    }

    fn result(&self) -> (Vec<&'static str>, i32) {
        (self.done.clone(), self.session.exit_code())
    }
}

fn object(kind: GroupKind, name: &str) -> ObjectRef {
    ObjectRef {
        kind,
        namespace: "shop-prod".into(),
        name: name.into(),
        uid: name.into(),
    }
}

fn deployment(ready: i64) -> Input {
    let value = json!({"spec": {"replicas": 1}, "status": {"replicas": 1, "updatedReplicas": 1,
        "readyReplicas": ready, "availableReplicas": ready}});
    let object = object(GroupKind::new("apps", "Deployment"), "web");
    applied(
        object.clone(),
        object,
        TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap())),
    )
}

fn pod(status: &Value) -> Input {
    let value = json!({"spec": {"restartPolicy": "Always", "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [status]}});
    let root = object(GroupKind::new("apps", "Deployment"), "web");
    let pod = object(GroupKind::new("", "Pod"), "web-1");
    applied(
        pod,
        root,
        TrackedBody::Pod(Arc::new(serde_json::from_value(value).unwrap())),
    )
}

fn applied(object: ObjectRef, root: ObjectRef, body: TrackedBody) -> Input {
    let tracked = Tracked {
        object,
        owner: None,
        root,
        hook: None,
        is_new: true,
        rollout: None,
        traits: KindTraits::default(),
        body,
    };
    Input::Track(TrackEvent::Applied(describe(&builtin(), tracked)))
}

fn running(restarts: i32) -> Input {
    pod(
        &json!({"name": "app", "ready": true, "restartCount": restarts, "containerID": "containerd://a",
        "state": {"running": {"startedAt": at(0).to_string()}}}),
    )
}

fn crashing(restarts: i32) -> Input {
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "containerID": "containerd://a",
        "startedAt": at(0).to_string(), "finishedAt": at(1).to_string()}});
    pod(
        &json!({"name": "app", "restartCount": restarts, "containerID": "containerd://a",
        "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended}),
    )
}

#[test]
fn argocds_exit_code_is_ours_after_the_last_lines() {
    let mut run = Run::new(config());
    let failed = Exited {
        exit: ArgocdExit::Code(20),
        degraded: false,
    };
    run.tell(Input::Argocd(failed), 5);
    assert!(run.done.is_empty(), "what explains it comes a moment later");
    run.tell(Input::Tick, 6);
    assert_eq!(run.result(), (vec!["drain"], 20));
    run.tell(Input::LogsEnded, 6);
    assert_eq!(run.done, ["drain"]);
    run.tell(Input::EventsEnded, 6);
    assert_eq!(run.result(), (vec!["drain", "end"], 20));
    assert_eq!(run.session.summary(None, at(6)).outcome.name(), "failed");
}

#[test]
fn an_argocd_that_fails_at_once_is_explained_by_the_first_lists() {
    let mut run = Run::unsynced(config());
    let failed = Exited {
        exit: ArgocdExit::Code(20),
        degraded: false,
    };
    run.tell(Input::Argocd(failed), 0).until(1, 2);
    assert!(run.done.is_empty());
    run.tell(deployment(0), 2).tell(crashing(1), 2);
    run.tell(Input::Track(TrackEvent::Synced), 2)
        .tell(Input::Tick, 3);
    run.streams_end(4);
    let summary = run.session.summary(None, at(4));
    assert_eq!(run.result(), (vec!["drain", "end"], 20));
    assert_eq!(summary.findings[0].code.as_str(), "crash-loop");
}

#[test]
fn a_signal_after_argocds_end_keeps_its_result() {
    let mut run = Run::new(config());
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    run.tell(Input::Signal(Signal::SIGINT), 3);
    assert_eq!(run.result(), (vec!["interrupt", "drain"], 0));
    run.tell(Input::Signal(Signal::SIGINT), 3);
    assert_eq!(run.result(), (vec!["interrupt", "drain", "kill", "end"], 0));
}

#[test]
fn a_crash_that_healed_before_success_is_no_failure() {
    let mut run = Run::new(config());
    run.tell(deployment(0), 1).tell(crashing(0), 1);
    run.tell(running(1), 2)
        .tell(deployment(1), 2)
        .tell(Input::Argocd(SUCCESS), 3);
    run.until(4, 13).streams_end(13);
    let summary = run.session.summary(None, at(13));
    assert_eq!(
        (summary.outcome.name(), run.session.exit_code()),
        ("succeeded", 0)
    );
}

#[test]
fn an_application_without_workloads_is_what_argo_cd_says() {
    let application = json!({"metadata": {"name": "shop", "namespace": "argocd"},
        "status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}});
    let application = Arc::new(serde_json::from_value(application).unwrap());
    let mut run = Run::new(Config {
        argocd: None,
        ..config()
    });
    run.until(1, 2);
    assert!(run.done.is_empty());
    run.tell(Input::Track(TrackEvent::Application(application)), 3)
        .tell(Input::Tick, 3);
    assert_eq!(run.done, ["drain"]);
}

#[test]
fn streams_that_do_not_end_are_not_waited_for() {
    let mut run = Run::new(config());
    run.tell(Input::Argocd(SUCCESS), 5).until(6, 15);
    assert_eq!(
        run.done,
        ["drain"],
        "over Argo CD's API logs take up to 10 s"
    );
    run.until(16, 19);
    assert_eq!(run.result(), (vec!["drain", "kill", "end"], 0));
}

#[test]
fn a_signal_asks_argocd_and_a_second_one_kills_it() {
    let mut run = Run::new(config());
    run.tell(Input::Signal(Signal::SIGTERM), 1);
    assert_eq!(run.result(), (vec!["interrupt", "drain"], 143));
    run.tell(Input::Signal(Signal::SIGINT), 2);
    assert_eq!(
        run.result(),
        (vec!["interrupt", "drain", "kill", "end"], 143)
    );
}

#[test]
fn an_argocd_that_ignores_a_signal_is_killed_in_the_end() {
    let mut run = Run::new(config());
    run.tell(Input::Signal(Signal::SIGINT), 1)
        .streams_end(2)
        .until(3, 6);
    assert_eq!(
        run.result(),
        (vec!["interrupt", "drain", "kill", "end"], 130)
    );
}

#[test]
fn our_own_time_ends_argocd_and_leaves_time_for_the_verdict() {
    let mut run = Run::new(Config {
        timeout: Some(Duration::from_secs(30)),
        ..config()
    });
    run.until(1, 29);
    assert!(run.done.is_empty());
    run.until(30, 31);
    assert_eq!(run.done, ["interrupt", "drain"]);
    let died = Exited {
        exit: ArgocdExit::Signal(15),
        degraded: false,
    };
    run.streams_end(31).tell(Input::Argocd(died), 32);
    assert_eq!(run.result(), (vec!["interrupt", "drain", "end"], 70));
}

#[test]
fn a_doomed_workload_ends_the_run_only_if_asked_to() {
    for (fail_fast, ignored, done, exit) in [
        (false, false, vec![], 0),
        (true, true, vec![], 0),
        (true, false, vec!["interrupt", "drain"], 1),
    ] {
        let mut run = Run::new(Config {
            fail_fast,
            ignore: ignored
                .then(|| "deployment/web".parse().unwrap())
                .into_iter()
                .collect(),
            grace: Duration::from_secs(20),
            ..config()
        });
        run.tell(deployment(0), 1).tell(crashing(5), 2).until(3, 20);
        assert!(run.done.is_empty());
        assert!(
            run.said
                .iter()
                .any(|said| said.starts_with("Deployment/web: ")),
            "{:?}",
            run.said
        );
        run.until(21, 24);
        assert_eq!(run.result(), (done, exit), "{fail_fast} {ignored}");
    }
}

/// A Job that failed.
fn failed_job() -> Input {
    let condition = json!({"type": "Failed", "status": "True", "message": "it failed",
        "reason": "BackoffLimitExceeded", "lastTransitionTime": at(3).to_string()});
    let value = json!({"spec": {"completions": 1}, "status": {"failed": 1,
        "conditions": [condition]}});
    let object = object(GroupKind::new("batch", "Job"), "report");
    let body = TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap()));
    applied(object.clone(), object, body)
}

#[test]
fn what_can_never_succeed_ends_follow_at_once_unless_argo_cd_heals_it() {
    for (heals, done) in [(false, vec!["drain"]), (true, vec![])] {
        let mut run = Run::new(Config {
            argocd: None,
            ..config()
        });
        let application = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"},
            "spec": {"syncPolicy": {"automated": {"selfHeal": heals}}}});
        let application = Arc::new(serde_json::from_value(application).unwrap());
        run.tell(Input::Track(TrackEvent::Application(application)), 1);
        run.tell(failed_job(), 3).until(4, 6);
        assert_eq!(run.done, done, "{:?}", run.said);
    }
    let mut run = Run::new(config());
    run.tell(failed_job(), 3).until(4, 6);
    assert!(run.done.is_empty(), "argocd decides");
}

#[test]
fn after_success_it_ends_when_nothing_crashes() {
    let mut run = Run::new(config());
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 11);
    assert!(run.done.is_empty());
    run.tell(Input::Tick, 12);
    assert_eq!(run.result(), (vec!["drain"], 0));
    assert_eq!(run.session.summary(None, at(12)).elapsed.as_secs(), 2);
    assert_eq!(
        run.session.summary(None, at(12)).outcome.name(),
        "succeeded"
    );
}

#[test]
fn an_argocd_that_ends_at_once_is_not_ahead_of_the_first_lists() {
    let mut run = Run::unsynced(Config {
        settle: Duration::ZERO,
        ..config()
    });
    run.tell(Input::Argocd(SUCCESS), 0).tell(Input::Tick, 1);
    assert!(run.done.is_empty());
    run.tell(Input::Track(TrackEvent::Synced), 1)
        .tell(Input::Tick, 1);
    assert_eq!(run.done, ["drain"]);
}

#[test]
fn without_argocd_it_ends_when_all_is_rolled_out() {
    let mut run = Run::new(Config {
        argocd: None,
        settle: Duration::ZERO,
        ..config()
    });
    run.tell(deployment(0), 1)
        .tell(Input::Track(TrackEvent::Synced), 1)
        .until(2, 3);
    assert!(run.done.is_empty());
    run.tell(deployment(1), 4).tell(Input::Tick, 5);
    assert!(run.done.is_empty(), "the next object may be on its way");
    run.tell(Input::Tick, 6).streams_end(6);
    assert_eq!(run.result(), (vec!["drain", "end"], 0));
}

#[test]
fn an_argocd_that_overruns_its_own_limit_is_ended() {
    let mut run = Run::new(Config {
        argocd: Some(ArgocdRun {
            timeout: Some(Duration::from_secs(60)),
            ..ArgocdRun::default()
        }),
        ..config()
    });
    run.until(1, 89);
    assert!(run.done.is_empty());
    run.tell(Input::Tick, 90);
    assert_eq!(run.result(), (vec!["interrupt", "drain"], 70));
    let summary = run.session.summary(None, at(90));
    assert_eq!(summary.outcome.name(), "timeout");
    assert_eq!(
        summary.operation,
        ["argocd was still running 30 s after its own --timeout of 1 m, and was ended"]
    );
}

#[test]
fn an_argocd_that_has_ended_overruns_nothing() {
    let mut run = Run::new(Config {
        argocd: Some(ArgocdRun {
            timeout: Some(Duration::from_secs(1)),
            ..ArgocdRun::default()
        }),
        ..config()
    });
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 30)
        .until(31, 45);
    assert_eq!(run.session.exit_code(), 0);
}

/// An argocd that waits for this resource only.
fn selecting(resource: &str) -> Config {
    let extra = ["--resource".into(), resource.into()];
    Config {
        argocd: Some(ArgocdRun {
            wait: Wait::of(&extra),
            ..ArgocdRun::default()
        }),
        fail_fast: true,
        grace: Duration::ZERO,
        ..config()
    }
}

#[test]
fn only_selected_workloads_are_called_failed() {
    for (resource, doomed) in [
        ("apps:Deployment:web", true),
        ("apps:Deployment:other", false),
        ("!apps:Deployment:web", false),
        (":ConfigMap:settings", false),
    ] {
        let mut run = Run::new(selecting(resource));
        run.tell(deployment(0), 1).tell(crashing(5), 1).until(2, 5);
        let done: &[_] = if doomed { &["interrupt", "drain"] } else { &[] };
        assert_eq!(run.done, done, "{resource}");
        let summary = run.session.summary(Some(&ArgocdOutcome::TimedOut), at(5));
        let shown = (summary.workloads.len(), summary.findings.len());
        let wanted = usize::from(doomed);
        assert_eq!(shown, (wanted, wanted), "{resource}");
        let said = run.said.iter().any(|said| said.contains("crashes"));
        assert!(said, "{resource}: {:?}", run.said);
    }
    let run = Run::new(selecting(":ConfigMap:settings"));
    let summary = run.session.summary(Some(&ArgocdOutcome::TimedOut), at(5));
    let words = "argocd gave up waiting for ConfigMap/settings to be synced and without an operation: \
                 its --timeout ran out";
    assert_eq!(summary.argocd.as_deref(), Some(words));
}

#[test]
fn success_with_a_failed_operation_is_none() {
    let application = json!({"metadata": {"name": "shop", "namespace": "argocd"},
        "status": {"operationState": {"phase": "Failed", "message": "one or more synchronization tasks completed unsuccessfully"}}});
    let application = Arc::new(serde_json::from_value(application).unwrap());
    let mut run = Run::new(config());
    run.tell(Input::Track(TrackEvent::Application(application)), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    let summary = run.session.summary(None, at(3));
    assert_eq!((summary.outcome.name(), summary.exit), ("failed", 0));
    assert!(
        summary.operation[0]
            .starts_with("argocd reports success, but the sync operation ended Failed"),
        "{:?}",
        summary.operation
    );
}

#[test]
fn restarts_that_are_allowed_are_no_finding() {
    for (allow_restarts, found) in [(2, true), (5, false)] {
        let mut run = Run::new(Config {
            allow_restarts,
            ..config()
        });
        run.tell(deployment(0), 1).tell(crashing(4), 2).until(3, 30);
        let said = |said: &String| said.starts_with("Deployment/web: container app crashes");
        assert_eq!(run.said.iter().any(said), found, "{:?}", run.said);
    }
}

#[test]
fn without_settling_success_is_the_end() {
    let mut run = Run::new(Config {
        settle: Duration::ZERO,
        ..config()
    });
    run.tell(deployment(1), 1)
        .tell(running(0), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    assert_eq!(run.result(), (vec!["drain"], 0));
}

#[test]
fn a_terminated_sync_is_no_success() {
    let application = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"},
        "status": {"operationState": {"phase": "Failed", "message": "Operation terminated",
            "startedAt": at(0).to_string(), "finishedAt": at(1).to_string()}}});
    let application = Arc::new(serde_json::from_value(application).unwrap());
    let mut run = Run::new(config());
    run.tell(Input::Track(TrackEvent::Application(application)), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .streams_end(3);
    let summary = run.session.summary(None, at(3));
    assert_eq!((summary.outcome.name(), summary.exit), ("failed", 0));
    let sentence = crate::verdict::sentence(&summary);
    assert_eq!(
        sentence,
        "Application/shop: the sync was terminated by someone"
    );
}

/// Retries that are refused the same in another order, and one that is not.
#[test]
fn a_sync_that_is_tried_again_is_told_once() {
    let refused = |name: &str| {
        json!({"kind": "Deployment", "namespace": "shop-prod", "name": name,
        "status": "SyncFailed", "message": format!("webhook of {name} is down")})
    };
    let sync = |phase: &str, retry: i64, results: &[Value]| {
        let application = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "a"},
            "status": {"operationState": {"phase": phase, "retryCount": retry,
                "startedAt": at(1).to_string(), "syncResult": {"resources": results}}}});
        let application = Arc::new(serde_json::from_value(application).unwrap());
        Input::Track(TrackEvent::Application(application))
    };
    let (api, web) = (refused("api"), refused("web"));
    let synced =
        json!({"kind": "Deployment", "namespace": "shop-prod", "name": "web", "status": "Synced"});
    let mut run = Run::new(config());
    run.tell(sync("Running", 1, &[web.clone(), api.clone()]), 2)
        .until(3, 10);
    run.tell(sync("Running", 1, &[]), 11).until(12, 20);
    run.tell(sync("Running", 2, &[api, web]), 21).until(22, 30);
    let failed = |said: &&String| said.contains("sync failed");
    assert_eq!(run.said.iter().filter(failed).count(), 1, "{:?}", run.said);
    run.tell(sync("Succeeded", 2, &[synced]), 31).until(32, 33);
    let last = run.said.last().unwrap();
    assert!(
        last.starts_with("Application/shop: resolved after 29 s: sync failed"),
        "{last}"
    );
}

#[path = "session_terminated_tests.rs"]
mod terminated;

#[path = "session_setback_tests.rs"]
mod setbacks;
