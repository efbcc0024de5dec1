//! Kubeconfig files, read and merged by the rules of kubectl.
//!
//! kube-client 5.0 reads every entry of a file strictly, used or not; takes an empty
//! string for a path or a token; and reads `HTTPS_PROXY` while it does so.

use std::path::{Path, PathBuf};

use http::Uri;
use kube::config::{Cluster, ExecAuthCluster};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    overrides::Overrides,
    proxy::{self, ProxyError, ProxyVariables},
    tls::Trust,
    transport::Target,
    trust::authorities,
    user::{ReadError, User, data_or_file},
};
use crate::text::{suggestion, yaml};

/// The Kubernetes configuration cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeconfigError {
    /// A file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A file is not YAML, or no kubeconfig.
    #[error("{} is no kubeconfig: {why}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// No `current-context`, and no context was asked for.
    #[error("no current-context is set: choose one with --context")]
    NoContext,
    /// A name that nothing has.
    #[error("there is no {kind} \"{name}\"{}", suggestion(name, names))]
    Missing {
        /// `context`, `cluster` or `user`.
        kind: &'static str,
        /// The name that was looked for.
        name: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// An entry with a field of another type.
    #[error("the {kind} \"{name}\" cannot be read: {why}")]
    Entry {
        /// `context`, `cluster` or `user`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The reason.
        why: String,
    },
    /// A cluster without an address.
    #[error("the cluster \"{0}\" has no server")]
    NoServer(String),
    /// An address that is no URL.
    #[error("the server \"{0}\" is not a URL")]
    Server(String),
    /// A cluster whose authority holds no certificate.
    #[error("the certificate authority of the cluster \"{0}\" holds no PEM block CERTIFICATE")]
    NoAuthority(String),
    /// A file that an entry names cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// The entries of one or more files. An entry is read when it is chosen: an unused one may be
/// broken.
#[derive(Default)]
pub(super) struct Kubeconfig {
    current_context: Option<String>,
    contexts: Vec<Named>,
    clusters: Vec<Named>,
    users: Vec<Named>,
}

struct Named {
    name: String,
    entry: Map<String, Value>,
}

/// The parts that were chosen of a kubeconfig.
pub(super) struct Choice {
    pub(super) target: Target,
    /// The context's name.
    pub(super) context: String,
    /// The name of the user entry.
    pub(super) user: String,
}

impl Kubeconfig {
    /// Reads one file; relative paths in it begin at its folder.
    pub(super) fn read(path: &Path) -> Result<Self, KubeconfigError> {
        let bytes = std::fs::read(path).map_err(|error| KubeconfigError::File {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        let folder = std::path::absolute(path).ok();
        let folder = folder
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new("."));
        Self::parse(&bytes, folder).map_err(|why| KubeconfigError::Syntax {
            path: path.to_owned(),
            why,
        })
    }

    fn parse(bytes: &[u8], folder: &Path) -> Result<Self, String> {
        let mut root = match yaml(bytes)? {
            Value::Null => Map::new(),
            Value::Object(root) => root,
            _ => return Err("it holds no map".to_owned()),
        };
        let kind = root.get("kind").and_then(Value::as_str).unwrap_or_default();
        if !kind.is_empty() && kind != "Config" {
            return Err(format!("its kind is \"{kind}\""));
        }
        let mut named = |list: &str, entry: &str| -> Vec<Named> {
            let list = root.remove(list).unwrap_or_default();
            let list = list.as_array().cloned().unwrap_or_default();
            list.into_iter()
                .map(|item| Named::new(&item, entry, folder))
                .collect()
        };
        let (contexts, clusters) = (named("contexts", "context"), named("clusters", "cluster"));
        let users = named("users", "user");
        let current = root.get("current-context").and_then(Value::as_str);
        Ok(Self {
            current_context: current.filter(|name| !name.is_empty()).map(str::to_owned),
            contexts,
            clusters,
            users,
        })
    }

    /// Adds the entries of another file. Of two with the same name the first one counts.
    pub(super) fn merge(&mut self, next: Self) {
        self.current_context = self.current_context.take().or(next.current_context);
        add(&mut self.contexts, next.contexts);
        add(&mut self.clusters, next.clusters);
        add(&mut self.users, next.users);
    }

    /// Reads the entries of a context, with the values that the caller puts in their place.
    pub(super) fn choose(
        &self,
        context: Option<&str>,
        overrides: &Overrides,
        proxies: &ProxyVariables,
    ) -> Result<Choice, KubeconfigError> {
        let name = context
            .map(str::to_owned)
            .or_else(|| self.current_context.clone());
        let chosen = match &name {
            Some(name) => find("context", &self.contexts, name)?.entry.clone(),
            None if overrides.names_a_server() => Map::new(),
            None => return Err(KubeconfigError::NoContext),
        };
        let part = |field: &str| chosen.get(field).and_then(Value::as_str).map(str::to_owned);
        let cluster_name = overrides
            .cluster
            .clone()
            .or_else(|| part("cluster"))
            .unwrap_or_default();
        let user_name = overrides
            .user
            .clone()
            .or_else(|| part("user"))
            .unwrap_or_default();
        let mut cluster = self.cluster(&cluster_name, overrides)?;
        let mut user = self.user(&user_name, overrides)?;
        overrides.apply(&mut cluster, &mut user);
        if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
            exec.cluster = ExecAuthCluster::try_from(&cluster).ok();
        }
        let mut target = target(&cluster, &cluster_name, user, proxies)?;
        target.namespace = part("namespace").unwrap_or_else(|| "default".to_owned());
        target.answer_within = overrides.request_timeout;
        Ok(Choice {
            target,
            context: name.unwrap_or_default(),
            user: user_name,
        })
    }

    fn cluster(&self, name: &str, overrides: &Overrides) -> Result<Cluster, KubeconfigError> {
        // A server given by the caller needs no entry.
        if overrides.server.is_some() && !self.clusters.iter().any(|named| named.name == name) {
            return Ok(Cluster::default());
        }
        find("cluster", &self.clusters, name)?.read("cluster")
    }

    /// Returns a user entry. A context may name a user that does not exist: kubectl sends no
    /// credentials then.
    fn user(&self, name: &str, overrides: &Overrides) -> Result<User, KubeconfigError> {
        match self.users.iter().find(|named| named.name == name) {
            Some(named) => named.read("user"),
            // A user named by the caller has to exist, unlike that of a context.
            None if overrides.user.is_some() => find("user", &self.users, name)?.read("user"),
            None => Ok(User::default()),
        }
    }
}

impl Named {
    fn new(item: &Value, field: &str, folder: &Path) -> Self {
        let name = item
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let entry = item
            .get(field)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut entry = without_empty(entry);
        for path in [
            "certificate-authority",
            "client-certificate",
            "client-key",
            "tokenFile",
        ] {
            if let Some(path) = entry.get_mut(path) {
                make_absolute(path, folder);
            }
        }
        if let Some(exec) = entry.get_mut("exec").and_then(Value::as_object_mut) {
            *exec = without_empty(std::mem::take(exec));
            // A name without a folder is looked up in PATH.
            let command = exec.get_mut("command").filter(|command| {
                command
                    .as_str()
                    .is_some_and(|command| command.contains(std::path::MAIN_SEPARATOR))
            });
            if let Some(command) = command {
                make_absolute(command, folder);
            }
        }
        Self { name, entry }
    }

    fn read<T: DeserializeOwned>(&self, kind: &'static str) -> Result<T, KubeconfigError> {
        serde_json::from_value(Value::Object(self.entry.clone())).map_err(|error| {
            KubeconfigError::Entry {
                kind,
                name: self.name.clone(),
                why: crate::text::redact::redacted(&error.to_string()).into_owned(),
            }
        })
    }
}

fn add(first: &mut Vec<Named>, next: Vec<Named>) {
    for named in next {
        // As in kubectl, the first file that has an entry of this name wins.
        if !first.iter().any(|known| known.name == named.name) {
            first.push(named);
        }
    }
}

fn find<'a>(
    kind: &'static str,
    list: &'a [Named],
    name: &str,
) -> Result<&'a Named, KubeconfigError> {
    list.iter()
        .find(|named| named.name == name)
        .ok_or_else(|| KubeconfigError::Missing {
            kind,
            name: name.to_owned(),
            names: list.iter().map(|named| named.name.clone()).collect(),
        })
}

/// Removes the values that kubectl takes for absent: nulls, empty strings, empty lists and
/// maps.
fn without_empty(entry: Map<String, Value>) -> Map<String, Value> {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    entry
        .into_iter()
        .filter(|(_, value)| !is_empty(value))
        .collect()
}

fn make_absolute(path: &mut Value, folder: &Path) {
    if let Value::String(path) = path {
        *path = folder.join(&*path).to_string_lossy().into_owned();
    }
}

fn target(
    cluster: &Cluster,
    name: &str,
    user: User,
    proxies: &ProxyVariables,
) -> Result<Target, KubeconfigError> {
    let server = server(cluster, name, &user)?;
    let proxy = match &cluster.proxy_url {
        // It counts for every server, on this machine too.
        Some(url) => Some(proxy::parse(url)?),
        None => proxies.proxy_for(&server)?,
    };
    Ok(Target {
        trust: trust(cluster, name)?,
        server_name: cluster.tls_server_name.clone(),
        ..Target::new(server, proxy, user)
    })
}

/// Reads the address as client-go does: a URL, or a host with a port, for which TLS is
/// used only if anything of TLS is configured.
fn server(cluster: &Cluster, name: &str, user: &User) -> Result<Uri, KubeconfigError> {
    let Some(server) = &cluster.server else {
        return Err(KubeconfigError::NoServer(name.to_owned()));
    };
    let whole: Option<Uri> = server.parse().ok();
    let whole = whole.filter(|url| url.scheme().is_some() && url.host().is_some());
    let has_authority =
        cluster.certificate_authority.is_some() || cluster.certificate_authority_data.is_some();
    let has_certificate =
        user.client_certificate.is_some() || user.client_certificate_data.is_some();
    let is_tls = has_authority || has_certificate || cluster.insecure_skip_tls_verify == Some(true);
    let scheme = if is_tls { "https" } else { "http" };
    match whole {
        Some(url) => Ok(url),
        None => format!("{scheme}://{server}")
            .parse()
            .map_err(|_| KubeconfigError::Server(server.clone())),
    }
}

fn trust(cluster: &Cluster, name: &str) -> Result<Trust, KubeconfigError> {
    if cluster.insecure_skip_tls_verify == Some(true) {
        return Ok(Trust {
            anyone: true,
            ..Trust::default()
        });
    }
    let (data, path) = (
        &cluster.certificate_authority_data,
        &cluster.certificate_authority,
    );
    let pem = data_or_file("certificate-authority", data.as_deref(), path.as_deref())?;
    let Some(pem) = pem else {
        return Ok(Trust::default());
    };
    let certificates = authorities(&pem);
    if certificates.is_empty() {
        return Err(KubeconfigError::NoAuthority(name.to_owned()));
    }
    Ok(Trust {
        authorities: Some(certificates),
        file: path.clone().filter(|_| data.is_none()).map(PathBuf::from),
        anyone: false,
    })
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
