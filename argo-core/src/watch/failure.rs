//! Errors of a list or a watch.

use std::{error::Error, io};

use kube::core::Status;
use kube_runtime::watcher;

/// An error after which a list or a watch is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The request failed, or its answer cannot be read.
    #[error(transparent)]
    Request(#[from] kube::Error),
    /// An event of the watch reports an error.
    #[error("the server ended the watch: {}", .0.message)]
    Reported(Box<Status>),
    /// The server gives its objects no version, so they cannot be watched.
    #[error("no metadata.resourceVersion in the answer (can the kind be watched?)")]
    NoVersion,
}

impl Failure {
    /// Returns what the server says.
    pub(super) fn status(&self) -> Option<&Status> {
        match self {
            Self::Request(kube::Error::Api(status)) | Self::Reported(status) => Some(status),
            Self::Request(_) | Self::NoVersion => None,
        }
    }
}

impl From<watcher::Error> for Failure {
    fn from(error: watcher::Error) -> Self {
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => Self::Request(error),
            watcher::Error::WatchError(status) => Self::Reported(status),
            watcher::Error::NoResourceVersion => Self::NoVersion,
        }
    }
}

/// True if a response was cut off. Watches are all the time, by whatever stands between.
pub(super) fn is_cut(error: &io::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>();
        let is_eof = inner.is_some_and(|inner| inner.kind() == io::ErrorKind::UnexpectedEof);
        // hyper has no kind for a chunk that ends too early.
        if is_eof || error.to_string().contains("unexpected EOF during chunk") {
            return true;
        }
        // The source of an `io::Error` is that of the error in it.
        next = inner
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static))
            .or_else(|| error.source());
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_found_below_other_errors() {
        let eof = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let chunk = "error reading a body: unexpected EOF during chunk size line";
        for cut in [eof(), io::Error::other(eof()), io::Error::other(chunk)] {
            assert!(is_cut(&cut), "{cut:?}");
        }
        for other in [
            io::Error::from(io::ErrorKind::ConnectionReset),
            io::Error::other("late"),
        ] {
            assert!(!is_cut(&other), "{other:?}");
        }
    }
}
