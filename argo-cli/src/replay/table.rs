//! The live table of a run, from what its recording holds.

use std::time::Instant;

use argo_core::{
    Level, Record,
    record::{self, Body},
    text::duration,
};
use jiff::Timestamp;

use crate::{
    recording::{Entry, Fact, Header},
    summary::Row,
    terminal::{Cause, Counts, Frame, Live, Size, Table},
};

/// The live table under the lines of a replay that takes its time.
#[derive(Debug)]
pub(crate) struct LiveTable {
    live: Live,
    app: String,
    started: Timestamp,
    rows: Vec<Row>,
    /// The findings that stand, oldest first.
    findings: Vec<Finding>,
    health: Option<String>,
    counts: Counts,
    colors: bool,
}

/// A finding of the recording.
#[derive(Debug)]
struct Finding {
    code: String,
    namespace: String,
    /// `<Kind>/<name>`.
    workload: String,
    sentence: String,
    is_doomed: bool,
}

impl LiveTable {
    /// Creates the table of a run. `is_joined` is true if stdout is the terminal of the table.
    pub(crate) fn new(header: &Header, is_joined: bool, colors: bool) -> Self {
        Self {
            live: Live::new(is_joined),
            app: header.app.clone(),
            started: header.started,
            rows: Vec::new(),
            findings: Vec::new(),
            health: None,
            counts: Counts::default(),
            colors,
        }
    }

    /// Takes from an entry what the table shows.
    pub(crate) fn note(&mut self, entry: &Entry) {
        match entry {
            Entry::Fact(Fact::Rows { rows }) => self.rows.clone_from(rows),
            Entry::Fact(Fact::Operation(operation)) => self.health.clone_from(&operation.health),
            Entry::Fact(_) => {}
            Entry::Record { record, .. } => match &record.body {
                Body::Log(_) => self.counts.lines += 1,
                Body::Event(_) => self.count(record),
                Body::Finding(finding) => {
                    self.count(record);
                    self.finding(finding, &record.msg);
                }
                _ => {}
            },
        }
    }

    fn count(&mut self, record: &Record) {
        self.counts.warnings += u64::from(record.level <= Level::Warning);
    }

    /// Takes a finding. It replaces an earlier one of its code, which it may have made worse.
    fn finding(&mut self, finding: &record::Finding, msg: &str) {
        self.findings.retain(|known| {
            known.namespace != finding.namespace
                || known.workload != finding.workload
                || known.code != finding.code
        });
        if finding.resolved {
            return;
        }
        let start = format!("{}: ", finding.workload);
        self.findings.push(Finding {
            code: finding.code.clone(),
            namespace: finding.namespace.clone(),
            workload: finding.workload.clone(),
            sentence: msg.strip_prefix(&start).unwrap_or(msg).to_owned(),
            is_doomed: finding.doomed,
        });
    }

    /// Returns the causes of the workloads that are not complete, the worst first, of these the
    /// newest.
    fn causes(&self) -> Vec<Cause<'_>> {
        let mut causes = Vec::new();
        for row in self.rows.iter().filter(|row| !row.complete) {
            let object = row.object.to_string();
            let own = self.findings.iter().rev().filter(|finding| {
                *finding.namespace == *row.object.namespace && finding.workload == object
            });
            causes.extend(own.map(|finding| Cause {
                workload: &row.object,
                sentence: &finding.sentence,
                is_doomed: finding.is_doomed,
            }));
        }
        causes.sort_by_key(|cause| !cause.is_doomed);
        causes
    }

    /// Takes the lines that wait, and draws them with the table below them.
    pub(crate) fn draw(&mut self, lines: &mut Vec<u8>, now: Timestamp) -> Frame {
        self.live.take(lines);
        let drawn_at = Instant::now();
        if !self.live.may_draw(drawn_at) {
            return Frame::default();
        }
        let causes = self.causes();
        let table = Table {
            app: &self.app,
            elapsed: duration::between(self.started, now),
            rows: &self.rows,
            causes: &causes,
            argocd: self.health.clone(),
            counts: self.counts,
            colors: self.colors,
            reads_keys: false,
        };
        let size = Size::of_stderr();
        let below = table.lines(size);
        self.live.draw(below, size, drawn_at)
    }

    /// Removes the table and returns the lines that wait.
    pub(crate) fn end(&mut self, lines: &mut Vec<u8>) -> Frame {
        self.live.take(lines);
        self.live.clear(Size::of_stderr())
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
