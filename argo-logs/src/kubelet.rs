//! What the kubelet and the API server say instead of a log.

use std::time::Duration;

/// An answer that is no log: the parts of the `Status` object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status; 204 is one too, for a pod without a node.
    pub status: u16,
    /// `reason` (`BadRequest`, `NotFound`…).
    pub reason: String,
    /// `details.kind` (`pods`, `pods/log`…).
    pub kind: String,
    /// `message`.
    pub message: String,
    /// The `Retry-After` header.
    pub retry_after: Option<Duration>,
}

/// What a [`Refused`] means for who wants the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The container has not written yet: wait for the pod to say more.
    Waiting,
    /// There is no run before the current one any more.
    NoPrevious,
    /// The kubelet has removed this run.
    Removed,
    /// The pod is not there.
    PodGone,
    /// The pod lives, its kubelet does not answer now.
    Unavailable,
    /// The credentials are not accepted now.
    Unauthorized,
    /// It may not be read.
    Forbidden,
    /// Anything else.
    Other,
}

impl Refused {
    /// What it means. Texts: kubelet `validateContainerLogStatus`; recordings
    /// 13-restarts, 14-api-forms and 15-log-requests.
    pub fn refusal(&self) -> Refusal {
        match self.status {
            204 => Refusal::Waiting,
            400 => self.bad_request(),
            401 => Refusal::Unauthorized,
            403 => Refusal::Forbidden,
            404 => self.not_found(),
            408 | 429 | 500..=599 => Refusal::Unavailable,
            _ => Refusal::Other,
        }
    }

    fn bad_request(&self) -> Refusal {
        let says = |text| self.message.contains(text);
        if says("previous terminated container") && says("not found") {
            Refusal::NoPrevious
        } else if says(" is waiting to start") || says(" is not available") {
            Refusal::Waiting
        } else if says(" is terminated") || says("unable to retrieve container logs") {
            Refusal::Removed
        } else if says("does not exist") || says("no logs available") {
            Refusal::PodGone
        } else {
            Refusal::Other
        }
    }

    fn not_found(&self) -> Refusal {
        // A kubelet that just started knows no pod yet: kind `pods/log`, and the pod lives.
        if self.kind == "pods" || self.message.starts_with("pods \"") {
            Refusal::PodGone
        } else {
            Refusal::Unavailable
        }
    }
}

/// What the kubelet wrote into a log in place of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The node has no inotify instances left: it can be read, not followed.
    NoWatches,
    /// The run was removed.
    Removed,
    /// The file was just being rotated, the runtime was away, and the like.
    Failed,
}

const TEXTS: [(&[u8], Cause); 14] = [
    (b"unable to retrieve container logs for ", Cause::Removed),
    (b"failed to create fsnotify watcher: ", Cause::NoWatches),
    (b"failed to watch directory ", Cause::NoWatches),
    (b"failed to watch file ", Cause::NoWatches),
    (b"failed to try resolving symlinks in path ", Cause::Failed),
    (b"failed to open log file ", Cause::Failed),
    (b"failed to tail ", Cause::Failed),
    (b"failed to seek ", Cause::Failed),
    (b"failed to read log file", Cause::Failed),
    (b"failed to reset seek in log file", Cause::Failed),
    (b"failed to get parse function: ", Cause::Failed),
    (b"unexpected stream type ", Cause::Failed),
    (b"container status is nil", Cause::Failed),
    (b"context cancelled", Cause::Failed),
];

const RPC: &[u8] = b"rpc error: code = ";

/// Splits what a response left behind its last line end into the piece of a line and the
/// text that the kubelet put behind it. The kubelet writes it last, without timestamp
/// and without line end, glued to what went before (cri-client `ReadLogs`).
pub(crate) fn split_cause(tail: &[u8]) -> (&[u8], Option<(Cause, &[u8])>) {
    let texts = TEXTS.iter().copied();
    let found = texts
        .chain([(RPC, Cause::Failed)])
        .filter_map(|(text, cause)| Some((memchr::memmem::rfind(tail, text)?, cause)))
        // The first of them: `failed to open log file "…": rpc error: …` is one text.
        .min_by_key(|(at, _)| *at);
    match found {
        Some((at, cause)) => (&tail[..at], Some((cause, &tail[at..]))),
        None => (tail, None),
    }
}
