//! The cluster that is watched.

use argo_core::resource::Destination;

/// The cluster that is watched, and the destinations that certainly mean it. Any other name or
/// URL may mean it too: objects there that carry the tracking id of an Application show it.
#[derive(Clone, Debug)]
pub struct LocalCluster {
    /// True if Applications live on another cluster than the objects that they deploy. Any
    /// destination may then be the watched cluster.
    pub is_apart: bool,
    /// The URL by which the cluster is reached.
    pub url: String,
    /// The origin of the connection, for messages: `context "prod"`.
    pub described: String,
}

impl LocalCluster {
    pub(super) fn is_destination(&self, destination: &Destination) -> bool {
        let server = destination.server.as_deref().unwrap_or_default();
        let same = !server.is_empty() && address(server) == address(&self.url);
        self.is_apart || destination.is_in_cluster() || same
    }
}

/// Returns a URL in the form in which two of them are compared.
fn address(url: &str) -> String {
    let url = url.trim().trim_end_matches('/').to_ascii_lowercase();
    let is_https = url.starts_with("https://");
    let short = url.strip_suffix(":443").filter(|_| is_https);
    short.map_or_else(|| url.clone(), str::to_owned)
}
