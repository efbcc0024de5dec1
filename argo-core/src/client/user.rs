//! The user entry of a kubeconfig.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::config::{AuthInfo, AuthProviderConfig, ExecConfig};
use serde::Deserialize;

/// The user entry of a kubeconfig. Empty strings have been removed.
///
/// There is no `Debug`: most fields are secrets.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct User {
    pub(super) token: Option<String>,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) client_certificate: Option<String>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key: Option<String>,
    pub(super) client_key_data: Option<String>,
    pub(super) exec: Option<ExecConfig>,
    pub(super) auth_provider: Option<AuthProviderConfig>,
    #[serde(flatten)]
    pub(super) impersonation: Impersonation,
}

/// The user and groups to act as.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Impersonation {
    #[serde(rename = "as")]
    pub(super) user: Option<String>,
    #[serde(rename = "as-uid")]
    pub(super) uid: Option<String>,
    #[serde(rename = "as-groups")]
    pub(super) groups: Vec<String>,
    #[serde(rename = "as-user-extra")]
    pub(super) extra: HashMap<String, Vec<String>>,
}

/// A file of a kubeconfig that cannot be read, or data that is not Base64.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot read {what}{}: {why}", path.as_ref().map_or_else(String::new, |path| format!(" {path}")))]
pub struct ReadError {
    /// The field, for example `client-certificate`.
    pub what: &'static str,
    /// The path, if the source is a file.
    pub path: Option<String>,
    /// The reason.
    pub why: String,
}

impl User {
    /// True if requests carry no credentials at all.
    pub(super) fn is_anonymous(&self) -> bool {
        let has_certificate =
            self.client_certificate.is_some() || self.client_certificate_data.is_some();
        let has_token =
            self.token.is_some() || self.token_file.is_some() || self.username.is_some();
        !has_certificate && !has_token && self.exec.is_none() && self.auth_provider.is_none()
    }

    /// True if the files or the plugin may hold other credentials later.
    pub(super) fn is_renewable(&self) -> bool {
        let has_files = self.token_file.is_some() || self.client_certificate.is_some();
        has_files || self.exec.is_some() || self.auth_provider.is_some()
    }

    /// Returns the PEM texts of the client certificate and its key.
    pub(super) fn certificate(&self) -> Result<Option<CertificateAndKey>, ReadError> {
        let certificate = data_or_file(
            "client-certificate",
            self.client_certificate_data.as_deref(),
            self.client_certificate.as_deref(),
        )?;
        let key = data_or_file(
            "client-key",
            self.client_key_data.as_deref(),
            self.client_key.as_deref(),
        )?;
        Ok(certificate.map(|certificate| (certificate, key.unwrap_or_default())))
    }
}

/// The PEM texts of a client certificate and of its key.
type CertificateAndKey = (Vec<u8>, Vec<u8>);

impl From<AuthInfo> for User {
    fn from(auth: AuthInfo) -> Self {
        // Through JSON, which is where kube-client shows its secrets.
        let user = serde_json::to_value(&auth).ok();
        let user: Option<Self> = user.and_then(|value| serde_json::from_value(value).ok());
        Self {
            // Some of its fields are not written.
            exec: auth.exec,
            ..user.unwrap_or_default()
        }
    }
}

/// Returns the bytes of a field that has a form with data and one with a path; data wins.
pub(super) fn data_or_file(
    what: &'static str,
    data: Option<&str>,
    path: Option<&str>,
) -> Result<Option<Vec<u8>>, ReadError> {
    let failed = |path: Option<&str>, why: String| ReadError {
        what,
        path: path.map(str::to_owned),
        why,
    };
    if let Some(data) = data {
        // Go skips line ends within Base64.
        let data = data.replace(['\r', '\n'], "");
        let bytes = STANDARD
            .decode(data)
            .map_err(|error| failed(None, error.to_string()))?;
        return Ok(Some(bytes));
    }
    let Some(path) = path else { return Ok(None) };
    let bytes = std::fs::read(path).map_err(|error| failed(Some(path), error.to_string()))?;
    Ok(Some(bytes))
}
