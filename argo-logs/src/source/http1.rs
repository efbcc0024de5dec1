//! HTTP/1.1 as far as a log needs it: one request, one response, one connection.
//!
//! A general client hands a body on in many small pieces, each with its own bookkeeping,
//! which is most of the work for a log at full speed. Here the bytes of a read stay in the
//! buffer that they were read into, chunk sizes between them are cut out in place, and one
//! buffer is handed on.

mod body;
mod chunked;
mod head;
mod request;

pub(crate) use body::Body;
pub(crate) use head::Head;
pub(crate) use request::request_bytes;
