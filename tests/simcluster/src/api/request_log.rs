//! Log of the requests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// One request as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query as it came, without `?`; empty if there was none.
    pub query: String,
    /// `get`, `list`, `watch`, `log`, `create`, `update`, `patch`, `delete`, `deletecollection`;
    /// the method in lower case where no resource was asked for.
    pub verb: String,
    /// Full name of the resource, with its subresource if any: `pods`, `pods/log`,
    /// `deployments.apps/scale`; empty where no resource was asked for.
    pub resource: String,
    /// Namespace; empty for all of them.
    pub namespace: String,
    /// Name of the object; empty for a collection.
    pub name: String,
    /// `container` of the query, empty if it was not there.
    pub container: String,
    /// Status of the answer; 0 while there is none, and where the connection was ended instead.
    pub status: u16,
    /// User agent.
    pub user_agent: String,
    /// Number of its connection, from 1.
    pub connection: u64,
    /// Virtual time at which it came.
    pub at: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct RequestLog {
    requests: Mutex<Vec<LoggedRequest>>,
}

impl RequestLog {
    /// Answers the number under which the status is told later.
    pub(super) fn push(&self, request: LoggedRequest) -> usize {
        let mut requests = self.lock();
        requests.push(request);
        requests.len() - 1
    }

    pub(super) fn answered(&self, number: usize, status: u16) {
        if let Some(request) = self.lock().get_mut(number) {
            request.status = status;
        }
    }

    pub(super) fn all(&self) -> Vec<LoggedRequest> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<LoggedRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
