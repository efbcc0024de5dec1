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

    /// Takes the next step. After an error the next call goes on where that is possible.
    pub(super) async fn next(&mut self) -> Result<Event<K>, Failure> {
        loop {
            let state = std::mem::replace(&mut self.state, State::New);
            if let Some(event) = self.step(state).await? {
                return Ok(event);
            }
        }
    }

    async fn step(&mut self, state: State<K>) -> Result<Option<Event<K>>, Failure> {
        match state {
            State::New => self.begin().await.map(Some),
            State::Page(objects, next) => self.page(objects, next).await,
            State::Listed(version) => {
                let opened = self.requests.watch(&version, false).await;
                let body = opened.inspect_err(|_| self.state = State::Listed(version.clone()))?;
                self.state = State::Watching(Changes::new(body, version, &self.requests.config));
                Ok(None)
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
    ) -> Result<Option<Event<K>>, Failure> {
        if let Some(object) = objects.next() {
            self.state = State::Page(objects, next);
            return Ok(Some(Event::InitApply(object)));
        }
        // Its memory, before the next page takes some.
        drop(objects);
        let token = match next {
            Next::Page(token) => token,
            Next::Watch(version) => {
                self.state = State::Listed(version);
                return Ok(Some(Event::InitDone));
            }
        };
        let page = self.requests.page(token).await?;
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let next = match some(page.metadata.continue_) {
            Some(token) => Next::Page(Some(token)),
            None => Next::Watch(some(page.metadata.resource_version).ok_or(Failure::NoVersion)?),
        };
        self.state = State::Page(page.items.into_iter(), next);
        Ok(None)
    }

    async fn listing(&mut self, mut changes: Changes) -> Result<Option<Event<K>>, Failure> {
        let Some(event) = changes.next::<K>().await else {
            return Ok(None);
        };
        let event = match event {
            Ok(WatchEvent::Bookmark(mark)) => {
                if mark.metadata.annotations.contains_key(LIST_ENDS) {
                    changes.version = mark.metadata.resource_version;
                    self.state = State::Watching(changes);
                    return Ok(Some(Event::InitDone));
                }
                Ok(None)
            }
            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                Ok(Some(Event::InitApply(object)))
            }
            // A list holds no object that is gone.
            Ok(WatchEvent::Deleted(_)) => Ok(None),
            Ok(WatchEvent::Error(status)) => Err(Failure::Reported(status)),
            Err(failure) => Err(failure),
        };
        self.state = State::Listing(changes);
        event
    }

    async fn watching(&mut self, mut changes: Changes) -> Result<Option<Event<K>>, Failure> {
        let Some(event) = changes.next::<K>().await else {
            self.state = State::Listed(changes.version);
            return Ok(None);
        };
        let event = match event {
            Ok(WatchEvent::Bookmark(mark)) => {
                changes.version = mark.metadata.resource_version;
                Ok(None)
            }
            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                changes.version = version(&object)?;
                Ok(Some(Event::Apply(object)))
            }
            Ok(WatchEvent::Deleted(object)) => {
                changes.version = version(&object)?;
                Ok(Some(Event::Delete(object)))
            }
            Ok(WatchEvent::Error(status)) => Err(Failure::Reported(status)),
            Err(failure) => Err(failure),
        };
        self.state = State::Watching(changes);
        event
    }
}

fn version<K: Resource>(object: &K) -> Result<String, Failure> {
    let version = object.meta().resource_version.clone();
    version
        .filter(|version| !version.is_empty())
        .ok_or(Failure::NoVersion)
}
