//! HTTP/1.1 as far as a log needs it: one request, one response, one connection.
//!
//! A general client hands a body on in many small pieces, each with its own bookkeeping;
//! of a log that comes at full speed that is most of the work. Here the bytes of a read
//! stay in the buffer that they were read into, the chunk sizes between them are closed
//! up in place, and one buffer is handed on.

mod body;
mod chunked;
mod head;
mod request;

pub(crate) use body::{Body, Socket};
pub(crate) use head::{Head, date, seconds};
pub(crate) use request::Request;
