//! The events that are there already.

use argo_core::{TrackEvent, WatchEvent, client::Connection};
use argo_events::{Config, Event, EventItem, Follower, Scope};
use jiff::Timestamp;
use kube::{Api, api::ListParams};

use std::time::Duration;

/// Lists the events of the namespaces in which tracked objects lie. What cannot be read is
/// missing: events explain, they prove nothing.
pub(super) async fn read(
    connection: &Connection,
    objects: &[TrackEvent],
    started: Timestamp,
) -> Vec<EventItem> {
    let mut follower = Follower::new(Config {
        since: started,
        ..Config::default()
    });
    for event in objects {
        follower.track(event, Duration::ZERO);
    }
    for scope in follower.scopes() {
        for event in list(connection, &scope).await {
            follower.watched(&scope, WatchEvent::Applied(event), Duration::ZERO);
        }
    }
    follower.finish(Duration::ZERO);
    std::iter::from_fn(|| follower.next_item()).collect()
}

async fn list(connection: &Connection, scope: &Scope) -> Vec<Event> {
    let api: Api<Event> = Api::namespaced(connection.client.clone(), &scope.namespace);
    let mut params = ListParams::default().limit(500);
    params.field_selector = scope.fields.as_deref().map(str::to_owned);
    let mut events = Vec::new();
    loop {
        match api.list(&params).await {
            Ok(page) => {
                events.extend(page.items);
                params.continue_token = page.metadata.continue_;
            }
            Err(error) => {
                log::debug!("events in {}: {error}", scope.namespace);
                return events;
            }
        }
        if params
            .continue_token
            .as_deref()
            .unwrap_or_default()
            .is_empty()
        {
            return events;
        }
    }
}
