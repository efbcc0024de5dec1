//! The kinds of log stores.

use std::fmt;

/// The kinds of log stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// Grafana Loki.
    Loki,
    /// VictoriaLogs.
    VictoriaLogs,
}

impl StoreKind {
    /// Returns the name in output and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loki => "loki",
            Self::VictoriaLogs => "victorialogs",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loki => "Loki",
            Self::VictoriaLogs => "VictoriaLogs",
        })
    }
}
