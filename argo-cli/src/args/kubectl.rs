//! kubectl's connection flags, under kubectl's names.

use std::{path::PathBuf, time::Duration};

use argo_core::client::Overrides;
use clap::{Args, builder::BoolishValueParser};

/// Values in place of those in the kubeconfig.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Cluster")]
pub struct KubectlArgs {
    /// Act as this user (and with --as-group, as a member of these groups)
    #[arg(long = "as", value_name = "USER", env = "ARGO_ASSISTANT_AS")]
    pub impersonate: Option<String>,

    /// Act as a member of this group (repeatable)
    #[arg(
        long = "as-group",
        value_name = "GROUP",
        requires = "impersonate",
        value_delimiter = ',',
        env = "ARGO_ASSISTANT_AS_GROUP"
    )]
    pub impersonate_groups: Vec<String>,

    /// Name of the kubeconfig's user entry
    #[arg(long, value_name = "NAME", env = "ARGO_ASSISTANT_USER")]
    pub user: Option<String>,

    /// Name of the kubeconfig's cluster entry
    #[arg(long, value_name = "NAME", env = "ARGO_ASSISTANT_CLUSTER")]
    pub cluster: Option<String>,

    /// Address of the API server
    #[arg(long, value_name = "URL", env = "ARGO_ASSISTANT_SERVER")]
    pub server: Option<String>,

    /// Bearer token for the API server
    #[arg(
        long,
        value_name = "TOKEN",
        env = "ARGO_ASSISTANT_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,

    /// Give a request up whose answer has not begun by then
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = super::duration,
        env = "ARGO_ASSISTANT_REQUEST_TIMEOUT"
    )]
    pub request_timeout: Option<Duration>,

    /// Do not check the API server's certificate (insecure)
    #[arg(
        long,
        value_parser = BoolishValueParser::new(),
        env = "ARGO_ASSISTANT_INSECURE_SKIP_TLS_VERIFY"
    )]
    pub insecure_skip_tls_verify: bool,

    /// File with the certificate authority of the API server
    #[arg(
        long,
        value_name = "FILE",
        env = "ARGO_ASSISTANT_CERTIFICATE_AUTHORITY"
    )]
    pub certificate_authority: Option<PathBuf>,

    /// File with a client certificate
    #[arg(long, value_name = "FILE", env = "ARGO_ASSISTANT_CLIENT_CERTIFICATE")]
    pub client_certificate: Option<PathBuf>,

    /// File with the key of the client certificate
    #[arg(long, value_name = "FILE", env = "ARGO_ASSISTANT_CLIENT_KEY")]
    pub client_key: Option<PathBuf>,

    /// Name that the API server's certificate has to be for
    #[arg(long, value_name = "NAME", env = "ARGO_ASSISTANT_TLS_SERVER_NAME")]
    pub tls_server_name: Option<String>,
}

impl KubectlArgs {
    /// The values in the words of `argo-core`. Empty ones count as absent, as in kubectl.
    pub fn overrides(&self) -> Overrides {
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let path = |value: &Option<PathBuf>| {
            let value = value
                .as_ref()
                .map(|path| path.to_string_lossy().into_owned());
            value.filter(|value| !value.is_empty())
        };
        let mut overrides = Overrides::default();
        overrides.cluster = text(&self.cluster);
        overrides.user = text(&self.user);
        overrides.server = text(&self.server);
        overrides.token = text(&self.token);
        overrides.impersonate = text(&self.impersonate);
        overrides
            .impersonate_groups
            .clone_from(&self.impersonate_groups);
        // kubectl takes 0 for "no limit".
        overrides.request_timeout = self.request_timeout.filter(|limit| !limit.is_zero());
        overrides.insecure_skip_tls_verify = self.insecure_skip_tls_verify;
        overrides.certificate_authority = path(&self.certificate_authority);
        overrides.client_certificate = path(&self.client_certificate);
        overrides.client_key = path(&self.client_key);
        overrides.tls_server_name = text(&self.tls_server_name);
        overrides
    }
}

/// Without the token.
impl std::fmt::Debug for KubectlArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KubectlArgs")
            .field(&self.overrides())
            .finish()
    }
}
