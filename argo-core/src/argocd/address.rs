//! The address of an Argo CD server.

use std::fmt;

use http::Uri;

/// The address of an Argo CD server: scheme, host, port and root path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    is_plaintext: bool,
    authority: String,
    /// Empty, or begins with a slash and does not end with one.
    root_path: String,
}

/// A text that is not the address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a server address: argocd takes HOST or HOST:PORT, without https://")]
pub struct ParseAddressError(String);

impl Address {
    /// True if nothing is encrypted.
    pub(super) fn is_plaintext(&self) -> bool {
        self.is_plaintext
    }

    /// Reads `HOST` or `HOST:PORT` as argocd writes it; without a port it is the one of the
    /// scheme. A scheme before the host is accepted if it agrees with `is_plaintext`.
    ///
    /// # Errors
    ///
    /// When the text is no address, or `http://` is written without `--plaintext`.
    pub fn parse(
        server: &str,
        root_path: &str,
        is_plaintext: bool,
    ) -> Result<Self, ParseAddressError> {
        let error = || ParseAddressError(shown(server));
        let scheme = if is_plaintext { "http" } else { "https" };
        let rest = match server.split_once("://") {
            Some((given, rest)) if given.eq_ignore_ascii_case(scheme) => rest,
            Some(_) => return Err(error()),
            None => server,
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        let root = if root_path.is_empty() {
            path
        } else {
            root_path
        };
        let uri: Uri = format!("{scheme}://{authority}/")
            .parse()
            .map_err(|_| error())?;
        let found = uri.authority().filter(|found| !found.host().is_empty());
        let found = found.ok_or_else(error)?;
        if found.as_str().contains('@') {
            return Err(error());
        }
        let root = root.trim_matches('/');
        let root_path = if root.is_empty() {
            String::new()
        } else {
            format!("/{root}")
        };
        Ok(Self {
            is_plaintext,
            authority: found.as_str().to_owned(),
            root_path,
        })
    }

    /// Returns the URL of a path and query below the root path.
    pub fn url(&self, path_and_query: &str) -> String {
        format!("{self}{path_and_query}")
    }

    /// Returns host and port, as in messages.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn uri(&self) -> Uri {
        self.to_string().parse().unwrap_or_default()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_plaintext { "http" } else { "https" };
        write!(f, "{scheme}://{}{}", self.authority, self.root_path)
    }
}

/// A password before the `@` is nobody's business.
fn shown(server: &str) -> String {
    crate::text::redacted(server).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(server: &str, root: &str, plain: bool) -> Option<String> {
        let address = Address::parse(server, root, plain).ok()?;
        Some(address.url("/api/version"))
    }

    #[test]
    fn hosts_ports_and_root_paths() {
        for (server, root, plain, wanted) in [
            (
                "cd.example.com",
                "",
                false,
                "https://cd.example.com/api/version",
            ),
            (
                "cd.example.com:8443",
                "",
                false,
                "https://cd.example.com:8443/api/version",
            ),
            (
                "10.0.0.1:8080",
                "",
                true,
                "http://10.0.0.1:8080/api/version",
            ),
            ("[::1]:443", "", false, "https://[::1]:443/api/version"),
            (
                "cd.example.com",
                "argo",
                false,
                "https://cd.example.com/argo/api/version",
            ),
            (
                "cd.example.com",
                "/argo/cd/",
                false,
                "https://cd.example.com/argo/cd/api/version",
            ),
            (
                "https://cd.example.com/argo",
                "",
                false,
                "https://cd.example.com/argo/api/version",
            ),
        ] {
            assert_eq!(
                url(server, root, plain).as_deref(),
                Some(wanted),
                "{server} {root}"
            );
        }
    }

    #[test]
    fn plain_http_must_be_asked_for() {
        for (server, plain) in [
            ("http://cd.example.com", false),
            ("https://cd.example.com", true),
            ("", false),
            ("a b", false),
            ("ci:pa55word@cd.example.com", false),
        ] {
            assert_eq!(url(server, "", plain), None, "{server}");
        }
        let error = Address::parse("ftp://ci:pa55word@cd.example.com", "", false).unwrap_err();
        assert!(!error.to_string().contains("pa55word"), "{error}");
    }
}
