//! A run as the reports tell it.

use std::collections::{BTreeMap, VecDeque};

use argo_core::{
    Level, Record,
    record::{Body, Log},
    text::cap,
};
use jiff::Timestamp;

use super::LogFiles;
use crate::{
    recording::{Entry, Fact, Header, ObjectFact, Operation, PodFact, Reader, RunFact},
    summary::{Row, Summary},
};

/// The last lines that are kept of each container.
const TAIL: usize = 100;
/// The last lines that are kept if a run has very many containers.
const SHORT_TAIL: usize = 25;
/// The most containers that get a long tail.
const MANY: usize = 150;
/// The most characters of a line.
const LINE: usize = 400;
/// The most events, findings and notices that are kept; the oldest ones without a warning go
/// first.
const MOMENTS: usize = 12_000;

/// A run as the reports tell it.
#[derive(Debug)]
pub struct Story {
    /// The first line of the recording.
    pub header: Header,
    /// The last arrival.
    pub ended: Timestamp,
    /// The end; `None` if the recording was cut off.
    pub summary: Option<Summary>,
    /// The table of workloads as it was last seen.
    pub rows: Vec<Row>,
    /// The sync operation of each application.
    pub operations: Vec<Operation>,
    /// Root objects with their waves, in the order in which they were seen.
    pub objects: Vec<ObjectFact>,
    /// Pods by uid, in the order in which they were seen.
    pub pods: Vec<PodFact>,
    /// When each pod was seen gone.
    pub gone: BTreeMap<String, Timestamp>,
    /// Events, findings, changes of status and notices.
    pub moments: Vec<Moment>,
    /// Number of moments that were left out.
    pub left_out: usize,
    /// The last lines of each run of a container.
    pub tails: BTreeMap<RunKey, LogTail>,
    /// Number of log lines.
    pub lines: u64,
}

/// Something that was said, but no log line.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The time at which it happened.
    pub time: Timestamp,
    /// Severity.
    pub level: Level,
    /// `event`, `finding`, `status`, `notice` or `argo`.
    pub kind: &'static str,
    /// The object or the workload.
    pub subject: String,
    /// Namespace.
    pub namespace: String,
    /// The reason of an event, the code of a finding.
    pub reason: String,
    /// The text.
    pub text: String,
}

/// A run of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunKey {
    /// Uid of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// Number of restarts before the run.
    pub restart: u32,
}

/// The last lines of a run of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogTail {
    /// Number of lines of the run.
    pub lines: u64,
    /// The last of them.
    pub tail: VecDeque<(Timestamp, String)>,
}

impl Story {
    /// Reads a recording, and passes each log line to `logs`.
    pub fn read(reader: &mut Reader, mut logs: Option<&mut LogFiles>) -> Self {
        let mut story = Self::of(reader.header().clone());
        while let Some((at, entry)) = reader.next_entry() {
            story.ended = at;
            match entry {
                Entry::Fact(fact) => story.fact(fact, at),
                Entry::Record { record, bytes } => {
                    if let (Body::Log(log), Some(logs)) = (&record.body, logs.as_deref_mut()) {
                        logs.line(log, bytes.as_deref().unwrap_or(record.msg.as_bytes()));
                    }
                    story.record(record);
                }
            }
        }
        story
    }

    pub(crate) fn of(header: Header) -> Self {
        Self {
            ended: header.started,
            header,
            summary: None,
            rows: Vec::new(),
            operations: Vec::new(),
            objects: Vec::new(),
            pods: Vec::new(),
            gone: BTreeMap::new(),
            moments: Vec::new(),
            left_out: 0,
            tails: BTreeMap::new(),
            lines: 0,
        }
    }

    pub(crate) fn fact(&mut self, fact: Fact, at: Timestamp) {
        match fact {
            Fact::Pod(pod) => self.pod(pod, at),
            Fact::Object(object) => {
                let same = |own: &&mut ObjectFact| {
                    own.object == object.object && own.namespace == object.namespace
                };
                match self.objects.iter_mut().find(same) {
                    Some(own) => *own = object,
                    None => self.objects.push(object),
                }
            }
            Fact::Operation(operation) => self.operation(operation),
            Fact::Rows { rows } => self.rows = rows,
            Fact::Summary { summary } => {
                self.rows.clone_from(&summary.workloads);
                self.summary = Some(*summary);
            }
        }
    }

    fn operation(&mut self, operation: Operation) {
        let mut known = self.operations.iter_mut();
        let same =
            |own: &&mut Operation| own.app == operation.app && own.namespace == operation.namespace;
        match known.find(same) {
            Some(own) => *own = operation,
            None => self.operations.push(operation),
        }
    }

    /// Returns the end of each application; of the only one, or of none if the recording was cut
    /// off.
    pub(super) fn apps(&self) -> &[Summary] {
        match &self.summary {
            Some(summary) if summary.apps.is_empty() => std::slice::from_ref(summary),
            Some(summary) => &summary.apps,
            None => &[],
        }
    }

    /// True if the run is about several applications. Its title, which counts them, is that of the
    /// start; the end knows of those that joined.
    pub(super) fn is_about_several(&self) -> bool {
        match &self.summary {
            Some(summary) => summary.apps.len() > 1,
            None => self.header.app.contains(' '),
        }
    }

    /// Returns the application of an operation where there is more than one: with its namespace
    /// if another one has the same name.
    pub(super) fn app_of(&self, operation: &Operation) -> Option<String> {
        if !self.is_about_several() && self.operations.len() < 2 {
            return None;
        }
        let same = |own: &&Operation| own.app == operation.app;
        Some(match self.operations.iter().filter(same).count() {
            0 | 1 => operation.app.clone(),
            _ => format!("{}/{}", operation.namespace, operation.app),
        })
    }

    fn pod(&mut self, pod: PodFact, at: Timestamp) {
        if pod.gone {
            self.gone.insert(pod.uid.clone(), at);
        }
        match self.pods.iter_mut().find(|own| own.uid == pod.uid) {
            Some(own) => merge(own, pod),
            None => self.pods.push(pod),
        }
    }

    pub(crate) fn record(&mut self, record: Record) {
        let (time, level, text) = (record.time, record.level, record.msg);
        let moment = |kind, subject: String, namespace: String, reason: String| Moment {
            time,
            level,
            kind,
            subject,
            namespace,
            reason,
            text: argo_core::text::cap(&text, 1000),
        };
        let moment = match record.body {
            Body::Log(log) => return self.line(&log, time, &text),
            Body::Event(event) => moment("event", event.object, event.namespace, event.reason),
            Body::Finding(finding) => {
                let code = if finding.resolved {
                    format!("{} resolved", finding.code)
                } else {
                    finding.code
                };
                moment("finding", finding.workload, finding.namespace, code)
            }
            Body::Status(status) => {
                moment("status", status.workload, status.namespace, String::new())
            }
            Body::Notice(notice) => moment(
                "notice",
                notice.object.unwrap_or_default(),
                String::new(),
                String::new(),
            ),
            Body::Argo(_) => moment("argo", "argocd".to_owned(), String::new(), String::new()),
            _ => return,
        };
        self.moments.push(moment);
        if self.moments.len() > MOMENTS {
            self.forget();
        }
    }

    /// Forgets half of the moments: those of the least severity first.
    fn forget(&mut self) {
        let before = self.moments.len();
        let mut kept = 0;
        self.moments.retain(|moment| {
            let matters = moment.level <= Level::Warning || moment.kind == "finding";
            kept += usize::from(!matters);
            matters || kept % 2 == 0
        });
        if self.moments.len() > MOMENTS {
            self.moments.drain(..MOMENTS / 4);
        }
        self.left_out += before - self.moments.len();
    }

    fn line(&mut self, log: &Log, time: Timestamp, text: &str) {
        self.lines += 1;
        let most = if self.tails.len() > MANY {
            SHORT_TAIL
        } else {
            TAIL
        };
        let key = RunKey {
            pod: log.uid.clone().unwrap_or_default(),
            container: log.container.clone(),
            restart: log.restart,
        };
        let tail = self.tails.entry(key).or_default();
        tail.lines += 1;
        while tail.tail.len() >= most {
            tail.tail.pop_front();
        }
        let text = match &log.store {
            Some(store) => cap(&format!("[from {store}] {text}"), LINE),
            None => cap(text, LINE),
        };
        tail.tail.push_back((time, text));
    }

    /// Returns the wave of a root object.
    pub fn wave(&self, object: &str, namespace: &str) -> Option<i64> {
        let own = |fact: &&ObjectFact| fact.object == object && fact.namespace == namespace;
        self.objects.iter().find(own)?.wave
    }
}

/// Takes over a newer state of a pod, and keeps the runs of its containers that the newer state
/// has forgotten.
fn merge(own: &mut PodFact, mut newer: PodFact) {
    for container in &mut newer.containers {
        let before = own.containers.iter().find(|own| own.name == container.name);
        let Some(before) = before else { continue };
        let mut runs: BTreeMap<Option<Timestamp>, RunFact> = BTreeMap::new();
        for run in before.runs.iter().chain(&container.runs) {
            runs.insert(run.started, run.clone());
        }
        container.runs = runs.into_values().collect();
    }
    if newer.containers.is_empty() {
        newer.containers = std::mem::take(&mut own.containers);
    }
    *own = newer;
}
