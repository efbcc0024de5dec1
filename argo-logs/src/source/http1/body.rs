//! The body of a response, in buffers sized by how much arrives.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{chunked::Framing, head::Head};

/// Bytes; the buffer of a quiet stream.
const MIN_BUFFER: usize = 1024;
/// Bytes; the buffer of a stream at full speed. A larger buffer means fewer wake-ups of the tasks
/// and threads behind it.
const MAX_BUFFER: usize = 256 * 1024;
/// Bytes; the buffers into which all streams that share their memory read, together. Bytes that
/// wait for the consumer lie in more of them: a stream with large buffers keeps up to
/// [`MOST_LENT`], so all streams together hold up to 8 MiB. A flood that stops at once keeps its
/// buffers until the next bytes come.
const ALL_BUFFERS: usize = 2 * 1024 * 1024;

/// The most buffers of one stream that are reused: those that wait for the consumer.
const MOST_LENT: usize = 3;
/// Bytes; smaller buffers are left to the allocator.
const REUSED_FROM: usize = 64 * 1024;

/// A connection, encrypted or not.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// The body of a response.
pub(crate) struct Body {
    socket: Box<dyn Socket>,
    framing: Framing,
    /// Bytes read but not decoded yet, and room for the next ones.
    buffer: BytesMut,
    /// Size of the next buffer, and the size that this one was allocated with.
    size: usize,
    allocated: usize,
    /// Buffers of this size whose bytes are with the consumer. Memory that was used lately is
    /// cheaper than new memory: the kernel need not clear it, nor map it page by page.
    lent: VecDeque<BytesMut>,
    /// Held by every stream that shares the memory for buffers; its reference count is
    /// their number.
    sharing: Arc<()>,
    /// The error that broke the connection behind bytes that are not handed out yet.
    broken: Option<io::Error>,
}

impl Body {
    /// Sends a request and reads the head of the response. Interim responses are skipped.
    pub(crate) async fn request(
        mut socket: Box<dyn Socket>,
        request: &[u8],
    ) -> io::Result<(Head, Self)> {
        socket.write_all(request).await?;
        socket.flush().await?;
        let mut buffer = BytesMut::with_capacity(MIN_BUFFER);
        loop {
            while let Some(head) = Head::parse(&buffer)? {
                let _head = buffer.split_to(head.len);
                if head.status >= 200 {
                    return Ok(Self::behind(head, socket, buffer));
                }
            }
            if socket.read_buf(&mut buffer).await? == 0 {
                let text = "the connection was closed before an answer came";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
        }
    }

    fn behind(mut head: Head, socket: Box<dyn Socket>, buffer: BytesMut) -> (Head, Self) {
        let framing = std::mem::replace(&mut head.framing, Framing::UntilClose);
        let body = Self {
            socket,
            framing,
            buffer,
            size: MIN_BUFFER,
            allocated: MIN_BUFFER,
            lent: VecDeque::new(),
            sharing: Arc::new(()),
            broken: None,
        };
        (head, body)
    }

    /// Shares the memory for buffers with all bodies that hold `sharing`.
    pub(crate) fn sharing(mut self, sharing: &Arc<()>) -> Self {
        self.sharing = Arc::clone(sharing);
        self
    }

    fn largest(&self) -> usize {
        (ALL_BUFFERS / Arc::strong_count(&self.sharing)).clamp(MIN_BUFFER, MAX_BUFFER)
    }

    /// Returns the next bytes, `None` at the end. All state is kept in `self` while waiting.
    pub(crate) async fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if !self.buffer.is_empty() {
                let decoded = self.decode()?;
                if !decoded.is_empty() {
                    return Ok(Some(decoded));
                }
            }
            if self.framing.is_complete() {
                return Ok(None);
            }
            if self.fill().await? == 0 {
                return self.framing.at_close().map(|()| None);
            }
        }
    }

    /// Reads at most `limit` bytes of the rest: the text of an error.
    pub(crate) async fn read_text(&mut self, limit: usize) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < limit
            && let Ok(Some(bytes)) = self.next_chunk().await
        {
            text.extend_from_slice(&bytes);
        }
        text.truncate(limit);
        text
    }

    fn decode(&mut self) -> io::Result<Bytes> {
        let kept = self.framing.decode(&mut self.buffer)?;
        let bytes = self.buffer.split_to(kept).freeze();
        self.buffer.clear();
        Ok(bytes)
    }

    /// Waits for bytes, then takes everything that has arrived, as far as it fits.
    async fn fill(&mut self) -> io::Result<usize> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        self.make_room();
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while self.buffer.len() < self.buffer.capacity() {
            match pin!(self.socket.read_buf(&mut self.buffer)).poll(cx) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) if self.buffer.is_empty() => {
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Err(error)) => {
                    self.broken = Some(error);
                    break;
                }
                Poll::Pending if self.buffer.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        let full = self.buffer.len() == self.buffer.capacity();
        self.size = next_size(self.size, self.buffer.len(), full).min(self.largest());
        Poll::Ready(Ok(self.buffer.len()))
    }

    /// Called with an empty buffer. An old one is reused if its bytes were released.
    fn make_room(&mut self) {
        if self.allocated <= self.size && self.buffer.capacity() >= self.size / 4 {
            return;
        }
        let is_same = self.allocated == self.size;
        if is_same && self.buffer.try_reclaim(self.size) {
            return;
        }
        if !is_same || self.size < REUSED_FROM {
            self.lent.clear();
            self.buffer = BytesMut::with_capacity(self.size);
            self.allocated = self.size;
            return;
        }
        self.lent.push_back(std::mem::take(&mut self.buffer));
        // The consumer releases them in the order in which it got them.
        let is_released = self
            .lent
            .front_mut()
            .is_some_and(|oldest| oldest.try_reclaim(self.size));
        let released = is_released.then(|| self.lent.pop_front()).flatten();
        self.buffer = released.unwrap_or_else(|| BytesMut::with_capacity(self.size));
        if self.lent.len() > MOST_LENT {
            self.lent.pop_front();
        }
    }
}

/// Doubles the buffer after a read that fills half of it, and halves it after one that
/// leaves most of it empty.
fn next_size(size: usize, read: usize, full: bool) -> usize {
    if full || read * 2 >= size {
        (size * 2).min(MAX_BUFFER)
    } else if read * 8 < size {
        (size / 2).max(MIN_BUFFER)
    } else {
        size
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
