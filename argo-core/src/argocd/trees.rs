//! The trees of the followed applications, each kept up to date by one task.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures::StreamExt;
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    task::AbortHandle,
    time::{Instant, sleep, timeout_at},
};

use super::{Client, Error, ResourceTree, StreamItem};
use crate::{AppRef, Backoff, backoff::seed};

/// A stream may lose messages without notice (redis, a slow reader), so the tree is read again
/// after this time without one.
const REREAD: Duration = Duration::from_secs(30);
/// The stream has no first message: whether it has begun is not known. What changed before it
/// did is found by a second look.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// One failure is no news: servers restart.
const NEWS: u32 = 3;
/// A stream that lasts so long has worked: the next failure is the first one again. One that
/// breaks sooner has not, whatever it said before.
const LASTING: Duration = Duration::from_secs(20);
/// Objects that are read at once: each read costs the server a look at the whole tree.
const READERS: usize = 4;

/// The trees of applications. Clones of the [`Arc`] share them; the tasks end with the last one.
#[derive(Debug)]
pub struct Trees {
    client: Client,
    apps: Mutex<Vec<Followed>>,
    changes: watch::Sender<u64>,
    readers: Semaphore,
}

#[derive(Debug)]
struct Followed {
    state: TreeState,
    task: AbortHandle,
}

/// The tree of one application.
#[derive(Clone, Debug)]
pub struct TreeState {
    /// The application.
    pub app: AppRef,
    /// Its objects; absent until they were read once.
    pub tree: Option<Arc<ResourceTree>>,
    /// The reason for which the tree cannot be read at the moment.
    pub error: Option<Error>,
}

impl Trees {
    /// Follows no application yet.
    pub fn new(client: Client) -> Arc<Self> {
        Arc::new(Self {
            client,
            apps: Mutex::default(),
            changes: watch::Sender::new(0),
            readers: Semaphore::new(READERS),
        })
    }

    /// Waits for the turn of a read of an object. All who read objects of these trees take
    /// turns, and hold what is returned until they have the answer.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.readers.acquire().await.ok()
    }

    /// Returns the client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Follows the tree of an application from now on. Must be called within a tokio runtime.
    pub fn follow(self: &Arc<Self>, app: &AppRef) {
        let mut apps = self.lock();
        if apps.iter().any(|followed| followed.state.app == *app) {
            return;
        }
        let task = tokio::spawn(follow(
            Arc::downgrade(self),
            self.client.clone(),
            app.clone(),
        ));
        let state = TreeState {
            app: app.clone(),
            tree: None,
            error: None,
        };
        let task = task.abort_handle();
        apps.push(Followed { state, task });
    }

    /// Returns a receiver that is told of each change of a tree.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns the trees as they are known now.
    pub fn states(&self) -> Vec<TreeState> {
        self.lock()
            .iter()
            .map(|followed| followed.state.clone())
            .collect()
    }

    /// True if a tree holds the object.
    pub fn holds(&self, uid: &str) -> bool {
        let apps = self.lock();
        let mut trees = apps.iter().filter_map(|it| it.state.tree.as_ref());
        trees.any(|tree| tree.nodes.iter().any(|node| node.object.uid == uid))
    }

    /// Returns the application that an object belongs to; the first one that is followed if no
    /// tree holds the object.
    pub fn app_of(&self, uid: &str) -> Option<AppRef> {
        let apps = self.lock();
        let holds = |followed: &&Followed| {
            let tree = followed.state.tree.as_ref();
            tree.is_some_and(|tree| tree.nodes.iter().any(|node| node.object.uid == uid))
        };
        let found = apps.iter().find(holds).or_else(|| apps.first());
        found.map(|followed| followed.state.app.clone())
    }

    fn update(&self, app: &AppRef, change: impl FnOnce(&mut TreeState)) {
        let mut apps = self.lock();
        if let Some(followed) = apps.iter_mut().find(|followed| followed.state.app == *app) {
            change(&mut followed.state);
        }
        drop(apps);
        self.changes.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Followed>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Trees {
    fn drop(&mut self) {
        self.lock()
            .iter()
            .for_each(|followed| followed.task.abort());
    }
}

/// Opens the stream, reads the tree, takes the messages; again when the stream ends.
async fn follow(trees: Weak<Trees>, client: Client, app: AppRef) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), seed(&app));
    let mut reread = Instant::now();
    let mut doubt = Doubt::default();
    loop {
        // The stream first, then the tree: what changes in between comes by one of the two.
        let mut stream = client.watch_tree(&app);
        let opened = Instant::now();
        let mut second_look = true;
        let failed = loop {
            match timeout_at(reread, stream.next()).await {
                Ok(Some(Ok(StreamItem::Message(tree)))) => {
                    let is_believed = doubt.believes(&tree);
                    reread = Instant::now() + if is_believed { REREAD } else { SECOND_LOOK };
                    if is_believed && !told(&trees, &app, Ok(tree)) {
                        return;
                    }
                }
                // A keep-alive: it tells that the connection lives, not that the tree is up to
                // date.
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => break Some(error),
                Ok(None) => break None,
                Err(_) => {
                    let answer = client.tree(&app).await;
                    reread = Instant::now() + if second_look { SECOND_LOOK } else { REREAD };
                    second_look = false;
                    match answer {
                        Ok(tree) if !doubt.believes(&tree) => {
                            reread = Instant::now() + SECOND_LOOK;
                        }
                        Ok(tree) => {
                            if !told(&trees, &app, Ok(tree)) {
                                return;
                            }
                        }
                        Err(error) => break Some(error),
                    }
                }
            }
        };
        log::debug!("the tree of {app}: stream ended, {failed:?}");
        if failed.is_some() {
            doubt.raise();
        }
        if opened.elapsed() >= LASTING {
            backoff.reset();
        }
        let delay = backoff.next_delay();
        let is_news = |error: &Error| !error.is_no_news() || backoff.failures() >= NEWS;
        if let Some(error) = failed.filter(is_news)
            && !told(&trees, &app, Err(error))
        {
            return;
        }
        sleep(delay).await;
        reread = Instant::now();
    }
}

/// Decides whether a tree without any object is believed. A server whose cache has just been
/// emptied says the same as one whose application has no object left.
#[derive(Debug, Default)]
struct Doubt {
    /// True if the last tree that was believed had objects.
    has_objects: bool,
    /// Trees without objects in a row, since the last failure.
    empty: u32,
}

impl Doubt {
    /// Empty trees in a row after which nothing is left.
    const ENOUGH: u32 = 2;

    /// Takes a failure: what was seen before it proves nothing about what comes after it.
    fn raise(&mut self) {
        self.empty = 0;
    }

    fn believes(&mut self, tree: &ResourceTree) -> bool {
        let is_empty = tree.nodes.iter().all(|node| node.object.uid.is_empty());
        self.empty = if is_empty { self.empty + 1 } else { 0 };
        let is_believed = !is_empty || !self.has_objects || self.empty >= Self::ENOUGH;
        if is_believed {
            self.has_objects = !is_empty;
        }
        is_believed
    }
}

/// True while somebody wants to know.
fn told(trees: &Weak<Trees>, app: &AppRef, answer: Result<ResourceTree, Error>) -> bool {
    let Some(trees) = trees.upgrade() else {
        return false;
    };
    trees.update(app, |state| match answer {
        Ok(tree) => {
            state.tree = Some(Arc::new(tree));
            state.error = None;
        }
        Err(error) => state.error = Some(error),
    });
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_tree_is_believed_when_it_comes_again() {
        let tree = |uids: &[&str]| -> ResourceTree {
            let nodes = uids
                .iter()
                .map(|uid| json!({"kind": "Pod", "name": "p", "uid": uid}));
            serde_json::from_value(json!({"nodes": nodes.collect::<Vec<_>>()})).unwrap()
        };
        let (full, empty) = (tree(&["a"]), tree(&[]));
        let mut doubt = Doubt::default();
        assert!(doubt.believes(&empty), "nothing is there yet");
        assert!(doubt.believes(&full));
        assert!(!doubt.believes(&empty));
        assert!(doubt.believes(&full), "it was a mistake");
        assert!(!doubt.believes(&empty));
        doubt.raise();
        assert!(!doubt.believes(&tree(&[""])), "an object to come is none");
        assert!(doubt.believes(&empty), "it comes again");
        assert!(doubt.believes(&empty));
    }
}
