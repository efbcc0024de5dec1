//! A client of Argo CD's HTTP API, for pipelines that have a token and no kubeconfig.
//!
//! # Theory of operation
//!
//! [`Options`] say where the server is and who we are, from the places where argocd itself looks,
//! in its order: flags, `ARGOCD_OPTS`, `ARGOCD_SERVER` and `ARGOCD_AUTH_TOKEN`, the file that
//! `argocd login` writes. The environment is handed in by the caller. A [`Client`] makes the calls.
//! Each call answers once, or is an [`ApiStream`] of messages; `framing` takes the bytes of a
//! stream apart and is pure.
//!
//! ```no_run
//! use argo_core::{AppRef, argocd::{Client, Options}};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let flags: [(String, String); 0] = [];
//! let options = Options::inferred(|name| std::env::var_os(name), flags)?;
//! let client = Client::new(options)?;
//! let tree = client.tree(&AppRef::new("shop", "argocd")).await?;
//! assert!(!tree.nodes.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Safety of the token
//!
//! The token is sent to the configured address and nowhere else: redirects are answers, not
//! orders, and plain HTTP needs `--plaintext`. No error, `Debug` text or log line contains it.
//!
//! # Behaviour of the server
//!
//! Argo CD serves JSON over HTTP/1.1 (grpc-gateway 1.16). A stream sends no header before its
//! first message, a refusal may come inside a stream with status 200, and changes of the
//! server's settings end all streams. Lowest version: 2.9.

mod address;
mod answer;
mod client;
mod config_file;
mod error;
mod framing;
mod log_entry;
mod options;
mod opts;
mod request;
mod stream;
mod tls;
mod trees;

pub use address::{Address, ParseAddressError};
pub use answer::{
    ApplicationEvent, ManagedResource, NetworkingInfo, Node, NodeInfo, NodeRef, ResourceTree,
    UserInfo, Version,
};
pub use client::{Client, Refresh};
pub use config_file::ConfigError;
pub use error::{Error, Refused};
pub use log_entry::LogEntry;
pub use options::{Options, OptionsError, Secret, TlsFiles};
pub use request::{LogQuery, ResourceQuery};
pub use stream::{ApiStream, StreamItem};
pub use trees::{TreeState, Trees};
