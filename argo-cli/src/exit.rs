//! Exit codes.

/// Everything is as asked for.
pub const OK: i32 = 0;
/// The rollout failed: our own fail-fast, or `follow` and `diagnose`.
pub const FAILED: i32 = 1;
/// Wrong use or configuration.
pub const USAGE: i32 = 2;
/// Our own `--timeout` ran out (`EX_SOFTWARE` of sysexits.h, as krane uses it).
pub const TIMEOUT: i32 = 70;
/// argocd cannot be executed, as a shell says it.
pub const NOT_EXECUTABLE: i32 = 126;
/// argocd is not there, as a shell says it.
pub const NOT_FOUND: i32 = 127;
/// Plus the number of the signal that ended a process, as a shell says it.
pub const SIGNAL: i32 = 128;
