//! The final block of scenarios of the matrix, whole, as `snapshots/*.snap`.

use super::matrix::Case;

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
