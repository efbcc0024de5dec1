//! Exit codes.

/// Success.
pub const OK: i32 = 0;
/// The rollout failed: our own fail-fast, or `follow` and `diagnose`.
pub const FAILED: i32 = 1;
/// Wrong use or configuration.
pub const USAGE: i32 = 2;
/// Our own `--timeout` ran out (`EX_SOFTWARE` of sysexits.h, as krane uses it).
pub const TIMEOUT: i32 = 70;
/// A rollout is paused until a person acts (`EX_CANTCREAT` of sysexits.h has the number; no
/// program of this kind uses it).
pub const PAUSED: i32 = 73;
/// argocd cannot be executed; shells use the same code.
pub const NOT_EXECUTABLE: i32 = 126;
/// argocd is not found; shells use the same code.
pub const NOT_FOUND: i32 = 127;
/// Base to which the number of the signal that ended a process is added, as shells do.
pub const SIGNAL: i32 = 128;
