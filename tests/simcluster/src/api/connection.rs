//! One connection, and how it is ended from within.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Way in which the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hangup {
    /// A FIN where it stands.
    Cut,
    /// A RST.
    Reset,
}

/// A connection as a response body sees it.
#[derive(Debug)]
pub(super) struct Connection {
    /// From 1, in the order in which they were accepted.
    pub(super) number: u64,
    hangup: watch::Sender<Option<Hangup>>,
}

impl Connection {
    pub(super) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self {
            number,
            hangup: watch::Sender::new(None),
        })
    }

    /// Ends the connection after what was written before has left.
    pub(super) fn hang_up(&self, how: Hangup) {
        self.hangup.send_replace(Some(how));
    }

    /// Completes when the connection is to be dropped.
    pub(super) async fn hung_up(&self) {
        let mut hangup = self.hangup.subscribe();
        let _ = hangup.wait_for(Option::is_some).await;
        // HTTP/2 writes from another task than the one that made the frame: let it come round.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
    }
}

/// The socket; dropped with a RST if the connection asks for it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if *self.connection.hangup.borrow() == Some(Hangup::Reset)
            && let Err(error) = self.stream.set_zero_linger()
        {
            log::warn!("no RST: {error}");
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
