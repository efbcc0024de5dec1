//! Stands in for `tls` where that feature is off.

use std::io;

use hyper::server::conn::http1;

use super::connection::Wire;

/// Certificates, of which this build has none.
#[derive(Debug)]
pub(super) enum Certificates {}

impl Certificates {
    pub(super) fn new() -> io::Result<Self> {
        let why = "simcluster was compiled without its feature \"tls\"";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }

    pub(super) fn authority(&self) -> &str {
        match *self {}
    }

    pub(super) async fn accept(&self, _: Wire) -> io::Result<Wire> {
        match *self {}
    }
}

/// Speaks HTTP/1.1.
pub(super) fn http() -> http1::Builder {
    http1::Builder::new()
}
