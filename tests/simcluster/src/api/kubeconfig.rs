//! The kubeconfig of a server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::server::Core;

pub(super) fn kubeconfig(core: &Core) -> String {
    let authority = core.certificates.as_ref().map(|certificates| {
        let encoded = STANDARD.encode(certificates.authority());
        format!("\n    certificate-authority-data: {encoded}")
    });
    // Without any credentials kubectl asks for a user name; a server without tokens ignores one.
    let token = core.access.first_token().unwrap_or("simcluster");
    let token = serde_json::Value::from(token);
    format!(
        "apiVersion: v1
kind: Config
current-context: sim
clusters:
- name: sim
  cluster:
    server: {url}{authority}
contexts:
- name: sim
  context:
    cluster: sim
    user: sim
users:
- name: sim
  user:
    token: {token}
",
        url = core.url(),
        authority = authority.unwrap_or_default(),
    )
}
