//! Spans of time as they are written in YAML.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged, expecting = "a span of time such as 2s, 300ms or 1m30s")]
enum Written {
    Seconds(f64),
    Text(String),
}

/// `2s`, `300ms`, `1m30s`, or a number of seconds.
pub(super) fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let parsed = match Written::deserialize(deserializer)? {
        Written::Seconds(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Written::Text(text) => {
            let span = text.parse::<SignedDuration>().ok();
            span.and_then(|span| Duration::try_from(span).ok())
        }
    };
    parsed
        .ok_or_else(|| serde::de::Error::custom("a span of time is written as 2s, 300ms or 1m30s"))
}
