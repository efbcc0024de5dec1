//! The steps of a list and of the watch that goes on from it.
//!
//! kube-runtime makes them, except where changes may be left out: it decodes each object before
//! anybody can say that it is not wanted, and that is what costs in a crowded namespace.

use std::{fmt::Debug, sync::atomic::Ordering};

use futures::{StreamExt, stream::BoxStream};
use kube::{Api, Resource};
use kube_runtime::watcher::{self, Event};
use serde::de::DeserializeOwned;

use super::{WatchConfig, failure::Failure, list_watch::ListWatch};

/// The list and the watch of one kind, until an error.
pub(super) struct Steps<K> {
    api: Api<K>,
    maker: Maker<K>,
}

enum Maker<K> {
    KubeRuntime(BoxStream<'static, watcher::Result<Event<K>>>),
    Ours(Box<ListWatch<K>>),
}

impl<K> Steps<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    pub(super) fn new(api: Api<K>, config: &WatchConfig) -> Self {
        let maker = Maker::new(&api, config);
        Self { api, maker }
    }

    pub(super) fn url(&self) -> &str {
        self.api.resource_url()
    }

    /// Lists again at the next step.
    pub(super) fn begin_again(&mut self, config: &WatchConfig) {
        self.maker = Maker::new(&self.api, config);
    }

    /// Takes the next step; `None` if the watcher has nothing more to say and has to begin again.
    /// After an error the next call goes on where that is possible. `Ok(None)` says that the watch
    /// works, by a change that is left out.
    pub(super) async fn next(&mut self) -> Option<Result<Option<Event<K>>, Failure>> {
        match &mut self.maker {
            Maker::KubeRuntime(events) => {
                let event = events.next().await?;
                Some(event.map(Some).map_err(Failure::from))
            }
            Maker::Ours(steps) => Some(steps.next().await),
        }
    }
}

impl<K> Maker<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    fn new(api: &Api<K>, config: &WatchConfig) -> Self {
        if config.bystanders.is_some() {
            return Self::Ours(Box::new(ListWatch::new(api, config)));
        }
        let mut watcher = watcher::Config::default().timeout(config.timeout);
        watcher.label_selector.clone_from(&config.labels);
        watcher.field_selector.clone_from(&config.fields);
        // A streaming list has no pages: its objects come one by one.
        let watcher = if config.streaming.load(Ordering::Relaxed) {
            watcher.streaming_lists()
        } else {
            watcher.page_size(config.page_size)
        };
        Self::KubeRuntime(kube_runtime::watcher(api.clone(), watcher).boxed())
    }
}
