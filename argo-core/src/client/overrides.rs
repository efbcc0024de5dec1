//! kubectl's connection flags: values that take the place of a kubeconfig's entries.

use std::time::Duration;

use kube::config::Cluster;

use super::user::User;

/// Values that take the place of those in a kubeconfig, as kubectl's flags of the same
/// names do.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Overrides {
    /// `--cluster`: the name of another cluster entry.
    pub cluster: Option<String>,
    /// `--user`: the name of another user entry.
    pub user: Option<String>,
    /// `--server`: the address of the API server.
    pub server: Option<String>,
    /// `--token`: a bearer token.
    pub token: Option<String>,
    /// `--as`: the user to act as.
    pub impersonate: Option<String>,
    /// `--as-group`: the groups to act as.
    pub impersonate_groups: Vec<String>,
    /// `--as-uid`: the uid to act as.
    pub impersonate_uid: Option<String>,
    /// `--request-timeout`: a request whose answer has not begun by then fails.
    pub request_timeout: Option<Duration>,
    /// True if the server's certificate is not checked (`--insecure-skip-tls-verify`).
    pub insecure_skip_tls_verify: bool,
    /// `--certificate-authority`: a file.
    pub certificate_authority: Option<String>,
    /// `--client-certificate`: a file.
    pub client_certificate: Option<String>,
    /// `--client-key`: a file.
    pub client_key: Option<String>,
    /// `--tls-server-name`: the name that the server's certificate has to be for.
    pub tls_server_name: Option<String>,
}

impl Overrides {
    /// True if a cluster, a user or a server is given, so that the service account of a pod
    /// is not meant.
    pub(super) fn names_an_entry(&self) -> bool {
        self.cluster.is_some() || self.user.is_some() || self.server.is_some()
    }

    /// True if no kubeconfig is needed to know the server.
    pub(super) fn names_a_server(&self) -> bool {
        self.server.is_some() || self.cluster.is_some()
    }

    /// Puts the values in place, by client-go's rules.
    pub(super) fn apply(&self, cluster: &mut Cluster, user: &mut User) {
        self.apply_to_cluster(cluster);
        self.apply_to_user(user);
    }

    fn apply_to_cluster(&self, cluster: &mut Cluster) {
        replace(&mut cluster.server, &self.server);
        // A name in the kubeconfig belongs to the server in the kubeconfig.
        if self.server.is_some() || self.tls_server_name.is_some() {
            cluster.tls_server_name.clone_from(&self.tls_server_name);
        }
        if self.insecure_skip_tls_verify || self.certificate_authority.is_some() {
            cluster.insecure_skip_tls_verify = Some(self.insecure_skip_tls_verify);
            cluster
                .certificate_authority
                .clone_from(&self.certificate_authority);
            cluster.certificate_authority_data = None;
        }
    }

    /// Applies the values to a user, also to the service account of a pod.
    pub(super) fn apply_to_user(&self, user: &mut User) {
        if self.token.is_some() {
            user.token.clone_from(&self.token);
            user.token_file = None;
        }
        if self.client_certificate.is_some() {
            user.client_certificate.clone_from(&self.client_certificate);
            user.client_certificate_data = None;
        }
        if self.client_key.is_some() {
            user.client_key.clone_from(&self.client_key);
            user.client_key_data = None;
        }
        replace(&mut user.impersonation.user, &self.impersonate);
        replace(&mut user.impersonation.uid, &self.impersonate_uid);
        if !self.impersonate_groups.is_empty() {
            user.impersonation
                .groups
                .clone_from(&self.impersonate_groups);
        }
    }
}

fn replace(value: &mut Option<String>, with: &Option<String>) {
    if with.is_some() {
        value.clone_from(with);
    }
}

/// Without the token.
impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overrides")
            .field("cluster", &self.cluster)
            .field("user", &self.user)
            .field("server", &self.server)
            .field("impersonate", &self.impersonate)
            .finish_non_exhaustive()
    }
}
