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

use futures::{Stream, StreamExt, stream::BoxStream};
use kube::{Api, Resource, core::Status};
use kube_runtime::watcher::{self, Event};
use serde::de::DeserializeOwned;

use crate::{
    Backoff,
    text::{chain, redacted},
};

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
/// delay that grows to 30 s, and reported as [`WatchEvent::Degraded`]. It differs from
/// [`kube_runtime::watcher()`] in that a failing list backs off, an expired resource version
/// (410, in the stream or as a status) lists again, and a server without streaming lists is
/// listed the old way.
pub fn watch<K>(api: Api<K>, config: WatchConfig) -> WatchStream<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let state = Watching {
        inner: inner(&api, &config),
        backoff: Backoff::new(
            Duration::from_millis(500),
            Duration::from_secs(30),
            config.seed,
        ),
        api,
        config,
        degraded: None,
        pending: None,
    };
    let events = futures::stream::unfold(state, |mut state| async move {
        let event = state.next().await;
        Some((event, state))
    });
    WatchStream(events.boxed())
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

type Inner<K> = BoxStream<'static, Result<Event<K>, watcher::Error>>;

fn inner<K>(api: &Api<K>, config: &WatchConfig) -> Inner<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut watcher = watcher::Config::default().timeout(config.timeout);
    watcher.label_selector.clone_from(&config.labels);
    watcher.field_selector.clone_from(&config.fields);
    // A streaming list has no pages: its objects come one by one.
    if config.streaming.load(Ordering::Relaxed) {
        watcher = watcher.streaming_lists();
    } else {
        watcher = watcher.page_size(config.page_size);
    }
    kube_runtime::watcher(api.clone(), watcher).boxed()
}

struct Watching<K> {
    api: Api<K>,
    config: WatchConfig,
    inner: Inner<K>,
    backoff: Backoff,
    degraded: Option<Degraded>,
    pending: Option<WatchEvent<K>>,
}

impl<K> Watching<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    async fn next(&mut self) -> WatchEvent<K> {
        loop {
            if let Some(event) = self.pending.take() {
                return event;
            }
            match self.inner.next().await {
                Some(Ok(event)) => return self.success(event),
                Some(Err(error)) => {
                    let (delay, told) = self.failure(&error);
                    if let Some(degraded) = told {
                        // Told before the wait, not after it.
                        self.inner = delayed(self.take_inner(), delay);
                        return WatchEvent::Degraded(degraded);
                    }
                    tokio::time::sleep(delay).await;
                }
                None => self.inner = inner(&self.api, &self.config),
            }
        }
    }

    fn take_inner(&mut self) -> Inner<K> {
        std::mem::replace(&mut self.inner, futures::stream::empty().boxed())
    }

    fn success(&mut self, event: Event<K>) -> WatchEvent<K> {
        let event = match event {
            // Comes before the request, so it proves nothing.
            Event::Init => return WatchEvent::Restarted,
            Event::InitApply(object) | Event::Apply(object) => WatchEvent::Applied(object),
            Event::Delete(object) => WatchEvent::Deleted(object),
            // kube-runtime keeps the version of the list, so that nothing is lost up to the
            // watch.
            Event::InitDone => WatchEvent::Synced,
        };
        self.backoff.reset();
        if self.degraded.take().is_some() {
            self.pending = Some(event);
            return WatchEvent::Restored;
        }
        event
    }

    /// Returns how long to wait after an error, and the report about it if it is news.
    fn failure(&mut self, error: &watcher::Error) -> (Duration, Option<Degraded>) {
        let status = status(error);
        let code = status.map_or(0, |status| status.code);
        // What the server says is a sentence; the error around it is none.
        let message = match status {
            Some(status) if !status.message.is_empty() => redacted(&status.message).into_owned(),
            _ => chain(error),
        };
        log::debug!("watch of {}: {message}", self.api.resource_url());
        // The version is too old: etcd has compacted it away (five minutes by default), or the
        // server was restarted. Only a new list helps, and it is no failure worth a word.
        if code == 410 {
            self.inner = inner(&self.api, &self.config);
            return (self.backoff.next_delay(), None);
        }
        // 422 is the answer where the gate WatchList is off: before 1.32, and by default in
        // 1.33.
        if matches!(code, 400 | 422) && self.config.streaming.swap(false, Ordering::Relaxed) {
            self.inner = inner(&self.api, &self.config);
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

fn delayed<K: Send + 'static>(inner: Inner<K>, delay: Duration) -> Inner<K> {
    let wait = futures::stream::once(tokio::time::sleep(delay)).filter_map(async |()| None);
    Box::pin(wait.chain(inner))
}

fn status(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}
