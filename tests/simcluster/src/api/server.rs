//! The process: it listens, serves connections, dies and comes back.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::access::Access;
use super::connection::{Connection, Wire};
use super::faults::Faults;
use super::handler;
use super::request_log::RequestLog;
use super::tls::{self, Certificates};
use crate::logs::Logs;
use crate::store::Store;

/// Open requests are cut this long after SIGTERM (recording 13).
const GRACE: Duration = Duration::from_secs(60);

/// All that answers a request.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) store: Store,
    pub(super) logs: Logs,
    pub(super) access: Access,
    pub(super) faults: Faults,
    pub(super) requests: RequestLog,
    pub(super) version: String,
    pub(super) streaming_lists: bool,
    pub(super) certificates: Option<Certificates>,
    pub(super) process: Process,
}

/// Phase of the process between start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Serves requests.
    Up,
    /// Refuses connections and lets open requests go on.
    Ending,
    /// Watches end now.
    Closing,
    /// Connections are cut.
    Gone,
}

/// The running process, if any.
#[derive(Debug)]
pub(super) struct Process {
    port: AtomicU16,
    connections: AtomicU64,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    phase: watch::Sender<Phase>,
    listener: JoinHandle<()>,
}

impl Process {
    pub(super) fn new(port: u16) -> Self {
        Self {
            port: AtomicU16::new(port),
            connections: AtomicU64::new(0),
            running: Mutex::new(None),
        }
    }

    fn take(&self) -> Option<Running> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    pub(super) fn url(&self) -> String {
        let scheme = if self.certificates.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address())
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.process.port.load(Ordering::Relaxed))
    }

    pub(super) async fn start(self: &Arc<Self>) -> std::io::Result<()> {
        let port = self.process.port.load(Ordering::Relaxed);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = listener.local_addr()?.port();
        self.process.port.store(port, Ordering::Relaxed);
        let phase = watch::Sender::new(Phase::Up);
        let listener = tokio::spawn(listen(Arc::clone(self), listener, phase.subscribe()));
        *self.process.lock() = Some(Running { phase, listener });
        Ok(())
    }

    /// Cuts everything; what was running notices a moment later.
    pub(super) fn kill(&self) {
        if let Some(running) = self.process.take() {
            running.phase.send_replace(Phase::Gone);
        }
    }

    pub(super) async fn stop(&self) {
        let Some(running) = self.process.take() else {
            return;
        };
        running.phase.send_replace(Phase::Gone);
        finish(running).await;
    }

    pub(super) async fn terminate(&self) {
        let Some(running) = self.process.take() else {
            return;
        };
        running.phase.send_replace(Phase::Ending);
        self.store.clock().sleep(GRACE).await;
        running.phase.send_replace(Phase::Closing);
        // Recording 13: logs were cut 66 ms after the watches had ended.
        tokio::time::sleep(Duration::from_millis(66)).await;
        running.phase.send_replace(Phase::Gone);
        finish(running).await;
    }

    pub(super) async fn restart(self: &Arc<Self>) -> std::io::Result<()> {
        self.stop().await;
        self.store.compact();
        self.start().await
    }
}

/// Completes when the process is that far, or was dropped.
pub(super) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

/// Waits until the port is free and every connection is gone.
async fn finish(running: Running) {
    let _ = running.listener.await;
    running.phase.closed().await;
}

async fn listen(core: Arc<Core>, listener: TcpListener, mut phase: watch::Receiver<Phase>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = reached(&mut phase, Phase::Ending) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(serve(Arc::clone(&core), stream, phase.clone()));
            }
            Err(error) => {
                // Out of file descriptors, mostly: the next connection may find one.
                log::warn!("accept: {error}");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn serve(core: Arc<Core>, stream: TcpStream, mut phase: watch::Receiver<Phase>) {
    let number = core.process.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let connection = Connection::new(number);
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!("nodelay: {error}");
    }
    let wire = Wire::new(stream, Arc::clone(&connection));
    tokio::select! {
        biased;
        () = shake_hands(&core, wire, &connection, phase.clone()) => {}
        () = connection.hung_up() => {}
        () = reached(&mut phase, Phase::Gone) => {}
    }
}

async fn shake_hands(
    core: &Arc<Core>,
    wire: Wire,
    connection: &Arc<Connection>,
    phase: watch::Receiver<Phase>,
) {
    match &core.certificates {
        None => talk(core, wire, connection, phase).await,
        Some(certificates) => match certificates.accept(wire).await {
            Ok(stream) => talk(core, stream, connection, phase).await,
            Err(error) => log::debug!("TLS: {error}"),
        },
    }
}

async fn talk(
    core: &Arc<Core>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: &Arc<Connection>,
    mut phase: watch::Receiver<Phase>,
) {
    let service = service_fn({
        let phase = phase.clone();
        move |request| {
            handler::answer(
                Arc::clone(core),
                Arc::clone(connection),
                phase.clone(),
                request,
            )
        }
    });
    let builder = tls::http();
    let mut conversation = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = reached(&mut phase, Phase::Ending) => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    if let Err(error) = ended {
        log::debug!("connection {}: {error}", connection.number);
    }
}
