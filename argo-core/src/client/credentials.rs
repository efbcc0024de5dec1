//! The identity that a cluster sees at one time, ready for use: the authorization of requests
//! and the TLS configuration of connections.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{FutureExt, future::ready};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use jiff::{SignedDuration, Timestamp};
use kube::{
    Config,
    client::{Body, ConfigExt, middleware::AuthLayer},
};
use rustls::ClientConfig;
use tower::{BoxError, Layer, ServiceExt, service_fn};

use super::{
    client_certificate::{ClientCertificateError, certified_key},
    plugin::{self, PluginError},
    tls::{Trust, client_config, provider},
    user::{ReadError, User},
};

/// The time after which a token file is read again, as in client-go.
const TOKEN_FILE_EVERY: Duration = Duration::from_secs(50);
/// The time before the expiry of a token at which its plugin runs again; half the token's
/// life if that is shorter.
const BEFORE_EXPIRY: SignedDuration = SignedDuration::from_secs(60);

/// An error that left a request without credentials.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The credential plugin gave none.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The client certificate or its key is of no use.
    #[error(transparent)]
    Certificate(#[from] ClientCertificateError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A token holds characters that no header may hold.
    #[error("the token cannot be sent: it holds line breaks or other control characters")]
    Token,
    /// The `auth-provider` gave none.
    #[error("the auth-provider \"{name}\" gives no credentials: {why}")]
    Provider {
        /// The name of the provider.
        name: String,
        /// The reason.
        why: String,
    },
    /// The TLS configuration cannot be made.
    #[error("{0}")]
    Tls(String),
    /// The work was aborted.
    #[error("loading the credentials was aborted: {0}")]
    Aborted(String),
}

/// Credentials of one time.
pub(super) struct Identity {
    authorization: Authorization,
    /// `None` where nothing on the way is encrypted.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The time from which on a new identity should be made.
    stale: Option<Timestamp>,
    /// The last time at which the server accepted these credentials.
    pub(super) accepted: Mutex<Option<Instant>>,
}

enum Authorization {
    None,
    Fixed(HeaderValue),
    File(TokenFile),
    Provider(AuthLayer),
}

impl Identity {
    /// Reads files and runs plugins, for as long as that takes.
    pub(super) async fn load(user: &User, trust: Option<&Trust>) -> Result<Self, CredentialsError> {
        let mut stale = None;
        // Without TLS nothing could show the certificate, so a bad one does no harm either.
        let mut certificate = trust.map_or(Ok(None), |_| user.certificate())?;
        let mut authorization = Authorization::of(user)?;
        let is_other = certificate.is_some() || !matches!(authorization, Authorization::None);
        // Other credentials win, as in kubectl: the plugin is not even run.
        if let Some(exec) = user.exec.as_ref().filter(|_| !is_other) {
            let given = plugin::run(exec).await?;
            // A plugin that names no expiry is asked again after a 401 only.
            stale = given.expires.map(stale_at);
            certificate = given
                .certificate
                .map(|(c, k)| (c.into_bytes(), k.into_bytes()));
            if let Some(token) = given.token {
                authorization = Authorization::Fixed(bearer(&token)?);
            }
        }
        Ok(Self {
            authorization,
            tls: trust
                .map(|trust| tls(certificate, trust))
                .transpose()?
                .map(Arc::new),
            stale,
            accepted: Mutex::default(),
        })
    }

    /// True if the token expires soon.
    pub(super) fn is_stale(&self) -> bool {
        self.stale.is_some_and(|stale| Timestamp::now() >= stale)
    }

    /// Adds the `Authorization` header to those of a request.
    pub(super) async fn authorize(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        let value = match &self.authorization {
            Authorization::None => return Ok(()),
            Authorization::Fixed(value) => value.clone(),
            Authorization::File(file) => file.header()?,
            Authorization::Provider(layer) => provided(layer).await?,
        };
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }
}

impl Authorization {
    /// Chooses the authorization. The precedence is client-go's: a token file beats a token
    /// if it can be read.
    fn of(user: &User) -> Result<Self, CredentialsError> {
        if let Some(path) = &user.token_file {
            let fallback = user.token.as_deref().map(bearer).transpose()?;
            return Ok(Self::File(TokenFile::read(path, fallback)?));
        }
        if let Some(token) = &user.token {
            return Ok(Self::Fixed(bearer(token)?));
        }
        if let Some(name) = &user.username {
            let password = user.password.as_deref().unwrap_or_default();
            let pair = STANDARD.encode(format!("{name}:{password}"));
            return secret(format!("Basic {pair}")).map(Self::Fixed);
        }
        match &user.auth_provider {
            Some(auth) => {
                provider_layer(auth).map(|layer| layer.map_or(Self::None, Self::Provider))
            }
            None => Ok(Self::None),
        }
    }
}

fn stale_at(expires: Timestamp) -> Timestamp {
    let life = expires.duration_since(Timestamp::now());
    let before = BEFORE_EXPIRY.min(life / 2).max(SignedDuration::ZERO);
    expires.checked_sub(before).unwrap_or(expires)
}

fn bearer(token: &str) -> Result<HeaderValue, CredentialsError> {
    // A token that was copied with its line end is still good.
    secret(format!("Bearer {}", token.trim()))
}

fn secret(text: String) -> Result<HeaderValue, CredentialsError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| CredentialsError::Token)?;
    // Keeps it out of `{:?}` of the headers, and out of HTTP/2's table of them.
    value.set_sensitive(true);
    Ok(value)
}

fn tls(
    certificate: Option<(Vec<u8>, Vec<u8>)>,
    trust: &Trust,
) -> Result<ClientConfig, CredentialsError> {
    let provider = provider();
    let certificate =
        certificate.map(|(certificate, key)| certified_key(&certificate, &key, &provider));
    client_config(trust, certificate.transpose()?, provider)
        .map_err(|error| CredentialsError::Tls(error.to_string()))
}

/// A bearer token in a file that others replace.
struct TokenFile {
    path: String,
    current: Mutex<(HeaderValue, Instant)>,
}

impl TokenFile {
    fn read(path: &str, fallback: Option<HeaderValue>) -> Result<Self, CredentialsError> {
        let value = match (token(path), fallback) {
            (Ok(value), _) => value,
            // client-go, too, uses `token` where `tokenFile` cannot be read.
            (Err(_), Some(fallback)) => fallback,
            (Err(error), None) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            current: Mutex::new((value, Instant::now())),
        })
    }

    /// Returns the header with the token. The last token is kept if the file has gone: some
    /// remove the file after the start.
    fn header(&self) -> Result<HeaderValue, CredentialsError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1.elapsed() >= TOKEN_FILE_EVERY {
            let value = token(&self.path).unwrap_or_else(|_| current.0.clone());
            *current = (value, Instant::now());
        }
        Ok(current.0.clone())
    }
}

fn token(path: &str) -> Result<HeaderValue, CredentialsError> {
    let failed = |why: String| ReadError {
        what: "tokenFile",
        path: Some(path.to_owned()),
        why,
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    // Projected tokens are replaced by a rename, but a file that is just being written is empty.
    if text.trim().is_empty() {
        return Err(failed("it is empty".to_owned()).into());
    }
    bearer(&text)
}

/// Creates kube's layer for the legacy `auth-provider`.
fn provider_layer(
    auth: &kube::config::AuthProviderConfig,
) -> Result<Option<AuthLayer>, CredentialsError> {
    let mut config = Config::new(http::Uri::from_static("http://localhost"));
    config.auth_info.auth_provider = Some(auth.clone());
    config
        .auth_layer()
        .map_err(|error| CredentialsError::Provider {
            name: auth.name.clone(),
            why: provider_failure(&error),
        })
}

/// Describes an error of kube's layer without the output of its command, which kube's own
/// text holds.
fn provider_failure(error: &kube::Error) -> String {
    use kube::client::AuthError;
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            format!("its command failed with {}", out.status)
        }
        kube::Error::Auth(AuthError::AuthExecParse(_) | AuthError::ParseTokenKey(_)) => {
            "its command wrote text that cannot be parsed".to_owned()
        }
        error => crate::text::redact::redacted(&error.to_string()).into_owned(),
    }
}

/// Runs a request through kube's layer to see which header it gets.
async fn provided(layer: &AuthLayer) -> Result<HeaderValue, BoxError> {
    let arrived = service_fn(|request: http::Request<Body>| {
        ready(Ok::<_, BoxError>(http::Response::new(
            request.into_parts().0.headers,
        )))
    });
    let answer = layer
        .layer(arrived)
        .oneshot(http::Request::new(Body::empty()));
    let headers = answer.boxed().await?.into_body();
    headers
        .get(AUTHORIZATION)
        .cloned()
        .ok_or_else(|| "no token".into())
}
