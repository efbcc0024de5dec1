//! The head of a response.

use std::{io, time::Duration};

use jiff::Timestamp;

use super::chunked::{Chunked, Framing};
use crate::source::headers::{date, seconds};

/// Bytes; a longer head is no answer of an API server.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;

/// The parts of a head that are read.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) date: Option<Timestamp>,
    pub(crate) retry_after: Option<Duration>,
    /// `Content-Encoding`, although the request accepts none.
    pub(crate) encoding: Option<String>,
    pub(crate) framing: Framing,
    /// Length of the head in bytes.
    pub(crate) len: usize,
}

impl Head {
    /// Parses a head; returns `None` if it is not complete yet.
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(bytes).map_err(|error| {
            let text = format!("the answer is not HTTP/1.1 ({error})");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        match parsed {
            httparse::Status::Complete(len) => Ok(Some(Self::of(&response, len))),
            httparse::Status::Partial if bytes.len() < MAX_HEAD => Ok(None),
            httparse::Status::Partial => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the head of the answer is too long",
            )),
        }
    }

    fn of(response: &httparse::Response<'_, '_>, len: usize) -> Self {
        let find = |name: &str| {
            let mut headers = response.headers.iter();
            headers
                .find(|header| header.name.eq_ignore_ascii_case(name))
                .and_then(|header| std::str::from_utf8(header.value).ok())
                .map(str::trim)
        };
        let status = response.code.unwrap_or_default();
        let chunked = find("transfer-encoding")
            .is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"));
        let framing = if chunked {
            Framing::Chunked(Chunked::default())
        } else if matches!(status, 204 | 304) {
            Framing::Length(0)
        } else {
            find("content-length")
                .and_then(|length| length.parse().ok())
                .map_or(Framing::UntilClose, Framing::Length)
        };
        Self {
            status,
            date: find("date").and_then(date),
            retry_after: find("retry-after").and_then(seconds),
            encoding: find("content-encoding").map(str::to_owned),
            framing,
            len,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        let text = b"HTTP/1.1 429 Too Many Requests\r\nDate: Tue, 24 Nov 2026 00:01:08 GMT\r\n\
            retry-after: 7\r\nContent-Length: 12\r\n\r\nrest";
        assert!(Head::parse(&text[..text.len() - 5]).unwrap().is_none());
        let head = Head::parse(text).unwrap().unwrap();
        assert_eq!((head.status, head.len), (429, text.len() - 4));
        assert_eq!(head.date, Some("2026-11-24T00:01:08Z".parse().unwrap()));
        assert_eq!(head.retry_after, Some(Duration::from_secs(7)));
        assert!(matches!(head.framing, Framing::Length(12)));
    }

    #[test]
    fn what_is_not_http_is_said_to_be_none() {
        assert!(Head::parse(b"\x15\x03\x01 alert").is_err());
        let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; MAX_HEAD]].concat();
        assert!(Head::parse(&endless).is_err());
    }
}
