//! The last lines of each container that fails.

use std::sync::Arc;

use argo_core::{
    ObjectRef, TrackEvent, TrackedBody,
    client::Connection,
    resource::{ContainerStatus, Pod},
};
use argo_logs::{Batch, KubeSource, Line, LogSource, OpenParams};
use futures::{StreamExt, stream};
use jiff::Timestamp;

/// Lines that a verdict shows at most, and a few for the error among them.
const LINES: i64 = 25;
/// Requests at the same time.
const AT_ONCE: usize = 16;

/// The pod's uid, the container's name and its last lines.
type Tail = (Arc<str>, Arc<str>, Batch);

/// Reads the last lines of every container that is not fine.
pub(super) async fn read(connection: &Connection, objects: &[TrackEvent]) -> Vec<Tail> {
    let source = KubeSource::new(connection.client.clone());
    let wanted: Vec<_> = objects.iter().flat_map(wanted).collect();
    let reads = wanted
        .iter()
        .map(|(pod, params)| tail(&source, pod, params));
    stream::iter(reads)
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}

fn wanted(event: &TrackEvent) -> Vec<(ObjectRef, OpenParams)> {
    let TrackEvent::Applied(tracked) = event else {
        return Vec::new();
    };
    let TrackedBody::Pod(pod) = &tracked.body else {
        return Vec::new();
    };
    let failing = statuses(pod).filter_map(params);
    failing
        .map(|params| (tracked.object.clone(), params))
        .collect()
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.containers().filter_map(|(_, status)| status)
}

/// Asks for the run that failed: beside a successor it is the previous one (`previous` of a
/// run that just ended is an older one, or none).
fn params(status: &ContainerStatus) -> Option<OpenParams> {
    let failed = |ended: &argo_core::resource::Terminated| ended.exit_code != 0;
    let now = status.state.terminated.as_ref().is_some_and(failed);
    let before = status.last_state.terminated.is_some();
    let unready = status.state.running.is_some() && !status.ready;
    (now || before || unready).then(|| OpenParams {
        container: status.name.as_str().into(),
        follow: false,
        previous: before && status.state.running.is_some(),
        since_time: None,
        tail_lines: Some(LINES),
    })
}

async fn tail(source: &dyn LogSource, pod: &ObjectRef, params: &OpenParams) -> Option<Tail> {
    let mut response = source.open(pod, params).await.ok()?;
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.body.next_chunk().await {
        bytes.extend_from_slice(&chunk);
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(line);
    let batch = Batch::from_lines("".into(), 0, lines);
    Some((Arc::clone(&pod.uid), Arc::clone(&params.container), batch))
}

/// A line with its time; what has none was not written by the container.
fn line(line: &[u8]) -> Option<Line<'_>> {
    let blank = line.iter().position(|byte| *byte == b' ')?;
    let time: Timestamp = std::str::from_utf8(&line[..blank]).ok()?.parse().ok()?;
    let nanos = i64::try_from(time.as_nanosecond()).ok()?;
    Some(Line::new(Some(nanos), &line[blank + 1..]))
}
