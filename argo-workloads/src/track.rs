//! The stream of what happens to the objects of an application.

use argo_core::{AppRef, TrackEvent};
use futures::Stream;

use crate::{Clients, Explanation, TrackConfig, scan};

/// Tracks an application.
///
/// The stream never ends by itself. What cannot be read is an item, and is tried again.
pub fn track(
    clients: Clients,
    app: AppRef,
    config: TrackConfig,
) -> impl Stream<Item = TrackEvent> + Send + 'static {
    drop((clients, app, config));
    futures::stream::pending()
}

/// Looks once at an application: what [`track`] would have said until everything is
/// known, from lists alone.
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
    drop((clients, app, config));
    Ok(Vec::new())
}

/// Says of each object of the namespaces of an application whether it is followed and why.
///
/// # Errors
///
/// As [`snapshot`].
pub async fn explain(
    clients: Clients,
    app: AppRef,
    config: TrackConfig,
) -> Result<Vec<Explanation>, scan::Error> {
    drop((clients, app, config));
    Ok(Vec::new())
}
