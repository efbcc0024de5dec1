//! One look, from lists alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use argo_core::{AppRef, Degraded, DegradedReason, TrackEvent, WatchEvent};
use futures::{StreamExt, stream};

use crate::{
    Clients, Explanation, TrackConfig,
    owner::Owners,
    scan,
    source::{Object, Reach, Source},
    tracker::Tracker,
};

/// Lists and owners that are read at once.
const READERS: usize = 8;

/// Looks once at an application: what [`track`](crate::track()) would have said until
/// everything is known, from lists alone.
///
/// # Errors
///
/// When the cluster cannot be reached or refuses the credentials. What may not be read is
/// no error but a notice among the events.
pub async fn snapshot(
    clients: Clients,
    app: AppRef,
    config: TrackConfig,
) -> Result<Vec<TrackEvent>, scan::Error> {
    let mut tracker = look(&clients, app, config).await?;
    Ok(std::iter::from_fn(|| tracker.next_event()).collect())
}

/// Says of each object in the namespaces of an application whether it is followed and why.
///
/// # Errors
///
/// As [`snapshot`].
pub async fn explain(
    clients: Clients,
    app: AppRef,
    config: TrackConfig,
) -> Result<Vec<Explanation>, scan::Error> {
    Ok(look(&clients, app, config).await?.explain())
}

/// Tells the rules what lists say as if watches did, until they want nothing more.
async fn look(clients: &Clients, app: AppRef, config: TrackConfig) -> Result<Tracker, scan::Error> {
    let reach = Reach::new(clients, &config);
    let owners = Owners::new(clients.workloads.client.clone());
    let mut tracker = Tracker::new(clients, app, config);
    let mut read = BTreeSet::new();
    loop {
        let sources: Vec<_> = tracker.sources().difference(&read).cloned().collect();
        let wanted: Vec<_> = std::iter::from_fn(|| tracker.next_wanted()).collect();
        if sources.is_empty() && wanted.is_empty() {
            break;
        }
        read.extend(sources.iter().cloned());
        for (source, listed) in lists(&reach, sources).await {
            tell(&mut tracker, &source, listed)?;
        }
        let answers = stream::iter(wanted).map(|wanted| {
            let owners = owners.clone();
            async move {
                let answer = owners.read(&wanted).await;
                (wanted, answer)
            }
        });
        let answers: Vec<_> = answers.buffer_unordered(READERS).collect().await;
        for (wanted, answer) in answers {
            tracker.owner_read(&wanted, answer);
        }
    }
    tracker.finish();
    Ok(tracker)
}

async fn lists(
    reach: &Reach,
    sources: Vec<Source>,
) -> BTreeMap<Source, Result<Vec<Object>, scan::Error>> {
    let lists = stream::iter(sources).map(|source| async move {
        let listed = source.scan(reach).await;
        (source, listed)
    });
    lists.buffer_unordered(READERS).collect().await
}

fn tell(
    tracker: &mut Tracker,
    source: &Source,
    listed: Result<Vec<Object>, scan::Error>,
) -> Result<(), scan::Error> {
    let mut say = |event| tracker.watched(source, event, Duration::ZERO);
    say(WatchEvent::Restarted);
    match listed {
        Ok(objects) => {
            objects
                .into_iter()
                .map(WatchEvent::Applied)
                .for_each(&mut say);
            say(WatchEvent::Synced);
        }
        Err(error) => match error.reason() {
            reason @ (DegradedReason::Forbidden | DegradedReason::NotServed) => {
                let message = error.source.to_string();
                say(WatchEvent::Degraded(Degraded { reason, message }));
            }
            DegradedReason::Unauthorized | DegradedReason::Unreachable => return Err(error),
        },
    }
    Ok(())
}
