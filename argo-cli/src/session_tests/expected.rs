//! A revision that is expected to run.

use super::*;

/// The Application, compared with and synced to a revision.
fn synced_to(revision: &str) -> Input {
    let value = json!({"metadata": {"name": "shop", "namespace": "argocd", "uid": "app"},
        "spec": {"source": {"targetRevision": "main"}},
        "status": {"sync": {"status": "Synced", "revision": revision}, "health": {"status": "Healthy"},
            "reconciledAt": at(1).to_string(),
            "operationState": {"phase": "Succeeded", "startedAt": at(-500).to_string(), "finishedAt": at(-490).to_string(),
                "operation": {"sync": {"revision": revision}, "initiatedBy": {"automated": true}},
                "syncResult": {"revision": revision}}}});
    Input::Track(TrackEvent::Application(Arc::new(
        serde_json::from_value(value).unwrap(),
    )))
}

fn expecting(revision: &str) -> Config {
    Config {
        expectation: Expectation::new(Some(revision.to_owned()), Vec::new()),
        settle: Duration::ZERO,
        ..config()
    }
}

#[test]
fn a_green_of_another_revision_is_waited_for_and_then_argocd_runs_again() {
    let mut run = Run::new(expecting("abc1234"));
    run.tell(synced_to("fff9999"), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    assert_eq!(run.done, [""; 0]);
    let said = "argocd reports success, but Argo CD is at fff9999, not at abc1234; waiting for it for 5 m at most";
    assert!(run.said.iter().any(|line| line == said), "{:?}", run.said);
    run.tell(synced_to("abc1234"), 60).tell(Input::Tick, 61);
    assert_eq!(run.done, ["again"]);
    run.tell(Input::Argocd(SUCCESS), 70)
        .streams_end(71)
        .until(71, 75);
    assert_eq!(run.result().1, 0);
}

#[test]
fn another_revision_ends_with_1_and_a_newer_sync_with_71() {
    let mut run = Run::new(expecting("abc1234"));
    run.tell(synced_to("fff9999"), 1)
        .tell(Input::Argocd(SUCCESS), 2);
    run.until(3, 303).streams_end(304);
    assert_eq!(run.result(), (vec!["drain", "end"], 1));
    let mut run = Run::new(expecting("abc1234"));
    run.tell(synced_to("abc1234"), 1)
        .tell(Input::Tick, 2)
        .tell(synced_to("fff9999"), 3)
        .tell(Input::Tick, 4);
    assert_eq!(run.result(), (vec!["interrupt", "drain"], 71));
    let summary = run.session.summary(None, at(5));
    assert_eq!(
        (&*summary.reason, &*summary.operation[0]),
        (
            "superseded",
            "abc1234 was superseded by fff9999 (synced by auto-sync)"
        )
    );
}

#[test]
fn an_application_that_cannot_be_read_tells_no_revision() {
    let mut run = Run::new(expecting("abc1234"));
    run.tell(deployment(1), 1).tell(Input::Argocd(SUCCESS), 2);
    assert_eq!(run.result(), (vec!["drain"], 77));
    // A failure of argocd wins.
    let mut run = Run::new(expecting("abc1234"));
    let failed = Exited {
        exit: ArgocdExit::Code(20),
        degraded: false,
    };
    run.tell(deployment(1), 1)
        .tell(Input::Argocd(failed), 2)
        .until(3, 5);
    assert_eq!(run.result().1, 20);
}

#[test]
fn an_argocd_that_waits_for_nothing_that_is_here() {
    let mut run = Run::new(Config {
        settle: Duration::ZERO,
        ..config()
    });
    let nothing = Notice::new(NoticeCode::NothingFound, Level::Warning, "nothing");
    run.tell(Input::Track(TrackEvent::Notice(nothing)), 11)
        .tell(Input::Argocd(SUCCESS), 12)
        .until(13, 14);
    assert_eq!(run.result().1, 72);
    // An application without workloads is a success.
    let mut run = Run::new(Config {
        settle: Duration::ZERO,
        ..config()
    });
    run.tell(synced_to("fff9999"), 1)
        .tell(Input::Argocd(SUCCESS), 2)
        .until(3, 4);
    assert_eq!(run.result().1, 0);
}
