//! A client certificate with its key, in every form that Go's `tls.X509KeyPair` reads.
//!
//! kube-client 5.0 refuses a file in which any other block stands (`EC PARAMETERS`, a
//! signing request), and rustls asks webpki whether certificate and key belong together,
//! which knows no certificate of version 1. A client only sends its certificate: whether
//! it is good is for the server to say.

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SigningKey},
};

use super::{
    pem::{Block, blocks},
    x509::Certificate,
};

/// A client certificate or key that cannot be used. kubectl cannot use these either, except
/// for keys shorter than 2048 bits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCertificateError {
    /// No `CERTIFICATE` block.
    #[error("the client certificate holds no PEM block CERTIFICATE")]
    NoCertificate,
    /// The first block is not a certificate.
    #[error("the client certificate cannot be parsed")]
    BrokenCertificate,
    /// No private key block.
    #[error("the client key holds no PEM block PRIVATE KEY")]
    NoKey,
    /// A key with a password.
    #[error(
        "the client key of \"{0}\" is encrypted, write it without a password (openssl pkey -in FILE)"
    )]
    EncryptedKey(String),
    /// A key of another kind or with other parameters.
    #[error(
        "the client key of \"{0}\" is of a kind that is not supported: RSA from 2048 bits, ECDSA on P-256, P-384 or P-521, and Ed25519 are"
    )]
    UnsupportedKey(String),
    /// The key of another certificate.
    #[error("the client key does not belong to the certificate \"{0}\"")]
    OtherKey(String),
}

/// Puts a certificate chain and its key together.
pub(super) fn certified_key(
    certificate: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ClientCertificateError> {
    let chain = blocks(certificate)
        .into_iter()
        .filter(Block::is_certificate);
    let chain: Vec<CertificateDer<'static>> = chain.map(|block| block.contents.into()).collect();
    let first = chain
        .first()
        .ok_or(ClientCertificateError::NoCertificate)?
        .clone();
    let leaf = Certificate::parse(&first).ok_or(ClientCertificateError::BrokenCertificate)?;
    let name = leaf.name().unwrap_or_default();
    let key = blocks(key).into_iter().find(Block::is_private_key);
    let key = key.ok_or(ClientCertificateError::NoKey)?;
    if key.has_headers || key.label.starts_with("ENCRYPTED") {
        return Err(ClientCertificateError::EncryptedKey(name));
    }
    let Some(key) = signing_key(&key.contents, provider) else {
        return Err(ClientCertificateError::UnsupportedKey(name));
    };
    let is_other = |public: &[u8]| public != leaf.public_key;
    if key
        .public_key()
        .is_some_and(|public| is_other(public.as_ref()))
    {
        return Err(ClientCertificateError::OtherKey(name));
    }
    Ok(CertifiedKey::new(chain, key))
}

/// Reads a key by its bytes: the label often names another encoding.
fn signing_key(der: &[u8], provider: &CryptoProvider) -> Option<std::sync::Arc<dyn SigningKey>> {
    let encodings: [fn(Vec<u8>) -> PrivateKeyDer<'static>; 3] = [
        |der| PrivateKeyDer::Pkcs8(der.into()),
        |der| PrivateKeyDer::Pkcs1(der.into()),
        |der| PrivateKeyDer::Sec1(der.into()),
    ];
    let mut keys = encodings.iter().map(|encoding| encoding(der.to_vec()));
    keys.find_map(|key| provider.key_provider.load_private_key(key).ok())
}
