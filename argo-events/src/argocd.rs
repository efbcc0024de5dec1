//! Events over Argo CD's API, by polling: there is no watch (argo-cd issue 9019).
//!
//! Each list costs the server a look at the whole tree, so only objects that are new, have
//! changed or are not healthy are asked about, a few at a time. [`polling`] decides which.

mod polling;

use std::{sync::Arc, time::Duration};

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

use self::polling::Polling;
use crate::{Event, EventSource, Scope};

/// Lists at one time.
const CONCURRENT: usize = 3;
/// Between two rounds.
const ROUND: Duration = Duration::from_secs(2);
/// Lists in one round.
const IN_ROUND: usize = 6;

/// The events of the objects in some trees.
#[derive(Clone, Debug)]
pub struct ArgocdEvents {
    trees: Arc<Trees>,
}

impl ArgocdEvents {
    /// Reads the events of the objects in these trees.
    pub fn new(trees: Arc<Trees>) -> Self {
        Self { trees }
    }
}

impl EventSource for ArgocdEvents {
    fn watch(&self, scope: &Scope) -> BoxStream<'static, WatchEvent<Event>> {
        let (sender, events) = mpsc::unbounded_channel();
        tokio::spawn(poll(Arc::clone(&self.trees), scope.clone(), sender));
        UnboundedReceiverStream::new(events).boxed()
    }

    /// Events of Applications are a call of their own.
    fn is_split(&self) -> bool {
        true
    }
}

type Sender = UnboundedSender<WatchEvent<Event>>;

/// Polls the objects of a scope until nobody listens.
async fn poll(trees: Arc<Trees>, scope: Scope, sender: Sender) {
    let started = Instant::now();
    let mut polling = Polling::default();
    let mut is_degraded = false;
    let _ = sender.send(WatchEvent::Restarted);
    let mut is_first = true;
    while !sender.is_closed() {
        let round = Instant::now();
        for state in trees.states() {
            let Some(tree) = &state.tree else { continue };
            if scope.applications {
                if *scope.namespace == *state.app.namespace {
                    polling.application(&state.app, started.elapsed());
                }
            } else {
                polling.tree(&state.app, tree, &scope.namespace, started.elapsed());
            }
        }
        let due = polling.due(started.elapsed(), IN_ROUND);
        let has_asked = !due.is_empty();
        let mut answers = stream::iter(due)
            .map(|(app, object)| list(&trees, app, object))
            .buffer_unordered(CONCURRENT);
        while let Some(answer) = answers.next().await {
            health(&answer, &mut is_degraded, &sender);
            for event in answer.unwrap_or_default() {
                // The deduplicator knows what was shown.
                let _ = sender.send(WatchEvent::Applied(event));
            }
        }
        if has_asked && std::mem::take(&mut is_first) {
            let _ = sender.send(WatchEvent::Synced);
        }
        tokio::select! {
            () = sleep_until(round + ROUND) => {}
            () = sender.closed() => return,
        }
    }
}

async fn list(trees: &Trees, app: AppRef, object: Option<ObjectRef>) -> Result<Vec<Event>, Error> {
    let answer = trees.client().events(&app, object.as_ref()).await;
    match answer {
        // The object has left the tree.
        Err(Error::Refused(refused)) if refused.http_code == 400 => Ok(Vec::new()),
        answer => answer,
    }
}

fn health(answer: &Result<Vec<Event>, Error>, is_degraded: &mut bool, sender: &Sender) {
    match answer {
        Ok(_) if std::mem::take(is_degraded) => {
            let _ = sender.send(WatchEvent::Restored);
        }
        Err(error) if !error.is_no_news() && !std::mem::replace(is_degraded, true) => {
            let degraded = Degraded {
                reason: DegradedReason::Unreachable,
                message: error.to_string(),
            };
            let _ = sender.send(WatchEvent::Degraded(degraded));
        }
        _ => {}
    }
}
