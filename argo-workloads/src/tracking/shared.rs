//! Watches that the trackers of several applications share.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use argo_core::{AppRef, DegradedReason, WatchEvent};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream::{self, BoxStream},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::AbortHandle,
    time::Instant,
};

use super::{
    Clients, TrackConfig, TrackStream, Tracker,
    fanout::Fanout,
    index::UnknownOwner,
    local_cluster::LocalCluster,
    names::{Inquiry, Names},
    owner_reader::Answer,
    source::{ClusterObjects, ObjectSource},
    stream::track_from,
    watches::{Observed, WatchSpec},
};

/// The time for which the answer about an owner serves other trackers too: they ask at the same
/// moment, as they see the same pods.
const SAME_ANSWER: Duration = Duration::from_secs(5);

/// The watches of several applications: one for each kind in each namespace, however many
/// applications are tracked there.
///
/// ```no_run
/// use argo_core::{AppRef, client};
/// use argo_workloads::{SharedWatches, TrackConfig};
/// use futures::{StreamExt, stream::SelectAll};
///
/// # async fn run() -> Result<(), client::Error> {
/// let connection = client::connect(&client::Options::inferred(|name| std::env::var_os(name))).await?;
/// let watches = SharedWatches::new(connection.into(), TrackConfig::default());
/// let mut events = SelectAll::new();
/// for name in ["shop", "pay", "search"] {
///     let tracked = watches.track(AppRef::new(name, "argocd"));
///     events.push(tracked.map(move |event| (name, event)));
/// }
/// while let Some((name, event)) = events.next().await {
///     println!("{name}: {event:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// The watches are closed when no tracker needs them any more. Every object of a namespace is
/// kept once, unpacked, and shared by the trackers.
#[derive(Clone)]
pub struct SharedWatches(Arc<Hub>);

struct Hub {
    source: ClusterObjects,
    config: TrackConfig,
    cluster: LocalCluster,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The tracked applications.
    apps: BTreeSet<(String, String)>,
    /// Namespaces whose Applications may only be read by name.
    by_name: BTreeSet<Arc<str>>,
    open: HashMap<WatchSpec, Open>,
    owners: HashMap<UnknownOwner, (Instant, SharedAnswer)>,
    next_follower: u64,
}

type SharedAnswer = Shared<BoxFuture<'static, Answer>>;

/// A watch that is open. It is closed when this is dropped.
struct Open {
    fanout: Fanout,
    followers: HashMap<u64, UnboundedSender<WatchEvent<Observed>>>,
    task: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SharedWatches {
    /// Opens no watch yet. The configuration is that of every tracker.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as `track`, which callers use in its place"
    )]
    pub fn new(clients: Clients, config: TrackConfig) -> Self {
        Self(Arc::new(Hub {
            source: ClusterObjects::new(&clients, &config),
            cluster: clients.local_cluster(),
            config,
            state: Mutex::default(),
        }))
    }

    /// Tracks an application, as [`track`](crate::track()) does. The stream must be polled within
    /// a tokio runtime.
    pub fn track(&self, app: AppRef) -> TrackStream {
        let named = (app.namespace.clone(), app.name.clone());
        self.0.lock().apps.insert(named);
        let tracker = Tracker::new(app, self.0.config.clone(), self.0.cluster.clone());
        track_from(Box::new(Source(Arc::clone(&self.0))), tracker)
    }
}

impl fmt::Debug for SharedWatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_struct("SharedWatches")
            .field("apps", &state.apps)
            .field("open", &state.open.len())
            .finish_non_exhaustive()
    }
}

/// The shared watches as the source of one tracker.
struct Source(Arc<Hub>);

impl ObjectSource for Source {
    fn watch(&self, spec: &WatchSpec) -> BoxStream<'static, WatchEvent<Observed>> {
        match spec {
            WatchSpec::Applications {
                namespace,
                name: Some(name),
            } if self.0.lock().is_crowded(namespace) => self.0.one_of_all(namespace, name),
            _ => self.0.follow(spec),
        }
    }

    fn read_owner(&self, unknown: UnknownOwner) -> BoxFuture<'static, (UnknownOwner, Answer)> {
        let answer = self.0.owner(&unknown);
        async move { (unknown, answer.await) }.boxed()
    }

    fn read_names(&self, inquiry: Inquiry) -> BoxFuture<'static, (Inquiry, Names)> {
        self.0.source.read_names(inquiry)
    }
}

impl Hub {
    /// Follows a watch, which is opened for the first follower.
    fn follow(self: &Arc<Self>, spec: &WatchSpec) -> BoxStream<'static, WatchEvent<Observed>> {
        let (sender, events) = unbounded_channel();
        let mut state = self.lock();
        let id = state.next_follower;
        state.next_follower += 1;
        let open = state.open.entry(spec.clone()).or_insert_with(|| {
            log::debug!("sharing {spec:?}");
            Open {
                fanout: Fanout::default(),
                followers: HashMap::new(),
                task: self.spawn(spec),
            }
        });
        for event in open.fanout.replay() {
            // The receiver is right here.
            let _ = sender.send(event);
        }
        open.followers.insert(id, sender);
        let following = Following {
            events,
            hub: Arc::downgrade(self),
            spec: spec.clone(),
            id,
        };
        stream::unfold(following, |mut following| async move {
            let event = following.events.recv().await?;
            Some((event, following))
        })
        .boxed()
    }

    fn spawn(self: &Arc<Self>, spec: &WatchSpec) -> AbortHandle {
        let (hub, spec) = (Arc::downgrade(self), spec.clone());
        let mut events = self.source.watch(&spec);
        let task = async move {
            while let Some(event) = events.next().await {
                let Some(hub) = hub.upgrade() else { return };
                hub.deliver(&spec, &event);
            }
        };
        tokio::spawn(task).abort_handle()
    }

    fn deliver(&self, spec: &WatchSpec, event: &WatchEvent<Observed>) {
        let mut state = self.lock();
        let Some(open) = state.open.get_mut(spec) else {
            return;
        };
        open.fanout.take(event);
        for follower in open.followers.values() {
            // One that is about to leave does not listen any more.
            let _ = follower.send(event.clone());
        }
    }

    /// Follows one Application by the watch of all of its namespace; by a watch of its own where
    /// they may not be listed.
    fn one_of_all(
        self: &Arc<Self>,
        namespace: &Arc<str>,
        name: &Arc<str>,
    ) -> BoxStream<'static, WatchEvent<Observed>> {
        let spec = |name: Option<&Arc<str>>| WatchSpec::Applications {
            namespace: Arc::clone(namespace),
            name: name.map(Arc::clone),
        };
        let one = One {
            hub: Arc::clone(self),
            events: self.follow(&spec(None)),
            spec: spec(Some(name)),
            namespace: Arc::clone(namespace),
            name: Arc::clone(name),
            is_alone: false,
        };
        stream::unfold(one, |mut one| async move {
            let event = one.next().await?;
            Some((event, one))
        })
        .boxed()
    }

    /// Reads an owner, or waits for the answer that another tracker waits for.
    fn owner(&self, unknown: &UnknownOwner) -> SharedAnswer {
        let mut state = self.lock();
        state
            .owners
            .retain(|_, (asked, _)| asked.elapsed() < SAME_ANSWER);
        let read = || {
            let read = self.source.read_owner(unknown.clone());
            let answer = read.map(|(_, answer)| answer).boxed().shared();
            (Instant::now(), answer)
        };
        let answer = state.owners.entry(unknown.clone()).or_insert_with(read);
        answer.1.clone()
    }

    fn leave(&self, spec: &WatchSpec, id: u64) {
        let mut state = self.lock();
        let Some(open) = state.open.get_mut(spec) else {
            return;
        };
        open.followers.remove(&id);
        if open.followers.is_empty() {
            log::debug!("nobody needs {spec:?} any more");
            state.open.remove(spec);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// True if several Applications of a namespace are tracked, and may be listed.
    fn is_crowded(&self, namespace: &Arc<str>) -> bool {
        let here = self.apps.iter().filter(|(of, _)| *of == **namespace);
        here.count() > 1 && !self.by_name.contains(namespace)
    }
}

/// A follower of a watch, which leaves when it is dropped.
struct Following {
    events: UnboundedReceiver<WatchEvent<Observed>>,
    hub: Weak<Hub>,
    spec: WatchSpec,
    id: u64,
}

impl Drop for Following {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.leave(&self.spec, self.id);
        }
    }
}

/// One Application among all of a namespace.
struct One {
    hub: Arc<Hub>,
    events: BoxStream<'static, WatchEvent<Observed>>,
    /// Its own watch.
    spec: WatchSpec,
    namespace: Arc<str>,
    name: Arc<str>,
    /// True once it is followed by its own watch.
    is_alone: bool,
}

impl One {
    async fn next(&mut self) -> Option<WatchEvent<Observed>> {
        loop {
            let event = self.events.next().await?;
            match &event {
                WatchEvent::Degraded(degraded)
                    if !self.is_alone && degraded.reason == DegradedReason::Forbidden =>
                {
                    self.follow_alone();
                }
                WatchEvent::Applied(found) | WatchEvent::Deleted(found)
                    if !found.is_named(&self.name) => {}
                _ => return Some(event),
            }
        }
    }

    fn follow_alone(&mut self) {
        self.is_alone = true;
        self.hub.lock().by_name.insert(Arc::clone(&self.namespace));
        self.events = self.hub.follow(&self.spec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_is_closed_with_whatever_held_it() {
        let task = tokio::spawn(std::future::pending::<()>());
        let open = Open {
            fanout: Fanout::default(),
            followers: HashMap::new(),
            task: task.abort_handle(),
        };
        drop(open);
        assert!(task.await.unwrap_err().is_cancelled());
    }
}
