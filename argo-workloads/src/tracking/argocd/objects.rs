//! Feeds the mirror, and serves the watches of a tracker from it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use argo_core::{
    AppRef, GroupKind, TrackedBody, WatchEvent,
    argocd::{Error, TreeState, Trees},
    resource::{Application, Pod, WorkloadObject},
};
use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, FuturesUnordered},
};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    task::AbortHandle,
    time::sleep,
};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{
    application::{self, degraded},
    mirror::{Change, Mirror, Wanted},
};
use crate::{
    tracking::{
        TrackConfig,
        index::UnknownOwner,
        names::{Inquiry, Names},
        owner_reader::Answer,
        source::ObjectSource,
        watches::{Observed, WatchSpec},
    },
    workload::{Kinds, Scope},
};

/// Objects that are read at once, or wait for their turn.
const READERS: usize = 4;
/// The pauses before an object is read again that could not be read: they double.
const AGAIN: Duration = Duration::from_secs(2);
/// The longest of these pauses.
const SELDOM: Duration = Duration::from_secs(60);
/// Changes that come together are one read.
const MERGE: Duration = Duration::from_millis(300);
/// An owner that is newer than the tree is waited for.
const OWNER_WITHIN: Duration = Duration::from_secs(5);

/// The objects of applications over Argo CD's API.
pub(super) struct ApiObjects {
    trees: Arc<Trees>,
    kinds: Kinds,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    mirror: Mirror,
    watches: Vec<Watch>,
    /// The followed applications, with their names in tracking ids. Others may share the trees.
    instances: HashMap<String, String>,
    /// Failed reads of an object in a row.
    failures: HashMap<String, u32>,
    is_degraded: bool,
}

#[derive(Debug)]
struct Watch {
    kind: GroupKind,
    scope: Scope,
    sender: UnboundedSender<WatchEvent<Observed>>,
    is_synced: bool,
}

impl ApiObjects {
    pub(super) fn new(trees: Arc<Trees>, config: &TrackConfig) -> Self {
        let kinds = Kinds::new(&config.kinds);
        let shared = Arc::new(Shared(Mutex::new(State {
            mirror: Mirror::new(kinds.clone()),
            watches: Vec::new(),
            instances: HashMap::new(),
            failures: HashMap::new(),
            is_degraded: false,
        })));
        let task = tokio::spawn(feed(Arc::clone(&trees), Arc::downgrade(&shared)));
        let task = task.abort_handle();
        Self {
            trees,
            kinds,
            shared,
            task,
        }
    }

    fn application(&self, namespace: &str, name: &str) -> BoxStream<'static, WatchEvent<Observed>> {
        let app = AppRef::new(name, namespace);
        let (trees, shared) = (Arc::clone(&self.trees), Arc::clone(&self.shared));
        let followed = app.clone();
        let known = known(Arc::clone(&self.trees), app.clone());
        let found = move |found: &Application| {
            shared
                .lock()
                .instances
                .insert(followed.to_string(), instance(&followed, found));
            trees.follow(&followed);
        };
        application::watch(self.trees.client().clone(), app, found, known).boxed()
    }
}

/// Waits until the tree of an application is known.
async fn known(trees: Arc<Trees>, app: AppRef) {
    let mut changes = trees.changes();
    loop {
        let mut states = trees.states().into_iter();
        if states.any(|state| state.app == app && state.tree.is_some()) {
            return;
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Returns the name of an application in tracking ids (Argo CD `InstanceName`).
fn instance(app: &AppRef, found: &Application) -> String {
    let controller = found
        .status
        .controller_namespace
        .as_deref()
        .unwrap_or_default();
    if controller.is_empty() || controller == app.namespace {
        app.name.clone()
    } else {
        app.qualified()
    }
}

impl Drop for ApiObjects {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ObjectSource for ApiObjects {
    fn watch(&self, spec: &WatchSpec) -> BoxStream<'static, WatchEvent<Observed>> {
        match spec {
            WatchSpec::Applications {
                namespace,
                name: Some(name),
            } => self.application(namespace, name),
            // Each one is watched by name: others are nobody's business.
            WatchSpec::Applications { name: None, .. } => {
                let refused = argo_core::Degraded {
                    reason: argo_core::DegradedReason::Forbidden,
                    message: "applications are read one by one".to_owned(),
                };
                stream::iter([WatchEvent::Degraded(refused)])
                    .chain(stream::pending())
                    .boxed()
            }
            _ => self
                .shared
                .lock()
                .watch(spec.kind(&self.kinds), spec.scope(), &self.trees),
        }
    }

    fn read_owner(&self, unknown: UnknownOwner) -> BoxFuture<'static, (UnknownOwner, Answer)> {
        let shared = Arc::clone(&self.shared);
        let mut changes = self.trees.changes();
        async move {
            let found = async {
                loop {
                    if let Some(meta) = shared.lock().mirror.metadata(&unknown.owner.uid) {
                        return Some(meta);
                    }
                    changes.changed().await.ok()?;
                    // The task that takes the tree was told at the same moment.
                    sleep(MERGE).await;
                }
            };
            let found = tokio::time::timeout(OWNER_WITHIN, found).await;
            let answer = match found.ok().flatten() {
                Some(meta) => Answer::Found(Box::new(meta)),
                None => Answer::Absent,
            };
            (unknown, answer)
        }
        .boxed()
    }

    /// Answers with nothing: whoever opens the tree has seen the application.
    fn read_names(&self, inquiry: Inquiry) -> BoxFuture<'static, (Inquiry, Names)> {
        std::future::ready((inquiry, Names::Applications(Vec::new()))).boxed()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn watch(
        &mut self,
        kind: GroupKind,
        scope: Scope,
        trees: &Trees,
    ) -> BoxStream<'static, WatchEvent<Observed>> {
        let (sender, events) = mpsc::unbounded_channel();
        let mut watch = Watch {
            kind,
            scope,
            sender,
            is_synced: false,
        };
        watch.send(WatchEvent::Restarted);
        for body in self.mirror.objects(&watch.kind) {
            if watch.covers(body) {
                watch.send(WatchEvent::Applied(Observed::Object(body.clone())));
            }
        }
        watch.synced_if(self.mirror.is_complete(self.awaited(trees)));
        self.watches.push(watch);
        UnboundedReceiverStream::new(events).boxed()
    }

    fn changed(&mut self, changes: Vec<Change>) {
        self.watches.retain(|watch| !watch.sender.is_closed());
        for change in changes {
            let (Change::Applied(kind, body) | Change::Removed(kind, body)) = &change;
            for watch in self
                .watches
                .iter()
                .filter(|watch| watch.kind == *kind && watch.covers(body))
            {
                let object = Observed::Object(body.clone());
                watch.send(match change {
                    Change::Applied(..) => WatchEvent::Applied(object),
                    Change::Removed(..) => WatchEvent::Deleted(object),
                });
            }
        }
    }

    /// Returns the pause before an object is read again.
    fn pause(&mut self, uid: &str) -> Duration {
        let failures = self.failures.entry(uid.to_owned()).or_default();
        let pause = AGAIN * 2_u32.saturating_pow((*failures).min(5));
        *failures += 1;
        pause.min(SELDOM)
    }

    fn complete(&mut self, apps: usize) {
        let is_complete = self.mirror.is_complete(apps);
        self.watches
            .iter_mut()
            .for_each(|watch| watch.synced_if(is_complete));
    }

    /// Returns the trees of the applications that are followed here.
    fn own(&self, trees: &Trees) -> Vec<TreeState> {
        let mut states = trees.states();
        states.retain(|state| self.instances.contains_key(&state.app.to_string()));
        states
    }

    /// Returns the number of trees that a list waits for: those that can be read.
    fn awaited(&self, trees: &Trees) -> usize {
        let states = self.own(trees);
        let unreadable = |state: &&TreeState| state.tree.is_none() && state.error.is_some();
        states.len() - states.iter().filter(unreadable).count()
    }

    /// Tells the watches of a failure that lasts, and of its end.
    fn health(&mut self, error: Option<&Error>) {
        match error {
            Some(error) if !self.is_degraded => {
                self.is_degraded = true;
                let degraded = degraded(error);
                self.watches
                    .iter()
                    .for_each(|watch| watch.send(WatchEvent::Degraded(degraded.clone())));
            }
            None if self.is_degraded => {
                self.is_degraded = false;
                self.watches
                    .iter()
                    .for_each(|watch| watch.send(WatchEvent::Restored));
            }
            _ => {}
        }
    }
}

impl Watch {
    fn covers(&self, body: &TrackedBody) -> bool {
        match &self.scope {
            Scope::Cluster => true,
            Scope::Namespace(namespace) => {
                body.metadata().namespace.as_deref().unwrap_or_default() == &**namespace
            }
        }
    }

    fn synced_if(&mut self, is_complete: bool) {
        if is_complete && !self.is_synced {
            self.is_synced = true;
            self.send(WatchEvent::Synced);
        }
    }

    fn send(&self, event: WatchEvent<Observed>) {
        // The receiver of a watch that was closed is gone, which is no error.
        let _ = self.sender.send(event);
    }
}

/// Takes the trees as they change, and reads the objects that the mirror wants.
async fn feed(trees: Arc<Trees>, shared: Weak<Shared>) {
    let mut changes = trees.changes();
    changes.mark_changed();
    let mut reading = FuturesUnordered::new();
    let mut again = FuturesUnordered::new();
    loop {
        {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let mut state = shared.lock();
            while reading.len() < READERS
                && let Some(wanted) = state.mirror.next_read()
            {
                reading.push(read(&trees, wanted));
            }
            let apps = state.awaited(&trees);
            state.complete(apps);
        }
        tokio::select! {
            changed = changes.changed() => {
                let Some(shared) = shared.upgrade().filter(|_| changed.is_ok()) else {
                    return;
                };
                take_trees(&trees, &mut shared.lock());
            }
            Some((uid, answer)) = reading.next(), if !reading.is_empty() => {
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                if let Some(delay) = take_read(&uid, answer, &mut shared.lock()) {
                    again.push(async move { sleep(delay).await; uid });
                }
            }
            Some(uid) = again.next(), if !again.is_empty() => {
                if let Some(shared) = shared.upgrade() {
                    shared.lock().mirror.want(&uid);
                }
            }
        }
    }
}

fn take_trees(trees: &Trees, state: &mut State) {
    let states = state.own(trees);
    for followed in &states {
        if let Some(tree) = &followed.tree {
            let instance = state.instances.get(&followed.app.to_string());
            let instance = instance
                .cloned()
                .unwrap_or_else(|| followed.app.name.clone());
            let changes = state.mirror.tree(&followed.app, &instance, tree);
            state.changed(changes);
        }
    }
    state.health(states.iter().find_map(|followed| followed.error.as_ref()));
}

/// Takes the answer to a read. Returns the delay after which the object is to be read again.
fn take_read(uid: &str, answer: Result<TrackedBody, Error>, state: &mut State) -> Option<Duration> {
    let retry = match &answer {
        Err(error) => {
            log::debug!("object {uid} cannot be read: {error}");
            error.is_passing().then(|| state.pause(uid))
        }
        Ok(_) => {
            state.failures.remove(uid);
            None
        }
    };
    let (change, is_stale) = state.mirror.read(uid, answer.ok());
    state.changed(change.into_iter().collect());
    retry.or(is_stale.then_some(MERGE))
}

async fn read(trees: &Trees, wanted: Wanted) -> (String, Result<TrackedBody, Error>) {
    let _turn = trees.turn().await;
    let client = trees.client();
    let (app, query) = (&wanted.app, &wanted.query);
    let body = if wanted.is_pod {
        let pod = client.resource::<Pod>(app, query).await;
        pod.map(|pod| TrackedBody::Pod(Arc::new(pod)))
    } else {
        let object = client.resource::<WorkloadObject>(app, query).await;
        object.map(|object| TrackedBody::Workload(Arc::new(object)))
    };
    (wanted.uid, body)
}
