//! Writes a recording while the run goes on.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use argo_core::{Level, Record};
use argo_logs::Batch;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::oneshot;

use super::{Fact, Header, since};
use crate::render::json;
use crate::{
    argocd::Stream,
    error::Failure,
    output::{Output, OutputEvent, SpoolLimits},
    render::{Origin, Renderer},
    settings::Settings,
    summary::Summary,
    view::{Choice, View},
};

/// Bytes that are collected before they are handed to the writing thread.
const BATCH: usize = 64 * 1024;
/// The longest time that recorded bytes stay in this program.
const FLUSH: Duration = Duration::from_millis(500);
/// Time limit for the last bytes to reach the file.
const LAST: Duration = Duration::from_secs(10);

/// The file of a recording, open before the run begins.
#[derive(Debug)]
pub struct RecordingFile {
    file: File,
    path: PathBuf,
}

impl RecordingFile {
    /// Creates the file, or empties it, readable for its owner only.
    ///
    /// # Errors
    ///
    /// A usage error that names the file.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .and_then(|file| {
                // A file that was there before keeps its mode otherwise.
                let meta = file.metadata()?;
                if meta.is_file() {
                    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                    file.set_permissions(mode)?;
                }
                Ok(file)
            });
        match file {
            Ok(file) => Ok(Self {
                file,
                path: path.to_owned(),
            }),
            Err(error) => Err(Failure::usage(format!(
                "cannot write the recording {}: {error}",
                path.display()
            ))),
        }
    }

    /// Takes a file that has no name yet.
    pub fn temporary(file: File) -> Self {
        Self {
            file,
            path: PathBuf::new(),
        }
    }

    fn is_compressed(&self) -> bool {
        self.path.extension().is_some_and(|ending| ending == "zst")
    }
}

/// Records a run.
#[derive(Debug)]
pub struct Recorder {
    started: Timestamp,
    renderer: Renderer,
    output: Output,
    closed: oneshot::Receiver<()>,
    /// Lines that are not handed to the thread yet.
    bytes: Vec<u8>,
    /// Milliseconds of the last clock line.
    clock: i64,
    /// The facts recorded last, by subject.
    facts: HashMap<String, Fact>,
}

impl Recorder {
    /// Begins a recording.
    pub fn begin(file: RecordingFile, header: &Header) -> Self {
        let choice = Choice {
            view: View::Json,
            shows_colors: false,
        };
        let mut settings = Settings::read(&|_| None, choice).0;
        settings.level = Level::Trace;
        let renderer =
            Renderer::new(settings, false, header.started, header.app.clone()).recording();
        let (told, closed) = oneshot::channel();
        let compressed = file.is_compressed();
        let mut writer = Closing {
            writer: writer(file.file, compressed),
            told: Some(told),
            flushed: Instant::now(),
        };
        // The header is in the file before anything else happens, so that a file that is cut
        // anywhere later is still a recording. A disk that refuses it refuses the rest too,
        // which the output reports.
        let mut first = Vec::new();
        json::append(header, &mut first);
        let _ = writer.write_all(&first).and_then(|()| writer.flush());
        Self {
            started: header.started,
            renderer,
            output: Output::to(Box::new(writer), SpoolLimits::default()),
            closed,
            bytes: Vec::new(),
            clock: -1,
            facts: HashMap::new(),
        }
    }

    /// Records a record.
    pub fn record(&mut self, record: &Record, at: Timestamp) {
        self.tick(at);
        self.renderer.record(record, &mut self.bytes);
        self.write_full();
    }

    /// Records log lines.
    pub fn lines(
        &mut self,
        origin: &Origin<'_>,
        level: impl Fn(&[u8]) -> Level,
        batch: &Batch,
        at: Timestamp,
    ) {
        self.tick(at);
        self.renderer.lines(origin, level, batch, &mut self.bytes);
        self.write_full();
    }

    /// Records a line of argocd, or the beginning of one.
    pub fn argo(&mut self, stream: Stream, text: &[u8], continues: bool, at: Timestamp) {
        self.tick(at);
        if continues {
            self.renderer.argo_piece(stream, text, &mut self.bytes);
        } else {
            self.renderer.argo(stream, text, &mut self.bytes);
        }
        self.write_full();
    }

    /// Records a fact, unless the same was recorded before.
    pub fn fact(&mut self, fact: Fact, at: Timestamp) {
        let Some(fact) = self.news(fact) else { return };
        self.tick(at);
        self.json(&fact);
        self.facts.insert(subject(&fact), fact);
        self.write_full();
    }

    /// Returns the fact if it is news. A pod that is gone keeps the rest of what is known.
    fn news(&self, fact: Fact) -> Option<Fact> {
        let known = self.facts.get(&subject(&fact));
        let fact = match (fact, known) {
            (Fact::Pod(pod), Some(Fact::Pod(before))) if pod.gone => Fact::Pod(super::PodFact {
                gone: true,
                ..before.clone()
            }),
            (fact, _) => fact,
        };
        (known != Some(&fact)).then_some(fact)
    }

    /// Records the end of the run.
    pub fn verdict(&mut self, summary: &Summary, at: Timestamp) {
        let summary_fact = Fact::Summary {
            summary: Box::new(summary.clone()),
        };
        self.tick(at);
        self.json(&summary_fact);
        self.renderer.verdict(summary, at, &mut self.bytes);
    }

    /// Hands everything to the writing thread. To be called at least once a second.
    pub fn write(&mut self) {
        if !self.bytes.is_empty() {
            let next = self.output.buffer();
            self.output.push(std::mem::replace(&mut self.bytes, next));
        }
    }

    /// Returns the reason for which the recording is not complete, once.
    pub fn failure(&self) -> Option<String> {
        let events = self.output.take_events().into_iter();
        let mut failures = events.filter_map(|event| match event {
            OutputEvent::WriteFailed(why) => Some(why),
            _ => None,
        });
        failures.next()
    }

    /// Writes the rest and closes the file.
    pub async fn end(mut self) {
        self.write();
        drop(self.output);
        let _ = tokio::time::timeout(LAST, self.closed).await;
    }

    fn write_full(&mut self) {
        if self.bytes.len() >= BATCH {
            self.write();
        }
    }

    /// Sets the clock of the lines that follow.
    fn tick(&mut self, at: Timestamp) {
        let clock = since(self.started, at);
        if clock != self.clock {
            self.clock = clock;
            self.bytes
                .extend_from_slice(format!("{{\"at\":{clock}}}\n").as_bytes());
        }
        self.renderer.at(at);
    }

    fn json(&mut self, value: &impl Serialize) {
        json::append(value, &mut self.bytes);
    }
}

/// Returns the key of the thing that a fact is about.
fn subject(fact: &Fact) -> String {
    match fact {
        Fact::Pod(pod) => format!("pod {}", pod.uid),
        Fact::Object(object) => format!("object {} {}", object.namespace, object.object),
        Fact::Operation(_) => "operation".to_owned(),
        Fact::Rows { .. } => "rows".to_owned(),
        Fact::Summary { .. } => "summary".to_owned(),
    }
}

fn writer(file: File, compressed: bool) -> Box<dyn Write + Send> {
    if !compressed {
        return Box::new(file);
    }
    match zstd::Encoder::new(file, 3) {
        Ok(encoder) => Box::new(encoder.auto_finish()),
        Err(error) => Box::new(Refused(error)),
    }
}

/// A writer that could not be made.
struct Refused(io::Error);

impl Write for Refused {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::new(self.0.kind(), self.0.to_string()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells when the writer is closed.
struct Closing {
    writer: Box<dyn Write + Send>,
    told: Option<oneshot::Sender<()>>,
    /// The last time that everything written so far was in the file.
    flushed: Instant,
}

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        // While lines never stop, the thread has no quiet moment in which it flushes.
        if self.flushed.elapsed() >= FLUSH {
            self.flush()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed = Instant::now();
        self.writer.flush()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        // The file is closed first: whoever waits wants to read it.
        self.writer = Box::new(io::sink());
        if let Some(told) = self.told.take() {
            let _ = told.send(());
        }
    }
}
