//! The live table of a run, from what its recording holds.

use std::time::Instant;

use argo_core::{Level, record::Body, text::duration};
use jiff::Timestamp;

use crate::{
    recording::{Entry, Fact, Header},
    summary::Row,
    terminal::{Counts, Frame, Live, Size, Table},
};

/// The live table under the lines of a replay that takes its time.
#[derive(Debug)]
pub(crate) struct LiveTable {
    live: Live,
    app: String,
    started: Timestamp,
    rows: Vec<Row>,
    health: Option<String>,
    counts: Counts,
    colors: bool,
}

impl LiveTable {
    /// Creates the table of a run. `is_joined` is true if stdout is the terminal of the table.
    pub(crate) fn new(header: &Header, is_joined: bool, colors: bool) -> Self {
        Self {
            live: Live::new(is_joined),
            app: header.app.clone(),
            started: header.started,
            rows: Vec::new(),
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
                Body::Event(_) | Body::Finding(_) => {
                    self.counts.warnings += u64::from(record.level <= Level::Warning);
                }
                _ => {}
            },
        }
    }

    /// Takes the lines that wait, and draws them with the table below them.
    pub(crate) fn draw(&mut self, lines: &mut Vec<u8>, now: Timestamp) -> Frame {
        self.live.take(lines);
        let drawn_at = Instant::now();
        if !self.live.may_draw(drawn_at) {
            return Frame::default();
        }
        let table = Table {
            app: &self.app,
            elapsed: duration::between(self.started, now),
            rows: &self.rows,
            findings: &[],
            argocd: self.health.clone(),
            counts: self.counts,
            colors: self.colors,
        };
        let size = Size::of_stderr();
        self.live.draw(table.lines(size), size, drawn_at)
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
