//! `cargo demo` itself, and the recording of it in the program.

use std::{
    fs::File,
    io::Read,
    process::{Command, Stdio},
};

use nix::{pty, sys::termios::Termios};

use crate::assistant::{Assistant, Folder};

#[tokio::test]
async fn it_lists_what_it_can_play() {
    let ended = Assistant::demo(&["--list"]).run().await;
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    for name in [
        "shop",
        "good",
        "crash-loop",
        "hook-failed",
        "01-deployment-rollout-ok",
    ] {
        let described = |line: &str| line.starts_with(&format!("{name} ")) && line.len() > 40;
        assert!(
            ended.stdout.lines().any(described),
            "{name}: {}",
            ended.stdout
        );
    }
}

#[tokio::test]
async fn it_ends_as_argocd_does() {
    let ended = Assistant::demo(&["--speed", "20", "--", "--settle", "0"])
        .run()
        .await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap();
    assert!(last.starts_with("Deployment/banner: image "), "{last}");

    let flags = ["--scenario", "good", "--speed", "8", "--", "--settle", "0"];
    let ended = Assistant::demo(&flags).run().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("Rolled out good in "),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn the_program_plays_a_recording_of_its_own() {
    let ended = Assistant::new(&["demo", "--speed", "100000"]).run().await;
    // A warning would mean that this version does not understand the recording any more.
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    for text in ["/app] listening on", "db-0/postgres]", "[argo] "] {
        assert!(
            ended.stdout.contains(text),
            "no {text:?} in {}",
            ended.stdout
        );
    }
    let last = ended.stdout.lines().next_back().unwrap();
    assert!(last.starts_with("Deployment/banner: image "), "{last}");

    let flags = ["demo", "--speed", "100000", "--output", "github"];
    let ended = Assistant::new(&flags).run().await;
    assert_eq!((ended.code(), ended.stderr.as_str()), (Some(0), ""));
    let error = "::error title=Deployment/banner image-pull::";
    assert!(ended.stdout.contains(error), "{}", ended.stdout);
}

#[test]
fn a_replay_whose_reader_goes_away_removes_its_table() {
    let terminal = pty::openpty(None::<&pty::Winsize>, None::<&Termios>).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_assistant"));
    command
        .args(["demo", "--speed", "20", "--output", "terminal"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(terminal.slave);
    let mut child = command.spawn().unwrap();
    // It holds the other end of the terminal, too.
    drop(command);
    drop(child.stdout.take());
    let mut screen = File::from(terminal.master);
    let (mut drawn, mut piece) = (Vec::<u8>::new(), [0_u8; 4096]);
    while !drawn.ends_with(b"\x1b[J")
        && let Ok(read @ 1..) = screen.read(&mut piece)
    {
        drawn.extend_from_slice(&piece[..read]);
    }
    let drawn = String::from_utf8_lossy(&drawn);
    assert!(drawn.contains("shop"), "{drawn:?}");
    assert!(drawn.ends_with("\x1b[J"), "{drawn:?}");
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_scenario_of_nonsense_is_one_sentence() {
    let folder = Folder::new("scenario");
    for (text, part) in [
        ("steps: [", "bad.yaml: "),
        ("just words", "bad.yaml: "),
        ("name: x\nsteps: [{at: 1s, jump: high}]", "jump"),
        ("name: x\n", "no application: section"),
    ] {
        let file = folder.write("bad.yaml", text);
        let ended = Assistant::demo(&["--scenario", file.to_str().unwrap()])
            .run()
            .await;
        assert_eq!(
            (ended.code(), ended.stdout.as_str()),
            (Some(2), ""),
            "{text}"
        );
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    let ended = Assistant::demo(&["--scenario", "sop"]).run().await;
    assert_eq!(ended.code(), Some(2));
    assert!(
        ended.stderr.contains("no such scenario; there are"),
        "{}",
        ended.stderr
    );
    let ended = Assistant::demo(&["--speed", "0"]).run().await;
    assert_eq!(ended.code(), Some(2));
    assert!(
        ended.stderr.contains("a number above 0"),
        "{}",
        ended.stderr
    );
}
