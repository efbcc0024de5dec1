//! One run of a container and the log files it leaves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::file::LogFile;

/// Behaviour of an open follow whose file was rotated away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// Reads its file to the end, then goes on with the current one. Files in between are lost,
    /// as they are to a kubelet that is slower than the writer (recording 12, `firehose`).
    #[default]
    Follow,
    /// Leaves its file where it stands: the rest of it is lost.
    Skip,
    /// Reads the current file from its start again at the next rotation notice, so that lines
    /// come twice within one connection (recording 12: 53,500 lines).
    Repeat,
}

/// One run of a container, addressed by its container id.
#[derive(Debug)]
pub struct Instance {
    id: String,
    path: String,
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    current: Arc<LogFile>,
    generation: u64,
    rotation: Rotation,
    ended: bool,
    missing: bool,
}

impl Instance {
    /// A run that has written nothing. `id` is the full `containerd://…`, `path` the file's path on
    /// the node.
    #[must_use]
    pub fn new(id: String, path: String) -> Arc<Self> {
        let state = State {
            current: Arc::default(),
            generation: 0,
            rotation: Rotation::Follow,
            ended: false,
            missing: false,
        };
        Arc::new(Self {
            id,
            path,
            state: Mutex::new(state),
            version: watch::Sender::new(0),
        })
    }

    /// `containerd://` and the id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the path of the current file on the node.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The file that is written and served; the only one the API can read.
    #[must_use]
    pub fn current(&self) -> Arc<LogFile> {
        Arc::clone(&self.lock().current)
    }

    /// Starts an empty file. The old one is gone except for readers that hold it open.
    pub fn rotate(&self, rotation: Rotation) {
        let mut state = self.lock();
        state.current = Arc::default();
        state.generation += 1;
        state.rotation = rotation;
        drop(state);
        self.wake();
    }

    /// The run is over: a follow that has read everything ends.
    pub fn end(&self) {
        self.lock().ended = true;
        self.wake();
    }

    /// Removes the file from the node while the run goes on (recording 15, `gone`).
    pub fn remove_file(&self) {
        self.lock().missing = true;
        self.wake();
    }

    /// Returns true once [`Instance::end`] was called.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.lock().ended
    }

    /// Returns true once the file was removed.
    #[must_use]
    pub fn missing(&self) -> bool {
        self.lock().missing
    }

    /// The file to read next for a reader of `generation`, if it is another one.
    pub(crate) fn newer(&self, generation: u64) -> Option<(u64, Arc<LogFile>, Rotation)> {
        let state = self.lock();
        (state.generation != generation)
            .then(|| (state.generation, Arc::clone(&state.current), state.rotation))
    }

    /// Returns the position at which a new reader begins.
    pub(crate) fn position(&self) -> (u64, Arc<LogFile>) {
        let state = self.lock();
        (state.generation, Arc::clone(&state.current))
    }

    /// Tells readers to look again.
    pub(crate) fn wake(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
