//! A response on its way, from the request to its end.

use std::{future::pending, sync::Arc, time::Duration};

use argo_core::{Backoff, ObjectRef};
use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::{
    End, LogBody, LogResponse, OpenError, OpenParams,
    slots::Priority,
    source::{Counted, SharedSource},
};

/// The response to one request at a time, if there is any.
pub(super) struct Response {
    source: Arc<SharedSource>,
    pod: ObjectRef,
    priority: Arc<Priority>,
    /// The delays between tries while the process may open no more files.
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

/// A part of a response. After [`End`](Self::End) the response is idle.
#[derive(Debug)]
pub(super) enum ResponseEvent {
    Opened(Option<Timestamp>),
    Bytes(Bytes),
    End(End),
    /// The process may open no more files. The response tries again by itself.
    Shortage(Option<u64>),
}

impl Response {
    pub(super) fn new(
        source: &Arc<SharedSource>,
        pod: &ObjectRef,
        priority: &Arc<Priority>,
        seed: u64,
    ) -> Self {
        Self {
            source: Arc::clone(source),
            pod: pod.clone(),
            priority: Arc::clone(priority),
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(5), seed),
            state: State::Idle,
        }
    }

    /// Requests a log, and drops the response before.
    pub(super) fn open(&mut self, params: OpenParams) {
        self.open_after(params, Duration::ZERO);
    }

    pub(super) fn close(&mut self) {
        self.state = State::Idle;
    }

    /// Waits for the next event, forever while idle. The future may be dropped and made
    /// anew.
    pub(super) async fn next(&mut self) -> ResponseEvent {
        match &mut self.state {
            State::Idle => pending().await,
            State::Opening(_, opening) => {
                let opened = opening.await;
                self.opened(opened)
            }
            State::Open { body, .. } => match body.next_chunk().await {
                Ok(Some(bytes)) => ResponseEvent::Bytes(bytes),
                Ok(None) => self.end(End::Clean),
                Err(lost) => self.end(End::Lost(lost.0)),
            },
        }
    }

    fn opened(&mut self, opened: Result<LogResponse, OpenError>) -> ResponseEvent {
        match opened {
            Ok(response) => {
                // There are files again; the next shortage begins with short delays anew.
                self.backoff.reset();
                self.state = State::Open {
                    body: response.body,
                    _counted: Counted::new(&self.source),
                };
                ResponseEvent::Opened(response.date)
            }
            Err(OpenError::Refused(refused)) => self.end(End::Refused(refused)),
            Err(OpenError::Lost(lost)) => self.end(End::Lost(lost)),
            Err(OpenError::TooManyFiles { limit }) => {
                // Not handed to the follower: the log is fine, and its retries would count as
                // failures of it.
                let delay = self.backoff.next_delay();
                if let State::Opening(params, _) = std::mem::replace(&mut self.state, State::Idle) {
                    self.open_after(params, delay);
                }
                ResponseEvent::Shortage(limit)
            }
        }
    }

    fn open_after(&mut self, params: OpenParams, delay: Duration) {
        let source = Arc::clone(&self.source);
        let opening = source.open(
            self.pod.clone(),
            params.clone(),
            (Arc::clone(&self.priority), delay),
        );
        self.state = State::Opening(params, Box::pin(opening));
    }

    fn end(&mut self, end: End) -> ResponseEvent {
        self.state = State::Idle;
        ResponseEvent::End(end)
    }
}
