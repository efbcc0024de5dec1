//! `watch`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::accept::Form;
use super::list::{Selection, form_of, invalid_version, is_custom, resolve};
use super::reply::{self, Refusal, Reply};
use super::request::{Asked, Target};
use super::server::{Core, Phase, reached};
use super::table;
use crate::clock::Clock;
use crate::store::{Change, ChangeKind, Object, ResourceType, StoreError, Watch, WatchEnd};

/// Bookmarks come about once a minute, and about two seconds before the timeout (recording 14).
const BOOKMARKS: Duration = Duration::from_secs(60);
const BEFORE_TIMEOUT: Duration = Duration::from_secs(2);
/// Without `timeoutSeconds` a watch lives half an hour to an hour.
const MIN_TIMEOUT: u64 = 1800;

pub(super) fn answer(
    core: &Core,
    asked: &Asked,
    target: &Target,
    phase: watch::Receiver<Phase>,
) -> Result<Reply, Refusal> {
    let form = form_of(asked)?;
    let resource = resolve(&core.store, target)?;
    let selection = Selection::new(asked, target, &resource)?;
    let start = Start::read(core, asked, &resource)?;
    let lifetime = lifetime(core, asked)?;
    let output = Output {
        form,
        include: asked.query.get("includeObject").map(str::to_owned),
        columns: true,
        resource,
        selection,
        ready: VecDeque::new(),
        ended: false,
    };
    let events = Events::new(core, output, start, lifetime, phase);
    Ok(reply::stream(
        "application/json",
        futures::stream::unfold(events, |mut events| async move {
            let event = events.next().await?;
            Some((event, events))
        }),
    ))
}

/// Start of a watch.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// Changes after this version; `None`: first all objects as they are.
    version: Option<u64>,
    /// A bookmark says where these objects end.
    marks_end: bool,
    bookmarks: bool,
}

impl Start {
    fn read(core: &Core, asked: &Asked, resource: &ResourceType) -> Result<Self, Refusal> {
        let version = match asked.query.get("resourceVersion") {
            None | Some("0") => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| Refusal::new(500, invalid_version(text)))?,
            ),
        };
        let bookmarks = asked.query.flag("allowWatchBookmarks");
        let is_cached = resource.name() != "events";
        if asked.query.get("sendInitialEvents").is_none() {
            // A server with streaming lists marks the end of what it sends first all the same.
            let marks_end = bookmarks && version.is_none() && is_cached && core.streaming_lists;
            return Ok(Self {
                version,
                marks_end,
                bookmarks,
            });
        }
        allowed(core, asked)?;
        let sends = asked.query.flag("sendInitialEvents");
        Ok(Self {
            version: version.filter(|_| !sends),
            marks_end: sends && bookmarks,
            bookmarks,
        })
    }
}

fn allowed(core: &Core, asked: &Asked) -> Result<(), Refusal> {
    let forbidden = |field: &str, text: &str| {
        let cause = ("FieldValueForbidden", format!("Forbidden: {text}"));
        Err(Refusal::invalid(
            "meta.k8s.io",
            "ListOptions",
            "",
            field,
            cause,
        ))
    };
    if !core.streaming_lists {
        return forbidden(
            "sendInitialEvents",
            "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
        );
    }
    if asked.query.get("resourceVersionMatch") != Some("NotOlderThan") {
        return forbidden(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        );
    }
    Ok(())
}

fn lifetime(core: &Core, asked: &Asked) -> Result<Duration, Refusal> {
    let seconds = match asked.query.get("timeoutSeconds") {
        None => 0,
        Some(text) => text.parse::<u64>().map_err(|_| {
            Refusal::bad_request(format!(
                "strconv.ParseInt: parsing {}: invalid syntax",
                Value::from(text)
            ))
        })?,
    };
    // Spread as a real server spreads it, but the same in each run.
    let spread = core.store.resource_version() * 7919 % MIN_TIMEOUT;
    Ok(Duration::from_secs(match seconds {
        0 => MIN_TIMEOUT + spread,
        seconds => seconds,
    }))
}

/// The events of one watch.
struct Events {
    output: Output,
    watch: Option<Watch>,
    /// Changes up to this version are known to the client.
    known: u64,
    clock: Clock,
    phase: watch::Receiver<Phase>,
    /// Times of the next bookmarks, in order.
    bookmarks: VecDeque<Timestamp>,
    deadline: Timestamp,
}

impl Events {
    fn new(
        core: &Core,
        mut output: Output,
        start: Start,
        lifetime: Duration,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        let clock = core.store.clock().clone();
        let from = output.begin(core, start);
        let watch = output.follow(core, from);
        let now = clock.now();
        let later = |span: Duration| now.checked_add(span).unwrap_or(Timestamp::MAX);
        let is_cached = output.resource.name() != "events";
        let bookmarks = if start.bookmarks && is_cached {
            bookmark_times(lifetime).into_iter().map(later).collect()
        } else {
            VecDeque::new()
        };
        Self {
            output,
            watch,
            known: from,
            clock,
            phase,
            bookmarks,
            deadline: later(lifetime),
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.output.ready.pop_front() {
                return Some(event);
            }
            let watch = self.watch.as_mut().filter(|_| !self.output.ended)?;
            let due = self.bookmarks.front().copied().unwrap_or(self.deadline);
            tokio::select! {
                change = watch.next() => self.take(change),
                () = self.clock.sleep_until(due.min(self.deadline)) => self.tick(),
                () = reached(&mut self.phase, Phase::Closing) => return None,
            }
        }
    }

    fn take(&mut self, change: Result<Arc<Change>, WatchEnd>) {
        match change {
            // A watch from the future is silent until the future is there.
            Ok(change) if change.object.resource_version() <= self.known => {}
            Ok(change) => {
                self.known = change.object.resource_version();
                self.output.change(&change, self.clock.now());
            }
            Err(WatchEnd::Expired) => {
                let message = "The resourceVersion for the provided watch is too old.";
                self.output.error(&Refusal::expired(message));
            }
            Err(WatchEnd::Closed) => self.output.ended = true,
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        if self.bookmarks.front().is_some_and(|due| *due <= now) {
            self.bookmarks.pop_front();
            if let Some(watch) = &self.watch {
                self.known = self.known.max(watch.resource_version());
                self.output.bookmark(self.known, false);
            }
        }
        self.output.ended |= now >= self.deadline;
    }
}

fn bookmark_times(lifetime: Duration) -> Vec<Duration> {
    let last = lifetime.saturating_sub(BEFORE_TIMEOUT);
    let regular = (1..).map(|count| BOOKMARKS * count);
    let mut times: Vec<Duration> = regular.take_while(|time| *time < last).collect();
    times.push(last);
    times
}

/// Turns objects into the lines of a watch.
struct Output {
    form: Form,
    include: Option<String>,
    /// The next table brings the definitions of its columns.
    columns: bool,
    resource: Arc<ResourceType>,
    selection: Selection,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl Output {
    /// Sends what comes first; answers the version after which changes follow.
    fn begin(&mut self, core: &Core, start: Start) -> u64 {
        if let Some(version) = start.version {
            return version;
        }
        let Ok(list) = core.store.list(&self.resource.name(), None) else {
            self.ended = true;
            return 0;
        };
        let now = core.store.clock().now();
        for object in list.items {
            if self.selection.matches(&object) {
                self.event("ADDED", &object, now);
            }
        }
        if start.marks_end {
            self.bookmark(list.resource_version, true);
        }
        list.resource_version
    }

    /// 410 comes within the stream, whatever the reason (recording 14).
    fn follow(&mut self, core: &Core, from: u64) -> Option<Watch> {
        let name = self.resource.name();
        match core.store.watch(&name, from) {
            Ok(watch) => return Some(watch),
            Err(StoreError::Expired { requested, oldest }) if name != "events" => {
                let message = format!("too old resource version: {requested} ({oldest})");
                self.error(&Refusal::expired(message));
            }
            // Events have no watch cache: etcd itself refuses.
            Err(StoreError::Expired { .. }) => {
                let message = "The resourceVersion for the provided watch is too old.";
                self.error(&Refusal::expired(message));
            }
            Err(_) => self.ended = true,
        }
        None
    }

    fn change(&mut self, change: &Change, now: Timestamp) {
        let matches = |object: &Arc<Object>| self.selection.matches(object);
        let before = change.previous.as_ref().filter(|object| matches(object));
        let deleted = change.kind == ChangeKind::Deleted;
        let after = (!deleted && matches(&change.object)).then_some(&change.object);
        match (before, after) {
            (None, None) => {}
            (None, Some(object)) => self.event("ADDED", object, now),
            (Some(_), Some(object)) => self.event("MODIFIED", object, now),
            (Some(_), None) if deleted => self.event("DELETED", &change.object, now),
            // It left the selection: the client gets what it knew, under the new version.
            (Some(before), None) => {
                let mut last = before.value().clone();
                let version = &change.object["metadata"]["resourceVersion"];
                last["metadata"]["resourceVersion"] = version.clone();
                self.event_of_value("DELETED", &last, now);
            }
        }
    }

    fn event(&mut self, kind: &str, object: &Arc<Object>, now: Timestamp) {
        match self.form {
            Form::Whole => self.push(kind, &object.json()),
            Form::Partial => self.push(kind, &object.partial_json()),
            Form::Table => self.event_of_value(kind, object, now),
        }
    }

    /// Writes the event of an object of which no JSON is kept.
    fn event_of_value(&mut self, kind: &str, object: &Value, now: Timestamp) {
        let metadata = &object["metadata"];
        let json = match self.form {
            Form::Whole => object.to_string(),
            Form::Partial => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
            })
            .to_string(),
            Form::Table => {
                let meta = json!({ "resourceVersion": metadata["resourceVersion"] });
                let columns = std::mem::take(&mut self.columns);
                let include = self.include.as_deref();
                table::table(&self.resource, &meta, [object], include, columns, now).to_string()
            }
        };
        self.push(kind, json.as_bytes());
    }

    fn bookmark(&mut self, version: u64, ends_initial: bool) {
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if ends_initial {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let object = match self.form {
            Form::Whole => blank(&self.resource, &metadata),
            Form::Partial => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
            }),
            Form::Table => json!({
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": null,
                "rows": [],
            }),
        };
        self.push("BOOKMARK", object.to_string().as_bytes());
    }

    fn error(&mut self, refusal: &Refusal) {
        self.push("ERROR", refusal.status().to_string().as_bytes());
        self.ended = true;
    }

    fn push(&mut self, kind: &str, object: &[u8]) {
        let mut line = BytesMut::with_capacity(object.len() + 40);
        line.put_slice(b"{\"type\":\"");
        line.put_slice(kind.as_bytes());
        line.put_slice(b"\",\"object\":");
        line.put_slice(object);
        line.put_slice(b"}\n");
        self.ready.push_back(line.freeze());
    }
}

/// An object of a type with nothing in it but metadata: Go's zero value, written as JSON.
fn blank(resource: &ResourceType, metadata: &Value) -> Value {
    let mut object = json!({
        "kind": resource.kind,
        "apiVersion": resource.api_version(),
        "metadata": metadata,
    });
    let template = || json!({ "metadata": {}, "spec": { "containers": null } });
    let rest = match resource.name().as_str() {
        "pods" => json!({ "spec": { "containers": null }, "status": {} }),
        "events" => json!({
            "involvedObject": {}, "source": {}, "firstTimestamp": null, "lastTimestamp": null,
            "eventTime": null, "reportingComponent": "", "reportingInstance": "",
        }),
        "deployments.apps" => json!({
            "spec": { "selector": null, "template": template(), "strategy": {} }, "status": {},
        }),
        "replicasets.apps" => json!({ "spec": { "selector": null }, "status": { "replicas": 0 } }),
        "statefulsets.apps" => json!({
            "spec": { "selector": null, "template": template(), "serviceName": "", "updateStrategy": {} },
            "status": { "replicas": 0, "availableReplicas": 0 },
        }),
        "daemonsets.apps" => json!({
            "spec": { "selector": null, "template": template(), "updateStrategy": {} },
            "status": {
                "currentNumberScheduled": 0, "numberMisscheduled": 0,
                "desiredNumberScheduled": 0, "numberReady": 0,
            },
        }),
        "jobs.batch" => json!({ "spec": { "template": template() }, "status": {} }),
        "cronjobs.batch" => json!({
            "spec": {
                "schedule": "", "concurrencyPolicy": "",
                "jobTemplate": { "metadata": {}, "spec": { "template": template() } },
            },
            "status": {},
        }),
        _ if is_custom(resource) || !resource.status_subresource => json!({}),
        _ => json!({ "spec": {}, "status": {} }),
    };
    if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
        object.extend(rest);
    }
    object
}
