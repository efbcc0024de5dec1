//! One kind in one namespace as a stream that never ends.

use std::{
    fmt::{self, Debug},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt, stream, stream::BoxStream};
use kube::{Api, Resource};
use kube_runtime::watcher::Event;
use serde::de::DeserializeOwned;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::AbortHandle,
};

use self::{failure::Failure, steps::Steps};
use crate::{
    Backoff,
    text::{chain, redacted},
};

mod bystanders;
mod changes;
mod failure;
mod lines;
mod list_watch;
mod requests;
mod steps;

pub use bystanders::Bystanders;

/// Events of one watch that wait for whoever reads the stream.
const WAITING: usize = 32;

/// Settings of a watch.
///
/// ```
/// use argo_core::WatchConfig;
///
/// let config = WatchConfig::default().labels("app=web").page_size(100);
/// assert_eq!(config.page_size, 100);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WatchConfig {
    /// Objects per page of a list. Each page is decoded whole, so this bounds the peak of
    /// memory. Default 250.
    pub page_size: u32,
    /// Seconds after which the server ends a watch, and the time after which a dead
    /// connection is noticed. Default 120.
    pub timeout: u32,
    /// Label selector.
    pub labels: Option<String>,
    /// Field selector.
    pub fields: Option<String>,
    /// Lists by watching (`sendInitialEvents`, Kubernetes 1.32 and later) while this is
    /// true; the first server that refuses sets it to false for everyone who shares it.
    /// Off by default: a server that ignores the parameter never completes the list.
    pub streaming: Arc<AtomicBool>,
    /// Delay before a forbidden kind (403) is requested again. Default 5 min.
    pub forbidden_retry: Duration,
    /// Delay before a kind that is not served (404) is requested again. Default 30 s.
    pub absent_retry: Duration,
    /// Pods whose changes are left out. Default none.
    pub bystanders: Option<Bystanders>,
    /// Seed of the jitter.
    pub seed: u64,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            page_size: 250,
            timeout: 120,
            labels: None,
            fields: None,
            streaming: Arc::new(AtomicBool::new(false)),
            forbidden_retry: Duration::from_secs(300),
            absent_retry: Duration::from_secs(30),
            bystanders: None,
            seed: 1,
        }
    }
}

impl WatchConfig {
    /// Sets [`page_size`](Self::page_size).
    #[must_use]
    pub fn page_size(mut self, objects: u32) -> Self {
        self.page_size = objects;
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn timeout(mut self, seconds: u32) -> Self {
        self.timeout = seconds;
        self
    }

    /// Sets [`labels`](Self::labels).
    #[must_use]
    pub fn labels(mut self, selector: impl Into<String>) -> Self {
        self.labels = Some(selector.into());
        self
    }

    /// Sets [`fields`](Self::fields).
    #[must_use]
    pub fn fields(mut self, selector: impl Into<String>) -> Self {
        self.fields = Some(selector.into());
        self
    }

    /// Sets [`streaming`](Self::streaming).
    #[must_use]
    pub fn streaming(mut self, shared: Arc<AtomicBool>) -> Self {
        self.streaming = shared;
        self
    }

    /// Sets [`forbidden_retry`](Self::forbidden_retry).
    #[must_use]
    pub fn forbidden_retry(mut self, delay: Duration) -> Self {
        self.forbidden_retry = delay;
        self
    }

    /// Sets [`absent_retry`](Self::absent_retry).
    #[must_use]
    pub fn absent_retry(mut self, delay: Duration) -> Self {
        self.absent_retry = delay;
        self
    }

    /// Sets [`bystanders`](Self::bystanders).
    #[must_use]
    pub fn bystanders(mut self, bystanders: Option<Bystanders>) -> Self {
        self.bystanders = bystanders;
        self
    }

    /// Sets [`seed`](Self::seed).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// An event of a watch.
#[derive(Clone, Debug)]
pub enum WatchEvent<K> {
    /// A list begins: whatever is not applied before the next [`Synced`](Self::Synced)
    /// is gone. A list that fails begins again.
    Restarted,
    /// An object is there, is new, or changed.
    Applied(K),
    /// An object is gone.
    Deleted(K),
    /// The list is complete; changes follow.
    Synced,
    /// The watch does not work at the moment, and is tried again. Sent once until the watch
    /// works again or the reason changes.
    Degraded(Degraded),
    /// The watch works again.
    Restored,
}

/// The reason for which a watch does not work at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded {
    /// The reason, for programs.
    pub reason: DegradedReason,
    /// The message of the server or the connection with its causes, without credentials.
    pub message: String,
}

/// The kind of trouble that a watch has, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DegradedReason {
    /// 401: the credentials are refused.
    Unauthorized,
    /// 403: this user may not list or watch the resource.
    Forbidden,
    /// 404: the kind is not served, for example a custom resource that is not installed.
    NotServed,
    /// Anything else: no connection, a server error, an answer that cannot be decoded.
    Unreachable,
}

/// Watches one kind.
///
/// The stream never ends and has no error items: a failed request is tried again, with a
/// delay that grows to 30 s, and reported as [`WatchEvent::Degraded`]. An expired resource
/// version (410, in the stream or as a status) lists again, and a server without streaming
/// lists is listed the old way. [`kube_runtime::watcher()`] makes the requests, unless there are
/// [`bystanders`](WatchConfig::bystanders).
///
/// A task of its own reads the responses, from the first poll of the stream until the stream is
/// dropped: a change that is left out wakes nobody else.
pub fn watch<K>(api: Api<K>, config: WatchConfig) -> WatchStream<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let backoff = Backoff::new(
        Duration::from_millis(500),
        Duration::from_secs(30),
        config.seed,
    );
    let watching = Watching {
        inner: Steps::new(api, &config),
        backoff,
        config,
        degraded: None,
        pending: None,
        pause: None,
    };
    let events = stream::once(async move { Task::start(watching) });
    let events = events.flat_map(|task| {
        stream::unfold(task, |mut task| async move {
            let event = task.events.recv().await?;
            Some((event, task))
        })
    });
    WatchStream(events.boxed())
}

/// The task of one watch, which ends when this is dropped.
struct Task<K> {
    events: Receiver<WatchEvent<K>>,
    handle: AbortHandle,
}

impl<K> Task<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    fn start(watching: Watching<K>) -> Self {
        let (sender, events) = channel(WAITING);
        let handle = tokio::spawn(watching.run(sender)).abort_handle();
        Self { events, handle }
    }
}

impl<K> Drop for Task<K> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// The stream of [`watch()`]. It never ends by itself.
#[must_use = "streams do nothing unless polled"]
pub struct WatchStream<K>(BoxStream<'static, WatchEvent<K>>);

impl<K> Stream for WatchStream<K> {
    type Item = WatchEvent<K>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl<K> fmt::Debug for WatchStream<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
    }
}

struct Watching<K> {
    config: WatchConfig,
    inner: Steps<K>,
    backoff: Backoff,
    degraded: Option<Degraded>,
    pending: Option<WatchEvent<K>>,
    /// The delay before the next attempt.
    pause: Option<Duration>,
}

impl<K> Watching<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    async fn run(mut self, events: Sender<WatchEvent<K>>) {
        loop {
            let event = self.next().await;
            if events.send(event).await.is_err() {
                return;
            }
        }
    }

    async fn next(&mut self) -> WatchEvent<K> {
        loop {
            if let Some(event) = self.pending.take() {
                return event;
            }
            if let Some(pause) = self.pause.take() {
                tokio::time::sleep(pause).await;
            }
            match self.inner.next().await {
                Some(Ok(Some(event))) => return self.success(event),
                Some(Ok(None)) if self.works() => return WatchEvent::Restored,
                Some(Ok(None)) => {}
                None => self.inner.begin_again(&self.config),
                Some(Err(error)) => {
                    let (delay, told) = self.failure(&error);
                    // Told before the wait, not after it.
                    self.pause = Some(delay);
                    if let Some(degraded) = told {
                        return WatchEvent::Degraded(degraded);
                    }
                }
            }
        }
    }

    fn success(&mut self, event: Event<K>) -> WatchEvent<K> {
        let event = match event {
            // Comes before the request, so it proves nothing.
            Event::Init => return WatchEvent::Restarted,
            Event::InitApply(object) | Event::Apply(object) => WatchEvent::Applied(object),
            Event::Delete(object) => WatchEvent::Deleted(object),
            // The version of the list is kept, so that nothing is lost up to the watch.
            Event::InitDone => WatchEvent::Synced,
        };
        if self.works() {
            self.pending = Some(event);
            return WatchEvent::Restored;
        }
        event
    }

    /// Notes that the watch works. Returns true if it did not, as followers know.
    fn works(&mut self) -> bool {
        self.backoff.reset();
        self.degraded.take().is_some()
    }

    /// Returns how long to wait after an error, and the report about it if it is news.
    fn failure(&mut self, error: &Failure) -> (Duration, Option<Degraded>) {
        let status = error.status();
        let code = status.map_or(0, |status| status.code);
        // What the server says is a sentence; the error around it is none.
        let message = match status {
            Some(status) if !status.message.is_empty() => redacted(&status.message).into_owned(),
            _ => chain(error),
        };
        log::debug!("watch of {}: {message}", self.inner.url());
        // The version is too old: etcd has compacted it away (five minutes by default), or the
        // server was restarted. Only a new list helps, and it is no failure worth a word.
        if code == 410 {
            self.inner.begin_again(&self.config);
            return (self.backoff.next_delay(), None);
        }
        // 422 is the answer where the gate WatchList is off: before 1.32, and by default in
        // 1.33.
        if matches!(code, 400 | 422) && self.config.streaming.swap(false, Ordering::Relaxed) {
            self.inner.begin_again(&self.config);
            return (Duration::ZERO, None);
        }
        let (reason, delay) = match code {
            401 => (DegradedReason::Unauthorized, self.backoff.next_delay()),
            403 => (DegradedReason::Forbidden, self.config.forbidden_retry),
            404 => (DegradedReason::NotServed, self.config.absent_retry),
            _ => (DegradedReason::Unreachable, self.backoff.next_delay()),
        };
        (delay, self.news(reason, message))
    }

    /// One lost connection is no news: watches end all the time.
    fn news(&mut self, reason: DegradedReason, message: String) -> Option<Degraded> {
        let known = self
            .degraded
            .as_ref()
            .is_some_and(|degraded| degraded.reason == reason);
        // An API server that is being replaced is away for a few seconds.
        let blip = reason == DegradedReason::Unreachable && self.backoff.failures() < 3;
        if known || blip {
            return None;
        }
        let degraded = Degraded { reason, message };
        self.degraded = Some(degraded.clone());
        Some(degraded)
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
