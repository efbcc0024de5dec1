//! The token by which a list goes on (`apiserver`, `pkg/storage/continue.go`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Position at which the next page of a list begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Continuation {
    /// The version of the first page; `None`: whatever is there now.
    pub(super) version: Option<u64>,
    /// Key after which the next page begins: `name`, or `namespace/name` across namespaces.
    pub(super) after: String,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: String,
    rv: i64,
    start: String,
}

impl Continuation {
    pub(super) fn encode(&self) -> String {
        let version = self.version.and_then(|version| i64::try_from(version).ok());
        // A token that the server hands out with a 410 has no leading slash (recording 14).
        let slash = if version.is_some() { "/" } else { "" };
        let wire = Wire {
            v: "meta.k8s.io/v1".to_owned(),
            rv: version.unwrap_or(-1),
            start: format!("{slash}{}\0", self.after),
        };
        URL_SAFE_NO_PAD.encode(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// Reads a token; the error is the message of the 400.
    pub(super) fn decode(token: &str) -> Result<Self, String> {
        let invalid =
            |cause: String| format!("invalid continue token: continue key is not valid: {cause}");
        let bytes = URL_SAFE_NO_PAD
            .decode(token.trim_end_matches('='))
            .map_err(|error| invalid(error.to_string()))?;
        let wire: Wire =
            serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        let start = wire.start.trim_start_matches('/');
        Ok(Self {
            version: u64::try_from(wire.rv).ok(),
            after: start.trim_end_matches('\0').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both tokens are of recording 14.
    #[test]
    fn reads_and_writes_the_tokens_of_a_real_server() {
        for (token, version) in [
            (
                "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTIxOTUsInN0YXJ0IjoiL3dlYi02ZmQ3ZGQ2NTk1LW1sOXY0XHUwMDAwIn0",
                Some(12195),
            ),
            (
                "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0Ijoid2ViLTZmZDdkZDY1OTUtbWw5djRcdTAwMDAifQ",
                None,
            ),
        ] {
            let read = Continuation::decode(token).unwrap();
            assert_eq!(read.version, version);
            assert_eq!(read.after, "web-6fd7dd6595-ml9v4");
            assert_eq!(read.encode(), token);
        }
    }
}
