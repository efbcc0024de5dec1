//! The check of a server's identity, by the rules of Go's `crypto/x509`.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime},
    server::ParsedCertificate,
};

use super::{
    pem::{Block, blocks},
    x509::Certificate,
};

/// Returns the certificates of a CA file or CA data: Go takes blocks with headers for
/// something else.
pub(super) fn authorities(pem: &[u8]) -> Vec<Vec<u8>> {
    let certificates = blocks(pem)
        .into_iter()
        .filter(|block| block.is_certificate() && !block.has_headers);
    let certificates = certificates.map(|block: Block| block.contents);
    certificates
        .filter(|der| Certificate::parse(der).is_some())
        .collect()
}

/// A verifier that trusts certain certificates only.
///
/// webpki holds every trusted certificate for an authority. Go does not: a server may show
/// a trusted certificate as its own, whoever signed it, and may show one that is marked as
/// an authority, as `openssl req -x509` makes them.
#[derive(Debug)]
pub(super) struct Authorities {
    trusted: RwLock<Arc<Trusted>>,
    /// The file of the authorities, read again when a server shows a certificate of an
    /// unknown authority: a cluster's authority may be replaced while the process runs.
    file: Option<PathBuf>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Trusted {
    certificates: Vec<Vec<u8>>,
    anchors: Vec<TrustAnchor<'static>>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl Authorities {
    /// Trusts the given certificates. `None` if none of them can be an authority.
    pub(super) fn new(
        certificates: Vec<Vec<u8>>,
        file: Option<PathBuf>,
        provider: Arc<CryptoProvider>,
    ) -> Option<Self> {
        let trusted = Trusted::new(certificates, &provider)?;
        Some(Self {
            trusted: RwLock::new(Arc::new(trusted)),
            file,
            provider,
        })
    }

    fn current(&self) -> Arc<Trusted> {
        let trusted = self.trusted.read();
        Arc::clone(&trusted.unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again, and returns its certificates if they have changed.
    fn reread(&self) -> Option<Arc<Trusted>> {
        let certificates = authorities(&std::fs::read(self.file.as_ref()?).ok()?);
        if certificates == self.current().certificates {
            return None;
        }
        let trusted = Arc::new(Trusted::new(certificates, &self.provider)?);
        let mut current = self.trusted.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::clone(&trusted);
        Some(trusted)
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }
}

impl Trusted {
    fn new(certificates: Vec<Vec<u8>>, provider: &Arc<CryptoProvider>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        let ders = certificates
            .iter()
            .map(|der| CertificateDer::from(der.clone()));
        roots.add_parsable_certificates(ders);
        let anchors = roots.roots.clone();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
        Some(Self {
            certificates,
            anchors,
            verifier: verifier.build().ok()?,
        })
    }

    /// True if the certificate itself is trusted.
    fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates
            .iter()
            .any(|trusted| trusted == certificate.as_ref())
    }

    /// True if a trusted authority has signed the certificate.
    fn has_signed(
        &self,
        certificate: &Certificate<'_>,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> bool {
        self.anchors.iter().any(|anchor| {
            let key = SubjectPublicKeyInfoDer::from(anchor.subject_public_key_info.as_ref());
            anchor.subject.as_ref() == certificate.issuer
                && certificate.is_signed_by(&key, algorithms)
        })
    }
}

impl ServerCertVerifier for Authorities {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = |trusted: &Trusted| {
            let chain =
                trusted
                    .verifier
                    .verify_server_cert(end_entity, intermediates, name, ocsp, now);
            let Err(error) = chain else { return chain };
            let direct = Certificate::parse(end_entity).filter(|certificate| match role(&error) {
                Role::Unknown => trusted.holds(end_entity),
                Role::Authority => {
                    trusted.holds(end_entity) || trusted.has_signed(certificate, self.algorithms())
                }
                Role::Other => false,
            });
            match direct {
                Some(certificate) => verify_validity(&certificate, now)
                    .and_then(|()| {
                        verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)
                    })
                    .map(|()| ServerCertVerified::assertion()),
                None => Err(error),
            }
        };
        match verify(&self.current()) {
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                self.reread().map_or(
                    Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
                    |trusted| verify(&trusted),
                )
            }
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, self.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}

/// The reason for which webpki refuses a certificate.
enum Role {
    /// No trusted authority has signed the certificate.
    Unknown,
    /// The certificate is marked as an authority's, and shown as a server's.
    Authority,
    Other,
}

fn role(error: &Error) -> Role {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => Role::Unknown,
        // rustls has no variant of its own for it.
        Error::InvalidCertificate(CertificateError::Other(other))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            Role::Authority
        }
        _ => Role::Other,
    }
}

fn verify_validity(certificate: &Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    if now < certificate.not_before {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    if now > certificate.not_after {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    Ok(())
}

/// A verifier that trusts certain certificates, and those that the system trusts.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) given: Authorities,
    pub(super) system: rustls_platform_verifier::Verifier,
}

impl ServerCertVerifier for Beside {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let given = &self.given;
        let answer = given.verify_server_cert(end_entity, intermediates, name, ocsp, now);
        answer.or_else(|error| {
            let system = &self.system;
            let answer = system.verify_server_cert(end_entity, intermediates, name, ocsp, now);
            // The given certificate is the one that people ask about.
            answer.map_err(|_| error)
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.given
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.given
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.given.supported_verify_schemes()
    }
}

/// A verifier that trusts every server: `insecure-skip-tls-verify`.
#[derive(Debug)]
pub(super) struct Anyone(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
