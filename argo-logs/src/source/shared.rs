//! The source that all containers of a stream share: limits the requests at one time.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use argo_core::{Level, Notice, NoticeCode, ObjectRef};
use tokio::time::timeout;

use super::{AskError, LogResponse, LogSource, OpenError, OpenParams};
use crate::{
    ContainerView, StoreKind,
    slots::{OpenSlots, Priority},
};

/// A request that waits longer for its answer gives its slot to the next one. Requests for
/// a node that is down take half a minute each, and others shall not wait for them.
const SLOT: Duration = Duration::from_secs(2);

/// The log source with a limit on the requests that wait for an answer at one time.
pub(crate) struct SharedSource {
    source: Arc<dyn LogSource>,
    slots: OpenSlots,
    /// Number of open logs.
    open: AtomicUsize,
    is_shortage_reported: AtomicBool,
}

/// An open log, as long as it is counted.
pub(crate) struct Counted(Arc<SharedSource>);

impl SharedSource {
    pub(crate) fn new(source: Arc<dyn LogSource>, concurrent: usize) -> Self {
        Self {
            source,
            slots: OpenSlots::new(concurrent),
            open: AtomicUsize::new(0),
            is_shortage_reported: AtomicBool::new(false),
        }
    }

    /// Returns the kind of log store, if the source is one.
    pub(crate) fn store(&self) -> Option<StoreKind> {
        self.source.store()
    }

    /// Reads what the pod says of a container now.
    pub(crate) async fn view(
        self: Arc<Self>,
        pod: ObjectRef,
        container: Arc<str>,
        priority: Arc<Priority>,
    ) -> Result<ContainerView, AskError> {
        let found = self.paced(&priority, self.source.pod(&pod)).await?;
        let same = found.filter(|found| {
            // A pod of the same name may be another pod.
            found.metadata.uid.as_deref() == Some(&*pod.uid) || pod.uid.is_empty()
        });
        Ok(same.map_or_else(ContainerView::gone, |pod| {
            ContainerView::new(&pod, &container)
        }))
    }

    /// Opens a log after a delay.
    pub(crate) async fn open(
        self: Arc<Self>,
        pod: ObjectRef,
        params: OpenParams,
        (priority, delay): (Arc<Priority>, Duration),
    ) -> Result<LogResponse, OpenError> {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        // The delay does not take up a slot, which others could use meanwhile.
        let opening = self.source.open(&pod, &params);
        self.paced(&priority, opening).await
    }

    /// Returns the notice about the open-file limit on the first call, `None` afterwards.
    pub(crate) fn shortage(&self, limit: Option<u64>) -> Option<Notice> {
        if self.is_shortage_reported.swap(true, Ordering::Relaxed) {
            return None;
        }
        let open = self.open.load(Ordering::Relaxed);
        let limit = limit.map_or_else(String::new, |limit| format!(" of {limit}"));
        let message = format!(
            "this process has reached its limit{limit} open files with {open} logs open; \
             the other logs wait until one of them ends"
        );
        let notice = Notice::new(NoticeCode::LogUnreadable, Level::Warning, message);
        Some(notice.hint("raise the limit (ulimit -n), or follow fewer pods"))
    }

    async fn paced<T>(&self, priority: &Arc<Priority>, request: impl Future<Output = T>) -> T {
        let slot = self.slots.take(priority).await;
        let mut request = pin!(request);
        if let Ok(answer) = timeout(SLOT, request.as_mut()).await {
            return answer;
        }
        // The request itself goes on: only the place in the queue is given up.
        drop(slot);
        request.await
    }
}

impl Counted {
    pub(crate) fn new(source: &Arc<SharedSource>) -> Self {
        source.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(source))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
