//! The events of an application at one moment.

use std::time::Duration;

use argo_core::{Level, TrackEvent, WatchEvent};
use futures::{StreamExt, future::join_all};

use crate::{Event, EventConfig, EventItem, EventScope, EventSource, follower::Follower};

/// Lists the events that exist now of the objects that `tracked` reports, and does not wait
/// for more.
///
/// Each event is one record, repeats included in its count. A namespace whose events cannot
/// be listed is a notice (for example [`Forbidden`](argo_core::NoticeCode::Forbidden)), and
/// the events of the others are returned. Nothing is listed for objects that are removed
/// again in `tracked`.
pub async fn snapshot<'a>(
    source: impl EventSource,
    tracked: impl IntoIterator<Item = &'a TrackEvent>,
    config: EventConfig,
) -> Vec<EventItem> {
    let wait = config.wait;
    let mut follower = Follower::new(config, source.is_split());
    for event in tracked {
        follower.track(event, Duration::ZERO);
    }
    // Removed objects have no scope once their last events are no longer waited for.
    follower.tick(wait);
    let lists = follower
        .scopes()
        .into_iter()
        .map(|scope| list(&source, scope));
    for (scope, events) in join_all(lists).await {
        for event in events {
            follower.watched(&scope, event, wait);
        }
    }
    follower.finish(wait);
    std::iter::from_fn(|| follower.next_item())
        .map(audible)
        .collect()
}

/// Watches a scope until its list is complete or has failed.
async fn list(
    source: &impl EventSource,
    scope: EventScope,
) -> (EventScope, Vec<WatchEvent<Event>>) {
    let mut watch = source.watch(&scope);
    let mut events = Vec::new();
    while let Some(event) = watch.next().await {
        let is_last = matches!(event, WatchEvent::Synced | WatchEvent::Degraded(_));
        events.push(event);
        if is_last {
            break;
        }
    }
    (scope, events)
}

/// Raises the notice about an unreachable cluster to a warning: a stream tries again and
/// its tracker reports the outage, but here nobody else does.
fn audible(item: EventItem) -> EventItem {
    match item {
        EventItem::Notice(mut notice) => {
            notice.level = notice.level.min(Level::Warning);
            EventItem::Notice(notice)
        }
        event @ EventItem::Event(_) => event,
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
