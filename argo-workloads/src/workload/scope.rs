//! The namespaces in which objects are looked for.

use std::{fmt, sync::Arc};

/// One namespace, or all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All namespaces, and cluster-scoped objects.
    Cluster,
    /// One namespace.
    Namespace(Arc<str>),
}

impl Scope {
    /// True if objects of this namespace are found here.
    pub fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespace(own) => &**own == namespace,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("all namespaces"),
            Self::Namespace(namespace) => f.write_str(namespace),
        }
    }
}
