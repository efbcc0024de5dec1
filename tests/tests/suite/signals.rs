//! Early ends of a run: signals, our own timeout, fail-fast.

use std::{path::PathBuf, time::Instant};

use nix::{
    sys::signal::Signal::{SIGINT, SIGTERM},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    assistant::{Ended, Folder, Running, is_alive, until},
    rollout::Rollout,
    workload::{Workload, synced},
};

/// A pod that runs for ever, and is not ready.
fn stuck() -> String {
    synced(&[Workload::deployment(
        "web",
        r#"app: {run: [{log: "waiting for the moon"}, {ready: false}, {forever: true}]}"#,
    )])
}

/// An argocd with a child, both of which tell their process ids.
struct Family {
    folder: Folder,
}

impl Family {
    fn new() -> Self {
        Self {
            folder: Folder::new("family"),
        }
    }

    /// The script: parent and child trap what `traps` says, then wait for ever.
    fn script(&self, traps: &str) -> String {
        let (parent, child) = (self.file("parent"), self.file("child"));
        format!(
            "steps:\n{traps}\
             - fork: {{ steps: [ {{ dump: {child:?} }}, hang ] }}\n\
             - await: {child:?}\n\
             - dump: {parent:?}\n\
             - print: argocd is up\n\
             - hang\n"
        )
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pid(&self, name: &str) -> Pid {
        let text = std::fs::read(self.file(name)).unwrap();
        let seen: Value = serde_json::from_slice(&text).unwrap();
        Pid::from_raw(seen["pid"].as_i64().unwrap().try_into().unwrap())
    }

    /// Waits until no process of the run is left.
    async fn is_gone(&self) {
        for name in ["parent", "child"] {
            let pid = self.pid(name);
            until("end of argocd", || !is_alive(pid)).await;
        }
    }
}

/// A run that has shown a line of the pod and one of argocd.
async fn start(family: &Family, traps: &str, flags: &[&str]) -> (Rollout, Running) {
    let rollout = Rollout::written(&stuck(), 20.0).await;
    let script = family.script(traps);
    let mut run = rollout.sync(flags).script(&script).start();
    run.until("[argo] argocd is up").await;
    run.until("waiting for the moon").await;
    (rollout, run)
}

const POLITE: &str = "- on: { signal: SIGTERM, print: argocd stops, exit: 20 }\n\
                      - on: { signal: SIGINT, print: argocd stops, exit: 20 }\n";
const DEAF: &str = "- on: { signal: SIGTERM, print: argocd hears nothing }\n";

/// The last line says how it ended; a verdict stands above it.
fn assert_verdict(ended: &Ended, last: &str) {
    let found = ended.stdout.lines().next_back().unwrap_or_default();
    assert!(found.contains(last), "{last:?} in {}", ended.stdout);
    assert_eq!(ended.stderr, "");
}

#[tokio::test]
async fn a_signal_reaches_argocd_and_the_verdict_is_printed() {
    for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
        let family = Family::new();
        let (_rollout, run) = start(&family, POLITE, &[]).await;
        run.signal(signal);
        let ended = run.end().await;
        assert_eq!(ended.code(), Some(code), "{}", ended.stdout);
        assert_eq!(ended.count("[argo] argocd stops"), 1);
        assert_eq!(ended.count("[web-"), 1, "{}", ended.stdout);
        assert_eq!(ended.count("INTERRUPTED  shop  after"), 1);
        assert_verdict(&ended, "when it was interrupted");
        let ended_by = format!("argocd was ended by {signal}");
        assert_eq!(ended.count(&ended_by), 1, "{}", ended.stdout);
        family.is_gone().await;
    }
}

#[tokio::test]
async fn an_argocd_that_ignores_the_signal_is_killed_after_the_grace() {
    let family = Family::new();
    let (_rollout, run) = start(&family, DEAF, &[]).await;
    run.signal(SIGTERM);
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(143));
    assert_eq!(ended.count("[argo] argocd hears nothing"), 1);
    assert_verdict(&ended, "when it was interrupted");
    family.is_gone().await;
}

#[tokio::test]
async fn a_second_signal_waits_for_nothing() {
    let family = Family::new();
    let (_rollout, mut run) = start(&family, DEAF, &[]).await;
    run.signal(SIGTERM);
    run.until("argocd hears nothing").await;
    let second = Instant::now();
    run.signal(SIGINT);
    let ended = run.end().await;
    // The grace would be four seconds.
    assert!(second.elapsed().as_secs() < 2, "{:?}", second.elapsed());
    assert_eq!(ended.code(), Some(143), "as the first one says");
    assert_verdict(&ended, "when it was interrupted");
    family.is_gone().await;
}

#[tokio::test]
async fn our_own_timeout_ends_argocd_too() {
    let family = Family::new();
    let (_rollout, run) = start(&family, POLITE, &["--timeout", "2s"]).await;
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(70));
    assert_eq!(ended.count("[argo] argocd stops"), 1);
    assert!(ended.stdout.contains("Deployment/web"), "{}", ended.stdout);
    family.is_gone().await;
}

#[tokio::test]
async fn fail_fast_ends_argocd_once_nothing_can_heal() {
    let rollout = Rollout::named("crash-loop", 20.0).await;
    let family = Family::new();
    let flags = ["--fail-fast", "--grace", "0s", "--allow-restarts", "1"];
    let run = rollout.sync(&flags).script(&family.script(POLITE)).start();
    let ended = run.end().await;
    assert_eq!(ended.code(), Some(1), "{}", ended.stdout);
    assert_verdict(&ended, "StatefulSet/db");
    family.is_gone().await;
}

#[tokio::test]
async fn an_argocd_that_dies_of_a_signal_is_told_by_the_exit_code() {
    let rollout = Rollout::written(&stuck(), 20.0).await;
    let script = "steps: [{print: oh}, {die: SIGKILL}]";
    let ended = rollout.sync(&[]).script(script).run().await;
    assert_eq!(ended.code(), Some(137), "{}", ended.stdout);
    assert_eq!(ended.count("[argo] oh"), 1);
}
