//! Answers other than a log, and their meaning.

use std::time::Duration;

use serde::Deserialize;

/// Bytes; the text of an error is read up to here.
pub(crate) const MAX_TEXT: usize = 64 * 1024;
/// Characters; a text other than a `Status` object is cut here.
const SHOWN: usize = 200;

/// An answer other than a log: the parts of its `Status` object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status. 204 counts as refused: it is the answer for a pod without a node.
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

/// The meaning of a [`Refused`] for a reader of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The container has not written yet; its pod will tell when it has.
    Waiting,
    /// The run before the current one is gone, or never was.
    NoPrevious,
    /// The kubelet has removed this run.
    Removed,
    /// The pod does not exist.
    PodGone,
    /// The pod exists, but its kubelet does not answer at the moment.
    Unavailable,
    /// The credentials are not accepted at the moment: the caller's, or those by which the
    /// API server asks the node.
    Unauthorized,
    /// The user has no right to read the log.
    Forbidden,
    /// Anything else.
    Other,
}

impl Refused {
    /// Interprets the answer. Sources of the texts: kubelet `validateContainerLogStatus`;
    /// recordings 13-restarts, 14-api-forms and 15-log-requests.
    pub fn refusal(&self) -> Refusal {
        match self.status {
            204 => Refusal::Waiting,
            400 => self.bad_request(),
            401 => Refusal::Unauthorized,
            // The kubelet's own words: it refuses the API server, not the caller.
            403 if self.message.starts_with("Forbidden (user=") => Refusal::Unauthorized,
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
        // "not available" is what the kubelet says of a container that it has not seen yet.
        } else if says(" is waiting to start") || says(" is not available") {
            Refusal::Waiting
        } else if says(" is terminated") || says("unable to retrieve container logs") {
            Refusal::Removed
        // The API server still has the pod, but its kubelet has removed it already.
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

/// The parts of a `Status` object that are read.
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
    /// Reads a status and a body. The body is a `Status` object, or a page that a proxy on
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

/// Refuses a compressed log: it would come late and in pieces other than lines. Only a
/// proxy on the way compresses it, since the request accepts no encoding.
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

impl Refusal {
    /// True if the refusal concerns the run, not the moment.
    pub(crate) fn is_about_the_run(self) -> bool {
        matches!(self, Self::PodGone | Self::Removed | Self::Forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_kubelet_that_refuses_the_api_server_does_not_refuse_the_caller() {
        let refused = |message: &str| Refused {
            status: 403,
            message: message.to_owned(),
            ..Refused::default()
        };
        let kubelets = "Forbidden (user=kube-apiserver, verb=get, resource=nodes, \
                        subresource(s)=[proxy]) ( pods/log web)";
        assert_eq!(refused(kubelets).refusal(), Refusal::Unauthorized);
        let ours = r#"pods "web" is forbidden: User "ci" cannot get resource "pods/log""#;
        assert_eq!(refused(ours).refusal(), Refusal::Forbidden);
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
