//! The API server of the cluster: the Kubernetes API over HTTP on 127.0.0.1.
//!
//! [`ApiServer`] answers the reads of kube, kubectl and stern (discovery, list, get, watch and
//! `pods/log`) over a [`Store`] and its [`Logs`]. It speaks HTTP/1.1 and HTTP/2, in the clear or
//! with TLS. All times (timeouts, bookmarks, the age in a table) are the store's clock. Answers
//! were compared with those of a real server, version 1.34 (`recorded_tests.rs` holds them, and
//! the differences).
//!
//! [`Faults`] makes it misbehave, [`ApiServer::requests`] lists the requests so far.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use simcluster::{api::ApiServer, clock::Clock, logs::Logs, store::Store};
//!
//! let server = ApiServer::builder(Store::new(Clock::new(1.0), 1), Logs::new()).start().await?;
//! std::fs::write("kubeconfig", server.kubeconfig())?;
//! # Ok(())
//! # }
//! ```
//!
//! Not supported: writes (405; use the store), protobuf, YAML answers, compression, `exec`,
//! `attach`, `port-forward`, RBAC objects (see [`Rule`]) and `/openapi`. Discovery announces the
//! verbs of a real server all the same.

mod accept;
mod access;
mod body;
mod columns;
mod connection;
mod continuation;
mod discovery;
mod faults;
mod fields;
mod handler;
mod kubeconfig;
mod list;
mod log;
mod reply;
mod request;
mod request_log;
mod selector;
mod server;
mod table;
#[cfg_attr(not(feature = "tls"), path = "api/no_tls.rs")]
mod tls;
mod watch;

#[cfg(test)]
mod client;
#[cfg(test)]
mod faults_tests;
#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod watch_tests;

use std::sync::Arc;

use crate::logs::Logs;
use crate::store::Store;
use access::Access;
use server::Core;

pub use access::{Rule, Token};
pub use faults::{Action, After, Fault, FaultId, Faults, Match, Shutdown};
pub use request_log::LoggedRequest;

/// A running API server; it stops when dropped.
#[derive(Debug)]
pub struct ApiServer {
    core: Arc<Core>,
}

/// Settings of an [`ApiServer`] that is not started yet.
#[derive(Debug)]
pub struct Builder {
    store: Store,
    logs: Logs,
    tls: bool,
    port: u16,
    tokens: Vec<Token>,
    streaming_lists: bool,
    version: String,
}

impl ApiServer {
    /// A server of these objects and logs: plain HTTP on any free port, no tokens, version
    /// `v1.34.4` with streaming lists.
    #[must_use]
    pub fn builder(store: Store, logs: Logs) -> Builder {
        Builder {
            store,
            logs,
            tls: false,
            port: 0,
            tokens: Vec::new(),
            streaming_lists: true,
            version: "v1.34.4".to_owned(),
        }
    }

    /// `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.core.url()
    }

    /// A kubeconfig (YAML) whose current context `sim` reaches this server: with the certificate
    /// of its CA if it speaks TLS, and with the first token, or one that nobody looks at.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        kubeconfig::kubeconfig(&self.core)
    }

    /// Returns the faults; cheap to clone, can be changed at any time.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.core.faults
    }

    /// All requests so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.core.requests.all()
    }

    /// Kills the server: connections are cut where they stand, new ones are refused
    /// (recording 13, SIGKILL).
    pub async fn stop(&mut self) {
        self.core.stop().await;
    }

    /// Ends the server as SIGTERM does (recording 13): new connections are refused at once, open
    /// requests go on for 60 virtual seconds, then watches end with a clean final chunk and log
    /// streams are cut. Returns when it is gone.
    pub async fn terminate(&mut self) {
        self.core.terminate().await;
    }

    /// Starts the server again on its port; kills it first if it runs. The new process knows no
    /// history: a watch from before gets 410.
    ///
    /// # Errors
    ///
    /// If the port was taken meanwhile.
    pub async fn restart(&mut self) -> std::io::Result<()> {
        self.core.restart().await
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.core.kill();
    }
}

impl Builder {
    /// Sets whether the server speaks TLS, with a certificate made at its start.
    #[must_use]
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// The port; 0 is any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The bearer tokens that are known. With none at all everybody may do everything; with some
    /// an unknown one gets 401, and a request without one is `system:anonymous`, who gets 403.
    #[must_use]
    pub fn tokens(mut self, tokens: impl IntoIterator<Item = Token>) -> Self {
        self.tokens.extend(tokens);
        self
    }

    /// Sets whether `sendInitialEvents` is served; if not, it is refused with 422 as by an older server.
    #[must_use]
    pub fn streaming_lists(mut self, on: bool) -> Self {
        self.streaming_lists = on;
        self
    }

    /// Sets the version in `/version`, such as `v1.34.4`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// Starts the server on the runtime this is called on.
    ///
    /// # Errors
    ///
    /// If the port is taken or no certificate can be made.
    pub async fn start(self) -> std::io::Result<ApiServer> {
        let certificates = self.tls.then(tls::Certificates::new).transpose()?;
        let core = Arc::new(Core {
            faults: Faults::default(),
            access: Access::new(self.tokens),
            requests: request_log::RequestLog::default(),
            version: self.version,
            streaming_lists: self.streaming_lists,
            certificates,
            process: server::Process::new(self.port),
            store: self.store,
            logs: self.logs,
        });
        core.start().await?;
        Ok(ApiServer { core })
    }
}
