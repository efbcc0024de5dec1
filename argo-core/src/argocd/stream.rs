//! A stream of messages of the server.

use std::{
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, stream::BoxStream};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    error::Error,
    framing::{Frame, Frames},
};

/// A server sends a sign of life every 15 s once a stream has begun.
const SILENCE: Duration = Duration::from_secs(50);

/// A part of an open stream.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamItem<T> {
    /// The server has begun to answer. It does so with the first message: a quiet stream looks
    /// like a request without an answer.
    Opened {
        /// The clock of the server.
        date: Option<Timestamp>,
    },
    /// A message.
    Message(T),
    /// A sign of life.
    KeepAlive,
}

/// A stream of messages. It ends after its first error, and when the server ends it, which
/// proves nothing.
#[must_use = "streams do nothing unless polled"]
pub struct ApiStream<T>(BoxStream<'static, Result<StreamItem<T>, Error>>);

impl<T> Stream for ApiStream<T> {
    type Item = Result<StreamItem<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<T> fmt::Debug for ApiStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiStream").finish_non_exhaustive()
    }
}

/// The body of an answer with its date.
pub(super) struct Opened {
    pub(super) date: Option<Timestamp>,
    pub(super) body: BoxStream<'static, Result<bytes::Bytes, Error>>,
}

impl<T: DeserializeOwned + Send + 'static> ApiStream<T> {
    pub(super) fn new(open: impl Future<Output = Result<Opened, Error>> + Send + 'static) -> Self {
        let reading = Reading {
            state: State::Opening(Box::pin(open)),
            frames: Frames::default(),
            ready: VecDeque::new(),
            message: PhantomData,
        };
        let items = futures::stream::unfold(reading, |mut reading| async move {
            let item = reading.next().await?;
            Some((item, reading))
        });
        Self(items.boxed())
    }
}

enum State {
    Opening(Pin<Box<dyn Future<Output = Result<Opened, Error>> + Send>>),
    Open(BoxStream<'static, Result<bytes::Bytes, Error>>),
    Over,
}

struct Reading<T> {
    state: State,
    frames: Frames,
    ready: VecDeque<Result<StreamItem<T>, Error>>,
    message: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Reading<T> {
    async fn next(&mut self) -> Option<Result<StreamItem<T>, Error>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                if item.is_err() {
                    self.state = State::Over;
                    self.ready.clear();
                }
                return Some(item);
            }
            match &mut self.state {
                State::Over => return None,
                State::Opening(open) => match open.await {
                    Ok(opened) => {
                        self.state = State::Open(opened.body);
                        self.ready
                            .push_back(Ok(StreamItem::Opened { date: opened.date }));
                    }
                    Err(error) => self.ready.push_back(Err(error)),
                },
                State::Open(body) => match timeout(SILENCE, body.next()).await {
                    Ok(Some(Ok(bytes))) => self.bytes(&bytes),
                    Ok(Some(Err(error))) => self.ready.push_back(Err(error)),
                    Ok(None) => self.end(),
                    Err(_) => self.ready.push_back(Err(Error::Silent(SILENCE))),
                },
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Err(error) = self.frames.push(bytes) {
            self.ready.push_back(Err(error));
            return;
        }
        while let Some(frame) = self.frames.next_frame() {
            self.ready.push_back(frame.and_then(decoded));
        }
    }

    fn end(&mut self) {
        let last = self.frames.last_frame();
        self.ready.extend(last.map(|frame| frame.and_then(decoded)));
        self.state = State::Over;
    }
}

fn decoded<T: DeserializeOwned>(frame: Frame) -> Result<StreamItem<T>, Error> {
    match frame {
        Frame::KeepAlive => Ok(StreamItem::KeepAlive),
        Frame::Message(json) => serde_json::from_str(json.get())
            .map(StreamItem::Message)
            .map_err(|error| Error::Undecodable(error.to_string())),
    }
}
