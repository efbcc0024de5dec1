//! The limit of open files, which matters because each log stream has its own connection.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one, as Go programs do at their start.
/// A failure is not fatal: the log stream reports it if the limit is reached later.
pub(crate) fn raise_open_files() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    if soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        log::debug!("open files stay limited to {soft}: {error}");
    }
}
