//! Turns the entries of a recording into what the run showed.

mod table;

use std::{collections::HashMap, fmt::Display};

use argo_core::{
    Level, Record,
    record::{Argo, Body, Log},
};
use argo_logs::{Batch, Line};
use jiff::Timestamp;

use crate::{
    argocd::Stream,
    recording::{Entry, Fact},
    render::Origin,
    screen::Screen,
};

pub(crate) use table::LiveTable;

/// Plays a recording on a screen.
#[derive(Debug)]
pub(crate) struct Player {
    screen: Screen,
    /// A number for each container, and whether its last line goes on in the next one.
    containers: HashMap<[String; 5], (u32, bool)>,
    has_ended: bool,
    /// The application of the run, or how many there are: lines of another name are tagged with
    /// it.
    title: String,
}

impl Player {
    /// Creates a player of a run about this application, or about several.
    pub(crate) fn new(screen: Screen, title: String) -> Self {
        Self {
            title,
            screen,
            containers: HashMap::new(),
            has_ended: false,
        }
    }

    /// True once the verdict was played.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Appends what the run showed for an entry.
    pub(crate) fn play(&mut self, entry: Entry, at: Timestamp, out: &mut Vec<u8>) {
        match entry {
            Entry::Fact(Fact::Summary { summary }) => {
                self.has_ended = true;
                self.screen.verdict(&summary, at, out);
            }
            Entry::Fact(_) => {}
            Entry::Record { record, bytes } => self.record(&record, bytes.as_deref(), at, out),
        }
    }

    fn record(&mut self, record: &Record, bytes: Option<&[u8]>, at: Timestamp, out: &mut Vec<u8>) {
        match &record.body {
            Body::Log(log) => {
                let text = bytes.unwrap_or(record.msg.as_bytes());
                self.line(log, record.level, record.time, text, at, out);
            }
            Body::Argo(argo) => self.argo(argo, &record.msg, at, out),
            // The fact before it holds more.
            Body::Verdict(_) => {}
            _ => self.screen.record(record, at, out),
        }
    }

    fn argo(&mut self, argo: &Argo, text: &str, at: Timestamp, out: &mut Vec<u8>) {
        let stream = match argo.stream.as_str() {
            "stderr" => Stream::Stderr,
            _ => Stream::Stdout,
        };
        self.screen
            .argo(stream, text.as_bytes(), argo.partial, at, out);
    }

    fn line(
        &mut self,
        log: &Log,
        level: Level,
        time: Timestamp,
        text: &[u8],
        at: Timestamp,
        out: &mut Vec<u8>,
    ) {
        let workload = log.workload.clone().unwrap_or_default();
        let key = [
            log.namespace.clone(),
            log.pod.clone(),
            log.uid.clone().unwrap_or_default(),
            log.container.clone(),
            workload,
        ];
        let next = u32::try_from(self.containers.len()).unwrap_or(u32::MAX);
        let (id, goes_on) = self.containers.entry(key).or_insert((next, false));
        let mut line = Line::new(i64::try_from(time.as_nanosecond()).ok(), text);
        line.continuation = std::mem::replace(goes_on, log.partial);
        line.continues = log.partial;
        let restart = i32::try_from(log.restart).unwrap_or(0);
        let batch = Batch::from_lines("".into(), restart, std::iter::once(line));
        let origin = Origin {
            app: (log.app != self.title).then_some(log.app.as_str()),
            id: *id,
            namespace: &log.namespace,
            workload: log.workload.as_ref().map(|name| name as &dyn Display),
            pod: &log.pod,
            uid: log.uid.as_deref().unwrap_or_default(),
            container: &log.container,
            restart: log.restart,
            store: log.store.as_deref(),
        };
        self.screen.lines(&origin, |_| level, &batch, at, out);
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
pub(crate) mod tests;
