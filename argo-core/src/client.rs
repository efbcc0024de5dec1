//! The connection recipe: from a kubeconfig or a service account to a client.

mod renewing;

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError},
};

/// Where to find the cluster. Reading the environment is the caller's business.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Goes straight to this file.
    pub kubeconfig: Option<PathBuf>,
    /// Goes straight to the files, and picks this context of them.
    pub context: Option<String>,
    /// The files to merge, first wins, missing ones skipped as kubectl does: the parts of
    /// `KUBECONFIG`, or `~/.kube/config`.
    pub files: Vec<PathBuf>,
    /// Where `files` come from, for messages: `KUBECONFIG`, or empty for the default.
    pub files_from: String,
    /// True if a credential plugin may ask on the terminal.
    pub interactive: bool,
}

/// A way to a cluster.
#[derive(Clone)]
pub struct Connection {
    /// The client for everything but logs.
    pub client: Client,
    /// What the client was made of: log streams make connections of their own from it.
    pub config: Config,
    /// Where it comes from, for messages: `context "prod"`, `the service account`.
    pub described: String,
}

/// Why there is no connection. None of these goes away by trying again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither in a cluster nor any file.
    #[error("no Kubernetes configuration: not in a cluster, and {0}")]
    NoConfiguration(String),
    /// A file cannot be read or understood.
    #[error("cannot read the Kubernetes configuration {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: KubeconfigError,
    },
    /// The configuration names what it does not hold.
    #[error("the Kubernetes configuration {files} cannot be used{context}")]
    Load {
        /// The files.
        files: String,
        /// ` with context "x"`, or nothing.
        context: String,
        /// Why.
        source: KubeconfigError,
    },
    /// A client cannot be made of the configuration (certificates, proxy, plugin).
    #[error("cannot make a Kubernetes client from {described}")]
    Client {
        /// Where the configuration comes from.
        described: String,
        /// Why.
        source: kube::Error,
    },
}

/// Finds the cluster and makes a client; asks the cluster nothing yet.
///
/// In a cluster the service account comes first, as the field expects of tools that run
/// in pods; `context` and `kubeconfig` go straight to the files.
///
/// # Errors
///
/// When there is no configuration or it cannot be used.
pub async fn connect(options: &Options) -> Result<Connection, Error> {
    let (mut config, described) = find(options).await?;
    // Retries are ours: inside the request they would be silent, for minutes.
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(10));
    config.write_timeout = None;
    if !options.interactive
        && let Some(exec) = config.auth_info.exec.as_mut()
    {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    connect_with(config, described)
}

/// Makes a connection of a configuration that the caller has. Where credentials come from
/// a plugin or a file, the client fetches them anew when the server refuses them, once a
/// minute at most. Each connection does so on its own, and so do the logs of `argo-logs`
/// beside the client: a plugin runs that much more often.
///
/// # Errors
///
/// When no client can be made of it.
pub fn connect_with(config: Config, described: String) -> Result<Connection, Error> {
    match renewing::client(config.clone()) {
        Ok(client) => Ok(Connection {
            client,
            config,
            described,
        }),
        Err(source) => Err(Error::Client { described, source }),
    }
}

async fn find(options: &Options) -> Result<(Config, String), Error> {
    let explicit = options.kubeconfig.is_some() || options.context.is_some();
    if !explicit && let Ok(config) = Config::incluster() {
        return Ok((config, "the pod's service account".to_owned()));
    }
    let kubeconfig = read(options)?;
    let chosen = options
        .context
        .clone()
        .or_else(|| kubeconfig.current_context.clone());
    let described = format!("context \"{}\"", chosen.unwrap_or_default());
    let load = KubeConfigOptions {
        context: options.context.clone(),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &load);
    config
        .await
        .map(|config| (config, described))
        .map_err(|source| Error::Load {
            files: file_list(options),
            context: options
                .context
                .as_ref()
                .map_or_else(String::new, |c| format!(" with context \"{c}\"")),
            source,
        })
}

fn read(options: &Options) -> Result<Kubeconfig, Error> {
    if let Some(path) = &options.kubeconfig {
        return read_file(path);
    }
    let mut merged: Option<Kubeconfig> = None;
    for path in options.files.iter().filter(|path| path.exists()) {
        let next = read_file(path)?;
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|source| Error::Read {
                path: path.display().to_string(),
                source,
            })?,
        });
    }
    merged.ok_or_else(|| Error::NoConfiguration(missing(options)))
}

fn read_file(path: &PathBuf) -> Result<Kubeconfig, Error> {
    Kubeconfig::read_from(path).map_err(|source| Error::Read {
        path: path.display().to_string(),
        source,
    })
}

fn file_list(options: &Options) -> String {
    let files = options
        .kubeconfig
        .as_ref()
        .map_or(options.files.as_slice(), std::slice::from_ref);
    let names: Vec<_> = files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(", ")
}

fn missing(options: &Options) -> String {
    let from = match options.files_from.as_str() {
        "" => String::new(),
        from => format!(" (from {from})"),
    };
    match options.files.len() {
        0 => "no kubeconfig file is known".to_owned(),
        1 => format!("{}{from} does not exist", file_list(options)),
        _ => format!("none of {}{from} exists", file_list(options)),
    }
}
