//! A source of logs, and the requests to it.

use std::sync::Arc;

use argo_core::{ObjectRef, resource::Pod};
use async_trait::async_trait;
use jiff::Timestamp;

use super::answer::{AskError, LogResponse, OpenError};
use crate::StoreKind;

/// One request for a log. `timestamps=true` is always part of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenParams {
    /// The container.
    pub container: Arc<str>,
    /// True if the connection is kept and later lines are sent as they are written.
    pub follow: bool,
    /// True for the run before the current one.
    pub previous: bool,
    /// Only lines written since this time, which is always a whole second.
    pub since_time: Option<Timestamp>,
    /// Only this many records from the end of the log.
    pub tail_lines: Option<i64>,
}

/// A way to the logs of pods. Kubernetes is one; tests bring another.
#[async_trait]
pub trait LogSource: Send + Sync {
    /// Requests a log, and returns with the head of the answer.
    ///
    /// # Errors
    ///
    /// If the answer is no log, or none came. The caller tries again.
    async fn open(&self, pod: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError>;

    /// Reads the pod of that name as it is now, not from a cache; `None` if none exists.
    /// The pod may have another uid.
    ///
    /// # Errors
    ///
    /// If the pod cannot be read at the moment.
    async fn pod(&self, pod: &ObjectRef) -> Result<Option<Pod>, AskError>;

    /// Returns the kind of log store that the lines come from, for a source that is one.
    fn store(&self) -> Option<StoreKind> {
        None
    }
}
