//! Every kind of failure that was recorded of a real argocd, and its sentence.

use std::{collections::BTreeSet, fs};

use super::*;

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/argocd/testdata");

/// A line of a recording.
#[derive(Deserialize)]
struct Recorded {
    fd: String,
    text: String,
}

/// The output of a recorded argocd, the signal it got, and its exit.
fn recording(case: &str) -> (Vec<String>, Option<Signal>, ArgocdExit) {
    let path = format!("{TESTDATA}/{case}.jsonl");
    let mut lines = Vec::new();
    let mut signalled = None;
    let mut exit = ArgocdExit::Unknown;
    for line in fs::read_to_string(path).unwrap().lines() {
        let Recorded { fd, text } = serde_json::from_str(line).unwrap();
        match fd.as_str() {
            "stdout" | "stderr" => lines.push(text),
            "signal" => signalled = Some(text.parse().unwrap()),
            "exit" => exit = exit_of(&text),
            _ => {}
        }
    }
    (lines, signalled, exit)
}

/// `code=20` or `signal=2 (interrupt)`.
fn exit_of(text: &str) -> ArgocdExit {
    let (kind, rest) = text.split_once('=').unwrap();
    let number = rest.split(' ').next().unwrap().parse().unwrap();
    if kind == "code" {
        ArgocdExit::Code(number)
    } else {
        ArgocdExit::Signal(number)
    }
}

fn outcome(case: &str) -> ArgocdOutcome {
    let (lines, signalled, exit) = recording(case);
    let mut account = Account::default();
    for line in &lines {
        account.line(line.as_bytes());
    }
    account.outcome(exit, signalled)
}

const TIMED_OUT: &str = "argocd gave up waiting: its --timeout ran out";
const NO_APP: &str = "Argo CD has no such application, or the token may not see it";

const SENTENCES: &[(&str, &str)] = &[
    ("app-does-not-exist", NO_APP),
    ("application-deleted-during-wait", NO_APP),
    ("core-app-does-not-exist", NO_APP),
    (
        "sync-command-not-permitted",
        "Argo CD does not permit it: permission denied: applications, sync, default/demo, \
         sub: ci, iat: 2026-11-23T23:37:27Z",
    ),
    (
        "bad-token",
        "Argo CD does not accept the token: invalid session: token is malformed: token \
         contains an invalid number of segments",
    ),
    (
        "expired-token",
        "Argo CD does not accept the token: invalid session: token has invalid claims: token \
         is expired",
    ),
    (
        "token-expires-during-wait",
        "Argo CD does not accept the token: invalid session: token has invalid claims: token \
         is expired",
    ),
    (
        "no-token",
        "Argo CD does not accept the token: no session information",
    ),
    (
        "degraded-bare-pod-crash-loop",
        "argocd gave up: a resource of argocd/crashpodprobe went from Progressing to Degraded",
    ),
    (
        "degraded-deployment-crash-loop",
        "argocd gave up: a resource of argocd/crashprobe went from Progressing to Degraded",
    ),
    ("degraded-already", TIMED_OUT),
    ("degraded-already-tree", TIMED_OUT),
    ("core-timeout", TIMED_OUT),
    ("head-timeout", TIMED_OUT),
    ("out-of-sync-nobody-syncs", TIMED_OUT),
    ("presync-failure", TIMED_OUT),
    ("server-restarts-during-wait", TIMED_OUT),
    ("sync-failed-invalid-manifest", TIMED_OUT),
    ("timeout-never-ready", TIMED_OUT),
    ("timeout-never-ready-tree", TIMED_OUT),
    (
        "gateway-502",
        "argocd cannot reach Argo CD: 127.0.0.1:8502: status 502",
    ),
    (
        "server-gone-during-wait",
        "argocd cannot reach Argo CD: 127.0.0.1:8080: connection refused",
    ),
    (
        "tls-no-ip-san",
        "argocd cannot reach Argo CD: 127.0.0.1:8080: failed to verify certificate: x509: \
         cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
    ),
    (
        "tls-unknown-authority",
        "argocd cannot reach Argo CD: localhost:8080: failed to verify certificate: x509: \
         certificate signed by unknown authority",
    ),
    (
        "wrong-server-name",
        "argocd cannot reach Argo CD: argocd.invalid:443: lookup argocd.invalid on \
         192.0.2.53:53: read udp 192.0.2.1:54824->192.0.2.53:53: i/o timeout",
    ),
    (
        "wrong-server-not-argocd-404",
        "argocd cannot reach Argo CD: 127.0.0.1:8418: status 404",
    ),
    (
        "wrong-server-not-argocd-plain-http",
        "argocd cannot reach Argo CD: 127.0.0.1:8418: http: server gave HTTP response to \
         HTTPS client",
    ),
    (
        "wrong-server-refused",
        "argocd cannot reach Argo CD: 127.0.0.1:9: connection refused",
    ),
    (
        "wrong-server-refused-logformat-text",
        "argocd cannot reach Argo CD: 127.0.0.1:9: connection refused",
    ),
    (
        "wrong-server-refused-native-grpc",
        "argocd cannot reach Argo CD: 127.0.0.1:9: connection refused",
    ),
    (
        "argocd-opts-unclosed-quote",
        "argocd is not configured: Unterminated single-quoted string",
    ),
    (
        "core-no-kubeconfig",
        "argocd is not configured: error creating client config: invalid configuration: no \
         configuration has been provided, try setting KUBERNETES_MASTER environment variable",
    ),
    (
        "core-repo-server-not-ready",
        "argocd is not configured: cannot find ready pod with selector: \
         [app.kubernetes.io/name=argocd-repo-server] - use the --{component}-name flag in this \
         command or set the environmental variable (Refer to \
         https://argo-cd.readthedocs.io/en/stable/user-guide/environment-variables), to change \
         the Argo CD component name in the CLI",
    ),
    (
        "core-wrong-namespace",
        "argocd is not configured: configmap \"argocd-cm\" not found",
    ),
    (
        "home-unset",
        "argocd is not configured: $HOME is not defined",
    ),
    (
        "home-unset-xdg-config-home",
        "argocd is not configured: $HOME is not defined",
    ),
    (
        "no-server",
        "argocd is not configured: Argo CD server address unspecified",
    ),
    (
        "tmpdir-missing",
        "argocd is not configured: no socket: /nonexistent/argocd-tQSYzVShHxYIyTYK.sock: bind: \
         no such file or directory",
    ),
    (
        "unknown-flag",
        "argocd does not know an argument: unknown flag: --frobnicate",
    ),
    (
        "no-arguments",
        "argocd failed: exit code 1 without a reason",
    ),
    (
        "sync-command-presync-failure",
        "argocd failed: Operation has completed with phase: Failed",
    ),
    ("sighup", "argocd was ended by SIGHUP"),
    ("sigint", "argocd was ended by SIGINT"),
    ("sigterm", "argocd was ended by SIGTERM"),
    // It panics and exits with code 2.
    ("core-sigint", "argocd was ended by SIGINT"),
    ("core-sigterm", "argocd was ended by SIGTERM"),
    // It says that it timed out.
    ("head-sigint", "argocd was ended by SIGINT"),
    ("head-sigterm", "argocd was ended by SIGTERM"),
    ("head-core-sigterm", "argocd was ended by SIGTERM"),
    // So argocd sees it.
    (
        "postsync-failure-and-waves",
        "argocd says that all is synced and healthy",
    ),
];

#[test]
fn each_recorded_failure_has_a_sentence() {
    for (case, sentence) in SENTENCES {
        assert_eq!(outcome(case).to_string(), *sentence, "{case}");
    }
}

#[test]
fn no_recording_is_forgotten() {
    let files = fs::read_dir(TESTDATA)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<_> = files.map(|name| name.into_string().unwrap()).collect();
    let cases: BTreeSet<_> = SENTENCES
        .iter()
        .map(|(case, _)| format!("{case}.jsonl"))
        .collect();
    assert_eq!(files, cases);
}

#[test]
fn without_the_signal_the_lines_alone_decide() {
    let (lines, _, exit) = recording("core-sigterm");
    let panic = "panic: Drain() is not implemented [recovered, repanicked]";
    assert_eq!(
        sentence(&lines, exit),
        ArgocdOutcome::Other(panic.to_owned())
    );
    let (lines, _, exit) = recording("no-token");
    let reason = "no session information".to_owned();
    assert_eq!(
        sentence(&lines, exit),
        ArgocdOutcome::Unauthenticated(reason)
    );
}

#[test]
fn a_signal_explains_no_failure_that_explains_itself() {
    let (lines, _, exit) = recording("degraded-bare-pod-crash-loop");
    let mut account = Account::default();
    lines.iter().for_each(|line| account.line(line.as_bytes()));
    let outcome = account.outcome(exit, Some(Signal::SIGTERM));
    assert!(
        matches!(outcome, ArgocdOutcome::Degraded { .. }),
        "{outcome}"
    );
}

#[test]
fn each_spelling_of_a_fatal_line() {
    for line in [
        r#"{"level":"fatal","msg":"say \"no\"","time":"2026-11-24T00:15:19Z"}"#,
        r#"time="2026-11-24T00:15:19Z" level=fatal msg="say \"no\"""#,
        r#"FATA[0000] say "no""#,
    ] {
        assert_eq!(fatal(line).as_deref(), Some("say \"no\""), "{line}");
    }
    for line in [
        r#"{"level":"warning","msg":"it","time":"2026-11-24T00:15:19Z"}"#,
        r#"{"level":"fatal","#,
        "  \"level\": \"fatal\"",
        "a fatal mistake",
    ] {
        assert_eq!(fatal(line), None, "{line}");
    }
}

#[test]
fn the_next_step_fits_the_reason() {
    for (case, part) in [
        ("no-token", "argocd login"),
        ("expired-token", "new token"),
        ("tls-unknown-authority", "SSL_CERT_FILE"),
        ("gateway-502", "proxy in front"),
        ("wrong-server-not-argocd-plain-http", "--plaintext"),
        ("wrong-server-refused", "ARGOCD_SERVER"),
        ("tmpdir-missing", "TMPDIR"),
        ("core-wrong-namespace", "must be that of Argo CD"),
        ("core-no-kubeconfig", "KUBECONFIG"),
        ("argocd-opts-unclosed-quote", "quotes"),
        ("home-unset", "ARGOCD_SERVER"),
        ("unknown-flag", "--help"),
        ("timeout-never-ready", "--timeout"),
        ("app-does-not-exist", "names"),
    ] {
        let step = outcome(case).next_step().unwrap();
        assert!(step.contains(part), "{case}: {step}");
    }
    assert_eq!(outcome("sigterm").next_step(), None);
}

#[test]
fn of_several_applications_the_one_that_is_waited_for_is_known() {
    let apps = ["shop", "pay", "search"].map(|name| argo_core::AppRef::new(name, "argocd"));
    let waited = |lines: &[&str]| {
        let mut account = Account::default();
        lines.iter().for_each(|line| account.line(line.as_bytes()));
        let named = account.app().map(str::to_owned);
        (account.waits_for(&apps).map(|app| app.name.clone()), named)
    };
    let shop = "Name:               argocd/shop";
    let over = "This is the state of the app after wait timed out:";
    let canceled =
        r#"{"level":"fatal","msg":"rpc error: code = Canceled desc = context canceled"}"#;
    assert_eq!(waited(&[]), (Some("shop".to_owned()), None));
    assert_eq!(
        waited(&[shop, over, canceled]),
        (Some("pay".to_owned()), None)
    );
    let named = r#"{"level":"fatal","msg":"timed out (60s) waiting for app \"argocd/pay\" match desired state"}"#;
    assert_eq!(waited(&[named]).1.as_deref(), Some("argocd/pay"));
    let degraded = r#"{"level":"fatal","msg":"application 'argocd/pay' health state has transitioned from Progressing to Degraded"}"#;
    assert_eq!(waited(&[degraded]).1.as_deref(), Some("argocd/pay"));
}
