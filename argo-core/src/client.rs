//! The way from a kubeconfig or a service account to a connection.
//!
//! # Theory of operation
//!
//! [`Options`] name the places to look in; [`Options::inferred`] looks where kubectl looks.
//! The result is a server, the proxy before it, the authorities to trust and the user to be.
//! A [`Transport`] is made of these: it loads the credentials, renews them when the server
//! refuses them, opens connections, and is the bottom of kube's [`Client`] as well as of the
//! log connections of `argo-logs`. So there is one set of credentials, and a plugin runs once
//! for all.
//!
//! The aim is to reach whatever kubectl reaches: `docs/kubeconfig.md` is the list of forms.
//! Where kube-client does something else, the module says so with the version, so that it
//! can go once that is mended there.

mod client_certificate;
mod credentials;
mod dial;
mod in_cluster;
mod kubeconfig;
mod options;
mod overrides;
mod pem;
mod plugin;
mod proxy;
mod renewing;
#[cfg_attr(not(feature = "argocd-api"), allow(dead_code, reason = "for argocd"))]
pub(crate) mod tls;
mod transport;
mod trust;
mod user;
mod x509;

use std::{fmt, sync::Arc};

use http::Uri;
use kube::{Client, Config, config::ExecInteractiveMode};

pub use client_certificate::ClientCertificateError;
pub use credentials::CredentialsError;
pub use dial::{DialError, Wire};
pub use in_cluster::ServiceAccount;
pub use kubeconfig::KubeconfigError;
pub use options::Options;
pub use overrides::Overrides;
pub use plugin::PluginError;
pub use proxy::{ProxyError, ProxyVariables};
pub use transport::{Login, Transport, TransportError};
pub use user::ReadError;

use kubeconfig::Kubeconfig;
use transport::Target;

/// A way to a cluster.
#[derive(Clone)]
pub struct Connection {
    /// The client for everything but logs.
    pub client: Client,
    /// The configuration's source, for messages: `context "prod"`, `the service account`.
    pub described: String,
    /// Connections of one's own, with the credentials of the client. `None` if the client
    /// is the embedder's.
    pub transport: Option<Arc<Transport>>,
    /// The source of the credentials.
    pub login: LoginSource,
}

/// The source of the credentials of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginSource {
    /// The embedder's own configuration or client.
    #[default]
    Given,
    /// The service account of the pod that we run in.
    ServiceAccount,
    /// A user entry of a kubeconfig.
    User {
        /// The name of the user entry.
        name: String,
        /// True if the entry holds no credentials: the server takes the user for
        /// `system:anonymous`.
        is_anonymous: bool,
    },
}

impl Connection {
    /// Returns the URL of the API server, if it is known.
    pub fn server(&self) -> Option<&Uri> {
        self.transport.as_deref().map(Transport::server)
    }

    fn new(target: Target, described: String, login: LoginSource) -> Self {
        let transport = Arc::new(Transport::new(target));
        Self {
            client: transport.client(),
            described,
            transport: Some(transport),
            login,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("described", &self.described)
            .field("server", &self.server())
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// An error that kept a connection from being configured. No variant goes away by trying
/// again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither in a cluster nor any file.
    #[error("no Kubernetes configuration: not in a cluster, and {0}")]
    NoConfiguration(String),
    /// The configuration cannot be read, or names an entry that it does not have.
    #[error("the Kubernetes configuration{files} cannot be used{context}")]
    Kubeconfig {
        /// ` FILE` with a space before it, or nothing where the error names the file itself.
        files: String,
        /// ` with context "x"`, or nothing.
        context: String,
        /// The reason.
        source: KubeconfigError,
    },
    /// No credentials can be had.
    #[error("no credentials from {described}")]
    Credentials {
        /// The source of the configuration.
        described: String,
        /// The reason.
        source: CredentialsError,
    },
}

/// Finds the cluster and loads the credentials; asks the cluster nothing yet.
///
/// In a cluster the service account comes first, as the field expects of tools that run
/// in pods; `context`, `kubeconfig` and the names in `overrides` go straight to the files.
///
/// # Errors
///
/// When there is no configuration, it cannot be used, or no credentials can be had.
pub async fn connect(options: &Options) -> Result<Connection, Error> {
    let connection = find(options)?;
    if let Some(transport) = &connection.transport
        && let Err(source) = transport.login().await
    {
        let described = connection.described;
        return Err(Error::Credentials { described, source });
    }
    Ok(connection)
}

/// Finds the cluster; the credentials are loaded when they are needed first. Reads files, runs
/// no plugin and asks nobody.
///
/// # Errors
///
/// When there is no configuration, or it cannot be used.
pub fn prepare(options: &Options) -> Result<Connection, Error> {
    find(options)
}

/// Makes a connection of a configuration that the caller has; credentials are loaded when
/// they are needed first.
///
/// Proxies are those of the configuration. kube-client 5.0 holds `NO_PROXY` against the
/// address of the proxy while it makes one.
pub fn connect_with(config: Config, described: impl Into<String>) -> Connection {
    Connection::new(config.into(), described.into(), LoginSource::Given)
}

/// Makes a connection of a client that the caller has, with whatever layers it consists of.
/// Logs are read through it too.
///
/// The client should have `default_retry` off: a request that it retries by itself is a
/// silent one.
impl From<Client> for Connection {
    fn from(client: Client) -> Self {
        Self {
            client,
            described: "a client of its own".to_owned(),
            transport: None,
            login: LoginSource::Given,
        }
    }
}

impl From<Config> for Connection {
    fn from(config: Config) -> Self {
        connect_with(config, "a configuration of its own")
    }
}

fn find(options: &Options) -> Result<Connection, Error> {
    let source = |source| Error::Kubeconfig {
        files: options.existing_files_in_words(),
        context: options.context_in_words(),
        source,
    };
    if let Some(account) = options.usable_service_account() {
        let target = account
            .target(&options.overrides, &options.proxies)
            .map_err(source)?;
        let described = "the pod's service account".to_owned();
        return Ok(Connection::new(
            target,
            described,
            LoginSource::ServiceAccount,
        ));
    }
    let kubeconfig = read(options)?;
    let choice = kubeconfig.choose(
        options.context.as_deref(),
        &options.overrides,
        &options.proxies,
    );
    let mut choice = choice.map_err(source)?;
    if !options.interactive
        && let Some(exec) = choice.target.user.exec.as_mut()
    {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    let login = LoginSource::User {
        name: choice.user,
        is_anonymous: choice.target.user.is_anonymous(),
    };
    let described = match choice.context.as_str() {
        "" => format!("the server {}", choice.target.server),
        context => format!("context \"{context}\""),
    };
    Ok(Connection::new(choice.target, described, login))
}

fn read(options: &Options) -> Result<Kubeconfig, Error> {
    let source = |source| Error::Kubeconfig {
        files: String::new(),
        context: String::new(),
        source,
    };
    if let Some(path) = &options.kubeconfig {
        return Kubeconfig::read(path).map_err(source);
    }
    let mut merged: Option<Kubeconfig> = None;
    for path in options.existing_files() {
        let next = Kubeconfig::read(path).map_err(source)?;
        match merged.as_mut() {
            None => merged = Some(next),
            Some(merged) => merged.merge(next),
        }
    }
    match merged {
        Some(merged) => Ok(merged),
        None if options.overrides.server.is_some() => Ok(Kubeconfig::default()),
        None => Err(Error::NoConfiguration(options.missing_in_words())),
    }
}

#[cfg(test)]
#[path = "client/forms_tests.rs"]
mod forms_tests;
