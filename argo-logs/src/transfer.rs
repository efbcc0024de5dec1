//! One response on its way, from the request to its end.

use std::{
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use argo_core::{Backoff, Level, Notice, NoticeCode, ObjectRef};
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::{
    AskError, ContainerView, End, LogBody, LogResponse, LogSource, OpenError, OpenParams,
    turns::{Health, Places},
};

/// An answer that takes longer than this gives its place to the next request: those for
/// a node that is down take half a minute each, and the others shall not wait for them.
const PLACE: Duration = Duration::from_secs(2);

/// The way to the logs that all containers of a stream share.
pub(crate) struct Gate {
    source: Arc<dyn LogSource>,
    /// How many may wait for an answer at one time: hundreds of handshakes at once help
    /// nobody.
    places: Places,
    open: AtomicUsize,
    shortage_told: AtomicBool,
}

impl Gate {
    pub(crate) fn new(source: Arc<dyn LogSource>, concurrent: usize) -> Self {
        Self {
            source,
            places: Places::new(concurrent),
            open: AtomicUsize::new(0),
            shortage_told: AtomicBool::new(false),
        }
    }

    /// What the pod says of a container now.
    pub(crate) async fn ask(
        self: Arc<Self>,
        pod: ObjectRef,
        container: Arc<str>,
        health: Arc<Health>,
    ) -> Result<ContainerView, AskError> {
        let found = self.paced(&health, self.source.pod(&pod)).await?;
        let same = found.filter(|found| {
            // A pod of the same name is another pod.
            found.metadata.uid.as_deref() == Some(&*pod.uid) || pod.uid.is_empty()
        });
        Ok(same.map_or_else(ContainerView::gone, |pod| {
            ContainerView::of(&pod, &container)
        }))
    }

    /// That there are no more files to be had, the first time.
    pub(crate) fn shortage(&self, limit: Option<u64>) -> Option<Notice> {
        if self.shortage_told.swap(true, Ordering::Relaxed) {
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

    async fn open(
        self: Arc<Self>,
        pod: ObjectRef,
        params: OpenParams,
        (health, delay): (Arc<Health>, Duration),
    ) -> Result<LogResponse, OpenError> {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.paced(&health, self.source.open(&pod, &params)).await
    }

    async fn paced<T>(&self, health: &Arc<Health>, request: impl Future<Output = T>) -> T {
        let place = self.places.take(health).await;
        let mut request = pin!(request);
        if let Ok(answer) = timeout(PLACE, request.as_mut()).await {
            return answer;
        }
        drop(place);
        request.await
    }
}

/// A response, if there is one.
pub(crate) struct Transfer {
    gate: Arc<Gate>,
    pod: ObjectRef,
    health: Arc<Health>,
    /// The delays between tries while there are no files to be had.
    backoff: Backoff,
    state: State,
}

enum State {
    Idle,
    Opening(
        OpenParams,
        BoxFuture<'static, Result<LogResponse, OpenError>>,
    ),
    Open {
        body: LogBody,
        _counted: Counted,
    },
}

/// What comes of a response. After `End` it is idle.
#[derive(Debug)]
pub(crate) enum Heard {
    Opened(Option<Timestamp>),
    Bytes(Bytes),
    End(End),
    /// It waits for a file to be had, and tries again by itself.
    Shortage(Option<u64>),
}

impl Transfer {
    pub(crate) fn new(gate: &Arc<Gate>, pod: &ObjectRef, health: &Arc<Health>, seed: u64) -> Self {
        Self {
            gate: Arc::clone(gate),
            pod: pod.clone(),
            health: Arc::clone(health),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(5), seed),
            state: State::Idle,
        }
    }

    /// Asks for a log, in place of whatever there was.
    pub(crate) fn open(&mut self, params: OpenParams) {
        self.open_after(params, Duration::ZERO);
    }

    pub(crate) fn close(&mut self) {
        self.state = State::Idle;
    }

    /// The next thing that is heard; for ever nothing if it is idle. It may be dropped
    /// and called again.
    pub(crate) async fn next(&mut self) -> Heard {
        match &mut self.state {
            State::Idle => pending().await,
            State::Opening(_, opening) => {
                let opened = opening.await;
                self.opened(opened)
            }
            State::Open { body, .. } => match body.next_chunk().await {
                Ok(Some(bytes)) => Heard::Bytes(bytes),
                Ok(None) => self.end(End::Clean),
                Err(lost) => self.end(End::Lost(lost.0)),
            },
        }
    }

    fn opened(&mut self, opened: Result<LogResponse, OpenError>) -> Heard {
        match opened {
            Ok(response) => {
                self.backoff.reset();
                self.state = State::Open {
                    body: response.body,
                    _counted: Counted::new(&self.gate),
                };
                Heard::Opened(response.date)
            }
            Err(OpenError::Refused(refused)) => self.end(End::Refused(refused)),
            Err(OpenError::Lost(lost)) => self.end(End::Lost(lost)),
            Err(OpenError::TooManyFiles { limit }) => {
                let delay = self.backoff.next_delay();
                if let State::Opening(params, _) = std::mem::replace(&mut self.state, State::Idle) {
                    self.open_after(params, delay);
                }
                Heard::Shortage(limit)
            }
        }
    }

    fn open_after(&mut self, params: OpenParams, delay: Duration) {
        let gate = Arc::clone(&self.gate);
        let opening = gate.open(
            self.pod.clone(),
            params.clone(),
            (self.health.clone(), delay),
        );
        self.state = State::Opening(params, Box::pin(opening));
    }

    fn end(&mut self, end: End) -> Heard {
        self.state = State::Idle;
        Heard::End(end)
    }
}

/// An open response in the count of them.
struct Counted(Arc<Gate>);

impl Counted {
    fn new(gate: &Arc<Gate>) -> Self {
        gate.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(gate))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
