//! The place of the server, and who we are to it.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    address::{Address, ParseAddressError},
    config_file::{self, ConfigError, Context},
    opts::{Opts, OptsError},
};
use crate::client::ProxyVariables;

/// The places where an Argo CD server is looked for. The environment is read only by
/// [`Options::inferred`].
///
/// A value given here comes before the one of the configuration file, as in argocd.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// `HOST` or `HOST:PORT`.
    pub server: Option<String>,
    /// The token.
    pub token: Option<Secret>,
    /// The path before all paths of the API, for a server behind one.
    pub root_path: Option<String>,
    /// True to speak plain HTTP.
    pub plaintext: bool,
    /// Certificates, and whether the server's is checked.
    pub tls: TlsFiles,
    /// More headers for each request, `Name: value`.
    pub headers: Vec<Secret>,
    /// The file that `argocd login` writes.
    pub config: Option<PathBuf>,
    /// A context of that file.
    pub context: Option<String>,
    /// True if argocd talks to the cluster itself (`--core`), and there may be no server.
    pub core: bool,
    /// True if argocd reaches the server through a port forwarding of its own.
    pub port_forward: bool,
    /// The proxies of the environment.
    pub proxies: ProxyVariables,
}

/// Files of certificates, and whether the server's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// True if the server's certificate is not checked.
    pub insecure: bool,
    /// Certificates to trust beside those of the system.
    pub server_crt: Option<PathBuf>,
    /// The client's certificate.
    pub client_crt: Option<PathBuf>,
    /// The key of the client's certificate.
    pub client_crt_key: Option<PathBuf>,
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text, for the request that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An error that keeps a client from being made. No variant goes away by trying again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// No place names a server.
    #[error("no Argo CD server: neither --server nor ARGOCD_SERVER is given, and {0}")]
    NoServer(String),
    /// `--core`, or a context of the kind.
    #[error("argocd talks to the cluster itself (--core), without an Argo CD server")]
    Core,
    /// `--port-forward`.
    #[error(
        "argocd reaches its server through port forwarding (--port-forward), which is not supported here"
    )]
    PortForward,
    /// `ARGOCD_OPTS` that argocd refuses too.
    #[error("ARGOCD_OPTS cannot be read: {0}")]
    Opts(String),
    /// The address is none.
    #[error("the server cannot be used")]
    Address(#[from] ParseAddressError),
    /// The configuration file.
    #[error("argocd's configuration cannot be used")]
    Config(#[from] ConfigError),
    /// A header without a colon, or with characters that HTTP does not allow. The text is left
    /// out: it may hold a password.
    #[error("header {0} is not of the form \"Name: value\"")]
    Header(usize),
    /// The token holds characters that HTTP does not allow.
    #[error("the token holds characters that no token has")]
    Token,
    /// A certificate, a key or a list of authorities.
    #[error("{0}")]
    Tls(String),
}

impl Options {
    /// Looks where argocd looks: flags, `ARGOCD_OPTS`, the environment, then the configuration
    /// file of `ARGOCD_CONFIG_DIR`, `~/.argocd`, `$XDG_CONFIG_HOME/argocd` or `~/.config/argocd`.
    ///
    /// The flags are names without dashes and their values, of which the last counts; a boolean
    /// flag without a value has an empty one.
    ///
    /// # Errors
    ///
    /// When `ARGOCD_OPTS` cannot be read.
    pub fn inferred<N: AsRef<str>, V: Into<String>>(
        env: impl Fn(&str) -> Option<OsString>,
        flags: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, OptionsError> {
        let filled = |name: &str| {
            env(name)?
                .into_string()
                .ok()
                .filter(|text| !text.is_empty())
        };
        let opts = filled("ARGOCD_OPTS").unwrap_or_default();
        let opts = Opts::parse(&opts).map_err(|error| OptionsError::Opts(error.to_string()))?;
        let flags: Vec<(String, String)> = flags
            .into_iter()
            .map(|(name, value)| (name.as_ref().to_owned(), value.into()))
            .collect();
        let flags = Given { flags, opts };
        let token = flags
            .text("auth-token")
            .map(|token| token.trim().to_owned());
        Ok(Self {
            server: flags.text("server").or_else(|| filled("ARGOCD_SERVER")),
            token: token.or_else(|| filled("ARGOCD_AUTH_TOKEN")).map(Secret),
            root_path: flags.text("grpc-web-root-path"),
            plaintext: flags.is_on("plaintext"),
            tls: TlsFiles {
                insecure: flags.is_on("insecure"),
                server_crt: flags.path("server-crt"),
                client_crt: flags.path("client-crt"),
                client_crt_key: flags.path("client-crt-key"),
            },
            headers: flags.headers(),
            config: flags.path("config").or_else(|| default_config(&filled)),
            // argocd reads this one from the command line only.
            context: flags.flag("argocd-context").map(str::to_owned),
            core: flags.is_on("core"),
            port_forward: flags.is_on("port-forward")
                || flags.text("port-forward-namespace").is_some(),
            proxies: ProxyVariables::from_env(&env),
        })
    }

    /// Reads the configuration file and puts everything together.
    pub(super) fn target(&self) -> Result<Target, OptionsError> {
        if self.core {
            return Err(OptionsError::Core);
        }
        if self.port_forward {
            return Err(OptionsError::PortForward);
        }
        let config = self.config.as_deref();
        let context = match config {
            Some(path) => config_file::read(path, self.context.as_deref())?,
            None => None,
        };
        let is_from_file = self.server.is_none();
        let context = context.unwrap_or_default();
        if is_from_file && context.server.core {
            return Err(OptionsError::Core);
        }
        let server = self
            .server
            .clone()
            .unwrap_or_else(|| context.server.server.clone());
        if server.is_empty() {
            return Err(OptionsError::NoServer(missing_in_words(config)));
        }
        let root_path = self
            .root_path
            .as_deref()
            .unwrap_or(&context.server.grpc_web_root_path);
        let is_plaintext = self.plaintext || context.server.plain_text;
        Ok(Target {
            address: Address::parse(&server, root_path, is_plaintext)?,
            headers: self.headers(&context)?,
            is_insecure: self.tls.insecure || context.server.insecure,
            context,
        })
    }

    fn headers(&self, context: &Context) -> Result<HeaderMap, OptionsError> {
        let mut headers = HeaderMap::new();
        let token = self
            .token
            .as_ref()
            .map_or(context.token.as_str(), |token| &token.0);
        if !token.is_empty() {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| OptionsError::Token)?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        for (at, text) in self.headers.iter().enumerate() {
            let (name, mut value) = parse_header(&text.0).ok_or(OptionsError::Header(at + 1))?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(headers)
    }
}

/// A server and the headers for it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) headers: HeaderMap,
    pub(super) is_insecure: bool,
    pub(super) context: Context,
}

/// Flags of the command line and of `ARGOCD_OPTS`.
struct Given {
    flags: Vec<(String, String)>,
    opts: Opts,
}

impl Given {
    /// Returns the value on the command line, of which the last counts.
    fn flag(&self, name: &str) -> Option<&str> {
        let found = self.flags.iter().rfind(|(found, _)| found == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        let opts = self.opts.get(name).filter(|value| !value.is_empty());
        self.flag(name).or(opts).map(str::to_owned)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    fn is_on(&self, name: &str) -> bool {
        match self.flags.iter().rfind(|(found, _)| found == name) {
            // The texts that mean false to Go's strconv.ParseBool.
            Some((_, value)) => !matches!(
                value.as_str(),
                "0" | "f" | "F" | "false" | "FALSE" | "False"
            ),
            None => self.opts.is_on(name),
        }
    }

    /// Headers of the command line replace those of `ARGOCD_OPTS`; each may hold several.
    fn headers(&self) -> Vec<Secret> {
        let names = ["header", "H"];
        let given = self
            .flags
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()));
        let mut given: Vec<&str> = given.map(|(_, value)| value.as_str()).collect();
        if given.is_empty() {
            given.extend(self.opts.get("header"));
        }
        given
            .into_iter()
            .flat_map(comma_separated)
            .map(Secret)
            .collect()
    }
}

/// Splits a record of comma-separated values, as pflag does with Go's `encoding/csv`.
fn comma_separated(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let (mut field, mut is_quoted) = (String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if is_quoted && rest.peek() == Some(&'"') => {
                rest.next();
                field.push('"');
            }
            '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields.retain(|field| !field.is_empty());
    fields
}

fn parse_header(text: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = text.split_once(':')?;
    Some((name.parse().ok()?, value.trim().parse().ok()?))
}

fn default_config(filled: &impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder = match (filled("ARGOCD_CONFIG_DIR"), filled("HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(home)) => {
            let legacy = Path::new(&home).join(".argocd");
            let xdg = || filled("XDG_CONFIG_HOME").map(|xdg| Path::new(&xdg).join("argocd"));
            if legacy.exists() {
                legacy
            } else {
                xdg().unwrap_or_else(|| Path::new(&home).join(".config/argocd"))
            }
        }
        (None, None) => return None,
    };
    Some(folder.join("config"))
}

fn missing_in_words(config: Option<&Path>) -> String {
    match config {
        Some(path) => format!("{} does not exist or names none", path.display()),
        None => "without HOME and ARGOCD_CONFIG_DIR there is no configuration file".to_owned(),
    }
}

impl fmt::Display for OptsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(at) => write!(f, "word {at} is neither a long flag nor its value"),
            Self::Unterminated => f.write_str("a quote has no end"),
        }
    }
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
