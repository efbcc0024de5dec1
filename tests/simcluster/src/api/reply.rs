//! Answers and refusals.

use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::body::Outgoing;
use super::request::details;
use crate::store::StoreError;

/// An answer on its way.
pub(super) type Reply = Response<Outgoing>;

/// A refusal: a `Status` object and its HTTP status.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    code: u16,
    reason: Option<&'static str>,
    message: String,
    details: Option<Value>,
    retry_after: Option<u64>,
    /// `metadata.continue`, by which a client may go on all the same.
    resume: Option<String>,
}

impl Refusal {
    pub(super) fn new(code: u16, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason(code),
            message: message.into(),
            details: None,
            retry_after: None,
            resume: None,
        }
    }

    pub(super) fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    pub(super) fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after = seconds;
        self
    }

    pub(super) fn resume(mut self, token: String) -> Self {
        self.resume = Some(token);
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    pub(super) fn forbidden(message: String, details: Value) -> Self {
        Self::new(403, message).details(details)
    }

    /// The type, version, or subresource is not served.
    pub(super) fn not_served() -> Self {
        Self::new(404, "the server could not find the requested resource").details(json!({}))
    }

    pub(super) fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let full = super::request::qualified(resource, group);
        Self::new(404, format!("{full} \"{name}\" not found")).details(details(
            Some(name),
            group,
            resource,
        ))
    }

    pub(super) fn method() -> Self {
        Self::new(
            405,
            "the server does not allow this method on the requested resource",
        )
        .details(json!({}))
    }

    pub(super) fn not_acceptable() -> Self {
        Self::new(406, "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch")
            .details(json!({}))
    }

    /// 422 with one cause.
    pub(super) fn invalid(
        group: &str,
        kind: &str,
        name: &str,
        field: &str,
        cause: (&str, String),
    ) -> Self {
        let full = super::request::qualified(kind, group);
        let (reason, text) = cause;
        let name_of = (!name.is_empty()).then_some(name);
        let mut about = details(name_of, group, kind);
        about["causes"] = json!([{ "reason": reason, "message": text, "field": field }]);
        Self::new(
            422,
            format!("{full} \"{name}\" is invalid: {field}: {text}"),
        )
        .details(about)
    }

    pub(super) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, message)
    }

    pub(super) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if let Some(token) = &self.resume {
            status["metadata"]["continue"] = json!(token);
        }
        if let Some(reason) = self.reason {
            status["reason"] = json!(reason);
        }
        let mut details = self.details.clone();
        if let Some(seconds) = self.retry_after.filter(|seconds| *seconds > 0) {
            details.get_or_insert_with(|| json!({}))["retryAfterSeconds"] = json!(seconds);
        }
        if let Some(details) = details {
            status["details"] = details;
        }
        status
    }

    pub(super) fn reply(&self) -> Reply {
        let mut reply = json(self.code, &self.status());
        if let Some(seconds) = self.retry_after {
            reply
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == 403 {
            no_sniff(&mut reply);
        }
        reply
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        let about = |resource: &str, name: &str| {
            let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
            details(Some(name), group, plural)
        };
        match &error {
            StoreError::UnknownType(_) => Self::not_served(),
            StoreError::NotFound { resource, name } => {
                Self::new(404, message).details(about(resource, name))
            }
            StoreError::AlreadyExists { resource, name } => {
                let refusal = Self::new(409, message).details(about(resource, name));
                Self {
                    reason: Some("AlreadyExists"),
                    ..refusal
                }
            }
            StoreError::Conflict { resource, name, .. } => {
                Self::new(409, message).details(about(resource, name))
            }
            StoreError::Invalid(_) => Self::new(422, message),
            StoreError::Expired { .. } => Self::expired(message),
        }
    }
}

/// Reasons that go with a code. A plain error of the server's own (500) has none (recording 13).
fn reason(code: u16) -> Option<&'static str> {
    Some(match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        406 => "NotAcceptable",
        409 => "Conflict",
        410 => "Expired",
        413 => "RequestEntityTooLarge",
        415 => "UnsupportedMediaType",
        422 => "Invalid",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => return None,
    })
}

/// A JSON answer, with the line feed that Go's encoder puts at the end.
pub(super) fn json(code: u16, value: &Value) -> Reply {
    let mut text = value.to_string();
    text.push('\n');
    json_bytes(code, Bytes::from(text))
}

pub(super) fn json_bytes(code: u16, bytes: Bytes) -> Reply {
    reply(code, "application/json", Outgoing::full(bytes))
}

/// A JSON answer of a length that is not known yet.
pub(super) fn stream(
    content_type: &'static str,
    chunks: impl Stream<Item = Bytes> + Send + 'static,
) -> Reply {
    reply(200, content_type, Outgoing::stream(chunks))
}

/// A short text, as health checks and unknown paths get it.
pub(super) fn text(code: u16, text: &'static str) -> Reply {
    let body = Outgoing::full(Bytes::from_static(text.as_bytes()));
    let mut reply = reply(code, "text/plain; charset=utf-8", body);
    no_sniff(&mut reply);
    reply
}

/// An answer without a body.
pub(super) fn empty(code: u16) -> Reply {
    let mut reply = Response::new(Outgoing::full(Bytes::new()));
    *reply.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    reply
}

fn reply(code: u16, content_type: &'static str, body: Outgoing) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(content_type);
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    reply
}

fn no_sniff(reply: &mut Reply) {
    let value = HeaderValue::from_static("nosniff");
    reply
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, value);
}
