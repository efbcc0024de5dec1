//! The TLS configuration of a cluster.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, Error,
    client::danger::ServerCertVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_platform_verifier::Verifier;

use super::{
    client_certificate::certified_key,
    trust::{Anyone, Authorities, Beside, authorities},
};
use crate::text::chain;

/// The authorities to trust.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    /// Certificates of the cluster's authority, DER. `None`: those of the system.
    pub(super) authorities: Option<Vec<Vec<u8>>>,
    /// The file that the certificates were read from, if it may be read again.
    pub(super) file: Option<PathBuf>,
    /// True if the server's certificate is not checked.
    pub(super) anyone: bool,
}

/// Returns the cryptography: AWS-LC. Ring signs with no P-521 key and verifies no P-521
/// signature, both of which kubectl does.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Makes the configuration of all connections to a cluster: one, so that sessions are resumed.
pub(super) fn client_config(
    trust: &Trust,
    certificate: Option<CertifiedKey>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, Error> {
    let verifier = verifier(trust, &provider)?;
    verified_by(verifier, certificate, provider)
}

/// Makes the configuration with a verifier of the server and a certificate of ours.
fn verified_by(
    verifier: Arc<dyn ServerCertVerifier>,
    certificate: Option<CertifiedKey>,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match certificate {
        // Not `with_client_auth_cert`: see `client_certificate`.
        Some(certificate) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)))
        }
        None => builder.with_no_client_auth(),
    })
}

fn verifier(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if trust.anyone {
        return Ok(Arc::new(Anyone(Arc::clone(provider))));
    }
    let Some(certificates) = trust.authorities.clone() else {
        return Ok(Arc::new(Verifier::new(Arc::clone(provider))?));
    };
    Authorities::new(certificates, trust.file.clone(), Arc::clone(provider))
        .map(|authorities| Arc::new(authorities) as Arc<dyn ServerCertVerifier>)
        .ok_or_else(|| Error::General("the certificate authority holds no certificate".to_owned()))
}

/// Makes the configuration for a server that is reached without TLS: no certificate is accepted.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| chain(&error))?;
    Ok(builder
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

/// Makes the configuration for a server that is no cluster. The authorities are trusted beside
/// those of the system, as Go's `SystemCertPool` with `AppendCertsFromPEM` does.
pub(crate) fn server_config(
    insecure: bool,
    pem: Option<&[u8]>,
    certificate: Option<(&[u8], &[u8])>,
) -> Result<ClientConfig, String> {
    let provider = provider();
    let verifier: Arc<dyn ServerCertVerifier> = if insecure {
        Arc::new(Anyone(Arc::clone(&provider)))
    } else {
        let system = Verifier::new(Arc::clone(&provider)).map_err(|error| chain(&error));
        match pem {
            None => Arc::new(system?),
            Some(pem) => {
                let given = Authorities::new(authorities(pem), None, Arc::clone(&provider));
                let given = given.filter(|_| !authorities(pem).is_empty());
                let given = given.ok_or("the server certificate file holds no certificate")?;
                match system {
                    Ok(system) => Arc::new(Beside { given, system }),
                    // A system without authorities, such as an empty image.
                    Err(_) => Arc::new(given),
                }
            }
        }
    };
    let certificate = certificate
        .map(|(certificate, key)| certified_key(certificate, key, &provider))
        .transpose()
        .map_err(|error| chain(&error))?;
    verified_by(verifier, certificate, provider).map_err(|error| chain(&error))
}
