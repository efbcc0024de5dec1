//! Exit codes.

/// Success.
pub(crate) const OK: i32 = 0;
/// The rollout failed: our own fail-fast, or `follow` and `diagnose`.
pub(crate) const FAILED: i32 = 1;
/// Wrong use or configuration.
pub(crate) const USAGE: i32 = 2;
/// Our own `--timeout` ran out (`EX_SOFTWARE` of sysexits.h, as krane uses it).
pub(crate) const TIMEOUT: i32 = 70;
/// Another sync took the place of the one that was expected.
pub(crate) const SUPERSEDED: i32 = 71;
/// Neither the Application nor any object of it was found.
pub(crate) const NOTHING_FOUND: i32 = 72;
/// A rollout is paused until a person acts (`EX_CANTCREAT` of sysexits.h has the number; no
/// program of this kind uses it).
pub(crate) const PAUSED: i32 = 73;
/// The Application may not be read (`EX_NOPERM` of sysexits.h).
pub(crate) const NO_PERMISSION: i32 = 77;
/// A panic: a mistake in this program (the code of Rust's runtime).
pub(crate) const BUG: i32 = 101;
/// argocd cannot be executed; shells use the same code.
pub(crate) const NOT_EXECUTABLE: i32 = 126;
/// argocd is not found; shells use the same code.
pub(crate) const NOT_FOUND: i32 = 127;
/// Base to which the number of the signal that ended a process is added, as shells do.
pub(crate) const SIGNAL: i32 = 128;
