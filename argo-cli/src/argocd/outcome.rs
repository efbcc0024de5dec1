//! The meaning of an exit of argocd.
//!
//! Exit code 20 says only that something failed; the reason is the last line of level
//! fatal (argo-cd `util/errors/errors.go`). A failure that argocd does not see stays
//! unknown here: it exits with 0 after a failed PostSync hook, for example.

use std::fmt;

use argo_core::AppRef;
use nix::sys::signal::Signal;
use serde::Deserialize;

use super::ArgocdExit;

/// The meaning of an exit of argocd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgocdOutcome {
    /// Synced, healthy and no operation.
    Ok,
    /// Its `--timeout` ran out.
    TimedOut,
    /// A resource became Degraded.
    Degraded {
        /// The application, as argocd names it: `argocd/shop`.
        app: String,
        /// The health it had.
        from: String,
        /// The health it has.
        to: String,
    },
    /// No token, or one that is not accepted; in the server's words.
    Unauthenticated(String),
    /// The token may not see the application, or the application does not exist: argocd does
    /// not tell the one from the other. In the server's words.
    PermissionDenied(String),
    /// The application, or something that is needed, is not there.
    NotFound(String),
    /// No answer, or not from an Argo CD.
    Unreachable(String),
    /// argocd has no address of an Argo CD, or cannot read its configuration.
    NotConfigured(String),
    /// An argument that this argocd does not know.
    BadFlag(String),
    /// Ended by this signal, or because of it.
    Signal(i32),
    /// Anything else.
    Other(String),
}

/// Decodes the output of argocd, or the end of it, and its exit.
pub fn sentence<L: AsRef<[u8]>>(lines: &[L], exit: ArgocdExit) -> ArgocdOutcome {
    let mut account = Account::default();
    for line in lines {
        account.line(line.as_ref());
    }
    account.outcome(exit, None)
}

/// Picks the lines that tell a reason out of any number of them.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The last message of level fatal.
    fatal: Option<String>,
    /// The error that cobra prints to stdout about wrong arguments.
    error: Option<String>,
    /// The panic message that Go prints before a stack trace.
    panic: Option<String>,
    timed_out: bool,
    /// The applications whose state it has printed, in order: it waits for one after the other.
    printed: Vec<String>,
}

/// The most bytes of a line that may hold a reason; longer lines are ignored, since argocd
/// quotes no documents in its messages.
const LONGEST: usize = 64 << 10;

impl Account {
    /// Looks at a line of either stream.
    pub fn line(&mut self, line: &[u8]) {
        if line.len() > LONGEST {
            return;
        }
        let line = String::from_utf8_lossy(line);
        if let Some(message) = fatal(&line) {
            self.fatal = Some(message);
        } else if let Some(error) = line.strip_prefix("Error: ") {
            self.error = Some(error.trim().to_owned());
        } else if line.starts_with("panic: ") && self.panic.is_none() {
            self.panic = Some(line.trim().to_owned());
        } else if line.starts_with("This is the state of the app after wait timed out") {
            self.timed_out = true;
        } else if let Some(name) = line.strip_prefix("Name: ") {
            self.printed.push(name.trim().to_owned());
        }
    }

    /// Returns the first of the applications whose state was not printed as that of one that is
    /// done. With several applications argocd 3.2 names none when its time is over.
    pub fn waits_for<'a>(&self, apps: &'a [AppRef]) -> Option<&'a AppRef> {
        let is_printed = |app: &AppRef| self.printed.iter().any(|name| app.is_called(name));
        let last = self.printed.last().filter(|_| self.timed_out);
        let is_last = |app: &&AppRef| last.is_some_and(|name| app.is_called(name));
        let first = apps.iter().find(|app| !is_printed(app));
        first.or_else(|| apps.iter().find(is_last))
    }

    /// Returns the application that the reason names.
    pub fn app(&self) -> Option<&str> {
        let message = self.fatal.as_deref()?;
        let (_, rest) = match message.strip_prefix("application '") {
            Some(rest) => ("", rest),
            None => message.split_once("waiting for app \"")?,
        };
        rest.split(['\'', '"']).next()
    }

    /// Returns the meaning of the exit, given the lines seen so far. `signalled` is the last
    /// signal that was sent to argocd: version 3.6 catches it and reports a timeout, and
    /// `--core` panics.
    pub fn outcome(&self, exit: ArgocdExit, signalled: Option<Signal>) -> ArgocdOutcome {
        let outcome = match exit {
            ArgocdExit::Code(0) => return ArgocdOutcome::Ok,
            ArgocdExit::Signal(signal) => return ArgocdOutcome::Signal(signal),
            ArgocdExit::Code(_) | ArgocdExit::Unknown => self.reason(exit),
        };
        match (signalled, &outcome) {
            (Some(signal), ArgocdOutcome::TimedOut | ArgocdOutcome::Other(_)) => {
                ArgocdOutcome::Signal(signal as i32)
            }
            _ => outcome,
        }
    }

    fn reason(&self, exit: ArgocdExit) -> ArgocdOutcome {
        match (&self.fatal, &self.panic, &self.error) {
            // With `-o tree` the end of the time comes to light as a broken call.
            (Some(message), _, _) if self.timed_out && message.ends_with(CANCELED) => {
                ArgocdOutcome::TimedOut
            }
            (Some(message), _, _) => classify(message),
            (None, Some(panic), _) => ArgocdOutcome::Other(panic.clone()),
            (None, None, _) if self.timed_out => ArgocdOutcome::TimedOut,
            (None, None, Some(error)) => classify(error),
            (None, None, None) => ArgocdOutcome::Other(unexplained(exit)),
        }
    }
}

const CANCELED: &str = "code = Canceled desc = context canceled";

fn unexplained(exit: ArgocdExit) -> String {
    match exit {
        ArgocdExit::Code(code) => format!("exit code {code} without a reason"),
        ArgocdExit::Signal(_) | ArgocdExit::Unknown => "how it exited is not known".to_owned(),
    }
}

/// Returns the message of a fatal line of logrus: JSON (since 3.0), text, or text on a terminal.
fn fatal(line: &str) -> Option<String> {
    if line.starts_with('{') {
        let entry: Entry = serde_json::from_str(line).ok()?;
        return (entry.level == "fatal").then_some(entry.msg);
    }
    if let Some((_, message)) = line.split_once("level=fatal msg=") {
        return Some(unquoted(message.trim()));
    }
    let (_, message) = line.strip_prefix("FATA[")?.split_once(']')?;
    Some(message.trim().to_owned())
}

/// A line of logrus' JSON.
#[derive(Deserialize)]
struct Entry {
    level: String,
    msg: String,
}

/// Removes the quotes of a Go string, which are much like those of JSON.
fn unquoted(message: &str) -> String {
    serde_json::from_str(message).unwrap_or_else(|_| message.trim_matches('"').to_owned())
}

fn classify(message: &str) -> ArgocdOutcome {
    if message.starts_with("timed out (") {
        return ArgocdOutcome::TimedOut;
    }
    let outcome = degraded(message)
        .or_else(|| rpc(message))
        .or_else(|| local(message));
    outcome.unwrap_or_else(|| ArgocdOutcome::Other(message.to_owned()))
}

/// `application 'argocd/shop' health state has transitioned from Progressing to Degraded`
fn degraded(message: &str) -> Option<ArgocdOutcome> {
    let (app, rest) = message.strip_prefix("application '")?.split_once('\'')?;
    let (_, change) = rest.split_once("transitioned from ")?;
    let (from, to) = change.split_once(" to ")?;
    Some(ArgocdOutcome::Degraded {
        app: app.to_owned(),
        // Empty where the resource had no health yet.
        from: if from.is_empty() { "Unknown" } else { from }.to_owned(),
        to: to.trim().to_owned(),
    })
}

/// `rpc error: code = Unauthenticated desc = no session information`
fn rpc(message: &str) -> Option<ArgocdOutcome> {
    let (_, rest) = message.split_once("rpc error: code = ")?;
    let (code, description) = rest.split_once(" desc = ")?;
    let text = description.to_owned();
    match code {
        "Unauthenticated" => Some(ArgocdOutcome::Unauthenticated(text)),
        "PermissionDenied" => Some(ArgocdOutcome::PermissionDenied(text)),
        "NotFound" => Some(ArgocdOutcome::NotFound(text)),
        "Unavailable" | "DeadlineExceeded" => Some(ArgocdOutcome::Unreachable(text)),
        "Unknown" if is_http(description) => {
            Some(ArgocdOutcome::Unreachable(connection(description)))
        }
        _ => None,
    }
}

/// True for an error of Go's HTTP client, which begins with the method and the address.
fn is_http(description: &str) -> bool {
    let start = description.to_ascii_lowercase();
    start.starts_with("post ") || start.starts_with("get ")
}

/// Recognizes a failure that argocd detects without an answer of its server.
fn local(message: &str) -> Option<ArgocdOutcome> {
    let text = || message.to_owned();
    let is = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if let Some((_, failure)) = message.split_once("Failed to establish connection to ") {
        // With --grpc-web argocd proxies its own calls through a socket in TMPDIR.
        return Some(match failure.split_once("listen unix ") {
            Some((_, socket)) => ArgocdOutcome::NotConfigured(format!("no socket: {socket}")),
            None => ArgocdOutcome::Unreachable(connection(failure)),
        });
    }
    if is(BAD_FLAG) {
        return Some(ArgocdOutcome::BadFlag(text()));
    }
    is(NOT_CONFIGURED).then(|| ArgocdOutcome::NotConfigured(text()))
}

const BAD_FLAG: &[&str] = &[
    "unknown flag: ",
    "unknown shorthand flag: ",
    "invalid argument ",
    "flag needs an argument: ",
    "bad flag syntax: ",
];

const NOT_CONFIGURED: &[&str] = &[
    "server address unspecified",
    "$HOME is not defined",
    "config file",
    "error creating client config",
    "no configuration has been provided",
    "configmap \"argocd-cm\" not found",
    "cannot find ready pod with selector",
    "Unterminated",
    "current-context",
];

/// Shortens the error of a failed connection by the parts that repeat themselves:
/// `Post "https://h:443/x": dial tcp 10.0.0.1:443: connect: connection refused` is
/// `h:443: connection refused`.
fn connection(failure: &str) -> String {
    let (server, reason) = failure.split_once("\": ").map_or_else(
        || failure.split_once(": ").unwrap_or(("", failure)),
        |(request, reason)| (host(request), reason),
    );
    if let Some((request, status)) = failure.split_once(" failed with status code ") {
        return format!("{}: status {status}", host(request));
    }
    let reason = reason
        .rsplit_once(": connect: ")
        .map_or(reason, |(_, last)| last);
    let reason = reason
        .trim_start_matches("dial tcp: ")
        .trim_start_matches("tls: ");
    if server.is_empty() {
        reason.to_owned()
    } else {
        format!("{server}: {reason}")
    }
}

/// Returns the host in a request: `Post "https://host:443/path`.
fn host(request: &str) -> &str {
    let (_, rest) = request.split_once("://").unwrap_or(("", request));
    rest.split('/').next().unwrap_or(rest)
}

/// The answer for an application that is not there.
const BARE_DENIAL: &str = "permission denied";

impl fmt::Display for ArgocdOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("argocd says that all is synced and healthy"),
            Self::TimedOut => f.write_str("argocd gave up waiting: its --timeout ran out"),
            Self::Degraded { app, from, to } => {
                write!(
                    f,
                    "argocd gave up: a resource of {app} went from {from} to {to}"
                )
            }
            Self::Unauthenticated(text) => write!(f, "Argo CD does not accept the token: {text}"),
            Self::PermissionDenied(text) if text == BARE_DENIAL => {
                f.write_str("Argo CD has no such application, or the token may not see it")
            }
            Self::PermissionDenied(text) => write!(f, "Argo CD does not permit it: {text}"),
            Self::NotFound(text) => write!(f, "Argo CD does not find it: {text}"),
            Self::Unreachable(text) => write!(f, "argocd cannot reach Argo CD: {text}"),
            Self::NotConfigured(text) => write!(f, "argocd is not configured: {text}"),
            Self::BadFlag(text) => write!(f, "argocd does not know an argument: {text}"),
            Self::Signal(signal) => match Signal::try_from(*signal) {
                Ok(signal) => write!(f, "argocd was ended by {signal}"),
                Err(_) => write!(f, "argocd was ended by signal {signal}"),
            },
            Self::Other(text) => write!(f, "argocd failed: {text}"),
        }
    }
}

impl ArgocdOutcome {
    /// Returns advice for the user, if there is any.
    pub fn next_step(&self) -> Option<&'static str> {
        match self {
            Self::Ok | Self::Degraded { .. } | Self::Signal(_) | Self::Other(_) => None,
            Self::TimedOut => Some("give it longer: -- --timeout SECONDS"),
            Self::Unauthenticated(text) if text.contains("no session") => {
                Some("set ARGOCD_AUTH_TOKEN, or run argocd login")
            }
            Self::Unauthenticated(_) => Some("make a new token and set ARGOCD_AUTH_TOKEN"),
            Self::PermissionDenied(_) => {
                Some("check the names, and that the token may get applications in this project")
            }
            Self::NotFound(_) => Some("check the names of the application and its namespace"),
            Self::Unreachable(text) => Some(reach(text)),
            Self::NotConfigured(text) => Some(configure(text)),
            Self::BadFlag(_) => Some("see argocd app wait --help for what may stand behind --"),
        }
    }
}

fn reach(reason: &str) -> &'static str {
    if reason.contains("certificate") {
        "set SSL_CERT_FILE to the authority's certificate, or ARGOCD_OPTS=--insecure"
    } else if reason.contains("HTTP response to HTTPS") {
        "if this is Argo CD without TLS, set ARGOCD_OPTS=--plaintext"
    } else if reason.contains("status") {
        "check that ARGOCD_SERVER is Argo CD, and the proxy in front of it"
    } else {
        "check ARGOCD_SERVER, and that it can be reached from here"
    }
}

fn configure(reason: &str) -> &'static str {
    if reason.contains("socket") {
        "set TMPDIR to a directory that can be written to and has a short name"
    } else if reason.contains("argocd-cm") || reason.contains("ready pod") {
        "with --core the namespace of the kubeconfig's context must be that of Argo CD"
    } else if reason.contains("client config") || reason.contains("no configuration") {
        "with --core set KUBECONFIG"
    } else if reason.contains("Unterminated") {
        "check the quotes in ARGOCD_OPTS"
    } else {
        "set ARGOCD_SERVER and ARGOCD_AUTH_TOKEN, or run argocd login"
    }
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
