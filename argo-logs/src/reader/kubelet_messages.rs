//! The texts that the kubelet writes into a log instead of the log.

/// The meaning of a text that the kubelet wrote into a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KubeletMessage {
    /// The node has no inotify instances left: the log can be read but not followed.
    NoWatches,
    /// The run was removed, perhaps while it was followed.
    Removed,
    /// Anything that may pass: the file was just being rotated, the runtime was away.
    Failed,
}

const TEXTS: [(&[u8], KubeletMessage); 15] = [
    // The end of a follow whose container was removed: the log was read to its end first.
    (b"rpc error: code = NotFound ", KubeletMessage::Removed),
    (
        b"unable to retrieve container logs for ",
        KubeletMessage::Removed,
    ),
    (
        b"failed to create fsnotify watcher: ",
        KubeletMessage::NoWatches,
    ),
    (b"failed to watch directory ", KubeletMessage::NoWatches),
    (b"failed to watch file ", KubeletMessage::NoWatches),
    (
        b"failed to try resolving symlinks in path ",
        KubeletMessage::Failed,
    ),
    (b"failed to open log file ", KubeletMessage::Failed),
    (b"failed to tail ", KubeletMessage::Failed),
    (b"failed to seek ", KubeletMessage::Failed),
    (b"failed to read log file", KubeletMessage::Failed),
    (b"failed to reset seek in log file", KubeletMessage::Failed),
    (b"failed to get parse function: ", KubeletMessage::Failed),
    (b"unexpected stream type ", KubeletMessage::Failed),
    (b"container status is nil", KubeletMessage::Failed),
    (b"context cancelled", KubeletMessage::Failed),
];

const RPC: &[u8] = b"rpc error: code = ";

/// Splits the bytes behind the last line end of a response into a piece of a line and a
/// message of the kubelet. The kubelet writes the message last, without timestamp or line
/// end, directly behind the log (cri-client `ReadLogs`).
pub(crate) fn split_message(tail: &[u8]) -> (&[u8], Option<(KubeletMessage, &[u8])>) {
    let texts = TEXTS.iter().copied();
    let found = texts
        .chain([(RPC, KubeletMessage::Failed)])
        .filter_map(|(text, message)| Some((memchr::memmem::rfind(tail, text)?, message)))
        // The earliest match: `failed to open log file "…": rpc error: …` is one text.
        .min_by_key(|(at, _)| *at);
    match found {
        Some((at, message)) => (&tail[..at], Some((message, &tail[at..]))),
        None => (tail, None),
    }
}
