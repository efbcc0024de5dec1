//! The address of a store, and what a request carries.

use std::fmt;

use argo_core::{argocd::Secret, client::ProxyVariables};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::LabelNames;
use crate::StoreKind;

/// The settings of a [`StoreClient`](super::StoreClient).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoreOptions {
    /// The address.
    pub url: StoreUrl,
    /// The kind of store; `None` to find out.
    pub kind: Option<StoreKind>,
    /// The tenant: an id, or several with `|` between them, for Loki; `ACCOUNT:PROJECT` for
    /// VictoriaLogs.
    pub tenant: Option<String>,
    /// More headers, each as `Name: value`.
    pub headers: Vec<Secret>,
    /// A token, sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// User and password. Those of the URL come second.
    pub user: Option<(String, Secret)>,
    /// Names of the labels; `None` to find out.
    pub labels: Option<LabelNames>,
    /// The proxies of the environment.
    pub proxies: ProxyVariables,
}

/// The address of a store. Credentials in it are kept apart and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    /// Scheme, host, port and the path before the API's own.
    base: String,
    user: Option<(String, Secret)>,
}

/// Options that cannot be used. No variant goes away by trying again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreOptionsError {
    /// The address is no URL of a server.
    #[error("the address of the log store {0}")]
    Url(&'static str),
    /// A header is not `Name: value`.
    #[error("a header for the log store is not of the form \"Name: value\"")]
    Header,
    /// The tenant cannot be sent.
    #[error("the tenant \"{0}\" cannot be used: {1}")]
    Tenant(String, &'static str),
    /// The connection cannot be made.
    #[error("cannot prepare the connection to the log store: {0}")]
    Connection(String),
}

impl StoreOptions {
    /// Options for an address, with nothing else set.
    pub fn new(url: StoreUrl) -> Self {
        Self {
            url,
            kind: None,
            tenant: None,
            headers: Vec::new(),
            token: None,
            user: None,
            labels: None,
            proxies: ProxyVariables::default(),
        }
    }

    /// Sets [`kind`](Self::kind).
    #[must_use]
    pub fn kind(mut self, kind: StoreKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Sets [`tenant`](Self::tenant).
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Adds a header, `Name: value`.
    #[must_use]
    pub fn header(mut self, header: impl Into<Secret>) -> Self {
        self.headers.push(header.into());
        self
    }

    /// Sets [`token`](Self::token).
    #[must_use]
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Sets [`user`](Self::user).
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.user = Some((name.into(), password.into()));
        self
    }

    /// Sets [`labels`](Self::labels).
    #[must_use]
    pub fn labels(mut self, labels: LabelNames) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Sets [`proxies`](Self::proxies).
    #[must_use]
    pub fn proxies(mut self, proxies: ProxyVariables) -> Self {
        self.proxies = proxies;
        self
    }

    /// Returns the headers of each request.
    pub(super) fn header_map(&self) -> Result<HeaderMap, StoreOptionsError> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = self.authorization() {
            headers.insert(header::AUTHORIZATION, secret(&authorization)?);
        }
        if let Some(tenant) = &self.tenant {
            self.add_tenant(tenant, &mut headers)?;
        }
        for given in &self.headers {
            let (name, value) = given
                .reveal()
                .split_once(':')
                .ok_or(StoreOptionsError::Header)?;
            let name: HeaderName = name.trim().parse().map_err(|_| StoreOptionsError::Header)?;
            headers.insert(name, secret(value.trim())?);
        }
        Ok(headers)
    }

    fn authorization(&self) -> Option<String> {
        if let Some(token) = &self.token {
            return Some(format!("Bearer {}", token.reveal()));
        }
        let (user, password) = self.user.as_ref().or(self.url.user.as_ref())?;
        let both = BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()));
        Some(format!("Basic {both}"))
    }

    /// Adds the tenant as each kind of store wants it; an unknown one gets both.
    fn add_tenant(&self, tenant: &str, headers: &mut HeaderMap) -> Result<(), StoreOptionsError> {
        let error = |why| StoreOptionsError::Tenant(tenant.to_owned(), why);
        if self.kind != Some(StoreKind::VictoriaLogs) {
            let value = HeaderValue::from_str(tenant).map_err(|_| error("it is no header"))?;
            headers.insert("x-scope-orgid", value);
        }
        if self.kind == Some(StoreKind::Loki) {
            return Ok(());
        }
        let (account, project) = tenant.split_once(':').unwrap_or((tenant, "0"));
        let numbers = [account, project].map(|number| number.parse::<u32>().ok());
        match numbers {
            [Some(account), Some(project)] => {
                headers.insert("accountid", account.into());
                headers.insert("projectid", project.into());
                Ok(())
            }
            _ if self.kind.is_none() => Ok(()),
            _ => Err(error("VictoriaLogs takes ACCOUNT:PROJECT, two numbers")),
        }
    }
}

fn secret(text: &str) -> Result<HeaderValue, StoreOptionsError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| StoreOptionsError::Header)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The paths of the APIs, which people copy together with the address.
const API_PATHS: [&str; 6] = [
    "/loki/api/v1/query_range",
    "/loki/api/v1/push",
    "/loki/api/v1",
    "/select/logsql/query",
    "/select/logsql",
    "/select/vmui",
];

impl StoreUrl {
    /// Reads `https://host:3100/prefix`. Paths of the APIs behind the prefix are dropped.
    ///
    /// # Errors
    ///
    /// When the text is no such URL. The text is not repeated, since it may hold a password.
    pub fn parse(text: &str) -> Result<Self, StoreOptionsError> {
        let error = StoreOptionsError::Url;
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .ok_or(error("must begin with http:// or https://"))?;
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err(error("must begin with http:// or https://"));
        }
        if rest.contains(['?', '#']) {
            return Err(error("must not have a query; give its path only"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(credentials(user)), host),
            None => (None, authority),
        };
        let path = format!("/{}", path.trim_matches('/'));
        let api = API_PATHS.iter().find_map(|api| path.strip_suffix(api));
        let path = api.unwrap_or(&path).trim_end_matches('/');
        let base = format!("{scheme}://{host}{path}");
        let uri: Uri = base.parse().map_err(|_| error("is no URL of a server"))?;
        match uri.host() {
            Some(host) if !host.is_empty() => Ok(Self { base, user }),
            _ => Err(error("names no host")),
        }
    }

    /// Returns the address of a path of the API.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(super) fn uri(&self) -> Uri {
        self.base.parse().unwrap_or_default()
    }
}

/// Reads `user:password`, with `%40` for `@`.
fn credentials(text: &str) -> (String, Secret) {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    (decoded(user), Secret::from(decoded(password)))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                bytes.push(value);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> StoreOptions {
        StoreOptions::new(StoreUrl::parse(url).unwrap())
    }

    #[test]
    fn the_path_of_the_api_is_not_part_of_the_address() {
        for (text, base) in [
            ("http://loki:3100", "http://loki:3100"),
            ("HTTPS://loki/", "https://loki"),
            ("https://gw/logs/loki/api/v1/push", "https://gw/logs"),
            ("http://vl:9428/select/vmui/", "http://vl:9428"),
            ("http://[::1]:9428/a/b/", "http://[::1]:9428/a/b"),
        ] {
            assert_eq!(StoreUrl::parse(text).unwrap().to_string(), base);
        }
    }

    #[test]
    fn bad_addresses_are_refused_without_repeating_them() {
        for text in [
            "loki:3100",
            "ftp://loki",
            "http://",
            "http://u:hunter2@",
            "http://h/?token=hunter2",
            "http://a b",
        ] {
            let error = StoreUrl::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn credentials_of_the_address_are_sent_and_never_shown() {
        let options = options("https://me:hunter%402@loki/x");
        assert!(!format!("{options:?} {}", options.url).contains("hunter"));
        let sent = options.header_map().unwrap();
        let value = &sent[header::AUTHORIZATION];
        assert_eq!(
            value,
            &format!("Basic {}", BASE64_STANDARD.encode("me:hunter@2"))
        );
        assert!(value.is_sensitive());
    }

    #[test]
    fn a_tenant_is_sent_as_each_store_wants_it() {
        let mut options = options("http://store");
        options.tenant = Some("team-a".to_owned());
        let sent = options.header_map().unwrap();
        assert_eq!(sent["x-scope-orgid"], "team-a");
        assert!(!sent.contains_key("accountid"));
        options.kind = Some(StoreKind::VictoriaLogs);
        assert!(options.header_map().is_err());
        options.tenant = Some("12:34".to_owned());
        let sent = options.header_map().unwrap();
        assert_eq!(
            (&sent["accountid"], &sent["projectid"]),
            (&12.into(), &34.into())
        );
        assert!(!sent.contains_key("x-scope-orgid"));
    }

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let mut options = options("http://store");
        options.headers = vec![Secret::from("X-Key: a:b")];
        assert_eq!(options.header_map().unwrap()["x-key"], "a:b");
        for bad in ["hunter2", "a b: c", "x: \u{7}"] {
            options.headers = vec![Secret::from(bad)];
            let error = options.header_map().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
