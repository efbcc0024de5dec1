//! Takes the bytes of a stream apart into messages: pure, in whatever pieces they come.
//!
//! Sources: grpc-gateway 1.16 `runtime/handler.go` and argoproj/pkg `grpc/http/forwarders.go`.
//! A message is one line of JSON. In the form of server-sent events `data: ` stands before it,
//! a space and three newlines behind it, and a line `:` is a sign of life. An error in a stream
//! may be the last text without a newline.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Error, Refused, Streamed};

/// MiB; no message of a server is larger (argo-cd `ARGOCD_GRPC_MAX_SIZE_MB`).
pub(super) const LARGEST: usize = 200;

/// A part of a stream.
#[derive(Debug)]
pub(super) enum Frame {
    /// The JSON of one message.
    Message(Box<RawValue>),
    /// A sign of life.
    KeepAlive,
}

/// Collects bytes and gives out frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// Bytes that were given out.
    start: usize,
    /// Bytes that hold no newline.
    searched: usize,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Streamed>,
}

impl Frames {
    /// Adds bytes.
    ///
    /// # Errors
    ///
    /// When a message is larger than [`LARGEST`].
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        if self.buffer.len() + bytes.len() > LARGEST << 20 {
            return Err(Error::TooLarge(LARGEST));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns the next frame of the bytes so far.
    ///
    /// # Errors
    ///
    /// When the server tells an error, or the text is no message.
    pub(super) fn next_frame(&mut self) -> Option<Result<Frame, Error>> {
        loop {
            let rest = &self.buffer[self.searched..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return None;
            };
            let end = self.searched + end;
            let line = self.start..end;
            self.start = end + 1;
            self.searched = end + 1;
            if let Some(frame) = frame(&self.buffer[line]) {
                return Some(frame);
            }
        }
    }

    /// Returns the last frame when the stream is over: a text without a newline is one if it is
    /// whole. A piece of a message is nothing.
    pub(super) fn last_frame(&mut self) -> Option<Result<Frame, Error>> {
        let rest = std::mem::take(&mut self.buffer);
        let frame = frame(&rest[self.start..]);
        (self.start, self.searched) = (0, 0);
        frame.filter(|frame| !matches!(frame, Err(Error::Undecodable(_))))
    }
}

fn frame(line: &[u8]) -> Option<Result<Frame, Error>> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return None;
    }
    if line.first() == Some(&b':') {
        return Some(Ok(Frame::KeepAlive));
    }
    let text = match line.strip_prefix(b"data:") {
        Some(text) => text.trim_ascii_start(),
        // Another field of an event.
        None if line.starts_with(b"event:")
            || line.starts_with(b"id:")
            || line.starts_with(b"retry:") =>
        {
            return None;
        }
        None => line,
    };
    Some(message(text))
}

fn message(text: &[u8]) -> Result<Frame, Error> {
    let envelope: Envelope<'_> =
        serde_json::from_slice(text).map_err(|error| Error::Undecodable(error.to_string()))?;
    match envelope {
        Envelope {
            error: Some(error), ..
        } => Err(Error::Refused(Refused::from(error))),
        Envelope {
            result: Some(result),
            ..
        } => Ok(Frame::Message(result.to_owned())),
        // With `fields` an error may come as an empty object.
        Envelope {
            result: None,
            error: None,
        } => Err(Error::Refused(Refused {
            message: "an error without a text".to_owned(),
            ..Refused::default()
        })),
    }
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
