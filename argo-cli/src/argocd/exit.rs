//! The exit of an argocd process.

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

use crate::exit;

/// The end of an argocd process: an exit code, or the signal that killed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgocdExit {
    /// It exited by itself.
    Code(i32),
    /// A signal killed it.
    Signal(i32),
    /// The operating system would not say (someone else reaped it).
    Unknown,
}

impl ArgocdExit {
    /// Returns the exit code that a shell would report.
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => exit::SIGNAL + signal,
            Self::Unknown => exit::FAILED,
        }
    }
}

impl From<ExitStatus> for ArgocdExit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

impl From<io::Result<ExitStatus>> for ArgocdExit {
    fn from(status: io::Result<ExitStatus>) -> Self {
        match status {
            Ok(status) => status.into(),
            Err(error) => {
                log::warn!("cannot learn how argocd exited: {error}");
                Self::Unknown
            }
        }
    }
}
