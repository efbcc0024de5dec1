//! Where logs come from.

use std::{error::Error, fmt, io, time::Duration};

use argo_core::{ObjectRef, resource::Pod};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use jiff::Timestamp;

use crate::{OpenParams, Refused, http1::Body};

/// An API server waits up to 30 s for a kubelet before it says that there is none.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(45);
/// How long the text of an error may take.
pub(crate) const TEXT_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to read a pod.
pub(crate) const ASK_WITHIN: Duration = Duration::from_secs(10);

/// A way to the logs of pods. Kubernetes is one; tests bring another.
#[async_trait]
pub trait LogSource: Send + Sync {
    /// Asks for a log, and returns with the head of the answer.
    ///
    /// # Errors
    ///
    /// When the answer is no log, or there is none. It is tried again by the caller.
    async fn open(&self, pod: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError>;

    /// Reads the pod of that name as it is now, not from a cache; none if there is none.
    /// Its uid may be another.
    ///
    /// # Errors
    ///
    /// When it cannot be known now.
    async fn pod(&self, pod: &ObjectRef) -> Result<Option<Pod>, AskError>;
}

/// A log that is on its way.
#[derive(Debug)]
pub struct LogResponse {
    /// When the server answered, by its own clock.
    pub date: Option<Timestamp>,
    /// What comes.
    pub body: LogBody,
}

/// The bytes of a log. Dropping it drops the connection.
pub struct LogBody(Inner);

enum Inner {
    Http1(Box<Body>),
    Stream(BoxStream<'static, Result<Bytes, Lost>>),
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There was an answer, but no log.
    #[error("the server refused with {}: {}", .0.status, .0.message)]
    Refused(Refused),
    /// No connection came about, or it broke before the answer.
    #[error("{0}")]
    Lost(String),
    /// This process has as many files open as it may.
    #[error("too many open files{}", limit.map_or_else(String::new, |n| format!(" (limit {n})")))]
    TooManyFiles {
        /// How many it may have, where that is known.
        limit: Option<u64>,
    },
}

/// Why a pod could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AskError(pub String);

/// How a connection broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lost(pub String);

impl LogBody {
    /// The body that a stream delivers. Its end is a clean end; an error is the last item.
    pub fn from_stream(stream: impl Stream<Item = Result<Bytes, Lost>> + Send + 'static) -> Self {
        Self(Inner::Stream(stream.boxed()))
    }

    pub(crate) fn http1(body: Body) -> Self {
        Self(Inner::Http1(Box::new(body)))
    }

    /// The next bytes; none at a clean end. It may be dropped and called again: no byte
    /// gets lost.
    ///
    /// # Errors
    ///
    /// When the connection broke: more bytes would have come.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Lost> {
        match &mut self.0 {
            Inner::Http1(body) => body.next_chunk().await.map_err(|error| Lost::of(&error)),
            Inner::Stream(stream) => stream.next().await.transpose(),
        }
    }
}

impl Lost {
    fn of(error: &io::Error) -> Self {
        Self(chain(error))
    }
}

impl OpenError {
    /// What an error of a connection means.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        if causes(error).any(is_too_many_files) {
            return Self::TooManyFiles {
                limit: open_files(),
            };
        }
        Self::Lost(chain(error))
    }

    /// There was no answer in time.
    pub(crate) fn late() -> Self {
        Self::Lost(format!("no answer within {ANSWER_WITHIN:?}"))
    }
}

/// An error with its causes. What a cause says that was said already is left out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// An error, its cause, the cause of that.
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
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot connect")]
    struct Outer(#[source] io::Error);

    fn error(errno: Errno) -> Outer {
        Outer(io::Error::from_raw_os_error(errno as i32))
    }

    #[test]
    fn a_want_of_files_is_found_among_the_causes() {
        let of = OpenError::of(&error(Errno::EMFILE));
        let limited = matches!(of, OpenError::TooManyFiles { limit: Some(n) } if n > 0);
        assert!(limited, "{of:?}");
        let of = OpenError::of(&error(Errno::ECONNREFUSED));
        assert!(matches!(of, OpenError::Lost(_)), "{of:?}");
    }

    #[test]
    fn causes_are_told_once() {
        let inner = io::Error::other("no route");
        assert_eq!(chain(&Outer(inner)), "cannot connect: no route");
        let wrapped = io::Error::other(io::Error::other("no route"));
        assert_eq!(chain(&wrapped), "no route");
    }
}
