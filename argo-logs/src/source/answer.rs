//! The answers of a source: a log, or the reason why there is none.

use std::{error::Error, fmt, io, time::Duration};

use argo_core::text::chain;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use jiff::Timestamp;

#[cfg(feature = "direct")]
use super::http1;
use super::status_response::Refused;

/// A request is given up after this: an API server waits up to 30 s for a kubelet before it
/// answers for it.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(45);
/// The text of an error is given up after this.
pub(crate) const TEXT_WITHIN: Duration = Duration::from_secs(5);
/// Reading a pod is given up after this.
pub(crate) const ASK_WITHIN: Duration = Duration::from_secs(10);

/// The head of an answer, and a body that is on its way.
#[derive(Debug)]
#[non_exhaustive]
pub struct LogResponse {
    /// Time of the answer by the server's clock.
    pub date: Option<Timestamp>,
    /// The bytes of the log.
    pub body: LogBody,
}

/// The bytes of a log. Dropping the body drops the connection.
pub struct LogBody(Inner);

enum Inner {
    #[cfg(feature = "direct")]
    Http1(Box<http1::Body>),
    Stream(BoxStream<'static, Result<Bytes, Lost>>),
}

/// The reason why a log could not be opened. Every one of them is worth another try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server answered with something other than a log.
    #[error("the server refused with {}: {}", .0.status, .0.message)]
    Refused(Refused),
    /// No connection was made, or it broke before the answer.
    #[error("{0}")]
    Lost(String),
    /// This process has as many files open as it may.
    #[error("too many open files{}", limit.map_or_else(String::new, |n| format!(" (limit {n})")))]
    TooManyFiles {
        /// The process's limit, if it is known.
        limit: Option<u64>,
    },
}

/// The reason why a pod could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AskError(pub String);

/// The way in which a connection broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lost(pub String);

impl LogResponse {
    /// A log whose answer came at `date`, by the server's clock.
    pub fn new(date: Option<Timestamp>, body: LogBody) -> Self {
        Self { date, body }
    }
}

impl LogBody {
    /// Makes a body of a stream. The stream's end is a clean end; an error is the last item.
    pub fn from_stream(stream: impl Stream<Item = Result<Bytes, Lost>> + Send + 'static) -> Self {
        Self(Inner::Stream(stream.boxed()))
    }

    #[cfg(feature = "direct")]
    pub(super) fn http1(body: http1::Body) -> Self {
        Self(Inner::Http1(Box::new(body)))
    }

    /// Returns the next bytes, or `None` at a clean end. The future may be dropped and made
    /// anew: no byte gets lost.
    ///
    /// # Errors
    ///
    /// If the connection broke: more bytes would have come.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Lost> {
        match &mut self.0 {
            #[cfg(feature = "direct")]
            Inner::Http1(body) => body.next_chunk().await.map_err(|error| Lost::of(&error)),
            Inner::Stream(stream) => stream.next().await.transpose(),
        }
    }
}

#[cfg(feature = "direct")]
impl Lost {
    fn of(error: &io::Error) -> Self {
        Self(chain(error))
    }
}

impl OpenError {
    /// Interprets an error of a connection.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        if causes(error).any(is_too_many_files) {
            return Self::TooManyFiles {
                limit: open_files(),
            };
        }
        Self::Lost(chain(error))
    }

    /// The error for an answer that did not come in time.
    pub(crate) fn late() -> Self {
        Self::Lost(format!("no answer within {ANSWER_WITHIN:?}"))
    }
}

/// Iterates over an error and its causes.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(unix)]
fn is_too_many_files(error: &(dyn Error + 'static)) -> bool {
    use nix::errno::Errno;
    let code = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error);
    code.is_some_and(|code| matches!(Errno::from_raw(code), Errno::EMFILE | Errno::ENFILE))
}

#[cfg(unix)]
fn open_files() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_NOFILE)
        .ok()
        .map(|(soft, _)| soft)
}

#[cfg(not(unix))]
fn is_too_many_files(_: &(dyn Error + 'static)) -> bool {
    false
}

#[cfg(not(unix))]
fn open_files() -> Option<u64> {
    None
}

impl fmt::Debug for LogBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogBody").finish_non_exhaustive()
    }
}

#[cfg(all(test, unix))]
#[path = "answer_tests.rs"]
mod tests;
