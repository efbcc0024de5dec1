//! Reads the answer that is no log.

use std::time::Duration;

use serde::Deserialize;

use crate::Refused;

/// More of an error than this says nothing more.
pub(crate) const MAX_TEXT: usize = 64 * 1024;
/// Of a text that is no `Status` object, so much is shown.
const SHOWN: usize = 200;

/// The parts of a `Status` object that matter.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    reason: Option<String>,
    message: Option<String>,
    details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    kind: Option<String>,
}

impl Refused {
    /// What a status and a body say; the body is a `Status` object, or what a proxy on
    /// the way wrote.
    pub(crate) fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let said: Option<Status> = serde_json::from_slice(body).ok();
        let said = said.filter(|said| said.message.is_some() || said.reason.is_some());
        let said = said.unwrap_or_else(|| Status {
            message: Some(shown(body)),
            ..Status::default()
        });
        Self {
            status,
            reason: said.reason.unwrap_or_default(),
            kind: said.details.and_then(|d| d.kind).unwrap_or_default(),
            message: said.message.unwrap_or_default(),
            retry_after,
        }
    }
}

/// A log that something on the way compresses comes late and in pieces that are no lines:
/// that is no log. A server that was asked for none does not do it.
pub(crate) fn compressed(encoding: Option<&str>) -> Option<Refused> {
    let encoding = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))?;
    Some(Refused {
        status: 200,
        message: format!("a proxy on the way compresses the log ({encoding})"),
        ..Refused::default()
    })
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal;

    #[test]
    fn a_status_object_is_taken_apart() {
        let body = br#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
            "message":"pods \"p\" not found","reason":"NotFound",
            "details":{"name":"p","kind":"pods"},"code":404}"#;
        let refused = Refused::read(404, None, body);
        assert_eq!(refused.reason, "NotFound");
        assert_eq!(refused.kind, "pods");
        assert_eq!(refused.refusal(), Refusal::PodGone);
    }

    #[test]
    fn the_page_of_a_proxy_is_shown_as_it_is() {
        let body = format!("<html>{}", "x".repeat(1000));
        let refused = Refused::read(502, Some(Duration::from_secs(1)), body.as_bytes());
        assert_eq!(refused.message.len(), SHOWN);
        assert_eq!(refused.refusal(), Refusal::Unavailable);
        assert_eq!(Refused::read(500, None, b"{}").message, "{}");
    }
}
