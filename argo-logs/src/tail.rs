//! One look: the last lines of some containers.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use argo_core::{
    GroupKind, Level, Notice, NoticeCode, ObjectRef,
    client::Connection,
    resource::{ContainerStatus, Pod, Terminated},
};
use futures::{StreamExt, stream};

use tokio::time::{Instant, timeout_at};

use crate::{
    Batch, LogBody, LogSource, OpenError, OpenParams, Refusal,
    forbidden::forbidden,
    reader::{ReadItem, ResponseReader, RunId, Sink, Start, Window},
    source::of_cluster,
};

/// Requests at one time.
const AT_ONCE: usize = 16;
/// Time limit for the lines of one log, so that one kubelet that hangs holds nothing up.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// A container whose last lines are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailTarget {
    /// The pod.
    pub pod: ObjectRef,
    /// The container's name.
    pub container: Arc<str>,
    /// True for the run before the current one.
    pub previous: bool,
}

/// The last lines of a container.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tail {
    /// The container.
    pub target: TailTarget,
    /// Its last lines, as far as they came, or the reason why the log was not opened.
    pub lines: Result<Batch, OpenError>,
}

impl TailTarget {
    /// Returns the containers of a pod that failed or are not ready, each with the run that
    /// tells why.
    pub fn failing(pod: &Pod) -> Vec<Self> {
        let object = ObjectRef::from_meta(GroupKind::new("", "Pod"), &pod.metadata);
        let statuses = pod.containers().filter_map(|(_, status)| status);
        let failing = statuses.filter(|status| is_failing(status));
        failing
            .map(|status| Self {
                pod: object.clone(),
                container: status.name.as_str().into(),
                previous: has_failed_before(status),
            })
            .collect()
    }
}

/// Reads the last `lines` lines of each container once, in no particular order.
///
/// Containers whose log cannot be opened come with the error.
pub async fn tail(
    connection: &Connection,
    targets: impl IntoIterator<Item = TailTarget>,
    lines: u32,
) -> Vec<Tail> {
    let source = of_cluster(connection.clone());
    tail_from(&*source, targets, lines).await
}

/// Reads last lines like [`tail`], from any source.
pub async fn tail_from(
    source: &dyn LogSource,
    targets: impl IntoIterator<Item = TailTarget>,
    lines: u32,
) -> Vec<Tail> {
    let reads = targets.into_iter().map(|target| async move {
        let lines = read(source, &target, lines).await;
        Tail { target, lines }
    });
    stream::iter(reads)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Reports the logs that could not be read: one notice for each namespace and kind of failure.
/// A log that does not exist (yet) is none.
pub fn unread(tails: &[Tail]) -> Vec<Notice> {
    let mut seen = BTreeSet::new();
    let notices = tails.iter().filter_map(|tail| {
        let notice = notice(&tail.target, tail.lines.as_ref().err()?)?;
        let is_first = seen.insert((Arc::clone(&tail.target.pod.namespace), notice.code as u8));
        is_first.then_some(notice)
    });
    notices.collect()
}

fn notice(target: &TailTarget, error: &OpenError) -> Option<Notice> {
    if let OpenError::Refused(refused) = error {
        match refused.refusal() {
            Refusal::Forbidden => {
                return Some(forbidden(&target.pod.namespace, &refused.message));
            }
            Refusal::Waiting | Refusal::NoPrevious | Refusal::Removed | Refusal::PodGone => {
                return None;
            }
            _ => {}
        }
    }
    let message = format!(
        "cannot read the last lines of {}/{}: {error}",
        target.pod.name, target.container
    );
    let notice = Notice::new(NoticeCode::LogUnreadable, Level::Warning, message);
    Some(notice.about(target.pod.clone()))
}

async fn read(source: &dyn LogSource, target: &TailTarget, lines: u32) -> Result<Batch, OpenError> {
    let params = OpenParams {
        container: Arc::clone(&target.container),
        follow: false,
        previous: target.previous,
        since_time: None,
        tail_lines: Some(lines.into()),
    };
    let response = source.open(&target.pod, &params).await?;
    Ok(read_lines(response.body, BODY_WITHIN).await)
}

/// Reads a whole log. If the connection breaks or has brought no end after `limit`, the lines
/// that came are returned.
async fn read_lines(mut body: LogBody, limit: Duration) -> Batch {
    let run = RunId {
        container_id: "".into(),
        restart: 0,
    };
    let (mut window, mut items) = (Window::default(), Vec::new());
    let mut reader = ResponseReader::new(run, &Start::Fresh, None, &window);
    let mut sink = Sink {
        window: &mut window,
        items: &mut items,
    };
    let end = Instant::now() + limit;
    while let Ok(Ok(Some(bytes))) = timeout_at(end, body.next_chunk()).await {
        reader.feed(bytes, &mut sink);
    }
    // A message of the kubelet is no line of the container.
    reader.take_message();
    reader.flush(&mut sink);
    let batches: Vec<_> = items.into_iter().filter_map(batch).collect();
    if let [batch] = &batches[..] {
        return batch.clone();
    }
    let lines = batches.iter().flat_map(Batch::lines);
    Batch::from_lines("".into(), 0, lines)
}

fn batch(item: ReadItem) -> Option<Batch> {
    match item {
        ReadItem::Lines(batch) => Some(batch),
        ReadItem::Gap { .. } | ReadItem::Repeat(..) => None,
    }
}

fn is_failing(status: &ContainerStatus) -> bool {
    let failed = |ended: &Terminated| ended.exit_code != 0;
    let has_failed = status.state.terminated.as_ref().is_some_and(failed);
    let is_unready = status.state.running.is_some() && !status.ready;
    has_failed || is_unready || status.last_state.terminated.is_some()
}

/// True if the run before the present one is of interest. Beside a run that has just ended,
/// `previous` means an older run, or none.
fn has_failed_before(status: &ContainerStatus) -> bool {
    status.last_state.terminated.is_some() && status.state.running.is_some()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::{AskError, LogResponse, Refused};

    /// A source in which each container's log is its name, or is missing for `none`.
    struct Names;

    #[async_trait]
    impl LogSource for Names {
        async fn open(&self, _: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError> {
            if &*params.container == "none" {
                return Err(OpenError::Refused(Refused::default()));
            }
            assert_eq!((params.tail_lines, params.follow), (Some(25), false));
            let run = if params.previous { "before" } else { "now" };
            let text = format!(
                "2026-11-24T00:00:01Z {} {run}\n2026-11-24T00:00:02Z last words\
                 failed to read log file \"x\"",
                params.container
            );
            let chunks = [Ok(Bytes::from(text))];
            let body = LogBody::from_stream(stream::iter(chunks));
            Ok(LogResponse::new(None, body))
        }

        async fn pod(&self, _: &ObjectRef) -> Result<Option<Pod>, AskError> {
            Ok(None)
        }
    }

    fn pod(statuses: &serde_json::Value) -> Pod {
        let containers = statuses.as_array().unwrap().iter();
        let containers: Vec<_> = containers.map(|s| json!({ "name": s["name"] })).collect();
        serde_json::from_value(json!({
            "metadata": { "name": "p", "namespace": "n", "uid": "u" },
            "spec": { "containers": containers },
            "status": { "phase": "Running", "containerStatuses": statuses },
        }))
        .unwrap()
    }

    #[test]
    fn the_run_that_tells_why_is_chosen() {
        let ended = |code: i32| json!({ "terminated": { "exitCode": code } });
        let running = json!({ "running": {} });
        let pod = pod(&json!([
            { "name": "fine", "ready": true, "state": running },
            { "name": "unready", "ready": false, "state": running },
            { "name": "restarted", "ready": true, "state": running, "lastState": ended(0) },
            { "name": "done", "state": ended(0) },
            { "name": "failed", "state": ended(1), "lastState": ended(1) },
            { "name": "waits", "state": { "waiting": {} }, "lastState": ended(1) },
        ]));
        let targets = TailTarget::failing(&pod);
        let chosen: Vec<_> = targets
            .iter()
            .map(|t| (&*t.container, t.previous))
            .collect();
        assert_eq!(
            chosen,
            [
                ("unready", false),
                ("restarted", true),
                ("failed", false),
                ("waits", false)
            ]
        );
    }

    #[tokio::test]
    async fn lines_come_without_the_kubelets_messages_and_errors_are_kept() {
        let targets = ["app", "none"].map(|container| TailTarget {
            pod: ObjectRef::from_meta(GroupKind::new("", "Pod"), &pod(&json!([])).metadata),
            container: container.into(),
            previous: true,
        });
        let mut tails = tail_from(&Names, targets, 25).await;
        tails.sort_by_key(|tail| Arc::clone(&tail.target.container));
        let batch = tails[0].lines.as_ref().unwrap();
        let lines = batch.lines().map(|line| line.text.to_vec());
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [&b"app before"[..], b"last words"]
        );
        assert!(tails[1].lines.is_err());
    }

    #[test]
    fn a_refusal_is_reported_once_for_a_namespace() {
        let tail = |namespace: &str, status: u16| Tail {
            target: TailTarget {
                pod: ObjectRef {
                    kind: GroupKind::new("", "Pod"),
                    namespace: namespace.into(),
                    name: "web".into(),
                    uid: "u".into(),
                },
                container: "app".into(),
                previous: false,
            },
            lines: Err(OpenError::Refused(Refused {
                status,
                message: "no".to_owned(),
                ..Refused::default()
            })),
        };
        let tails = [
            tail("shop", 403),
            tail("shop", 403),
            tail("cart", 403),
            tail("shop", 204),
            tail("cart", 502),
        ];
        let messages = unread(&tails).into_iter().map(|notice| notice.message);
        assert_eq!(
            messages.collect::<Vec<_>>(),
            [
                "cannot get pods/log in shop (403 forbidden): logs are missing",
                "cannot get pods/log in cart (403 forbidden): logs are missing",
                "cannot read the last lines of web/app: the server refused with 502: no",
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_never_ends_is_cut_off_by_time() {
        let line = Bytes::from("2026-11-24T00:00:01Z first words\n");
        let chunks = stream::iter([Ok(line)]).chain(stream::pending());
        let lines = read_lines(LogBody::from_stream(chunks), BODY_WITHIN).await;
        assert_eq!(lines.lines().count(), 1);
    }
}
