//! Who we are, for connections that are not kube's.

use std::{sync::Arc, time::Duration};

use argo_core::text::chain;
use futures::{FutureExt, future::ready};
use http::HeaderMap;
use kube::{
    Config,
    client::{Body, ConfigExt, middleware::AuthLayer},
};
use tokio::{sync::Mutex, task::spawn_blocking, time::Instant};
use tokio_rustls::TlsConnector;
use tower::{BoxError, Layer, ServiceExt, service_fn};

/// New credentials are asked for no more often than this.
const RENEW_EVERY: Duration = Duration::from_secs(60);

/// What the configuration says of tokens, certificates and trust.
///
/// A token file is read again every minute and a plugin's token before it expires; that
/// is kube's work. Here, whatever the server refuses is fetched anew from its beginning,
/// client certificates that a plugin made among it.
pub(crate) struct Credentials {
    config: Config,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    current: Option<Arc<Identity>>,
    renewed: Option<Instant>,
}

/// Credentials of one time.
pub(crate) struct Identity {
    auth: Option<AuthLayer>,
    tls: TlsConnector,
}

impl Credentials {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            loaded: Mutex::default(),
        }
    }

    /// The present ones; the first call fetches them.
    pub(crate) async fn current(&self) -> Result<Arc<Identity>, String> {
        let mut loaded = self.loaded.lock().await;
        if let Some(identity) = &loaded.current {
            return Ok(Arc::clone(identity));
        }
        let identity = self.load().await?;
        loaded.current = Some(Arc::clone(&identity));
        Ok(identity)
    }

    /// Others than `refused`, if there are any to be had now.
    pub(crate) async fn renewed(&self, refused: &Arc<Identity>) -> Option<Arc<Identity>> {
        let mut loaded = self.loaded.lock().await;
        let current = loaded.current.clone();
        if let Some(current) = current.filter(|current| !Arc::ptr_eq(current, refused)) {
            return Some(current);
        }
        let recent = |renewed: Instant| renewed.elapsed() < RENEW_EVERY;
        if loaded.renewed.is_some_and(recent) {
            return None;
        }
        loaded.renewed = Some(Instant::now());
        match self.load().await {
            Ok(identity) => loaded.current = Some(identity),
            Err(error) => {
                log::warn!("cannot renew the credentials for logs: {error}");
                return None;
            }
        }
        loaded.current.clone()
    }

    /// The headers that a request needs: authorization, impersonation, the user's own.
    pub(crate) async fn headers(&self, identity: &Identity) -> Result<HeaderMap, String> {
        // kube's layers work on requests: a service behind them sends back what arrived.
        let arrived = service_fn(|request: http::Request<Body>| {
            let mut response = http::Response::new(());
            *response.headers_mut() = request.into_parts().0.headers;
            ready(Ok::<_, BoxError>(response))
        });
        let extra = self.config.extra_headers_layer();
        let service = extra.map_err(|error| chain(&error))?.layer(arrived);
        let request = http::Request::new(Body::empty());
        let response = match &identity.auth {
            Some(auth) => auth.layer(service).oneshot(request).boxed(),
            None => service.oneshot(request).boxed(),
        };
        let response = response.await.map_err(|error| chain(&*error))?;
        Ok(response.into_parts().0.headers)
    }

    /// Reads files and runs plugins, which blocks.
    async fn load(&self) -> Result<Arc<Identity>, String> {
        let mut config = self.config.clone();
        let loading = spawn_blocking(move || {
            let auth = config.auth_layer()?;
            if auth.is_some() {
                // It gave a token, so no certificate: it need not run once more.
                config.auth_info.exec = None;
            }
            let tls = TlsConnector::from(Arc::new(config.rustls_client_config()?));
            Ok::<_, kube::Error>(Arc::new(Identity { auth, tls }))
        });
        match loading.await {
            Ok(Ok(identity)) => Ok(identity),
            Ok(Err(error)) => Err(chain(&error)),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Identity {
    /// One configuration for all connections: sessions are resumed.
    pub(crate) fn tls(&self) -> &TlsConnector {
        &self.tls
    }
}
