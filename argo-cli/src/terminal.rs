//! The live table at the bottom of a terminal, under the lines that scroll.
//!
//! [`Live`] decides what is written and when; it knows no clock and no terminal. The table is
//! drawn by hand rather than by a library of progress bars: lines and table have to go through
//! one writer in one order, and after a resize the old table must be erased by the rows that the
//! terminal has reflowed it to, which such libraries leave on the screen.

mod area;
mod display;
mod keys;
mod requests;
mod table;
mod window;

use std::time::{Duration, Instant};

pub use area::{Area, Size};
pub use display::Display;
pub use keys::{Key, Keys};
pub use requests::{Request, Requests};
pub use table::{Cause, Counts, Table};

/// The shortest time between two drawings: at most ten a second.
const PAUSE: Duration = Duration::from_millis(100);

/// The lines that wait to be written, and the table below them.
#[derive(Debug)]
pub struct Live {
    area: Area,
    /// Lines of the screen that were not written yet.
    waiting: Vec<u8>,
    drawn: Option<Instant>,
    /// True if the lines go to the same terminal as the table.
    is_joined: bool,
}

/// Bytes for stdout and for the table's terminal, where that is another.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Bytes for stdout.
    pub stdout: Vec<u8>,
    /// Bytes for stderr.
    pub stderr: Vec<u8>,
}

impl Live {
    /// Creates the table. `is_joined` is true if stdout is the terminal too: then everything
    /// goes there, in one order.
    pub fn new(is_joined: bool) -> Self {
        Self {
            area: Area::default(),
            waiting: Vec::new(),
            drawn: None,
            is_joined,
        }
    }

    /// Takes lines for the next drawing.
    pub fn take(&mut self, lines: &mut Vec<u8>) {
        self.waiting.append(lines);
    }

    /// Returns the time of the next drawing, if lines wait for it.
    pub fn due(&self) -> Option<Instant> {
        let drawn = self.drawn.filter(|_| !self.waiting.is_empty())?;
        Some(drawn + PAUSE)
    }

    /// True if it may draw now.
    pub fn may_draw(&self, now: Instant) -> bool {
        self.drawn.is_none_or(|drawn| now >= drawn + PAUSE)
    }

    /// Writes the waiting lines and the table below them.
    pub fn draw(&mut self, table: Vec<String>, size: Size, now: Instant) -> Frame {
        let mut frame = Frame::default();
        if self.waiting.is_empty() && self.area.shows(&table, size) {
            return frame;
        }
        self.drawn = Some(now);
        let mut screen = Vec::new();
        self.area.erase(size, &mut screen);
        if self.is_joined {
            screen.append(&mut self.waiting);
        } else {
            frame.stdout.append(&mut self.waiting);
        }
        self.area.draw(table, size, &mut screen);
        self.put(screen, &mut frame);
        frame
    }

    /// Removes the table and writes the waiting lines: for the end, and before a pause.
    pub fn clear(&mut self, size: Size) -> Frame {
        self.draw(Vec::new(), size, Instant::now())
    }

    fn put(&self, screen: Vec<u8>, frame: &mut Frame) {
        if self.is_joined {
            frame.stdout = screen;
        } else {
            frame.stderr = screen;
        }
    }
}

#[cfg(test)]
#[path = "terminal_tests.rs"]
mod tests;
