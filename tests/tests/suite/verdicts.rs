//! The final block of scenarios of the matrix, whole, as `snapshots/*.snap`.

use std::time::Duration;

use argo_assistant::{
    argocd::{ArgocdExit, ArgocdOutcome},
    session::{Config, Exited, Input},
    summary::Outcome,
};

use super::{
    matrix::Case,
    stage::{self, Stage},
};

const SUCCESS: Exited = Exited {
    exit: ArgocdExit::Code(0),
    degraded: false,
};

/// Lines of a workload in the block.
const MOST: usize = 25;

async fn block(name: &str) -> String {
    let case = Case::find(name);
    let mut stage = case.play().await;
    let (summary, text) = stage.argocd_times_out();
    let paragraphs = text
        .split("\n\n")
        .filter(|part| !part.contains("Workload "));
    for paragraph in paragraphs {
        let lines = paragraph.lines().count();
        assert!(lines <= MOST, "{lines} lines:\n{paragraph}");
    }
    let last = text.lines().last().unwrap();
    let cause = &summary.findings[0].sentence;
    let (head, _) = cause.split_once(" (").unwrap_or((cause, ""));
    assert!(last.contains(head), "{last}\ndoes not say {head}");
    text
}

macro_rules! blocks {
    ($($name:ident = $case:literal,)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            insta::assert_snapshot!(block($case).await);
        }
    )*};
}

blocks! {
    image_not_found = "image-not-found",
    statefulset_crash_loop = "statefulset-crash-loop",
    crash_loop = "crash-loop",
    out_of_memory = "out-of-memory",
    never_ready = "never-ready",
    too_big_for_the_node = "too-big-for-the-node",
    two_workloads_one_cause = "two-workloads-one-cause",
    presync_hook_fails = "presync-hook-fails",
    quota_exceeded = "quota-exceeded",
    sync_fails = "sync-fails",
    paused = "paused",
    init_hangs = "init-hangs",
}

/// Recorded: argocd exits with 0.
#[tokio::test(start_paused = true)]
async fn a_failed_postsync_hook_is_told_although_argocd_succeeds() {
    let mut stage = Case::find("postsync-hook-fails").play().await;
    stage.tell(Input::Argocd(SUCCESS));
    stage.play_to_end(Duration::from_secs(30)).await;
    let (summary, text) = stage.verdict(Some(&ArgocdOutcome::Ok));
    assert_eq!((summary.outcome, summary.exit), (Outcome::Failed, 0));
    assert!(
        text.contains("argocd reports success, but the sync operation ended Failed"),
        "{text}"
    );
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("PostSync hook Job/smoke-test failed"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_success_is_told_and_fails_only_if_asked_to() {
    for (fail_fast, exit) in [(false, 0), (true, 1)] {
        let config = Config {
            fail_fast,
            ..stage::config()
        };
        let scenario = Case::find("crashes-after-ready").scenario();
        let mut stage = Stage::open(&scenario, config).await;
        stage.play(Duration::from_secs(5)).await;
        stage.tell(Input::Argocd(SUCCESS));
        // The restarts that are allowed come first.
        stage.play_to_end(Duration::from_secs(180)).await;
        let (summary, text) = stage.verdict(Some(&ArgocdOutcome::Ok));
        assert_eq!(
            (summary.outcome, summary.exit),
            (Outcome::Failed, exit),
            "{text}"
        );
        assert!(
            text.contains("argocd reports Healthy, but a new container crashed"),
            "{text}"
        );
        let last = text.lines().last().unwrap();
        assert!(last.contains("lost the database for good"), "{text}");
    }
}
