//! A few lines at the bottom of a terminal that are replaced again and again.

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

impl Size {
    /// Returns the size of the terminal of stderr, or that of a classic one.
    pub fn of_stderr() -> Self {
        let (rows, columns) = console::Term::stderr().size_checked().unwrap_or((24, 80));
        Self {
            columns: usize::from(columns).max(1),
            rows: usize::from(rows).max(1),
        }
    }
}

/// The lines that are on the screen. The cursor is at the start of the line below them.
#[derive(Debug, Default)]
pub struct Area {
    lines: Vec<String>,
    size: Option<Size>,
}

impl Area {
    /// True if just these lines are on the screen.
    pub fn shows(&self, lines: &[String], size: Size) -> bool {
        self.lines == lines && (self.lines.is_empty() || self.size == Some(size))
    }

    /// Removes the lines. A terminal that became narrower has broken them into more rows.
    pub fn erase(&mut self, size: Size, out: &mut Vec<u8>) {
        let rows: usize = self.lines.iter().map(|line| rows(line, size)).sum();
        // What has scrolled out of the screen cannot be reached.
        let rows = rows.min(size.rows.saturating_sub(1));
        if rows > 0 {
            out.extend_from_slice(format!("\r\x1b[{rows}A\x1b[J").as_bytes());
        }
        self.lines.clear();
    }

    /// Draws lines that are no wider than the terminal, below what was written last.
    pub fn draw(&mut self, lines: Vec<String>, size: Size, out: &mut Vec<u8>) {
        for line in &lines {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        self.lines = lines;
        self.size = Some(size);
    }
}

/// Returns the rows that a line takes in a terminal of that width.
fn rows(line: &str, size: Size) -> usize {
    let width = console::measure_text_width(line);
    width.div_ceil(size.columns).max(1)
}
