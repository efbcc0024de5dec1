//! One kind, listed and then watched, until an error.

use std::{marker::PhantomData, vec};

use kube::{Api, Resource, core::WatchEvent};
use kube_runtime::watcher::Event;
use serde::de::DeserializeOwned;

use super::{WatchConfig, changes::Changes, failure::Failure, requests::Requests};

/// The annotation of the event that ends a list made by watching.
const LIST_ENDS: &str = "k8s.io/initial-events-end";

/// A list and the watch that goes on from it.
pub(super) struct ListWatch<K> {
    requests: Requests,
    state: State<K>,
    kind: PhantomData<K>,
}

enum State<K> {
    /// Nothing was asked yet.
    New,
    /// A page of the list, from which objects are taken.
    Page(vec::IntoIter<K>, Next),
    /// A watch has to be opened from a version on.
    Listed(String),
    /// A watch is open, and its first events are the list.
    Listing(Changes),
    /// A watch is open.
    Watching(Changes),
}

/// The outcome of a step.
enum Step<K> {
    /// There is something to tell.
    Event(Event<K>),
    /// There is nothing to tell but that the watch works.
    Works,
    /// There is nothing to tell.
    Silent,
}

/// The continuation of a page.
enum Next {
    Page(Option<String>),
    Watch(String),
}

impl<K> ListWatch<K>
where
    K: Resource + Clone + DeserializeOwned,
{
    pub(super) fn new(api: &Api<K>, config: &WatchConfig) -> Self {
        Self {
            requests: Requests::new(api, config),
            state: State::New,
            kind: PhantomData,
        }
    }

    /// Takes steps up to the next event, or until the watch is seen to work by a change that is
    /// none. After an error the next call goes on where that is possible.
    pub(super) async fn next(&mut self) -> Result<Option<Event<K>>, Failure> {
        loop {
            let state = std::mem::replace(&mut self.state, State::New);
            match self.step(state).await? {
                Step::Event(event) => return Ok(Some(event)),
                Step::Works => return Ok(None),
                Step::Silent => {}
            }
        }
    }

    async fn step(&mut self, state: State<K>) -> Result<Step<K>, Failure> {
        match state {
            State::New => self.begin().await.map(Step::Event),
            State::Page(objects, next) => self.page(objects, next).await,
            State::Listed(version) => {
                let opened = self.requests.watch(&version, false).await;
                let body = opened.inspect_err(|_| self.state = State::Listed(version.clone()))?;
                self.state = State::Watching(Changes::new(body, version, &self.requests.config));
                Ok(Step::Silent)
            }
            State::Listing(changes) => self.listing(changes).await,
            State::Watching(changes) => self.watching(changes).await,
        }
    }

    async fn begin(&mut self) -> Result<Event<K>, Failure> {
        self.state = if self.requests.is_streaming() {
            let body = self.requests.watch("0", true).await?;
            State::Listing(Changes::new(body, String::new(), &self.requests.config))
        } else {
            State::Page(Vec::new().into_iter(), Next::Page(None))
        };
        Ok(Event::Init)
    }

    async fn page(
        &mut self,
        mut objects: vec::IntoIter<K>,
        next: Next,
    ) -> Result<Step<K>, Failure> {
        if let Some(object) = objects.next() {
            self.state = State::Page(objects, next);
            return Ok(Step::Event(Event::InitApply(object)));
        }
        // Its memory, before the next page takes some.
        drop(objects);
        let token = match next {
            Next::Page(token) => token,
            Next::Watch(version) => {
                self.state = State::Listed(version);
                return Ok(Step::Event(Event::InitDone));
            }
        };
        let page = self.requests.page(token).await?;
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let next = match some(page.metadata.continue_) {
            Some(token) => Next::Page(Some(token)),
            None => Next::Watch(some(page.metadata.resource_version).ok_or(Failure::NoVersion)?),
        };
        self.state = State::Page(page.items.into_iter(), next);
        Ok(Step::Silent)
    }

    async fn listing(&mut self, mut changes: Changes) -> Result<Step<K>, Failure> {
        let Some(event) = changes.next::<K>().await else {
            return Ok(Step::Silent);
        };
        let step = match event {
            Ok(None) => Ok(Step::Works),
            Ok(Some(WatchEvent::Bookmark(mark))) => {
                if mark.metadata.annotations.contains_key(LIST_ENDS) {
                    changes.version = mark.metadata.resource_version;
                    self.state = State::Watching(changes);
                    return Ok(Step::Event(Event::InitDone));
                }
                Ok(Step::Silent)
            }
            Ok(Some(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                Ok(Step::Event(Event::InitApply(object)))
            }
            // A list holds no object that is gone.
            Ok(Some(WatchEvent::Deleted(_))) => Ok(Step::Silent),
            Ok(Some(WatchEvent::Error(status))) => Err(Failure::Reported(status)),
            Err(failure) => Err(failure),
        };
        self.state = State::Listing(changes);
        step
    }

    async fn watching(&mut self, mut changes: Changes) -> Result<Step<K>, Failure> {
        let Some(event) = changes.next::<K>().await else {
            self.state = State::Listed(changes.version);
            return Ok(Step::Silent);
        };
        let step = match event {
            Ok(None) => Ok(Step::Works),
            Ok(Some(WatchEvent::Bookmark(mark))) => {
                changes.version = mark.metadata.resource_version;
                Ok(Step::Silent)
            }
            Ok(Some(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                changes.version = version(&object)?;
                Ok(Step::Event(Event::Apply(object)))
            }
            Ok(Some(WatchEvent::Deleted(object))) => {
                changes.version = version(&object)?;
                Ok(Step::Event(Event::Delete(object)))
            }
            Ok(Some(WatchEvent::Error(status))) => Err(Failure::Reported(status)),
            Err(failure) => Err(failure),
        };
        self.state = State::Watching(changes);
        step
    }
}

fn version<K: Resource>(object: &K) -> Result<String, Failure> {
    let version = object.meta().resource_version.clone();
    version
        .filter(|version| !version.is_empty())
        .ok_or(Failure::NoVersion)
}
