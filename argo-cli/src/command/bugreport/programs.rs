//! The versions of the programs beside ours.

use std::{
    ffi::{OsStr, OsString},
    io::Read,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// A program that has not told its version after this time is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Interval of the looks whether a program has ended.
const LOOK: Duration = Duration::from_millis(10);

/// The most text that a version may take.
const LONGEST: u64 = 4 << 10;

/// Returns the version of the argocd that `sync` would run.
pub(super) fn argocd() -> String {
    let program = std::env::var_os("ARGOCD").filter(|program| !program.is_empty());
    let program = program.unwrap_or_else(|| OsString::from("argocd"));
    version(&program, &["version", "--client", "--short"])
}

/// Returns the version of kubectl.
pub(super) fn kubectl() -> String {
    version(OsStr::new("kubectl"), &["version", "--client"])
}

/// Returns the first line that the program prints, or why there is none.
fn version(program: &OsStr, arguments: &[&str]) -> String {
    let child = Command::new(program)
        .args(arguments)
        // The version of the program is asked for, not that of a server.
        .env("KUBECONFIG", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    match child {
        Ok(child) => first_line(child),
        Err(error) => format!("not run: {error}"),
    }
}

fn first_line(mut child: Child) -> String {
    if !has_ended(&mut child) {
        let _ = child.kill();
        let _ = child.wait();
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut text = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let _ = stdout.take(LONGEST).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or("no version").to_owned()
}

/// Waits for the end of the program, but no longer than is reasonable.
fn has_ended(child: &mut Child) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(None) => sleep(LOOK),
            _ => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_version() {
        assert_eq!(version(OsStr::new("echo"), &["v1\nmore"]), "v1");
        assert_eq!(version(OsStr::new("true"), &[]), "no version");
        let missing = version(OsStr::new("/nonexistent/argocd"), &[]);
        assert!(missing.starts_with("not run: "), "{missing}");
    }
}
