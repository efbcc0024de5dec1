//! argocd as a child process: a real one, that does what a script says.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    env,
    ffi::OsString,
    fs, future,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use argo_assistant::argocd::{
    Argocd, ArgocdConfig, ArgocdEvent, ArgocdExit, ArgocdOutcome, NamespaceForm, Signal, Stream,
};
use argo_core::AppRef;
use nix::{sys::signal::kill, unistd::Pid};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
    task::yield_now,
    time::{sleep, timeout},
};

mod following;
mod pipes;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory for the files of one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("argocd-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Waits until there is such a file of JSON.
    async fn json(&self, name: &str) -> Value {
        let path = self.path(name);
        until("a file", || path.exists()).await;
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    async fn pid(&self, name: &str) -> Pid {
        let pid = self.json(name).await["pid"].as_i64().unwrap();
        Pid::from_raw(pid.try_into().unwrap())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is under `target`.
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let wait = async {
        while !is() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("no {what}"));
}

/// Neither gone nor waiting to be reaped by whoever inherited it.
fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_zombie = stat
        .rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('Z'));
    kill(pid, None).is_ok() && !is_zombie
}

fn config() -> ArgocdConfig {
    ArgocdConfig {
        program: env!("CARGO_BIN_EXE_scripted-argocd").into(),
        ..ArgocdConfig::new(AppRef::new("shop", "team-a"))
    }
}

fn pairs(texts: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    texts
        .iter()
        .map(|(n, v)| (OsString::from(n), OsString::from(v)))
        .collect()
}

/// Starts an argocd that does these steps.
fn start(scratch: &Scratch, config: &ArgocdConfig, steps: &Value) -> Argocd {
    let script = scratch.path("script.json");
    fs::write(&script, json!({ "steps": steps }).to_string()).unwrap();
    let mut environment = pairs(&[
        ("HOME", "/nonexistent"),
        ("ARGO_TOKEN", "very-secret-token"),
    ]);
    environment.push(("ARGO_SCRIPT".into(), script.into()));
    Argocd::spawn(config, environment.into_iter()).unwrap()
}

async fn next(argocd: &mut Argocd) -> ArgocdEvent {
    timeout(PATIENCE, argocd.next()).await.expect("an event")
}

/// Everything that one wrote, with a newline at the end of each line.
#[derive(Debug, Default)]
struct Written {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    pieces: usize,
}

impl Written {
    fn line(&mut self, stream: Stream, text: &[u8], continues: bool) {
        let out = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        out.extend_from_slice(text);
        out.extend((!continues).then_some(b'\n'));
        self.pieces += 1;
    }

    fn stdout(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }

    fn stderr(&self) -> &str {
        str::from_utf8(&self.stderr).unwrap()
    }
}

/// Reads to the end.
async fn end(argocd: &mut Argocd) -> (Written, ArgocdExit) {
    let mut written = Written::default();
    loop {
        match next(argocd).await {
            ArgocdEvent::Line {
                stream,
                text,
                continues,
            } => {
                written.line(stream, &text, continues);
            }
            ArgocdEvent::Exited(exit) => return (written, exit),
        }
    }
}

/// Waits for a line on stdout.
async fn expect_line(argocd: &mut Argocd, wanted: &str) {
    let event = next(argocd).await;
    let text = wanted.to_owned().into();
    assert_eq!(
        event,
        ArgocdEvent::Line {
            stream: Stream::Stdout,
            text,
            continues: false
        }
    );
}

#[tokio::test]
async fn it_gets_its_arguments_and_what_it_needs_of_the_environment() {
    let scratch = Scratch::new("environment");
    let script = scratch.path("script.yaml");
    let dump = scratch.path("dump");
    fs::write(&script, format!("steps: [ {{ dump: {dump:?} }} ]")).unwrap();
    let mut given = pairs(&[
        ("HOME", "/home/ci"),
        ("ARGOCD_SERVER", "argo.example"),
        ("ARGOCD_BINARY_NAME", "argocd-server"),
        ("ARGO_ASSISTANT_TAIL", "3"),
        ("JAVA_HOME", "/jdk"),
        ("AWS_PROFILE", "ci"),
        ("ALL_PROXY", "socks5://proxy:1080"),
        ("TMPDIR", "/nonexistent"),
    ]);
    given.push(("ARGO_SCRIPT".into(), script.clone().into()));
    let config = ArgocdConfig {
        extra: vec!["--timeout".into(), "300".into()],
        pass_env: vec!["AWS_PROFILE".to_owned()],
        ..config()
    };
    let mut argocd = Argocd::spawn(&config, given.into_iter()).unwrap();
    let pid = argocd.pid();
    assert_eq!(end(&mut argocd).await.1, ArgocdExit::Code(0));

    let seen = scratch.json("dump").await;
    let arguments = "app wait shop --app-namespace=team-a --health --sync --operation \
                     --grpc-web --timeout 300";
    assert_eq!(
        seen["arguments"],
        json!(arguments.split(' ').collect::<Vec<_>>())
    );
    let tmpdir = seen["environment"]["TMPDIR"].as_str().unwrap();
    assert!(tmpdir.starts_with("/tmp/argo-"), "{tmpdir}");
    let environment = json!({
        "HOME": "/home/ci",
        "ARGOCD_SERVER": "argo.example",
        "ARGO_SCRIPT": script,
        "AWS_PROFILE": "ci",
        "TMPDIR": tmpdir,
    });
    assert_eq!(seen["environment"], environment);
    assert_eq!((&seen["pid"], &seen["group"]), (&json!(pid), &json!(pid)));
    assert_eq!(
        (&seen["stdin"], &seen["tmpdir_exists"]),
        (&json!(""), &json!(true))
    );
    assert!(!Path::new(tmpdir).exists(), "removed at the end");
}

#[tokio::test]
async fn without_a_home_it_gets_a_place_for_its_configuration() {
    let scratch = Scratch::new("home");
    let script = scratch.path("script.yaml");
    fs::write(
        &script,
        format!("steps: [ {{ dump: {:?} }} ]", scratch.path("dump")),
    )
    .unwrap();
    let given = [("ARGO_SCRIPT".into(), script.into())];
    let mut argocd = Argocd::spawn(&config(), given.into_iter()).unwrap();
    end(&mut argocd).await;
    let environment = &scratch.json("dump").await["environment"];
    let wanted = format!("{}/config", environment["TMPDIR"].as_str().unwrap());
    assert_eq!(environment["ARGOCD_CONFIG_DIR"], json!(wanted));
}

#[tokio::test]
async fn both_pipes_are_read_to_the_end_each_in_order() {
    let scratch = Scratch::new("pipes");
    let steps = json!([
        {"print": "out 1"}, {"error": "err 1"}, {"print": ""}, {"error": "err 2"},
        {"error": {"text": "err 3", "newline": false}},
        {"print": {"text": "out 3", "newline": false}},
        {"exit": 20},
    ]);
    let mut argocd = start(&scratch, &config(), &steps);
    let (written, exit) = end(&mut argocd).await;
    assert_eq!(written.stdout(), "out 1\nout 3\n", "an empty line is none");
    assert_eq!(written.stderr(), "err 1\nerr 2\nerr 3\n");
    assert_eq!(exit, ArgocdExit::Code(20));
    let again = next(&mut argocd).await;
    assert_eq!(
        again,
        ArgocdEvent::Exited(exit),
        "said again to who asks again"
    );
    assert!(!argocd.interrupt(Signal::SIGTERM), "nobody is there");
    assert_eq!(argocd.pid(), None);
}

/// Waits until argocd has written everything, then reads.
#[tokio::test]
async fn a_line_of_stderr_comes_after_the_lines_of_stdout_before_it() {
    let scratch = Scratch::new("places");
    let done = scratch.path("done");
    let fatal = r#"{"level":"fatal","msg":"timed out","time":"2026-11-24T00:15:19Z"}"#;
    let table = json!({"text": "row\n", "repeat": 3000, "newline": false});
    let steps = json!([{"print": table}, {"error": fatal}, {"dump": done}, {"exit": 20}]);
    let mut argocd = start(&scratch, &config(), &steps);
    until("end of the script", || done.exists()).await;
    let mut streams = Vec::new();
    while let ArgocdEvent::Line { stream, .. } = next(&mut argocd).await {
        streams.push(stream);
    }
    assert_eq!(streams.len(), 3001);
    let before = streams.iter().position(|stream| *stream == Stream::Stderr);
    assert_eq!(before, Some(3000));
}

/// The usage is noise: argocd is run again.
#[tokio::test]
async fn an_old_argocd_refuses_our_flag_without_a_word() {
    let scratch = Scratch::new("old");
    for stream in ["print", "error"] {
        let steps = json!([
            {stream: "Error: unknown flag: --app-namespace"}, {stream: "Usage:"},
            {stream: "  argocd app wait"}, {"exit": 1},
        ]);
        let mut argocd = start(&scratch, &config(), &steps);
        assert!(!argocd.refuses_namespace_flag(), "not yet");
        let (written, exit) = end(&mut argocd).await;
        assert_eq!((written.pieces, exit), (0, ArgocdExit::Code(1)));
        assert!(argocd.refuses_namespace_flag());

        let qualified = ArgocdConfig {
            namespace_form: NamespaceForm::QualifiedName,
            ..config()
        };
        let mut argocd = start(&scratch, &qualified, &steps);
        let (written, _) = end(&mut argocd).await;
        assert_eq!(written.pieces, 3, "then it is the user's flag");
        assert!(!argocd.refuses_namespace_flag());
    }
    let steps = json!([{"error": "Error: unknown flag: --app-namespaces"}, {"exit": 1}]);
    let mut argocd = start(&scratch, &config(), &steps);
    assert_eq!(end(&mut argocd).await.0.pieces, 1);
    assert!(!argocd.refuses_namespace_flag());
}

#[tokio::test]
async fn a_line_of_ten_megabytes_comes_whole_in_pieces() {
    let scratch = Scratch::new("long");
    let long = json!({"text": "0123456789", "repeat": 1_000_000});
    let mut argocd = start(
        &scratch,
        &config(),
        &json!([{"print": long}, {"print": "after"}]),
    );
    let (written, exit) = end(&mut argocd).await;
    let mut wanted = b"0123456789".repeat(1_000_000);
    wanted.extend_from_slice(b"\nafter\n");
    assert!(written.stdout == wanted, "{} bytes", written.stdout.len());
    assert_eq!((written.pieces, exit), (11, ArgocdExit::Code(0)));
}

#[tokio::test]
async fn a_future_that_is_dropped_takes_nothing_with_it() {
    let scratch = Scratch::new("cancel");
    let long = json!({"text": "0123456789\n", "repeat": 100_000, "newline": false});
    let mut argocd = start(&scratch, &config(), &json!([{"print": long}, {"exit": 7}]));
    let mut written = Written::default();
    let mut dropped = 0;
    let exit = loop {
        let event = tokio::select! {
            biased;
            event = argocd.next() => event,
            () = future::ready(()) => {
                dropped += 1;
                yield_now().await;
                continue;
            }
        };
        match event {
            ArgocdEvent::Line {
                stream,
                text,
                continues,
            } => written.line(stream, &text, continues),
            ArgocdEvent::Exited(exit) => break exit,
        }
    };
    assert!(
        written.stdout == b"0123456789\n".repeat(100_000),
        "{}",
        written.stdout.len()
    );
    assert_eq!((exit, dropped > 0), (ArgocdExit::Code(7), true));
}

#[tokio::test]
async fn bytes_that_are_no_text_stay_as_they_are() {
    let scratch = Scratch::new("bytes");
    let steps = json!([{"print": "a\\xff\\xfe\\x00\\x1b[31m\\xc3"}, {"error": "\\x80\r"}]);
    let (written, _) = end(&mut start(&scratch, &config(), &steps)).await;
    assert_eq!(written.stdout, b"a\xff\xfe\0\x1b[31m\xc3\n");
    assert_eq!(written.stderr, b"\x80\r\n");
}

#[tokio::test]
async fn secrets_are_cut_out_of_both_pipes() {
    let scratch = Scratch::new("secrets");
    let fatal = r#"{"level":"fatal","msg":"no very-secret-token","time":""}"#;
    let steps =
        json!([{"print": "(default \"very-secret-token\")"}, {"error": fatal}, {"exit": 1}]);
    let mut argocd = start(&scratch, &config(), &steps);
    let (written, _) = end(&mut argocd).await;
    assert_eq!(written.stdout(), "(default \"***\")\n");
    assert_eq!(
        written.stderr(),
        "{\"level\":\"fatal\",\"msg\":\"no ***\",\"time\":\"\"}\n"
    );
    assert_eq!(
        argocd.outcome(),
        Some(ArgocdOutcome::Other("no ***".to_owned()))
    );
}

#[tokio::test]
async fn a_pipe_that_is_closed_early_ends_nothing_else() {
    let scratch = Scratch::new("closed");
    let go = scratch.path("go");
    let steps = json!([
        {"print": "out"}, {"close": "stdout"}, {"await": go}, {"error": "err"}, {"exit": 3},
    ]);
    let mut argocd = start(&scratch, &config(), &steps);
    expect_line(&mut argocd, "out").await;
    fs::write(go, "").unwrap();
    let (written, exit) = end(&mut argocd).await;
    assert_eq!((written.stderr(), exit), ("err\n", ArgocdExit::Code(3)));
}

#[tokio::test]
async fn a_signal_reaches_it_and_its_last_words_are_heard() {
    let scratch = Scratch::new("term");
    let steps = json!([
        {"on": {"signal": "SIGTERM", "print": "summary", "exit": 20}}, {"print": "up"}, "hang",
    ]);
    let mut argocd = start(&scratch, &config(), &steps);
    expect_line(&mut argocd, "up").await;
    assert_eq!(argocd.outcome(), None, "not yet");
    assert!(argocd.interrupt(Signal::SIGTERM));
    let (written, exit) = end(&mut argocd).await;
    assert_eq!(
        (written.stdout(), exit),
        ("summary\n", ArgocdExit::Code(20))
    );
    assert_eq!(argocd.outcome(), Some(ArgocdOutcome::Signal(15)));
}

#[tokio::test]
async fn a_signal_reaches_what_it_started_too() {
    let scratch = Scratch::new("group");
    let up = scratch.path("up");
    let steps = json!([{"fork": {"steps": [{"dump": up}, "hang"]}}, "hang"]);
    let config = ArgocdConfig {
        grace: PATIENCE,
        ..config()
    };
    let mut argocd = start(&scratch, &config, &steps);
    scratch.json("up").await;
    assert!(argocd.interrupt(Signal::SIGINT));
    let (_, exit) = end(&mut argocd).await;
    assert_eq!((exit, exit.shell_code()), (ArgocdExit::Signal(2), 130));
}

#[tokio::test]
async fn who_ignores_a_signal_is_killed() {
    let scratch = Scratch::new("ignore");
    let steps = json!([
        {"on": {"signal": "SIGTERM", "print": "no"}}, {"print": "up"}, "hang",
    ]);
    let mut argocd = start(&scratch, &config(), &steps);
    expect_line(&mut argocd, "up").await;
    argocd.interrupt(Signal::SIGTERM);
    expect_line(&mut argocd, "no").await;
    argocd.kill();
    let (_, exit) = end(&mut argocd).await;
    assert_eq!((exit, exit.shell_code()), (ArgocdExit::Signal(9), 137));
}

#[tokio::test]
async fn nobody_is_left_when_it_is_dropped() {
    let scratch = Scratch::new("orphan");
    let (up, down) = (scratch.path("up"), scratch.path("down"));
    let ignore = json!({"on": {"signal": "SIGTERM"}});
    let steps = json!([
        ignore, {"dump": up}, {"fork": {"steps": [ignore, {"dump": down}, "hang"]}}, "hang",
    ]);
    let argocd = start(&scratch, &config(), &steps);
    let (leader, member) = (scratch.pid("up").await, scratch.pid("down").await);
    assert_eq!([leader, member].map(is_alive), [true, true]);
    let tmpdir = scratch.json("up").await["environment"]["TMPDIR"]
        .as_str()
        .unwrap()
        .to_owned();
    drop(argocd);
    until("end of both", || !is_alive(leader) && !is_alive(member)).await;
    until("reaping", || kill(leader, None).is_err()).await;
    assert!(!Path::new(&tmpdir).exists());
}

#[tokio::test]
async fn the_exit_is_that_of_argocd() {
    let scratch = Scratch::new("exit");
    for (step, exit, code) in [
        (json!({"exit": 0}), ArgocdExit::Code(0), 0),
        (json!({"exit": 20}), ArgocdExit::Code(20), 20),
        (json!({"die": "SIGUSR1"}), ArgocdExit::Signal(10), 138),
        (json!({"die": "SIGKILL"}), ArgocdExit::Signal(9), 137),
    ] {
        let (_, seen) = end(&mut start(&scratch, &config(), &json!([step]))).await;
        assert_eq!((seen, seen.shell_code()), (exit, code));
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_said_in_one_sentence() {
    let scratch = Scratch::new("start");
    let (plain, broken) = (scratch.path("plain"), scratch.path("broken"));
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    fs::write(&broken, "#!/nonexistent/sh\n").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    for (program, part, code) in [
        (Path::new("argocd-that-is-not-there"), "is not on PATH", 127),
        (&scratch.path("argocd"), "does not exist", 127),
        (&plain, "is not executable", 126),
        (&scratch.0, "is a directory", 126),
        (
            &broken,
            "is there, but not the loader or interpreter that it needs",
            127,
        ),
    ] {
        let config = ArgocdConfig {
            program: program.into(),
            ..config()
        };
        let environment = pairs(&[("PATH", "/usr/bin:/bin")]);
        let failure = Argocd::spawn(&config, environment.into_iter()).unwrap_err();
        let message = format!(
            "cannot run argocd: {:?} {part}",
            program.display().to_string()
        );
        assert_eq!((failure.message, failure.code), (message, code));
    }
}

/// Runs itself with the signals ignored, as a shell's background job has SIGINT.
#[cfg(target_os = "linux")]
#[test]
fn signals_that_were_inherited_as_ignored_are_not() {
    const INSIDE: &str = "ARGO_TESTS_SIGNALS_IGNORED";
    if env::var_os(INSIDE).is_some() {
        return ignored_signals_are_reset();
    }
    let output = Command::new("sh")
        .args(["-c", "trap '' INT TERM CHLD; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "argocd::signals_that_were_inherited_as_ignored_are_not",
        ])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::main(flavor = "current_thread")]
async fn ignored_signals_are_reset() {
    /// SIGINT and SIGTERM.
    const BITS: u64 = 1 << (2 - 1) | 1 << (15 - 1);
    let ignored = |mask: &str| u64::from_str_radix(mask, 16).unwrap() & BITS;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let own = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap();
    assert_eq!(ignored(own.trim()), BITS, "or else this test shows nothing");
    let scratch = Scratch::new("signals");
    let steps = json!([{"dump": scratch.path("dump")}, {"exit": 9}]);
    let (_, exit) = end(&mut start(&scratch, &config(), &steps)).await;
    assert_eq!(exit, ArgocdExit::Code(9), "seen though SIGCHLD was ignored");
    let seen = scratch.json("dump").await;
    assert_eq!(ignored(seen["ignored_signals"].as_str().unwrap()), 0);
}
