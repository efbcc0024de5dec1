//! HTTP clients for servers that are no cluster.

use std::time::Duration;

use http::Uri;
use reqwest::{ClientBuilder, redirect::Policy};
use rustls::ClientConfig;

use crate::{
    client::{ProxyVariables, tls::server_config},
    text::chain,
};

/// A connection is given up after this.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Makes a client for one server. It follows no redirects: credentials are for this server only.
///
/// # Errors
///
/// When the system has no certificates to trust, or a variable names a proxy that cannot be used.
pub fn client(server: &Uri, proxies: &ProxyVariables) -> Result<reqwest::Client, String> {
    let mut tls = server_config(false, None, None)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    build(tls, server, proxies)
}

/// Makes a client with a given TLS configuration.
pub(crate) fn build(
    tls: ClientConfig,
    server: &Uri,
    proxies: &ProxyVariables,
) -> Result<reqwest::Client, String> {
    let proxy = proxies.proxy_for(server).map_err(|error| chain(&error))?;
    let mut builder = ClientBuilder::new()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_WITHIN)
        .tcp_keepalive(Duration::from_secs(15))
        .user_agent(concat!("argo-assistant/", env!("CARGO_PKG_VERSION")))
        .no_proxy();
    if let Some(proxy) = proxy {
        let proxy = reqwest::Proxy::all(proxy.to_string());
        builder = builder.proxy(proxy.map_err(|error| chain(&error))?);
    }
    builder.build().map_err(|error| chain(&error))
}
