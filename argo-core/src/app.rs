//! References to Argo CD Applications.

mod similar;

use std::fmt;

use serde::{Deserialize, Serialize};

/// An Argo CD Application: its name and the namespace that its resource lives in.
///
/// The namespace is that of the Application resource (`argocd`, or `team-a` for apps in
/// any namespace), or the one the caller believes its workloads to be in; where the two
/// differ the Application resource decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AppRef {
    /// `metadata.name` of the Application.
    pub name: String,
    /// `metadata.namespace` of the Application.
    pub namespace: String,
}

impl AppRef {
    /// Names an application.
    pub fn new(name: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            namespace: namespace.into(),
        }
    }

    /// True if a text names the application: `shop`, or `argocd/shop`.
    pub fn is_called(&self, text: &str) -> bool {
        match text.split_once('/') {
            Some((namespace, name)) => self.namespace == namespace && self.name == name,
            None => self.name == text,
        }
    }

    /// Returns the instance name of an application outside the control plane's namespace:
    /// `<namespace>_<name>` (Argo CD `util/argo/argo.go`, `AppInstanceName`).
    pub fn qualified(&self) -> String {
        format!("{}_{}", self.namespace, self.name)
    }
}

impl fmt::Display for AppRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
