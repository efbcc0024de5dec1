//! The service account that Kubernetes gives a pod.

use std::path::{Path, PathBuf};

use super::{
    kubeconfig::KubeconfigError,
    overrides::Overrides,
    proxy::{ProxyVariables, unbracketed},
    tls::Trust,
    transport::Target,
    trust::authorities,
    user::User,
};

/// The folder where Kubernetes mounts the service account of a pod.
pub(super) const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The service account of the pod that we run in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// `KUBERNETES_SERVICE_HOST`.
    pub host: String,
    /// `KUBERNETES_SERVICE_PORT`.
    pub port: String,
    /// The folder that holds `token` and `ca.crt`.
    pub folder: PathBuf,
}

impl ServiceAccount {
    /// Creates the account in the folder where Kubernetes mounts it.
    pub fn new(host: impl Into<String>, port: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: port.into(),
            folder: PathBuf::from(FOLDER),
        }
    }

    /// Replaces the folder, for tests.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = folder.as_ref().to_owned();
        self
    }

    /// True if a token is mounted; without one client-go does not hold itself for a pod.
    pub(super) fn is_mounted(&self) -> bool {
        self.folder.join("token").exists()
    }

    /// Returns the way to the cluster that the pod runs in.
    ///
    /// client-go needs neither `ca.crt` nor `namespace`; kube-client 5.0 needs both.
    pub(super) fn target(
        &self,
        overrides: &Overrides,
        proxies: &ProxyVariables,
    ) -> Result<Target, KubeconfigError> {
        let host = unbracketed(&self.host);
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let server = format!("https://{host}:{}", self.port);
        let server = server
            .parse()
            .map_err(|_| KubeconfigError::Server(server.clone()))?;
        let file = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let mut user = User {
            token_file: Some(file("token")),
            ..User::default()
        };
        overrides.apply_to_user(&mut user);
        let namespace = std::fs::read_to_string(file("namespace")).unwrap_or_default();
        let namespace = Some(namespace.trim().to_owned()).filter(|name| !name.is_empty());
        let proxy = proxies.proxy_for(&server)?;
        Ok(Target {
            trust: self.trust(overrides),
            server_name: overrides.tls_server_name.clone(),
            namespace: namespace.unwrap_or_else(|| "default".to_owned()),
            answer_within: overrides.request_timeout,
            ..Target::new(server, proxy, user)
        })
    }

    fn trust(&self, overrides: &Overrides) -> Trust {
        let file = self.folder.join("ca.crt");
        let certificates = std::fs::read(&file)
            .map(|pem| authorities(&pem))
            .unwrap_or_default();
        Trust {
            authorities: Some(certificates).filter(|certificates| !certificates.is_empty()),
            file: Some(file),
            anyone: overrides.insecure_skip_tls_verify,
        }
    }
}
