//! The TLS configuration of a server, as argocd's own flags have it.

use std::path::Path;

use rustls::ClientConfig;

use super::options::{OptionsError, Target, TlsFiles};
use crate::client::tls::{server_config, trusting_nobody};

/// Makes the configuration: files of the flags come before those of the configuration file.
pub(super) fn config(files: &TlsFiles, target: &Target) -> Result<ClientConfig, OptionsError> {
    let context = &target.context;
    let authority = either(files.server_crt.as_deref(), context.authority.as_deref())?;
    let certificate = either(files.client_crt.as_deref(), context.certificate.as_deref())?;
    let key = either(files.client_crt_key.as_deref(), context.key.as_deref())?;
    let certificate = match (&certificate, &key) {
        (Some(certificate), Some(key)) => Some((certificate.as_slice(), key.as_slice())),
        (None, None) => None,
        _ => return Err(OptionsError::Tls(HALF.to_owned())),
    };
    let config = server_config(target.is_insecure, authority.as_deref(), certificate);
    let mut config = match config {
        // An image without any authority is enough where nothing is encrypted.
        Err(_) if target.address.is_plaintext() => trusting_nobody(),
        config => config,
    }
    .map_err(OptionsError::Tls)?;
    // The gateway speaks nothing else.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

const HALF: &str = "--client-crt and --client-crt-key must be given together";

fn either(file: Option<&Path>, data: Option<&[u8]>) -> Result<Option<Vec<u8>>, OptionsError> {
    let Some(path) = file else {
        return Ok(data.map(<[u8]>::to_vec));
    };
    let read = std::fs::read(path);
    let error = |error| OptionsError::Tls(format!("cannot read {}: {error}", path.display()));
    read.map(Some).map_err(error)
}
