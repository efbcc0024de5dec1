//! Everything that a record or a line goes to: the recording, the screen, the live table.

use std::{
    fmt,
    io::{self, Write as _},
    time::Duration,
};

use argo_core::{Level, Notice, NoticeCode, Record, record::Body, text::duration};
use argo_logs::{Lines, StoreKind, level::detect};
use jiff::Timestamp;

use crate::{
    apps::Apps,
    argocd::Stream,
    output::{Output, OutputBuffer, OutputEvent, overtaking::Source},
    recording::{Fact, Recorder, arrival},
    render::{self, Origin},
    screen::Screen,
    terminal::{Cause, Display, Table},
};

/// The places that a record or a line goes to.
pub(crate) struct Outlet {
    /// The start of the run.
    pub started: Timestamp,
    /// Turns records into bytes.
    pub screen: Screen,
    /// Records the run.
    pub recorder: Option<Recorder>,
    /// The live table, in a terminal.
    pub display: Option<Display>,
    /// True if the levels of log lines are read from the lines.
    pub detect_level: bool,
    /// Bytes that are not handed to the output yet.
    pub buffer: OutputBuffer,
    /// Writes the bytes.
    pub output: Output,
}

impl Outlet {
    /// Returns the present as a recording keeps it.
    pub(super) fn now(&self) -> Timestamp {
        arrival(self.started, Timestamp::now())
    }

    pub(super) fn record(&mut self, record: &Record) {
        let at = self.now();
        if let Some(display) = &mut self.display
            && matches!(record.body, Body::Event(_) | Body::Finding(_))
        {
            display.counts.warnings += u64::from(record.level <= Level::Warning);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.record(record, at);
        }
        let screen = &mut self.screen;
        self.buffer
            .put(Source::Records, record.msg.len(), &self.output, |out| {
                screen.record(record, at, out);
            });
    }

    pub(super) fn say(&mut self, level: Level, message: String) {
        let notice = Notice::new(NoticeCode::Other, level, message);
        self.record(&render::notice(&notice));
    }

    pub(super) fn argocd_line(&mut self, stream: Stream, text: &[u8], continues: bool) {
        let at = self.now();
        if let Some(recorder) = &mut self.recorder {
            recorder.argo(stream, text, continues, at);
        }
        let screen = &mut self.screen;
        self.buffer
            .put(Source::Records, text.len(), &self.output, |out| {
                screen.argo(stream, text, continues, at, out);
            });
    }

    /// Takes log lines of an application, which is named if there are several.
    pub(super) fn lines(&mut self, app: Option<&str>, lines: &Lines) {
        let (origin, batch) = (&lines.origin, &lines.batch);
        let at = self.now();
        let workload = origin.workload.as_ref().map(|w| w as &dyn fmt::Display);
        let shown = Origin {
            app,
            id: origin.id,
            namespace: &origin.pod.namespace,
            workload,
            pod: &origin.pod.name,
            uid: &origin.pod.uid,
            container: &origin.container,
            restart: u32::try_from(batch.restart()).unwrap_or(0),
            store: lines.store.map(StoreKind::as_str),
        };
        if let Some(display) = &mut self.display {
            display.counts.lines += batch.len() as u64;
        }
        let detects = self.detect_level;
        let level = |line: &[u8]| {
            if detects {
                detect(line).unwrap_or(Level::Info)
            } else {
                Level::Info
            }
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.lines(&shown, level, batch, at);
        }
        let screen = &mut self.screen;
        let source = Source::Container(origin.id);
        self.buffer
            .put(source, batch.memory(), &self.output, |out| {
                screen.lines(&shown, level, batch, at, out);
            });
    }

    /// Puts a fact into the recording; it is not asked for without one.
    pub(super) fn fact(&mut self, fact: impl FnOnce() -> Option<Fact>) {
        let at = self.now();
        if let Some(recorder) = &mut self.recorder
            && let Some(fact) = fact()
        {
            recorder.fact(fact, at);
        }
    }

    /// Hands over what was collected, with the table of the applications below it in a terminal.
    pub(super) fn write(&mut self, apps: &Apps) {
        for event in self.output.take_events() {
            let (level, message) = message_of(&event);
            if let OutputEvent::WriteFailed(_) = event {
                // There is no other place left; and if stderr is gone too, none at all.
                let _ = writeln!(io::stderr(), "error: {message}");
            }
            self.say(level, message);
        }
        self.show(apps);
        if let Some(recorder) = &mut self.recorder {
            recorder.write();
        }
        if let Some(why) = self.recorder.as_mut().and_then(Recorder::failure) {
            self.say(
                Level::Error,
                format!("the recording is not complete: {why}"),
            );
        }
    }

    fn show(&mut self, apps: &Apps) {
        let Some(display) = &mut self.display else {
            return self.buffer.write(&self.output);
        };
        display.take(&mut self.buffer.take());
        if !display.may_draw() {
            return;
        }
        let now = Timestamp::now();
        let (rows, findings) = (apps.rows(now), apps.findings());
        let causes: Vec<_> = findings.iter().map(Cause::from).collect();
        display.draw(
            &Table {
                app: &apps.title(),
                elapsed: duration::between(self.started, now),
                rows: &rows,
                causes: &causes,
                argocd: apps.health(),
                counts: display.counts,
                colors: self.screen.settings().colors,
                reads_keys: true,
            },
            &self.output,
        );
    }

    /// Removes the live table for good; the rest of the lines is written without it.
    pub(super) fn end_display(&mut self) {
        if let Some(mut display) = self.display.take() {
            display.take(&mut self.buffer.take());
            display.clear(&self.output);
        }
    }

    /// Cleans the terminal before the program is suspended: the shell writes its prompt where
    /// the table was.
    pub(super) async fn suspend(&mut self) {
        if let Some(display) = &mut self.display {
            display.clear(&self.output);
        }
        self.output.flush(Duration::from_secs(1)).await;
    }
}

fn message_of(event: &OutputEvent) -> (Level, String) {
    match event {
        OutputEvent::Spooling => (
            Level::Debug,
            "the reader of this output is slow; waiting output goes to a temporary file".to_owned(),
        ),
        OutputEvent::Full => (
            Level::Warning,
            "the reader of this output is too slow (--spool-limit); logs are not read for now, and lines may be lost"
                .to_owned(),
        ),
        OutputEvent::CaughtUp => (Level::Debug, "the output has caught up".to_owned()),
        OutputEvent::NoSpool(why) => (Level::Warning, format!("output cannot be kept on disk: {why}")),
        OutputEvent::WriteFailed(why) => (Level::Error, format!("output is lost: {why}")),
    }
}
