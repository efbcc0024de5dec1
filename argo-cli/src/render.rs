//! Records, log lines and argocd's output as text for people or JSON for programs.
//!
//! Text is `<time> <LEVEL> [<tag>] <message>`, one line for each line of the message, in
//! the order that people read; levels, colours and the elapsed seconds are those of
//! logrus' text formatter. JSON is one [`Record`] a line. Log lines are written without a
//! `Record` in between, with the same result, because a run prints more of them than of
//! anything else.

mod detect_level;
pub(crate) mod json;
mod level;
mod pod_color;
mod record;
mod stamp;

use std::{collections::HashMap, fmt::Display};

use argo_core::{Level, Notice, Record, record::Body, record::NoticeBody};
use argo_logs::{Batch, Line};
use jiff::Timestamp;

use crate::{
    argocd::Stream,
    sanitize::{self, Options},
    settings::{Format, Settings},
    summary::Summary,
    verdict,
    view::View,
};

use self::{json::LogJson, level::Levels, stamp::Stamp};

/// The container that log lines come from.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Name of the application, if the run is about several.
    pub app: Option<&'a str>,
    /// A number that no other container of the run has.
    pub id: u32,
    /// Namespace of the pod.
    pub namespace: &'a str,
    /// `<Kind>/<name>` of the workload, once it is known.
    pub workload: Option<&'a dyn Display>,
    /// Name of the pod.
    pub pod: &'a str,
    /// Uid of the pod.
    pub uid: &'a str,
    /// Name of the container.
    pub container: &'a str,
    /// Number of restarts of the container before it wrote the line.
    pub restart: u32,
    /// The log store that the lines come from, if they do not come from the cluster.
    pub store: Option<&'a str>,
}

/// Turns records, log lines and argocd's output into bytes. Its memory is bounded: it keeps
/// only the prefixes of recent runs of containers.
#[derive(Debug)]
pub struct Renderer {
    settings: Settings,
    raw: bool,
    options: Options,
    app: String,
    levels: Levels,
    stamp: Stamp,
    json: LogJson,
    /// By container, restarts, and whether a log store has the lines.
    runs: HashMap<(u32, u32, bool), Shared>,
    /// The present: the time of lines without a time of their own.
    now: Timestamp,
    /// True if the JSON has all that any other form needs: the uid of a line's pod, and the bytes
    /// of a line that is no UTF-8.
    is_recording: bool,
}

/// The most runs of containers that are remembered; at this limit all are forgotten.
const RUNS: usize = 1024;

/// Bytes of a line beside its text and [`Shared::around`]: time, level, escapes.
const AROUND: usize = 64;

/// Lines of a container that are looked at together.
const GROUP: usize = 32;

/// The parts that all lines of one run of a container share.
#[derive(Debug)]
struct Shared {
    /// In text the prefix of a line, `[<pod>/<container>] `; in JSON everything after the
    /// message.
    around: Vec<u8>,
    /// The time of the last line that had one.
    nanos: Option<i64>,
    /// In text everything before a line, and what it was made for: what the time looks like, and
    /// the level.
    prefix: Vec<u8>,
    moment: Option<(i64, Level)>,
}

impl Renderer {
    /// Creates a renderer of a run that began at `started`. With `raw` the bytes of containers
    /// and of argocd are shown as they are, whatever a terminal or a pipeline makes of
    /// them; JSON stays JSON.
    pub fn new(settings: Settings, raw: bool, started: Timestamp, app: String) -> Self {
        Self {
            raw,
            options: Options {
                colour: settings.colors,
                terminal: false,
            },
            app,
            levels: Levels::new(&settings),
            stamp: Stamp::new(&settings, started),
            json: LogJson::default(),
            runs: HashMap::new(),
            now: started,
            is_recording: false,
            settings,
        }
    }

    /// Makes the JSON exact enough to be turned into any other form again.
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.is_recording = true;
        self
    }

    /// Sets the present, which is the time of argocd's lines and of log lines without a time.
    pub fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// Sets that the reader is a terminal and not a pipeline.
    #[must_use]
    pub fn terminal(mut self, is_terminal: bool) -> Self {
        self.options.terminal = is_terminal;
        self
    }

    /// Takes over the present columns of the terminal, if the output is read on one.
    pub fn fit(&mut self, columns: Option<u16>) {
        if self.settings.columns.is_some() {
            self.settings.fit(columns);
        }
    }

    /// Returns the look of the output.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// True if records of a level are shown.
    pub fn shows(&self, level: Level) -> bool {
        level <= self.settings.level
    }

    /// Appends a record, each line of its message as a line.
    pub fn record(&mut self, record: &Record, out: &mut Vec<u8>) {
        if !self.shows(record.level) {
            return;
        }
        match self.settings.format {
            Format::Json => json::record(record, out),
            Format::Text => self.text_record(record, out),
        }
    }

    /// Appends log lines. `level` returns the level of a line; `|_| Level::Info` costs
    /// nothing.
    pub fn lines(
        &mut self,
        origin: &Origin<'_>,
        level: impl Fn(&[u8]) -> Level,
        batch: &Batch,
        out: &mut Vec<u8>,
    ) {
        let run = (origin.id, origin.restart, origin.store.is_some());
        let mut runs = std::mem::take(&mut self.runs);
        // A prefix is made anew when its container speaks again; what thousands of Jobs have said once
        // is not kept.
        if runs.len() >= RUNS {
            runs.clear();
        }
        let shared = runs.entry(run).or_insert_with(|| self.shared(origin));
        // A buffer that grows in steps is copied at each of them.
        out.reserve(batch.memory() + batch.len() * (shared.around.len() + AROUND));
        for group in batch.groups(GROUP) {
            // One look at many lines costs less than one at each.
            let is_plain = group.is_split() && sanitize::is_plain(group.bytes());
            for line in group.lines() {
                let nanos = line.nanos().or(shared.nanos);
                let nanos = nanos.unwrap_or_else(|| stamp::nanos(self.now));
                shared.nanos = Some(nanos);
                let level = level(line.text);
                if self.shows(level) {
                    self.line((nanos, level, is_plain), line, shared, out);
                }
            }
        }
        self.runs = runs;
    }

    #[inline]
    fn line(
        &mut self,
        (nanos, level, is_plain): (i64, Level, bool),
        line: Line<'_>,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) {
        if self.settings.format == Format::Text {
            return self.text_line((nanos, level, is_plain), line, shared, out);
        }
        self.json.before_message(nanos, level, out);
        if is_plain {
            sanitize::json_of_plain(line.text, out);
        } else {
            sanitize::json_string(line.text, out);
        }
        out.extend_from_slice(&shared.around);
        if line.continues {
            json::mark_partial(out);
        }
        if self.is_recording {
            json::keep_bytes(line.text, out);
        }
    }

    /// Appends a line that argocd writes at present, at the level that the line names.
    pub fn argo(&mut self, stream: Stream, text: &[u8], out: &mut Vec<u8>) {
        self.argo_at(self.now, stream, text, out);
    }

    /// Appends the beginning of a line of argocd: it goes on in the next one.
    pub fn argo_piece(&mut self, stream: Stream, text: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        match self.settings.format {
            Format::Text => self.argo(stream, &[text, " …".as_bytes()].concat(), out),
            Format::Json => self.argo(stream, text, out),
        }
        if self.settings.format == Format::Json && out.len() > start {
            json::mark_partial(out);
        }
    }

    /// Appends a line that argocd wrote at a given time.
    pub fn argo_at(&mut self, time: Timestamp, stream: Stream, text: &[u8], out: &mut Vec<u8>) {
        let level = detect_level::of_argocd(stream, text);
        if !self.shows(level) {
            return;
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        for line in text.split(|byte| *byte == b'\n') {
            match self.settings.format {
                Format::Json => json::argo(time, level, stream, line, out),
                Format::Text => {
                    self.prefix(stamp::nanos(time), level, out);
                    out.extend_from_slice(b"[argo] ");
                    self.content(line, out);
                    out.push(b'\n');
                }
            }
        }
    }

    /// Appends the end of the run: a block of text, or a record. It is shown whatever the
    /// level: a run does not end without a word.
    pub fn verdict(&mut self, summary: &Summary, time: Timestamp, out: &mut Vec<u8>) {
        let record = verdict::record(summary, time);
        match self.settings.format {
            Format::Json => {
                // Whoever reads the stream looks for the verdict of the run in its last record.
                for app in &summary.apps {
                    json::record(&verdict::record(app, time), out);
                }
                json::record(&record, out);
            }
            Format::Text => {
                let text = verdict::text(summary, &self.settings);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn text_record(&mut self, record: &Record, out: &mut Vec<u8>) {
        let tag = record::tag(&record.body);
        let app = record.app();
        let nanos = stamp::nanos(record.time);
        let message = record::message(record);
        let empty = message.is_empty().then_some("");
        for line in message.lines().chain(empty) {
            self.prefix(nanos, record.level, out);
            if let Some(app) = app {
                push_tag(app, out);
            }
            push_tag(&tag, out);
            self.content(line.as_bytes(), out);
            out.push(b'\n');
        }
    }

    #[inline]
    fn text_line(
        &mut self,
        (nanos, level, is_plain): (i64, Level, bool),
        line: Line<'_>,
        shared: &mut Shared,
        out: &mut Vec<u8>,
    ) {
        let moment = (self.stamp.key(nanos), level);
        if shared.moment != Some(moment) {
            shared.moment = Some(moment);
            shared.prefix.clear();
            self.prefix(nanos, level, &mut shared.prefix);
            shared.prefix.extend_from_slice(&shared.around);
        }
        out.extend_from_slice(&shared.prefix);
        if line.continuation {
            out.extend_from_slice("… ".as_bytes());
        }
        if is_plain {
            out.extend_from_slice(line.text);
        } else {
            self.content(line.text, out);
        }
        if line.continues {
            out.extend_from_slice(" …".as_bytes());
        }
        out.push(b'\n');
    }

    /// `<time> <LEVEL> `
    fn prefix(&mut self, nanos: i64, level: Level, out: &mut Vec<u8>) {
        out.extend_from_slice(self.stamp.of(nanos));
        out.extend_from_slice(self.levels.of(level));
    }

    fn content(&self, text: &[u8], out: &mut Vec<u8>) {
        if self.raw {
            out.extend_from_slice(text);
        } else {
            sanitize::text(text, out, self.options);
        }
    }

    fn shared(&self, origin: &Origin<'_>) -> Shared {
        let mut around = Vec::new();
        match self.settings.format {
            Format::Json => {
                let app = origin.app.unwrap_or(&self.app);
                around = json::after_message(app, origin, self.is_recording);
            }
            Format::Text => {
                if let Some(app) = origin.app {
                    push_tag(app, &mut around);
                }
                let tag = record::container_tag(origin.pod, origin.container, origin.store);
                push_tag(&tag, &mut around);
                if self.settings.view == View::Terminal && self.settings.colors {
                    let style = pod_color::style(origin.pod);
                    let tag = String::from_utf8_lossy(&around).trim_end().to_owned();
                    around = format!("{style}{tag}{style:#} ").into_bytes();
                }
            }
        }
        Shared {
            around,
            nanos: None,
            prefix: Vec::new(),
            moment: None,
        }
    }
}

/// Turns a notice into a record.
pub fn notice(notice: &Notice) -> Record {
    let object = notice
        .object
        .as_ref()
        .map(|object| match &notice.container {
            Some(container) => format!("{}/{container}", object.name),
            None => object.to_string(),
        });
    let body = Body::Notice(NoticeBody {
        app: None,
        code: notice.code,
        object,
        hint: notice.hint.clone(),
    });
    Record::at(notice.time, notice.level, notice.message.clone(), body)
}

/// `[<tag>] `
fn push_tag(tag: &str, out: &mut Vec<u8>) {
    out.push(b'[');
    sanitize::text(tag.as_bytes(), out, Options::default());
    out.extend_from_slice(b"] ");
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "render_schema_tests.rs"]
mod schema_tests;
