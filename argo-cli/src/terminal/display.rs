//! The live table of a run: its counts and its terminal.

use std::{
    io::{self, IsTerminal},
    time::Instant,
};

use super::{Counts, Live, Size, Table, window::Window};
use crate::{
    output::{Output, SpoolLimits},
    summary::Row,
};

/// Bytes that wait for a slow terminal, above which no table is drawn: it would be old when it
/// is seen.
const SLOW: u64 = 256 << 10;

/// The live table of a run.
#[derive(Debug)]
pub struct Display {
    live: Live,
    /// The terminal of the table, if stdout is no terminal.
    stderr: Option<Output>,
    window: Window,
    /// Counts since the start.
    pub counts: Counts,
}

impl Display {
    /// Creates the table for the terminal that there is.
    pub fn new(variables: &dyn Fn(&str) -> Option<String>) -> Self {
        let is_joined = io::stdout().is_terminal();
        // With a queue of its own: the table must not wait for whoever reads stdout slowly.
        let stderr = (!is_joined && io::stderr().is_terminal())
            .then(|| Output::to(Box::new(io::stderr()), SpoolLimits::default()));
        Self {
            live: Live::new(is_joined),
            stderr,
            window: if is_joined {
                Window::new(variables)
            } else {
                Window::default()
            },
            counts: Counts::default(),
        }
    }

    /// Takes lines for the next drawing.
    pub fn take(&mut self, lines: &mut Vec<u8>) {
        self.live.take(lines);
    }

    /// Returns the time of the next drawing, if lines wait for it.
    pub fn due(&self) -> Option<Instant> {
        self.live.due()
    }

    /// True if it may draw now.
    pub fn may_draw(&self) -> bool {
        self.live.may_draw(Instant::now())
    }

    /// Draws the lines that wait, and the table.
    pub fn draw(&mut self, table: &Table<'_>, output: &Output) {
        // Asked for at each drawing, which costs one system call and needs no handler of SIGWINCH.
        let size = Size::of_stderr();
        let is_slow = output.backlog() > SLOW;
        let lines = if is_slow {
            Vec::new()
        } else {
            table.lines(size)
        };
        let mut frame = self.live.draw(lines, size, Instant::now());
        if !frame.stdout.is_empty() {
            let percent = percent(table.rows);
            self.window.show(table.app, percent, &mut frame.stdout);
        }
        self.write(frame, output);
    }

    /// Removes the table; lines that wait are written.
    pub fn clear(&mut self, output: &Output) {
        let mut frame = self.live.clear(Size::of_stderr());
        self.window.clear(&mut frame.stdout);
        self.write(frame, output);
    }

    fn write(&self, frame: super::Frame, output: &Output) {
        output.push(frame.stdout);
        if let Some(stderr) = &self.stderr {
            stderr.push(frame.stderr);
        }
    }
}

/// Returns the part of the pods that are ready, in percent.
fn percent(rows: &[Row]) -> usize {
    let parts = rows.iter().map(|row| {
        let desired = row.desired.unwrap_or(1).max(1);
        let ready = if row.complete {
            desired
        } else {
            row.ready_new().unwrap_or(0)
        };
        (ready.clamp(0, desired), desired)
    });
    let (ready, desired) = parts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    usize::try_from(ready * 100 / desired.max(1)).unwrap_or(0)
}
