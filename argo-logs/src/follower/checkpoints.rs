//! The states before each of the last responses, to which a run that was misread goes back.

use crate::reader::{Beginning, Entry, PrintedBeginnings, ResponseReader, Window};

/// At most this many checkpoints are kept: responses that follow each other within the lag
/// of the pod's status.
const CHECKPOINTS: usize = 4;

/// The state before a response, and the lines it brought.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// Number of the response.
    pub(super) response: usize,
    pub(super) window: Window,
    /// Lines of the run printed before the response.
    pub(super) printed: usize,
    /// The first new line of the response.
    pub(super) first: Option<Entry>,
    /// The greatest time of the response's lines.
    pub(super) newest: i64,
}

/// The checkpoints of a run, the latest last.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    kept: Vec<Checkpoint>,
    /// Number of responses so far.
    responses: usize,
    /// Used instead if the lines have no times.
    beginnings: PrintedBeginnings,
}

impl Checkpoints {
    /// Number of responses so far.
    pub(super) fn responses(&self) -> usize {
        self.responses
    }

    /// Keeps the state before a response.
    pub(super) fn push(&mut self, window: Window, printed: usize) {
        // A response without new lines changed nothing.
        self.kept.pop_if(|checkpoint| checkpoint.first.is_none());
        if self.kept.len() == CHECKPOINTS {
            self.kept.remove(0);
        }
        self.responses += 1;
        self.kept.push(Checkpoint {
            response: self.responses,
            window,
            printed,
            first: None,
            newest: i64::MIN,
        });
    }

    /// Adds a line to those that were printed before the last response.
    pub(super) fn remember(&mut self, line: Option<Entry>) {
        if let (Some(checkpoint), Some(line)) = (self.kept.last_mut(), line) {
            checkpoint.window.add_earlier(line);
        }
    }

    /// Returns the beginnings of a log without times that a response may have.
    pub(super) fn beginnings(&self, previous: bool) -> Vec<Beginning> {
        self.beginnings.of_response(previous)
    }

    /// Notes the lines of the response that has ended.
    pub(super) fn count(&mut self, reader: &ResponseReader) {
        if let Some(positions) = reader.positions() {
            self.beginnings.learn(positions);
        }
        if let Some(checkpoint) = self.kept.last_mut() {
            checkpoint.first = reader.first();
            checkpoint.newest = reader.newest();
        }
    }

    /// Returns the number of the first of the latest responses that began at `start` or
    /// later by their lines.
    pub(super) fn first_response_after(&self, start: i64) -> Option<usize> {
        let at = self.first_after(start)?;
        Some(self.kept[at].response)
    }

    /// Takes those responses back: removes and returns their checkpoints.
    pub(super) fn take_after(&mut self, start: i64) -> Option<Vec<Checkpoint>> {
        let at = self.first_after(start)?;
        Some(self.kept.split_off(at))
    }

    fn first_after(&self, start: i64) -> Option<usize> {
        let is_later =
            |checkpoint: &&Checkpoint| checkpoint.first.is_none_or(|first| first.time >= start);
        let count = self.kept.iter().rev().take_while(is_later).count();
        let at = self.kept.len() - count;
        let has_lines = self.kept[at..].iter().any(|kept| kept.first.is_some());
        has_lines.then_some(at)
    }
}
