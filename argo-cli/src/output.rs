//! One writer for everything that goes to standard output.
//!
//! Reading from the cluster must never wait for the reader of our output: a kubelet whose
//! log is not drained skips rotated files. So [`Output::push`] only queues, and a thread
//! writes. Waiting bytes lie in memory first, then, in order, in temporary files without a
//! name. Only when the disk has its share too does [`Output::ready`] hold up the caller.
//!
//! While one container floods, the lines of others and the program's own records
//! overtake it (`overtaking`).
//!
//! `push` writes the files itself: a copy into the page cache, unless the disk is
//! overloaded.

mod buffer;
pub(crate) mod overtaking;
mod spool;
mod writer;

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::timeout};

use self::{overtaking::Queue, spool::Spool};

pub(crate) use buffer::OutputBuffer;

use crate::last_acts::{Registered, on_panic};

/// Limits for the bytes that wait for a slow reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Bytes that wait in memory; beyond this, new bytes go to a file.
    pub memory: u64,
    /// Bytes that wait in memory and files; at this limit [`Output::ready`] waits.
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

/// A change in the state of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputEvent {
    /// The reader is slow: waiting bytes go to temporary files from here on.
    Spooling,
    /// The limit is reached: callers of [`Output::ready`] wait.
    Full,
    /// The bytes that waited in files are written.
    CaughtUp,
    /// A temporary file cannot be made or written, so only memory is left. Reported once.
    NoSpool(String),
    /// Output cannot be written and is lost. Reported once.
    WriteFailed(String),
}

/// Writes on a thread of its own. After a drop the thread still writes the waiting bytes;
/// [`flush`](Self::flush) before the program ends.
#[derive(Debug)]
pub struct Output {
    shared: Arc<Shared>,
    _on_panic: Registered,
}

/// The state shared by callers and the thread.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes callers that wait for the thread; the number has no meaning.
    progress: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    spool: Spool,
    /// Pieces that are written before the spool.
    ahead: VecDeque<Vec<u8>>,
    /// Byte counts of `ahead` and of the spool.
    queue: Queue,
    /// Bytes ever pushed.
    pushed: u64,
    /// Bytes written or given up.
    done: u64,
    /// True once the reader is gone.
    closed: bool,
    /// True once the owner was dropped.
    ended: bool,
    events: Vec<OutputEvent>,
    /// Buffers whose bytes are written, for reuse.
    spare: Vec<Vec<u8>>,
}

/// Time limit for the bytes that wait when the program panics.
const LAST: Duration = Duration::from_secs(2);

/// Capacity in bytes above which a buffer is freed instead of reused.
const SPARE: usize = 1 << 20;

/// Buffers that wait for reuse: one is filled while another is written.
const SPARES: usize = 2;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.progress
            .send_modify(|turn| *turn = turn.wrapping_add(1));
    }

    /// Waits until the thread has written what waits, at most [`LAST`]. The panicking thread may
    /// hold the lock, so that it is only tried.
    fn wait_a_while(&self) {
        let until = Instant::now() + LAST;
        let is_waiting = || {
            let state = self.state.try_lock();
            state.map_or(true, |state| state.done < state.pushed)
        };
        while is_waiting() && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl State {
    /// Drops the waiting bytes; later ones are dropped too.
    fn close(&mut self) {
        self.closed = true;
        self.spool.clear();
        self.ahead.clear();
        // Whoever waits for a flush must not wait for a reader that is gone.
        self.done = self.pushed;
        self.queue.written = self.queue.queued;
        self.queue.ahead = 0;
    }
}

impl Output {
    /// Writes to standard output, past the line buffer of the standard library.
    pub fn stdout(limits: SpoolLimits) -> Self {
        let writer: Box<dyn Write + Send> = match io::stdout().as_fd().try_clone_to_owned() {
            Ok(fd) => Box::new(File::from(fd)),
            // Slower, but it writes the same bytes.
            Err(_) => Box::new(io::stdout()),
        };
        Self::to(writer, limits)
    }

    /// Writes to any writer.
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
                events: Vec::new(),
                spare: Vec::new(),
            }),
            work: Condvar::new(),
            progress: watch::Sender::new(0),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("output".to_owned());
        if let Err(error) = thread.spawn(move || writer::run(&theirs, writer)) {
            let mut state = shared.lock();
            state
                .events
                .push(OutputEvent::WriteFailed(error.to_string()));
            state.close();
        }
        let waited_for = Arc::clone(&shared);
        Self {
            shared,
            _on_panic: on_panic(move || waited_for.wait_a_while()),
        }
    }

    /// Queues whole lines; no other line is written between their bytes. Never waits for the
    /// reader, however many bytes wait already: see [`ready`](Self::ready).
    pub fn push(&self, bytes: Vec<u8>) {
        self.add(bytes, |state, bytes| {
            state.queue.queued += bytes.len() as u64;
            let State { spool, events, .. } = state;
            spool.push(bytes, events);
        });
    }

    /// Queues whole lines that are written before everything else that waits, except the lines
    /// of earlier calls of `push_ahead`.
    pub fn push_ahead(&self, bytes: Vec<u8>) {
        self.add(bytes, |state, bytes| {
            state.queue.ahead += bytes.len() as u64;
            state.ahead.push_back(bytes);
        });
    }

    fn add(&self, bytes: Vec<u8>, put: impl FnOnce(&mut State, Vec<u8>)) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        if state.closed {
            return;
        }
        state.pushed += bytes.len() as u64;
        put(&mut state, bytes);
        // The writer wakes up to a free lock.
        drop(state);
        self.shared.work.notify_one();
    }

    /// Returns the current byte counts.
    pub fn queue(&self) -> Queue {
        self.shared.lock().queue
    }

    /// Returns an empty buffer for the next bytes, with the memory of an earlier one.
    pub fn buffer(&self) -> Vec<u8> {
        self.shared.lock().spare.pop().unwrap_or_default()
    }

    /// True once the reader has gone away. Later bytes are dropped.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }

    /// Waits until the reader goes away, which shows only at the next write.
    pub async fn closed(&self) {
        self.wait_until(|state| state.closed).await;
    }

    /// Waits until all bytes pushed so far are written or lost. Returns false if that takes
    /// longer than `within`.
    pub async fn flush(&self, within: Duration) -> bool {
        let pushed = self.shared.lock().pushed;
        let written = self.wait_until(|state| state.done >= pushed);
        timeout(within, written).await.is_ok()
    }

    /// Returns the number of bytes that wait to be written.
    pub fn backlog(&self) -> u64 {
        self.shared.lock().spool.backlog()
    }

    /// Waits while the limit is reached, which is backpressure for callers that can bear it.
    pub async fn ready(&self) {
        self.wait_until(|state| !state.spool.is_full()).await;
    }

    /// Returns the changes since the last call.
    pub fn take_events(&self) -> Vec<OutputEvent> {
        std::mem::take(&mut self.shared.lock().events)
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
