//! Severities of records.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The severity of a record, with the names of logrus. The most severe is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may fail, or is not known.
    Warning,
    /// The normal course of events.
    Info,
    /// Details for maintainers.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// Returns the full name, as logrus writes it (`warning`, not `warn`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error for a text that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no level; use error, warn, info, debug or trace")]
pub struct ParseLevelError(pub String);

impl FromStr for Level {
    type Err = ParseLevelError;

    /// Reads a level as logrus' `ParseLevel` does: any case, `warn` and `warning`, and
    /// `fatal` and `panic` as the most severe that there is here.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "error" | "fatal" | "panic" => Ok(Self::Error),
            "warn" | "warning" => Ok(Self::Warning),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(ParseLevelError(text.to_owned())),
        }
    }
}
