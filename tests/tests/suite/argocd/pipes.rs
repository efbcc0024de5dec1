//! Pipes that are held open, flooded or written to before the exit.

use super::*;

#[tokio::test]
async fn a_process_that_holds_the_pipes_is_ended_after_the_grace() {
    let scratch = Scratch::new("holder");
    let (up, script) = (
        scratch.path("up"),
        json!({"text": "half", "newline": false}),
    );
    let steps = json!([
        {"fork": {"steps": [{"print": "late"}, {"print": script}, {"dump": up}, "hang"]}},
        {"await": up},
    ]);
    let config = ArgocdConfig {
        grace: Duration::from_millis(50),
        ..config()
    };
    let mut argocd = start(&scratch, &config, &steps);
    let (written, exit) = end(&mut argocd).await;
    assert_eq!(
        (written.stdout(), exit),
        ("late\nhalf\n", ArgocdExit::Code(0))
    );
    let holder = scratch.pid("up").await;
    until("end of the holder", || !is_alive(holder)).await;
}

/// A zombie is told from a process in /proc only.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_ends_within_the_grace_is_read_to_its_end() {
    let scratch = Scratch::new("grace");
    let (up, go) = (scratch.path("up"), scratch.path("go"));
    let steps = json!([
        {"fork": {"steps": [{"dump": up}, {"await": go}, {"print": "last"}]}},
        {"await": up}, {"print": "first"},
    ]);
    let config = ArgocdConfig {
        grace: PATIENCE,
        ..config()
    };
    let mut argocd = start(&scratch, &config, &steps);
    let leader = Pid::from_raw(argocd.pid().unwrap().try_into().unwrap());
    expect_line(&mut argocd, "first").await;
    until("exit", || !is_alive(leader)).await;
    fs::write(go, "").unwrap();
    let (written, exit) = end(&mut argocd).await;
    assert_eq!((written.stdout(), exit), ("last\n", ArgocdExit::Code(0)));
}

#[tokio::test]
async fn a_flood_from_a_process_out_of_reach_does_not_go_on_for_ever() {
    let scratch = Scratch::new("flood");
    let up = scratch.path("up");
    let flood = json!({"print": {"text": "flood\n", "repeat": 1_000_000_000_000_u64}});
    let steps = json!([
        {"fork": {"detached": true, "steps": [{"dump": up}, flood]}}, {"await": up},
    ]);
    let config = ArgocdConfig {
        grace: Duration::from_millis(5),
        ..config()
    };
    let mut argocd = start(&scratch, &config, &steps);
    let (written, exit) = end(&mut argocd).await;
    assert_eq!(exit, ArgocdExit::Code(0));
    assert!(written.stdout().starts_with("flood\nflood\n"));
    assert!(written.stdout.len() < 32 << 20, "{}", written.stdout.len());
    let flooder = scratch.pid("up").await;
    until("end of the flood", || !is_alive(flooder)).await;
}

/// A zombie is told from a process in /proc only.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_was_written_before_the_exit_is_read_whatever_the_grace() {
    let scratch = Scratch::new("slow-reader");
    let text = json!({"text": "0123456789\n", "repeat": 5000, "newline": false});
    let config = ArgocdConfig {
        grace: Duration::ZERO,
        ..config()
    };
    let mut argocd = start(&scratch, &config, &json!([{"print": text}]));
    let leader = Pid::from_raw(argocd.pid().unwrap().try_into().unwrap());
    until("exit", || !is_alive(leader)).await;
    let (written, _) = end(&mut argocd).await;
    assert_eq!(written.stdout.len(), 55_000);
}
