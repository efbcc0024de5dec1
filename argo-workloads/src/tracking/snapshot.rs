//! One look at an application, from lists alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use argo_core::{AppRef, Degraded, DegradedReason, Notice, TrackEvent, WatchEvent};
use futures::{StreamExt, stream};

use super::{
    Clients, Explanation, TrackConfig, Tracker,
    owner_reader::OwnerReader,
    watches::{Observed, WatchContext, WatchSpec},
};
use crate::workload::{Kinds, scan};

/// Lists and owners that are read at once.
const READERS: usize = 8;

/// Looks once at an application. Returns the events that [`track`](crate::track()) would
/// have sent until everything is known, from lists alone.
///
/// # Errors
///
/// If the cluster cannot be reached or refuses the credentials. A resource that may not be
/// read is not an error but a notice among the events.
pub async fn snapshot(
    clients: Clients,
    app: AppRef,
    config: TrackConfig,
) -> Result<Vec<TrackEvent>, scan::Error> {
    let mut tracker = look(&clients, app, config).await?;
    Ok(std::iter::from_fn(|| tracker.next_event()).collect())
}

/// The answer of [`explain`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explained {
    /// Each object in the namespaces of the application.
    pub objects: Vec<Explanation>,
    /// The resources that could not be read, among them those that would explain an empty
    /// list.
    pub notices: Vec<Notice>,
}

/// Explains of each object in the namespaces of an application why it is followed or not.
///
/// # Errors
///
/// As [`snapshot`].
pub async fn explain(
    clients: Clients,
    app: AppRef,
    config: TrackConfig,
) -> Result<Explained, scan::Error> {
    let mut tracker = look(&clients, app, config).await?;
    let events = std::iter::from_fn(|| tracker.next_event());
    let notices = events.filter_map(|event| match event {
        TrackEvent::Notice(notice) => Some(notice),
        _ => None,
    });
    Ok(Explained {
        notices: notices.collect(),
        objects: tracker.explain(),
    })
}

/// Feeds the tracker with lists as if they came from watches, until it needs no more.
async fn look(clients: &Clients, app: AppRef, config: TrackConfig) -> Result<Tracker, scan::Error> {
    let context = WatchContext::new(clients, &config);
    let kinds = Kinds::new(&config.kinds);
    let owners = OwnerReader::new(clients.workloads.client.clone(), kinds);
    let mut tracker = Tracker::new(app, config, clients.local_cluster());
    let mut read = BTreeSet::new();
    loop {
        let watches: Vec<_> = tracker.watches().difference(&read).cloned().collect();
        let unknown: Vec<_> = std::iter::from_fn(|| tracker.next_owner()).collect();
        if watches.is_empty() && unknown.is_empty() {
            break;
        }
        read.extend(watches.iter().cloned());
        for (spec, listed) in lists(&context, watches).await {
            feed(&mut tracker, &spec, listed)?;
        }
        let answers = stream::iter(unknown).map(|unknown| {
            let owners = owners.clone();
            async move {
                let answer = owners.read(&unknown).await;
                (unknown, answer)
            }
        });
        let answers: Vec<_> = answers.buffer_unordered(READERS).collect().await;
        for (unknown, answer) in answers {
            tracker.owner_read(&unknown, answer);
        }
    }
    tracker.finish();
    let names = clients.names();
    while let Some(inquiry) = tracker.next_inquiry() {
        let answer = names.read(inquiry.clone()).await;
        tracker.names_read(&inquiry, &answer);
    }
    Ok(tracker)
}

async fn lists(
    context: &WatchContext,
    watches: Vec<WatchSpec>,
) -> BTreeMap<WatchSpec, Result<Vec<Observed>, scan::Error>> {
    let lists = stream::iter(watches).map(|spec| async move {
        let listed = spec.scan(context).await;
        (spec, listed)
    });
    lists.buffer_unordered(READERS).collect().await
}

fn feed(
    tracker: &mut Tracker,
    spec: &WatchSpec,
    listed: Result<Vec<Observed>, scan::Error>,
) -> Result<(), scan::Error> {
    let mut watched = |event| tracker.watched(spec, event, Duration::ZERO);
    watched(WatchEvent::Restarted);
    match listed {
        Ok(objects) => {
            objects
                .into_iter()
                .map(WatchEvent::Applied)
                .for_each(&mut watched);
            watched(WatchEvent::Synced);
        }
        Err(error) => match error.reason() {
            reason @ (DegradedReason::Forbidden | DegradedReason::NotServed) => {
                let message = error.source.to_string();
                watched(WatchEvent::Degraded(Degraded { reason, message }));
            }
            DegradedReason::Unauthorized | DegradedReason::Unreachable => return Err(error),
        },
    }
    Ok(())
}
