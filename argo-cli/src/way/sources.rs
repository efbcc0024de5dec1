//! The streams of the objects, while there is no way to them yet, and afterwards.

use std::time::Duration;

use tokio::time::Instant;

use super::{AppStreams, JoinEvent, Joining};
use crate::argocd::ArgocdExit;

/// The exit of an argocd that had nothing to wait for is told when the objects are known, or
/// after this time since the start.
const EXIT_WITHIN: Duration = Duration::from_secs(8);

/// The streams, and the search for a way to them.
pub(crate) struct Sources {
    /// The streams; pending while the search goes on.
    pub streams: AppStreams,
    /// The search, while it goes on.
    pub joining: Search,
    held: Option<ArgocdExit>,
    /// The exit of argocd is held until then, at most.
    until: Instant,
}

/// A search that may be over.
pub(crate) struct Search(Option<Joining>);

impl Search {
    /// Returns the next report.
    pub(crate) async fn next(&mut self) -> JoinEvent {
        match &mut self.0 {
            Some(joining) => joining.next().await,
            None => std::future::pending().await,
        }
    }
}

impl Sources {
    /// Takes streams that are open.
    pub(crate) fn open(streams: AppStreams) -> Self {
        Self {
            streams,
            joining: Search(None),
            held: None,
            until: Instant::now() + EXIT_WITHIN,
        }
    }

    /// Waits for the end of a search.
    pub(crate) fn search(joining: Joining) -> Self {
        Self {
            joining: Search(Some(joining)),
            ..Self::open(AppStreams::pending())
        }
    }

    /// Takes the streams that the search has found.
    pub(crate) fn take(&mut self, streams: AppStreams) {
        self.joining = Search(None);
        self.streams = streams;
    }

    /// Records that the first attempt has failed: the exit of argocd is not held for others.
    pub(crate) fn has_failed(&mut self) {
        self.until = Instant::now();
    }

    /// True while lines of argocd wait for the first lines of the run, or nothing more comes
    /// from it.
    pub(crate) fn holds_argocd(&self) -> bool {
        self.held.is_some() || self.joining.0.as_ref().is_some_and(Joining::is_holding)
    }

    /// True while the exit of argocd is to be [held](Self::hold).
    pub(crate) fn is_searching(&self) -> bool {
        self.joining.0.is_some() && Instant::now() < self.until
    }

    /// Keeps the exit of argocd until the search has ended.
    pub(crate) fn hold(&mut self, exit: ArgocdExit) {
        self.held = Some(exit);
    }

    /// Takes the exit once it need not be held any longer.
    pub(crate) fn released(&mut self) -> Option<ArgocdExit> {
        if self.is_searching() {
            None
        } else {
            self.held.take()
        }
    }
}
