//! Bodies of answers, which may end otherwise than they should.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::watch;

use super::connection::{Connection, Hangup};
use super::faults::After;

/// Go's server buffers this much to find out the length of an answer.
const KNOWN_LENGTH: usize = 2048;

/// Early end of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Ends as if the body were complete.
    Clean,
    /// Not at all: nothing comes any more.
    Stall,
    /// With the connection.
    Hangup(Hangup),
}

/// The body of an answer.
pub(super) struct Outgoing {
    source: Source,
    plan: Option<(Ending, After)>,
    strike: Option<Strike>,
    connection: Option<Arc<Connection>>,
}

enum Source {
    Full(Bytes),
    Stream(BoxStream<'static, Bytes>),
    Over,
}

/// Waits for an ending that is decided while the body is on its way.
type Strike = Pin<Box<dyn Future<Output = Ending> + Send>>;

impl Outgoing {
    pub(super) fn full(bytes: Bytes) -> Self {
        Self::of(Source::Full(bytes))
    }

    pub(super) fn stream(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self::of(Source::Stream(chunks.boxed()))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            plan: None,
            strike: None,
            connection: None,
        }
    }

    /// Returns true if the body goes on until somebody ends it.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream(_))
    }

    /// Ends it early.
    pub(super) fn end(&mut self, ending: Ending, after: After, connection: &Arc<Connection>) {
        self.plan = Some((ending, after));
        self.connection = Some(Arc::clone(connection));
    }

    /// Lets it be ended while it is on its way.
    pub(super) fn listen(
        &mut self,
        mut strikes: watch::Receiver<Option<Ending>>,
        connection: &Arc<Connection>,
    ) {
        self.connection = Some(Arc::clone(connection));
        self.strike = Some(Box::pin(async move {
            if let Ok(struck) = strikes.wait_for(Option::is_some).await
                && let Some(ending) = *struck
            {
                return ending;
            }
            std::future::pending().await
        }));
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match &mut self.source {
            Source::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = Source::Over;
                Poll::Ready(Some(bytes).filter(|bytes| !bytes.is_empty()))
            }
            Source::Stream(chunks) => chunks.poll_next_unpin(cx),
            Source::Over => Poll::Ready(None),
        }
    }

    fn finish(&mut self, ending: Ending) -> Poll<Option<Bytes>> {
        self.source = Source::Over;
        match ending {
            Ending::Clean => return Poll::Ready(None),
            Ending::Stall => {}
            Ending::Hangup(how) => {
                if let Some(connection) = self.connection.take() {
                    connection.hang_up(how);
                }
            }
        }
        // Whatever comes to wake this, it has nothing more to say.
        self.plan = Some((ending, After::default()));
        self.strike = None;
        Poll::Pending
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(strike) = &mut self.strike
            && let Poll::Ready(ending) = strike.as_mut().poll(cx)
        {
            return self.finish(ending);
        }
        let Some((ending, after)) = self.plan else {
            return self.poll_source(cx);
        };
        if after.is_reached() {
            return self.finish(ending);
        }
        match std::task::ready!(self.poll_source(cx)) {
            // It ended before its end was due: a fault that asks for an ending gets it here.
            None => self.finish(ending),
            Some(chunk) => {
                let (chunk, left) = after.take(chunk);
                self.plan = Some((ending, left));
                Poll::Ready(Some(chunk))
            }
        }
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = std::task::ready!(self.poll_chunk(cx));
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        let over = match &self.source {
            Source::Over => true,
            Source::Full(bytes) => bytes.is_empty(),
            Source::Stream(_) => false,
        };
        over && self.plan.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Full(bytes) if self.plan.is_none() && bytes.len() <= KNOWN_LENGTH => {
                SizeHint::with_exact(bytes.len() as u64)
            }
            _ => SizeHint::default(),
        }
    }
}
