//! Events over Argo CD's API, by polling: there is no watch (argo-cd issue 9019).
//!
//! Each list costs the server a look at the whole tree, so only objects that are new, have
//! changed or are not healthy are asked about, a few at a time for all applications and
//! namespaces together. [`polling`] decides which.

mod polling;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use argo_core::{
    AppRef, Degraded, DegradedReason, ObjectRef, WatchEvent,
    argocd::{Error, Trees},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    sync::mpsc::{self, UnboundedSender},
    time::{Instant, sleep_until},
};
use tokio_stream::wrappers::UnboundedReceiverStream;

use self::polling::{Due, Polling};
use crate::{Event, EventScope, EventSource};

/// Lists at one time.
const CONCURRENT: usize = 3;
/// Between two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// Lists in one round, and one more for each five applications.
const IN_ROUND: usize = 6;

/// The events of the objects in some trees.
#[derive(Clone, Debug)]
pub struct ArgocdEvents {
    trees: Arc<Trees>,
    watches: Arc<Mutex<Watches>>,
}

/// The scopes that somebody listens to.
#[derive(Debug, Default)]
struct Watches {
    open: Vec<Watch>,
    /// True while a task polls for them.
    is_polled: bool,
}

#[derive(Debug)]
struct Watch {
    scope: EventScope,
    sender: UnboundedSender<WatchEvent<Event>>,
    is_synced: bool,
    is_degraded: bool,
}

impl ArgocdEvents {
    /// Reads the events of the objects in these trees.
    pub fn new(trees: Arc<Trees>) -> Self {
        Self {
            trees,
            watches: Arc::default(),
        }
    }
}

impl EventSource for ArgocdEvents {
    fn watch(&self, scope: &EventScope) -> BoxStream<'static, WatchEvent<Event>> {
        let (sender, events) = mpsc::unbounded_channel();
        let _ = sender.send(WatchEvent::Restarted);
        let mut watches = lock(&self.watches);
        watches.open.push(Watch {
            scope: scope.clone(),
            sender,
            is_synced: false,
            is_degraded: false,
        });
        if !std::mem::replace(&mut watches.is_polled, true) {
            tokio::spawn(poll(Arc::clone(&self.trees), Arc::clone(&self.watches)));
        }
        UnboundedReceiverStream::new(events).boxed()
    }

    /// Events of Applications are a call of their own.
    fn is_split(&self) -> bool {
        true
    }
}

fn lock(watches: &Mutex<Watches>) -> MutexGuard<'_, Watches> {
    watches.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watches {
    /// Returns the scopes; `None` once nobody listens any more.
    fn scopes(&mut self) -> Option<BTreeSet<EventScope>> {
        self.open.retain(|watch| !watch.sender.is_closed());
        self.is_polled = !self.open.is_empty();
        let scopes = self.open.iter().map(|watch| watch.scope.clone());
        self.is_polled.then(|| scopes.collect())
    }

    fn of(&mut self, due: &Due) -> Option<&mut Watch> {
        let mut open = self.open.iter_mut();
        open.find(|watch| due.is_in(&watch.scope))
    }
}

/// Polls the objects of all scopes until nobody listens.
async fn poll(trees: Arc<Trees>, watches: Arc<Mutex<Watches>>) {
    let started = Instant::now();
    let mut polling = Polling::default();
    loop {
        let round = Instant::now();
        let Some(scopes) = lock(&watches).scopes() else {
            return;
        };
        let states = trees.states();
        for state in &states {
            let Some(tree) = &state.tree else { continue };
            let now = started.elapsed();
            if scopes
                .iter()
                .any(|scope| scope.applications && *scope.namespace == *state.app.namespace)
            {
                polling.application(&state.app, states.len(), now);
            }
            polling.tree(&state.app, tree, now);
        }
        let most = IN_ROUND + states.len() / 5;
        let due = polling.due(started.elapsed(), most, |due| {
            scopes.iter().any(|scope| due.is_in(scope))
        });
        let mut answers = stream::iter(due)
            .map(|due| async {
                let answer = list(&trees, &due.app, due.object.as_ref()).await;
                (due, answer)
            })
            .buffer_unordered(CONCURRENT);
        while let Some((due, answer)) = answers.next().await {
            if let Some(watch) = lock(&watches).of(&due) {
                watch.answered(answer);
            }
        }
        sleep_until(round + ROUND).await;
    }
}

async fn list(
    trees: &Trees,
    app: &AppRef,
    object: Option<&ObjectRef>,
) -> Result<Vec<Event>, Error> {
    let answer = trees.client().events(app, object).await;
    match answer {
        // The object has left the tree.
        Err(Error::Refused(refused)) if refused.http_code == 400 => Ok(Vec::new()),
        answer => answer,
    }
}

impl Watch {
    fn answered(&mut self, answer: Result<Vec<Event>, Error>) {
        self.health(&answer);
        for event in answer.unwrap_or_default() {
            // The deduplicator knows what was shown.
            self.send(WatchEvent::Applied(event));
        }
        if !std::mem::replace(&mut self.is_synced, true) {
            self.send(WatchEvent::Synced);
        }
    }

    fn health(&mut self, answer: &Result<Vec<Event>, Error>) {
        match answer {
            Ok(_) if std::mem::take(&mut self.is_degraded) => self.send(WatchEvent::Restored),
            Err(error)
                if !error.is_no_news() && !std::mem::replace(&mut self.is_degraded, true) =>
            {
                self.send(WatchEvent::Degraded(Degraded {
                    reason: DegradedReason::Unreachable,
                    message: error.to_string(),
                }));
            }
            _ => {}
        }
    }

    fn send(&self, event: WatchEvent<Event>) {
        // The receiver of a watch that was closed is gone, which is no error.
        let _ = self.sender.send(event);
    }
}
