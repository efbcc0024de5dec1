//! The lines of the live table.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use argo_core::{
    ObjectRef,
    text::{counted, duration::in_words},
};
use argo_workloads::diagnosis::Finding;

use super::Size;
use crate::{sanitize::printable, summary::Row};

/// The signs of a workload that is on its way, one after the other.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/// Columns of a bar.
const BAR: usize = 12;
/// The fewest columns at which bars are drawn: on a narrower terminal the reasons need the room.
const WIDE: usize = 99;
/// The fewest columns at which each row has its time.
const MEDIUM: usize = 60;

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Log lines.
    pub lines: u64,
    /// Warnings among events and findings.
    pub warnings: u64,
}

/// The facts of the table.
#[derive(Debug)]
pub struct Table<'a> {
    /// Name of the application.
    pub app: &'a str,
    /// Time since the start.
    pub elapsed: Duration,
    /// The workloads.
    pub rows: &'a [Row],
    /// The causes that stand, the worst first.
    pub causes: &'a [Cause<'a>],
    /// The state of the application as Argo CD sees it.
    pub argocd: Option<String>,
    /// The counts.
    pub counts: Counts,
    /// True for colours.
    pub colors: bool,
    /// True if keys are read: the foot says which.
    pub reads_keys: bool,
}

/// A finding as the table shows it.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// The workload.
    pub workload: &'a ObjectRef,
    /// The cause, without the workload's name.
    pub sentence: &'a str,
    /// True if the rollout cannot succeed without a change.
    pub is_doomed: bool,
}

impl<'a> From<&'a Finding> for Cause<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            workload: &finding.workload,
            sentence: &finding.sentence,
            is_doomed: finding.is_doomed(),
        }
    }
}

/// The state of a workload in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Failed,
    OnItsWay,
    Complete,
}

impl Table<'_> {
    /// Returns lines that take at most a third of the screen, each narrower than it.
    pub fn lines(&self, size: Size) -> Vec<String> {
        let room = (size.rows / 3).max(3);
        let width = size.columns.saturating_sub(1);
        let mut lines = vec![cut(&self.head(width), width)];
        let rows = self.ordered();
        let most = room - 2;
        let shown = if rows.len() > most {
            most - 1
        } else {
            rows.len()
        };
        let names = rows[..shown].iter();
        let names = names.map(|row| console::measure_text_width(&name(row, width)));
        let column = names.max().unwrap_or(0).min(width * 2 / 5);
        let times = rows[..shown].iter().map(|row| self.took(row).len());
        let time = times.max().unwrap_or(0);
        for row in &rows[..shown] {
            lines.push(self.line(row, [column, time], width));
        }
        if shown < rows.len() {
            let complete = rows[shown..].iter().filter(|row| row.complete).count();
            let rest = rows.len() - shown;
            lines.push(cut(
                &format!("  … and {rest} more, {complete} of them complete"),
                width,
            ));
        }
        lines.push(cut(&self.foot(width), width));
        lines
    }

    /// Returns the rows in their order; if they are too many, what matters comes first because
    /// the caller cuts at the end.
    fn ordered(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| self.sign(row));
        rows
    }

    /// `──────────── shop · 2 m 14 s ──`
    fn head(&self, width: usize) -> String {
        let title = format!(" {} · {} ──", printable(self.app), in_words(self.elapsed));
        let rule = width.saturating_sub(console::measure_text_width(&title));
        self.paint(
            &format!("{}{title}", "─".repeat(rule)),
            Style::new().dimmed(),
        )
    }

    /// `argocd: Progressing · 1204 lines · 9 warnings`, as far as it fits.
    fn foot(&self, width: usize) -> String {
        let count = |number: u64, what| counted(usize::try_from(number).unwrap_or(0), what);
        let argocd = self.argocd.as_ref();
        let parts = [
            argocd.map(|argocd| format!("argocd: {}", printable(argocd))),
            self.rows.is_empty().then(|| "no workload yet".to_owned()),
            Some(count(self.counts.lines, "line")),
            (self.counts.warnings > 0).then(|| count(self.counts.warnings, "warning")),
            self.reads_keys.then(|| "s status, q quit".to_owned()),
        ];
        let mut text = String::new();
        for part in parts.into_iter().flatten() {
            let gap = if text.is_empty() { "" } else { " · " };
            let longer = format!("{text}{gap}{part}");
            if !text.is_empty() && console::measure_text_width(&longer) > width {
                break;
            }
            text = longer;
        }
        self.paint(&text, Style::new().dimmed())
    }

    /// Returns the line of a workload; the name and the time have columns of these widths.
    fn line(&self, row: &Row, [column, time]: [usize; 2], width: usize) -> String {
        let name = fit(&name(row, width), column);
        let mut text = format!("{} {name}  ", self.painted_sign(row));
        if width >= WIDE {
            text.push_str(&format!("{}  ", self.bar(row)));
        }
        text.push_str(&fit(&ready(row), 5));
        text.push_str(&self.restarts(row, width));
        if width >= MEDIUM {
            text.push_str(&format!("  {:>time$}", self.took(row)));
        }
        if let Some(why) = self.why(row) {
            text.push_str("  ");
            text.push_str(&printable(&why));
        }
        cut(&text, width)
    }

    fn took(&self, row: &Row) -> String {
        let took = row.seconds.filter(|_| row.complete);
        in_words(took.map_or(self.elapsed, Duration::from_secs))
    }

    /// Returns the restarts; room for them is kept where other rows have some.
    fn restarts(&self, row: &Row, width: usize) -> String {
        let keeps_room = width >= MEDIUM && self.rows.iter().any(|row| row.restarts > 0);
        match row.restarts {
            0 if keeps_room => " ".repeat(6),
            0 => String::new(),
            restarts => format!("  {}", fit(&format!("↻ {restarts}"), 4)),
        }
    }

    fn bar(&self, row: &Row) -> String {
        let desired = row.desired.unwrap_or(1).max(1);
        let ready = if row.complete {
            desired
        } else {
            row.ready_new().unwrap_or(0)
        };
        let full = usize::try_from(ready.clamp(0, desired)).unwrap_or(0) * BAR
            / usize::try_from(desired).unwrap_or(1);
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
        self.paint(&bar, self.style(row))
    }

    /// Returns the cause, or the thing that the workload waits for.
    fn why(&self, row: &Row) -> Option<String> {
        if let Some(cause) = self.cause(row) {
            return Some(cause.sentence.to_owned());
        }
        let waits = row.waiting_for.clone().filter(|_| !row.complete);
        row.failed.clone().or(waits)
    }

    fn cause(&self, row: &Row) -> Option<&Cause<'_>> {
        let own = |cause: &&Cause<'_>| cause.workload.same_name(&row.object);
        self.causes.iter().find(own)
    }

    fn sign(&self, row: &Row) -> Sign {
        let doomed = self.cause(row).is_some_and(|cause| cause.is_doomed);
        match (doomed || row.failed.is_some(), row.complete) {
            (true, _) => Sign::Failed,
            (false, true) => Sign::Complete,
            (false, false) => Sign::OnItsWay,
        }
    }

    fn painted_sign(&self, row: &Row) -> String {
        let turn = usize::try_from(self.elapsed.as_millis() / 250).unwrap_or(0);
        let sign = match self.sign(row) {
            Sign::Failed => '✘',
            Sign::Complete => '✔',
            Sign::OnItsWay => SPINNER[turn % SPINNER.len()],
        };
        self.paint(&sign.to_string(), self.style(row))
    }

    fn style(&self, row: &Row) -> Style {
        match self.sign(row) {
            Sign::Failed => AnsiColor::Red.on_default(),
            Sign::Complete => AnsiColor::Green.on_default(),
            Sign::OnItsWay => AnsiColor::Yellow.on_default(),
        }
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.colors {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

fn ready(row: &Row) -> String {
    match (row.ready_new(), row.desired) {
        _ if row.runs_once && row.complete => "done".to_owned(),
        (Some(ready), Some(desired)) => format!("{ready}/{desired}"),
        _ => row.state.clone(),
    }
}

/// Returns the name, without its kind on a terminal on which the reason would have no room.
fn name(row: &Row, width: usize) -> String {
    match width < MEDIUM {
        true => printable(&row.object.name),
        false => printable(&row.object.to_string()),
    }
}

/// Cuts a line to a width; a wide character that does not fit whole is left out.
fn cut(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…")
        .trim_end()
        .to_owned()
}

/// Cuts or pads a text to a width.
fn fit(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let missing = width.saturating_sub(console::measure_text_width(&text));
    format!("{text}{}", " ".repeat(missing))
}
