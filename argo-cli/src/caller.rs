//! The name that the program is called by: its own, or that of a plugin of argocd or kubectl.

use std::{ffi::OsStr, path::Path};

/// The caller that found the program on the `PATH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A shell or a script.
    Shell,
    /// `argocd assistant`: argocd 3.1 and later start the file `argocd-assistant`.
    Argocd,
    /// `kubectl argo-assistant`: kubectl reads `_` in a file name as `-` in a command.
    Kubectl,
}

impl Caller {
    /// Returns the caller that uses the file name of `program`, the first word of the command line.
    pub fn of(program: &OsStr) -> Self {
        let stem = Path::new(program).file_stem().unwrap_or_default();
        match stem.to_str() {
            Some("argocd-assistant") => Self::Argocd,
            Some("kubectl-argo_assistant") => Self::Kubectl,
            _ => Self::Shell,
        }
    }

    /// Returns the caller of this process.
    pub fn current() -> Self {
        Self::of(&std::env::args_os().next().unwrap_or_default())
    }

    /// Returns the words that a user types for the program.
    pub fn typed(self) -> &'static str {
        match self {
            Self::Shell => "argo-assistant",
            Self::Argocd => "argocd assistant",
            Self::Kubectl => "kubectl argo-assistant",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_tells_the_caller() {
        for (program, typed) in [
            ("argo-assistant", "argo-assistant"),
            ("/usr/bin/argocd-assistant", "argocd assistant"),
            ("argocd-assistant.exe", "argocd assistant"),
            ("./kubectl-argo_assistant", "kubectl argo-assistant"),
            ("kubectl-argo-assistant", "argo-assistant"),
            ("", "argo-assistant"),
        ] {
            assert_eq!(Caller::of(OsStr::new(program)).typed(), typed, "{program}");
        }
    }
}
