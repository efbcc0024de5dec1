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
    /// Creates the file, or takes the one that is there, readable for its owner only. What is in
    /// it stays until the recording begins: a run that cannot start loses nothing.
    ///
    /// # Errors
    ///
    /// A usage error that names the file.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
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

    /// Takes a file that is open already.
    pub fn temporary(file: File) -> Self {
        Self {
            file,
            path: PathBuf::new(),
        }
    }

    /// Empties the file; a pipe or a device is left as it is.
    fn clear(&self) -> io::Result<()> {
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        Ok(())
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
    /// Brings the result of the last bytes, once the file is closed.
    closed: oneshot::Receiver<io::Result<()>>,
    /// The reason for which the header could not be written, until it is reported.
    refused: Option<String>,
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
        // Neither the variables of this run nor its LOG_LEVEL limit what a replay may show.
        let mut settings = Settings::read(&|_| None, choice).0;
        settings.level = Level::Trace;
        let renderer =
            Renderer::new(settings, false, header.started, header.app.clone()).recording();
        let (told, closed) = oneshot::channel();
        let compressed = file.is_compressed();
        let cleared = file.clear();
        let mut writer = Closing {
            sink: Some(cleared.and_then(|()| Sink::new(file.file, compressed))),
            told: Some(told),
            flushed: Instant::now(),
        };
        // The header is in the file before anything else happens, so that a file that is cut
        // anywhere later is still a recording.
        let mut first = Vec::new();
        json::append(header, &mut first);
        let written = writer.write_all(&first).and_then(|()| writer.flush());
        Self {
            started: header.started,
            renderer,
            output: Output::to(Box::new(writer), SpoolLimits::default()),
            closed,
            refused: written.err().map(|error| error.to_string()),
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
    pub fn failure(&mut self) -> Option<String> {
        if let Some(why) = self.refused.take() {
            return Some(why);
        }
        let events = self.output.take_events().into_iter();
        let mut failures = events.filter_map(|event| match event {
            OutputEvent::WriteFailed(why) => Some(why),
            _ => None,
        });
        failures.next()
    }

    /// Writes the rest and closes the file. Returns the reason for which the recording is not
    /// complete, unless it was returned before.
    pub async fn end(mut self) -> Option<String> {
        self.write();
        let within = self.output.flush(LAST).await;
        let failure = self.failure();
        // The thread closes the file once nobody can add to its queue.
        drop(self.output);
        let closed = tokio::time::timeout(LAST, self.closed).await;
        failure.or_else(|| match closed {
            Ok(Ok(Err(error))) => Some(error.to_string()),
            Ok(_) if within => None,
            _ => Some("its last lines could not be written in time".to_owned()),
        })
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
        Fact::Operation(operation) => {
            format!("operation {}/{}", operation.namespace, operation.app)
        }
        Fact::Rows { .. } => "rows".to_owned(),
        Fact::Summary { .. } => "summary".to_owned(),
    }
}

/// The file, and the compression before it.
enum Sink {
    Plain(File),
    Zstd(Box<zstd::Encoder<'static, File>>),
}

impl Sink {
    fn new(file: File, compressed: bool) -> io::Result<Self> {
        Ok(if compressed {
            Self::Zstd(Box::new(zstd::Encoder::new(file, 3)?))
        } else {
            Self::Plain(file)
        })
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Zstd(encoder) => encoder.finish()?.flush(),
        }
    }
}

/// Tells the result once the file is closed.
struct Closing {
    /// The file, or the reason for which it cannot be written; `None` once it is closed.
    sink: Option<io::Result<Sink>>,
    told: Option<oneshot::Sender<io::Result<()>>>,
    /// The last time that everything written so far was in the file.
    flushed: Instant,
}

impl Closing {
    fn sink(&mut self) -> io::Result<&mut dyn Write> {
        match &mut self.sink {
            Some(Ok(Sink::Plain(file))) => Ok(file),
            Some(Ok(Sink::Zstd(encoder))) => Ok(encoder),
            Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink()?.write(bytes)?;
        // While lines never stop, the thread has no quiet moment in which it flushes.
        if self.flushed.elapsed() >= FLUSH {
            self.flush()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed = Instant::now();
        self.sink()?.flush()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        // The file is closed first: whoever waits wants to read it.
        let result = match self.sink.take() {
            Some(Ok(sink)) => sink.finish(),
            // The writes have reported it.
            Some(Err(_)) | None => Ok(()),
        };
        if let Some(told) = self.told.take() {
            let _ = told.send(result);
        }
    }
}
