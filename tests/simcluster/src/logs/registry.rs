//! The logs of every container of the cluster, and `pods/log` over them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use super::chooser::{Choice, choose};
use super::instance::Instance;
use super::reader::{ReadOptions, Reader, Step};
use super::writer::LogWriter;

/// State of the only kubelet (recording 13).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KubeletState {
    /// Serves logs.
    #[default]
    Up,
    /// Connections are refused: 500. Follows that were open ended with a clean final chunk.
    Down,
    /// Runs again but does not know its pods yet: 404 with `details.kind` `pods/log`.
    Starting,
}

/// The runs of all containers; cheap to clone.
#[derive(Debug, Clone)]
pub struct Logs {
    inner: Arc<Inner>,
}

/// The kept runs, oldest first, by pod uid and container name.
type Containers = HashMap<(String, String), Vec<Arc<Instance>>>;

#[derive(Debug)]
struct Inner {
    containers: Mutex<Containers>,
    kubelet: watch::Sender<KubeletState>,
}

/// Answer of the kubelet to a log request.
#[derive(Debug)]
pub enum Answer {
    /// 200 and a body.
    Body(Box<Body>),
    /// 204.
    NoContent,
    /// A Status with this code, reason and message; the last is `details.kind` if there are details.
    Refused {
        /// HTTP status.
        code: u16,
        /// Reason of the Status.
        reason: &'static str,
        /// Message of the Status.
        message: String,
        /// True if `details` names the pod with kind `pods/log`.
        details: bool,
    },
}

impl Default for Logs {
    fn default() -> Self {
        Self::new()
    }
}

impl Logs {
    /// No logs yet, kubelet up.
    #[must_use]
    pub fn new() -> Self {
        let kubelet = watch::Sender::new(KubeletState::Up);
        Self {
            inner: Arc::new(Inner {
                containers: Mutex::default(),
                kubelet,
            }),
        }
    }

    /// A container of the pod starts another run. One dead run is kept beside it.
    #[must_use]
    pub fn start(&self, pod: &Value, container: &str, restart: u32, id: &str) -> LogWriter {
        let meta = &pod["metadata"];
        let text = |field: &str| meta[field].as_str().unwrap_or_default().to_owned();
        let (namespace, name, uid) = (text("namespace"), text("name"), text("uid"));
        let path = format!("/var/log/pods/{namespace}_{name}_{uid}/{container}/{restart}.log");
        let instance = Instance::new(id.to_owned(), path);
        let mut containers = self.lock();
        let runs = containers.entry((uid, container.to_owned())).or_default();
        keep_last(runs, 1);
        runs.push(Arc::clone(&instance));
        LogWriter::new(instance)
    }

    /// The container ended: of its dead runs only this one stays (the kubelet's
    /// `MaxPerPodContainer` 1; recording 03: `previous=true` right after the second crash).
    pub fn ended(&self, uid: &str, container: &str) {
        if let Some(runs) = self.lock().get_mut(&(uid.to_owned(), container.to_owned())) {
            keep_last(runs, 1);
        }
    }

    /// The run with this container id, while it is kept.
    #[must_use]
    pub fn run(&self, uid: &str, container: &str, id: &str) -> Option<Arc<Instance>> {
        let containers = self.lock();
        let runs = containers.get(&(uid.to_owned(), container.to_owned()))?;
        runs.iter().find(|run| run.id() == id).cloned()
    }

    /// The newest run of a container.
    #[must_use]
    pub fn newest(&self, uid: &str, container: &str) -> Option<Arc<Instance>> {
        self.lock()
            .get(&(uid.to_owned(), container.to_owned()))?
            .last()
            .cloned()
    }

    /// Removes every run of a pod, as the kubelet does when the pod is cleaned up. Open follows
    /// still read what they hold.
    pub fn remove_pod(&self, uid: &str) {
        self.lock().retain(|(pod, _), _| pod != uid);
    }

    /// Lets the kubelet die, come back and recover. Follows end cleanly when it dies.
    pub fn set_kubelet(&self, state: KubeletState) {
        self.inner.kubelet.send_replace(state);
    }

    /// Answers a log request for `pod` as it stands in the API.
    #[must_use]
    pub fn open(
        &self,
        pod: &Value,
        container: Option<&str>,
        previous: bool,
        options: ReadOptions,
        path_and_query: &str,
    ) -> Answer {
        let choice = choose(pod, container, previous);
        match &choice {
            Choice::NoNode => return Answer::NoContent,
            Choice::Refused(message) => return bad_request(message.clone()),
            Choice::NotReady(_) | Choice::Run { .. } => {}
        }
        if let Some(refused) = self.kubelet_refuses(pod, path_and_query) {
            return refused;
        }
        match choice {
            Choice::Run { container, id } => self.body(pod, &container, &id, options),
            Choice::NotReady(message) | Choice::Refused(message) => bad_request(message),
            Choice::NoNode => Answer::NoContent,
        }
    }

    fn kubelet_refuses(&self, pod: &Value, path_and_query: &str) -> Option<Answer> {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        match *self.inner.kubelet.borrow() {
            KubeletState::Up => None,
            KubeletState::Down => {
                let host = pod["status"]["hostIP"].as_str().unwrap_or("10.77.0.1");
                Some(Answer::Refused {
                    code: 500,
                    reason: "InternalError",
                    message: format!(
                        "Get \"https://{host}:10250/containerLogs/{path_and_query}\": dial tcp {host}:10250: connect: connection refused"
                    ),
                    details: false,
                })
            }
            KubeletState::Starting => Some(Answer::Refused {
                code: 404,
                reason: "NotFound",
                message: format!(
                    "the server could not find the requested resource ( pods/log {name})"
                ),
                details: true,
            }),
        }
    }

    fn body(&self, pod: &Value, container: &str, id: &str, options: ReadOptions) -> Answer {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let kubelet = self.inner.kubelet.subscribe();
        let body = match self.run(uid, container, id) {
            None => Body::text(format!("unable to retrieve container logs for {id}")),
            Some(run) if run.missing() => Body::text(format!(
                "failed to try resolving symlinks in path \"{path}\": lstat {path}: no such file or directory",
                path = run.path()
            )),
            Some(run) => Body::of(
                Reader::new(Arc::clone(&run), options),
                run.changes(),
                kubelet,
            ),
        };
        Answer::Body(Box::new(body))
    }

    fn lock(&self) -> MutexGuard<'_, Containers> {
        self.inner
            .containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_last(runs: &mut Vec<Arc<Instance>>, count: usize) {
    runs.drain(..runs.len().saturating_sub(count));
}

fn bad_request(message: String) -> Answer {
    Answer::Refused {
        code: 400,
        reason: "BadRequest",
        message,
        details: false,
    }
}

/// The body of a log response: chunks until it ends, always with a clean final chunk.
#[derive(Debug)]
pub struct Body {
    text: Option<String>,
    source: Option<Source>,
}

#[derive(Debug)]
struct Source {
    reader: Reader,
    changes: watch::Receiver<u64>,
    kubelet: watch::Receiver<KubeletState>,
}

impl Body {
    /// A body that is one text: the errors that the kubelet writes into a 200.
    fn text(text: String) -> Self {
        Self {
            text: Some(text),
            source: None,
        }
    }

    fn of(
        reader: Reader,
        changes: watch::Receiver<u64>,
        kubelet: watch::Receiver<KubeletState>,
    ) -> Self {
        Self {
            text: None,
            source: Some(Source {
                reader,
                changes,
                kubelet,
            }),
        }
    }

    /// The next chunk, `None` at the end. A follow waits here for the container.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(text) = self.text.take() {
            return Some(Bytes::from(text));
        }
        let source = self.source.as_mut()?;
        loop {
            if *source.kubelet.borrow_and_update() == KubeletState::Down {
                return None;
            }
            source.changes.mark_unchanged();
            match source.reader.step() {
                Step::Chunk(bytes) => return Some(bytes),
                Step::End => return None,
                Step::Wait => {}
            }
            tokio::select! {
                changed = source.changes.changed() => if changed.is_err() { return None },
                _ = source.kubelet.changed() => {}
            }
        }
    }
}
