//! Starts argocd, and explains why it does not start.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process::Stdio,
};

use nix::{errno::Errno, unistd::Pid};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

use super::{ArgocdConfig, arguments};
use crate::{
    error::Failure,
    exit::{NOT_EXECUTABLE, NOT_FOUND},
};

pub(super) fn start(
    config: &ArgocdConfig,
    environment: Vec<(OsString, OsString)>,
) -> Result<Child, Failure> {
    reset_signals();
    Command::new(&config.program)
        .args(arguments(config))
        .env_clear()
        .envs(environment)
        // A credential plugin that asks for a password must fail: nobody would see its question.
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // In a group of its own argocd does not get the terminal's Ctrl-C; it gets the signal from us,
        // so that an interruption is known as one when argocd dies of it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| cannot_run(&config.program, &error))
}

/// Makes sure that argocd does not inherit ignored signals: `exec` resets a caught signal but
/// keeps an ignored one. tokio goes on catching a signal after its stream is dropped. An
/// ignored SIGCHLD would hide the exit of argocd.
fn reset_signals() {
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::child(),
    ] {
        if let Err(error) = signal(kind) {
            log::warn!("cannot catch signal {}: {error}", kind.as_raw_value());
        }
    }
}

/// Returns the id of the process group, which is that of its leader.
pub(super) fn group(child: &Child) -> Result<Pid, Failure> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    pid.map(Pid::from_raw)
        .ok_or_else(|| Failure::usage("cannot run argocd: it has no process id"))
}

fn cannot_run(program: &OsStr, error: &io::Error) -> Failure {
    let name = program.to_string_lossy();
    let is_path = name.contains('/');
    let found = is_path && Path::new(program).exists();
    let (reason, code) = match error.raw_os_error().map(Errno::from_raw) {
        _ if program.is_empty() => ("it has an empty name".to_owned(), NOT_FOUND),
        Some(Errno::ENOENT) if found => (
            format!("{name:?} is there, but not the loader or interpreter that it needs"),
            NOT_FOUND,
        ),
        Some(Errno::ENOENT) if is_path => (format!("{name:?} does not exist"), NOT_FOUND),
        Some(Errno::ENOENT) => (format!("{name:?} is not on PATH"), NOT_FOUND),
        Some(Errno::EACCES) if Path::new(program).is_dir() => {
            (format!("{name:?} is a directory"), NOT_EXECUTABLE)
        }
        Some(Errno::EACCES) => (format!("{name:?} is not executable"), NOT_EXECUTABLE),
        Some(Errno::ENOEXEC) => (
            format!("{name:?} is no program for this machine"),
            NOT_EXECUTABLE,
        ),
        _ => (format!("{name:?}: {error}"), NOT_EXECUTABLE),
    };
    Failure::usage(format!("cannot run argocd: {reason}"))
        .code(code)
        .hint("install it, or set ARGOCD=/path/to/argocd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_for_each_reason() {
        let directory = env!("CARGO_MANIFEST_DIR");
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let quoted = |path: &str, rest: &str| format!("cannot run argocd: {path:?} {rest}");
        for (program, errno, message, code) in [
            (
                "argocd",
                Errno::ENOENT,
                quoted("argocd", "is not on PATH"),
                127,
            ),
            (
                "/no/argocd",
                Errno::ENOENT,
                quoted("/no/argocd", "does not exist"),
                127,
            ),
            (
                here,
                Errno::ENOENT,
                quoted(
                    here,
                    "is there, but not the loader or interpreter that it needs",
                ),
                127,
            ),
            (
                "",
                Errno::ENOENT,
                "cannot run argocd: it has an empty name".to_owned(),
                127,
            ),
            (here, Errno::EACCES, quoted(here, "is not executable"), 126),
            (
                directory,
                Errno::EACCES,
                quoted(directory, "is a directory"),
                126,
            ),
            (
                here,
                Errno::ENOEXEC,
                quoted(here, "is no program for this machine"),
                126,
            ),
        ] {
            let error = io::Error::from_raw_os_error(errno as i32);
            let failure = cannot_run(OsStr::new(program), &error);
            assert_eq!((failure.message, failure.code), (message, code));
            assert_eq!(failure.hints, ["install it, or set ARGOCD=/path/to/argocd"]);
        }
    }
}
