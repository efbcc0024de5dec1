//! The last lines of each container that fails.

use std::sync::Arc;

use argo_core::{Notice, TrackEvent, TrackedBody, client::Connection};
use argo_logs::{Batch, TailTarget, tail, unread};

/// Number of lines to read: the most that a verdict shows, and more to find the error in, which
/// may be far from the end.
const LINES: u32 = 200;

/// The pod's uid, the container's name and its last lines.
type LastLines = (Arc<str>, Arc<str>, Batch);

/// Reads the last lines of every container that failed or is not ready, and reports those that
/// cannot be read.
pub(super) async fn read(
    connection: &Connection,
    objects: &[TrackEvent],
) -> (Vec<LastLines>, Vec<Notice>) {
    let targets = objects.iter().flat_map(targets);
    let tails = tail(connection, targets, LINES).await;
    let notices = unread(&tails);
    let read = tails.into_iter().filter_map(|tail| {
        let target = tail.target;
        Some((target.pod.uid, target.container, tail.lines.ok()?))
    });
    (read.collect(), notices)
}

fn targets(event: &TrackEvent) -> Vec<TailTarget> {
    let TrackEvent::Applied(tracked) = event else {
        return Vec::new();
    };
    match &tracked.body {
        TrackedBody::Pod(pod) => TailTarget::failing(pod),
        _ => Vec::new(),
    }
}
