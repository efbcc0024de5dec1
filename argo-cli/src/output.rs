//! One writer for everything that goes to standard output.
//!
//! Whoever reads from the cluster must never wait for whoever reads our output: a kubelet
//! whose log is not drained skips rotated files. So [`Output::push`] only queues, and a
//! thread writes. What waits lies in memory first, then in temporary files that have no
//! name any more, in order. Only when the disk has its share too does
//! [`Output::ready`] hold up the caller.
//!
//! One container at full speed may have much waiting here. The lines of others and what
//! the program has to say overtake it: [`lanes`] says when.
//!
//! The files are written by the caller of `push`: that is a copy into the page cache,
//! unless the disk itself is overloaded.

pub mod lanes;
mod spool;
mod writer;

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use self::{lanes::Queue, spool::Spool};

/// How much may wait for a slow reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Bytes that wait in memory; what is more goes to a file.
    pub memory: u64,
    /// Bytes that wait in all; from then on [`Output::ready`] waits.
    pub total: u64,
}

impl Default for SpoolLimits {
    /// 32 MiB in memory, 1 GiB in all.
    fn default() -> Self {
        Self {
            memory: 32 << 20,
            total: 1 << 30,
        }
    }
}

/// What the output has to say about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The reader is slow: what waits goes to temporary files from here on.
    Spooling,
    /// As much waits as may: whoever asks [`Output::ready`] waits too.
    Full,
    /// Everything that waited in files is written.
    CaughtUp,
    /// A temporary file cannot be made or written; memory is all there is. Told once.
    NoSpool(String),
    /// Output cannot be written, and what could not be written is lost. Told once.
    WriteFailed(String),
}

/// Writes on a thread of its own. When it is dropped the thread goes on with what waits;
/// [`flush`](Self::flush) before the program ends.
#[derive(Debug)]
pub struct Output {
    shared: Arc<Shared>,
}

/// What the callers and the thread share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes whoever waits for the thread; the number says nothing.
    progress: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    spool: Spool,
    /// Written before what is in the spool.
    ahead: VecDeque<Vec<u8>>,
    /// Bytes there, and bytes that were ever handed to the spool and done with.
    queue: Queue,
    /// Bytes that were ever pushed, and bytes done with.
    pushed: u64,
    done: u64,
    /// The reader is gone.
    closed: bool,
    /// Nobody will push any more.
    ended: bool,
    news: Vec<News>,
    /// A buffer whose bytes are written.
    spare: Vec<u8>,
}

/// A larger buffer is not kept for the next bytes.
const SPARE: usize = 1 << 20;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.progress
            .send_modify(|turn| *turn = turn.wrapping_add(1));
    }
}

impl State {
    /// Nothing can be written any more: what waits and what comes is dropped.
    fn close(&mut self) {
        self.closed = true;
        self.spool.clear();
        self.ahead.clear();
        self.done = self.pushed;
        self.queue.written = self.queue.queued;
        self.queue.ahead = 0;
    }
}

impl Output {
    /// To standard output, past the line buffer of the standard library.
    pub fn stdout(limits: SpoolLimits) -> Self {
        let writer: Box<dyn Write + Send> = match io::stdout().as_fd().try_clone_to_owned() {
            Ok(fd) => Box::new(File::from(fd)),
            Err(_) => Box::new(io::stdout()),
        };
        Self::to(writer, limits)
    }

    /// To anything.
    pub fn to(writer: Box<dyn Write + Send>, limits: SpoolLimits) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                spool: Spool::new(limits),
                ahead: VecDeque::new(),
                queue: Queue::default(),
                pushed: 0,
                done: 0,
                closed: false,
                ended: false,
                news: Vec::new(),
                spare: Vec::new(),
            }),
            work: Condvar::new(),
            progress: watch::Sender::new(0),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("output".to_owned());
        if let Err(error) = thread.spawn(move || writer::run(&theirs, writer)) {
            let mut state = shared.lock();
            state.news.push(News::WriteFailed(error.to_string()));
            state.close();
        }
        Self { shared }
    }

    /// Hands over whole lines, which are never cut by others. It never waits for the reader, however much waits already:
    /// see [`ready`](Self::ready).
    pub fn push(&self, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        if state.closed {
            return;
        }
        state.pushed += bytes.len() as u64;
        state.queue.queued += bytes.len() as u64;
        let State { spool, news, .. } = &mut *state;
        spool.push(bytes, news);
        drop(state);
        self.shared.work.notify_one();
    }

    /// Hands over whole lines that are written before all that waits, but for what was
    /// handed over in this way before.
    pub fn push_ahead(&self, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        if state.closed {
            return;
        }
        state.pushed += bytes.len() as u64;
        state.queue.ahead += bytes.len() as u64;
        state.ahead.push_back(bytes);
        drop(state);
        self.shared.work.notify_one();
    }

    /// How much waits.
    pub fn queue(&self) -> Queue {
        self.shared.lock().queue
    }

    /// An empty buffer for the next bytes. It had others before, so that its memory is
    /// there already.
    pub fn buffer(&self) -> Vec<u8> {
        std::mem::take(&mut self.shared.lock().spare)
    }

    /// True once the reader has gone away. What is pushed after that is dropped.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }

    /// Waits until the reader goes away. That shows at the next write only.
    pub async fn closed(&self) {
        self.wait_until(|state| state.closed).await;
    }

    /// Waits until all that was pushed so far is written, or cannot be written any more.
    /// False if that takes longer.
    pub async fn flush(&self, within: Duration) -> bool {
        let pushed = self.shared.lock().pushed;
        let written = self.wait_until(|state| state.done >= pushed);
        timeout(within, written).await.is_ok()
    }

    /// Bytes that wait to be written.
    pub fn backlog(&self) -> u64 {
        self.shared.lock().spool.backlog()
    }

    /// Waits while as much waits as may: backpressure for whoever can bear it.
    pub async fn ready(&self) {
        self.wait_until(|state| !state.spool.is_full()).await;
    }

    /// What there is to say since the last time.
    pub fn take_news(&self) -> Vec<News> {
        std::mem::take(&mut self.shared.lock().news)
    }

    async fn wait_until(&self, holds: impl Fn(&State) -> bool) {
        let mut progress = self.shared.progress.subscribe();
        while !holds(&self.shared.lock()) {
            if progress.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.work.notify_one();
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
