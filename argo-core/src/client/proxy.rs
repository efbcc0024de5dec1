//! The choice of the proxy before a cluster, by the rules of Go's `httpproxy`, as in kubectl.
//!
//! The variables are held against the cluster's address. kube-client 5.0 reads
//! `HTTPS_PROXY` only, holds `NO_PROXY` against the address of the *proxy*, and fails on
//! an empty item of that list; it never gets to see them here.

use std::{ffi::OsString, fmt, net::IpAddr};

use http::Uri;

/// The variables of the environment that name proxies.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyVariables {
    /// `HTTPS_PROXY` or `https_proxy`: the proxy for `https` servers.
    pub https: String,
    /// `HTTP_PROXY` or `http_proxy`: the proxy for `http` servers.
    pub http: String,
    /// `NO_PROXY` or `no_proxy`: servers that are reached without one.
    pub except: String,
    /// True if `REQUEST_METHOD` is set: in a CGI program a stranger chooses `HTTP_PROXY`.
    pub is_cgi: bool,
}

/// A proxy that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The address is not a URL.
    #[error("the proxy address \"{0}\" is not a URL")]
    NoUrl(String),
    /// The scheme is none of those that kubectl knows.
    #[error("the proxy scheme \"{0}\" is not supported: http, https, socks5 and socks5h are")]
    Scheme(String),
    /// `HTTP_PROXY` is not trusted in a CGI program.
    #[error("HTTP_PROXY is not used in a CGI program (REQUEST_METHOD is set)")]
    Cgi,
}

impl ProxyVariables {
    /// Reads the variables through a look-up function.
    pub fn from_env(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| {
            env(name)?
                .into_string()
                .ok()
                .filter(|value| !value.is_empty())
        };
        let either = |upper: &str, lower: &str| text(upper).or_else(|| text(lower));
        Self {
            https: either("HTTPS_PROXY", "https_proxy").unwrap_or_default(),
            http: either("HTTP_PROXY", "http_proxy").unwrap_or_default(),
            except: either("NO_PROXY", "no_proxy").unwrap_or_default(),
            is_cgi: text("REQUEST_METHOD").is_some(),
        }
    }

    /// Returns the proxy for a server, if there is one.
    ///
    /// # Errors
    ///
    /// When the variable that applies does not name a proxy.
    pub(crate) fn proxy_for(&self, server: &Uri) -> Result<Option<Uri>, ProxyError> {
        let is_https = server.scheme_str() == Some("https");
        let proxy = if is_https { &self.https } else { &self.http };
        if proxy.is_empty() {
            return Ok(None);
        }
        if !is_https && self.is_cgi {
            return Err(ProxyError::Cgi);
        }
        let port = server.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        if self.is_excepted(server.host().unwrap_or_default(), port) {
            return Ok(None);
        }
        match parse(proxy) {
            // Go ignores such a variable.
            Err(ProxyError::NoUrl(_)) => Ok(None),
            proxy => proxy.map(Some),
        }
    }

    fn is_excepted(&self, host: &str, port: u16) -> bool {
        let host = unbracketed(host).to_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        let is_loopback = address.is_some_and(|address| canonical(address).is_loopback());
        host == "localhost"
            || is_loopback
            || self
                .exceptions()
                .any(|item| item.fits(&host, address, port))
    }

    fn exceptions(&self) -> impl Iterator<Item = Exception> {
        self.except.split(',').filter_map(Exception::parse)
    }
}

/// Leaves out the addresses, which may hold a password.
impl fmt::Debug for ProxyVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyVariables")
            .field("https", &!self.https.is_empty())
            .field("http", &!self.http.is_empty())
            .field("except", &self.except)
            .field("is_cgi", &self.is_cgi)
            .finish()
    }
}

/// One item of `NO_PROXY`.
#[derive(Debug)]
enum Exception {
    All,
    Network {
        address: IpAddr,
        bits: u8,
    },
    Address {
        address: IpAddr,
        port: Option<String>,
    },
    /// The suffix begins with a dot.
    Domain {
        suffix: String,
        is_itself: bool,
        port: Option<String>,
    },
}

impl Exception {
    /// Returns `None` for an item that Go ignores.
    fn parse(item: &str) -> Option<Self> {
        let item = item.trim().to_lowercase();
        if item == "*" {
            return Some(Self::All);
        }
        if let Some(network) = network(&item) {
            return Some(network);
        }
        let (host, port) = host_and_port(&item);
        if let Ok(address) = host.parse() {
            return Some(Self::Address { address, port });
        }
        let host = host
            .strip_prefix('*')
            .filter(|rest| rest.starts_with('.'))
            .unwrap_or(host);
        let is_itself = !host.starts_with('.');
        let suffix = if is_itself {
            format!(".{host}")
        } else {
            host.to_owned()
        };
        (!host.is_empty()).then_some(Self::Domain {
            suffix,
            is_itself,
            port,
        })
    }

    fn fits(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let fits_port = |wanted: &Option<String>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| *wanted == port.to_string())
        };
        match self {
            Self::All => true,
            Self::Network {
                address: network,
                bits,
            } => address.is_some_and(|address| is_within(address, *network, *bits)),
            Self::Address {
                address: wanted,
                port,
            } => {
                let is_same = address.is_some_and(|a| canonical(a) == canonical(*wanted));
                is_same && fits_port(port)
            }
            // A name never fits an address, not even "1.2.3.4" the domain "4".
            Self::Domain {
                suffix,
                is_itself,
                port,
            } => {
                let is_same = *is_itself && host == &suffix[1..];
                address.is_none() && (is_same || host.ends_with(suffix)) && fits_port(port)
            }
        }
    }
}

fn network(item: &str) -> Option<Exception> {
    let (address, bits) = item.split_once('/')?;
    let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(Exception::Network { address, bits })
}

/// Splits a port off; an IPv6 address has one only behind brackets. An empty port counts as none.
fn host_and_port(item: &str) -> (&str, Option<String>) {
    let bracketed = item
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"));
    let split = bracketed.or_else(|| item.split_once(':').filter(|(_, port)| !port.contains(':')));
    match split {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.to_owned())),
        None => (item, None),
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (canonical(address), canonical(network)) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let rest = 32 - u32::from(bits.min(32));
            (a.to_bits() ^ n.to_bits()).checked_shr(rest).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let rest = 128 - u32::from(bits);
            (a.to_bits() ^ n.to_bits()).checked_shr(rest).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Turns the IPv6 form of an IPv4 address into that address: Go takes the two as equal.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Returns the host of a URL without the brackets of an IPv6 address.
pub(super) fn unbracketed(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Reads a proxy's address as Go does: without a scheme it is an HTTP proxy.
pub(super) fn parse(address: &str) -> Result<Uri, ProxyError> {
    let whole: Option<Uri> = address.parse().ok();
    let whole = whole.filter(|url| url.scheme().is_some() && url.host().is_some());
    let url = match whole {
        Some(url) => url,
        None => format!("http://{address}")
            .parse()
            .map_err(|_| no_url(address))?,
    };
    match url.scheme_str() {
        Some("http" | "https" | "socks5" | "socks5h") => Ok(url),
        scheme => Err(ProxyError::Scheme(scheme.unwrap_or_default().to_owned())),
    }
}

fn no_url(address: &str) -> ProxyError {
    // A password may stand before the last "@".
    let shown = address.rsplit('@').next().unwrap_or(address);
    ProxyError::NoUrl(shown.to_owned())
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
