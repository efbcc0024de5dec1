//! Errors of calls.

use std::time::Duration;

use serde::Deserialize;

use crate::text::redacted;

/// An error of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server refused the call.
    #[error("{0}")]
    Refused(Refused),
    /// The answer is a redirection, which is not followed: the token is for the configured
    /// address.
    #[error("the server redirects to {to}; the token is sent only to the configured address")]
    Redirected {
        /// Scheme and host of the other place.
        to: String,
    },
    /// No connection, or a connection that broke.
    #[error("{0}")]
    Unreachable(String),
    /// No answer, or no sign of life, within this time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// The answer is not one of an Argo CD server.
    #[error("the answer is not one of Argo CD's API: {0}")]
    Undecodable(String),
    /// A message is larger than any that the server sends.
    #[error("a message is larger than {0} MiB")]
    TooLarge(usize),
}

/// A refusal in the server's words, without credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status; inside a stream the one that the message names.
    pub http_code: u16,
    /// The gRPC code (7: no permission, 16: no or an expired token), 0 if it is not named.
    pub grpc_code: u32,
    /// The message, or the beginning of a page that a proxy wrote.
    pub message: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.http_code)
    }
}

/// Characters; the page of a proxy is cut here.
const SHOWN: usize = 200;

/// The error of a unary call (`error`, `code`, `message`) or of a stream (`error` is an object).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Unary {
    code: u32,
    message: String,
}

/// The error object inside a stream.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Streamed {
    grpc_code: u32,
    http_code: u16,
    message: String,
}

#[derive(Deserialize)]
struct StreamError {
    error: Streamed,
}

impl Refused {
    /// Reads an answer with a status other than 200.
    pub(super) fn read(http_code: u16, body: &[u8]) -> Self {
        if let Ok(StreamError { error }) = serde_json::from_slice(body) {
            return Self {
                http_code,
                ..error.into()
            };
        }
        let unary: Unary = serde_json::from_slice(body).unwrap_or_default();
        let message = if unary.message.is_empty() {
            let text = String::from_utf8_lossy(body);
            text.trim().chars().take(SHOWN).collect()
        } else {
            unary.message
        };
        Self {
            http_code,
            grpc_code: unary.code,
            message: redacted(&message).into_owned(),
        }
    }

    /// True if the token is missing, expired or unknown.
    pub fn is_unauthorized(&self) -> bool {
        self.http_code == 401 || self.grpc_code == 16
    }

    /// True if a right is missing; without a project also if the object does not exist.
    pub fn is_forbidden(&self) -> bool {
        self.http_code == 403 || self.grpc_code == 7
    }

    /// True if the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.http_code == 404 || self.grpc_code == 5
    }

    /// True if the answer says nothing about the call: a proxy gave up waiting, or the server is
    /// starting.
    pub fn is_no_news(&self) -> bool {
        matches!(self.http_code, 408 | 429 | 502..=504) || self.grpc_code == 14
    }
}

impl From<Streamed> for Refused {
    fn from(error: Streamed) -> Self {
        Self {
            http_code: error.http_code,
            grpc_code: error.grpc_code,
            message: redacted(&error.message).into_owned(),
        }
    }
}

impl Error {
    /// Returns the refusal, if the server refused the call.
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// True if the same call may be answered later: anything but a refusal that is meant.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_no_news() || refused.http_code >= 500,
            Self::Redirected { .. } | Self::TooLarge(_) => false,
            Self::Unreachable(_) | Self::Silent(_) | Self::Undecodable(_) => true,
        }
    }

    /// True if the error says nothing about the call, only that it has to be made again: a
    /// stream that did not begin, a proxy that gave up, a connection that broke.
    pub fn is_no_news(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_no_news(),
            Self::Unreachable(_) | Self::Silent(_) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_both_forms_are_read() {
        let unary = Refused::read(
            401,
            br#"{"error":"no session information","code":16,"message":"no session information"}"#,
        );
        assert!(unary.is_unauthorized() && unary.message == "no session information");
        let streamed = Refused::read(
            403,
            br#"{"error":{"grpc_code":7,"http_code":403,"message":"permission denied: logs, get, default/api-two, sub: ci-no-logs","http_status":"Forbidden"}}"#,
        );
        assert!(streamed.is_forbidden() && streamed.grpc_code == 7);
        assert!(streamed.message.starts_with("permission denied: logs, get"));
    }

    #[test]
    fn what_is_asked_again_is_anything_but_a_refusal_that_is_meant() {
        let refused = |code| Error::Refused(Refused::read(code, b"x"));
        for code in [408, 429, 500, 502, 503, 504] {
            assert!(refused(code).is_passing(), "{code}");
        }
        for code in [400, 401, 403, 404] {
            assert!(!refused(code).is_passing(), "{code}");
        }
        assert!(Error::Silent(Duration::from_secs(60)).is_passing());
        assert!(Error::Unreachable("connection reset".to_owned()).is_passing());
    }

    #[test]
    fn the_page_of_a_proxy_is_no_news() {
        let page = Refused::read(504, b"<html>stream timeout</html>");
        assert!(page.is_no_news());
        assert_eq!(page.to_string(), "<html>stream timeout</html> (504)");
    }
}
