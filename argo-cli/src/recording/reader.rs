//! Reads a recording, whole or cut off.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
    path::Path,
};

use argo_core::Record;
use jiff::Timestamp;
use serde::Deserialize;

use super::{Fact, Header, VERSION, at};

/// The first bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// An item of a recording.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A record.
    Record {
        /// The record.
        record: Record,
        /// The bytes of a container line that is no UTF-8.
        bytes: Option<Vec<u8>>,
    },
    /// A fact.
    Fact(Fact),
}

/// Reasons for which a recording cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file cannot be read.
    Io(io::Error),
    /// The first line is no header.
    NoRecording,
    /// It was made by a newer version.
    Newer(u32),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NoRecording => f.write_str("this is no recording: its first line is no header"),
            Self::Newer(version) => write!(
                f,
                "this recording has version {version}; this program reads versions up to {VERSION}"
            ),
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the entries of a recording in order.
pub struct Reader {
    source: Box<dyn BufRead>,
    header: Header,
    clock: Timestamp,
    line: Vec<u8>,
    /// Number of whole lines that were not understood.
    pub skipped: u64,
    /// True once the end was reached in the middle of a line.
    pub is_cut: bool,
}

impl Reader {
    /// Opens a recording; it may be compressed, whatever its name.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no recording.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::of(File::open(path)?)
    }

    /// Reads a file from its start.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no recording.
    pub fn of(mut file: File) -> Result<Self, ReadError> {
        // A pipe cannot be rewound, and need not be.
        let _ = file.rewind();
        Self::from(Box::new(BufReader::new(file)))
    }

    /// Reads any source.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is no recording.
    pub fn from(mut source: Box<dyn BufRead>) -> Result<Self, ReadError> {
        if source.fill_buf()?.starts_with(&ZSTD) {
            let decoder = zstd::Decoder::with_buffer(source)?;
            source = Box::new(BufReader::new(Lenient(decoder)));
        }
        let mut line = Vec::new();
        source.read_until(b'\n', &mut line)?;
        let version: Version = serde_json::from_slice(&line).map_err(|_| ReadError::NoRecording)?;
        if version.recording > VERSION {
            return Err(ReadError::Newer(version.recording));
        }
        let header: Header = serde_json::from_slice(&line).map_err(|_| ReadError::NoRecording)?;
        Ok(Self {
            source,
            clock: header.started,
            header,
            line,
            skipped: 0,
            is_cut: false,
        })
    }

    /// Returns the header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the next entry and its arrival.
    pub fn next_entry(&mut self) -> Option<(Timestamp, Entry)> {
        loop {
            self.line.clear();
            let read = self.source.read_until(b'\n', &mut self.line);
            let is_whole = self.line.ends_with(b"\n");
            // A program that was killed leaves half a line, or half a frame of zstd.
            if read.is_err() || !is_whole {
                self.is_cut |= !self.line.is_empty();
                return None;
            }
            if let Some(entry) = self.entry() {
                return Some((self.clock, entry));
            }
        }
    }

    fn entry(&mut self) -> Option<Entry> {
        if self.line.starts_with(b"{\"at\":") {
            if let Ok(clock) = serde_json::from_slice::<Clock>(&self.line) {
                self.clock = at(self.header.started, clock.at);
            }
            return None;
        }
        let entry = if self.line.starts_with(b"{\"fact\":") {
            serde_json::from_slice(&self.line).map(Entry::Fact).ok()
        } else {
            self.record()
        };
        // A newer program may write lines that this one does not know.
        self.skipped += u64::from(entry.is_none());
        entry
    }

    fn record(&self) -> Option<Entry> {
        let record: Record = serde_json::from_slice(&self.line).ok()?;
        let marked = memchr::memmem::find(&self.line, b",\"bytes\":\"").is_some();
        let bytes = marked.then(|| serde_json::from_slice::<Exact>(&self.line));
        let bytes = bytes.and_then(|exact| unhex(&exact.ok()?.bytes));
        Some(Entry::Record { record, bytes })
    }
}

#[derive(Deserialize)]
struct Version {
    recording: u32,
}

#[derive(Deserialize)]
struct Clock {
    at: i64,
}

#[derive(Deserialize)]
struct Exact {
    bytes: String,
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// A decoder whose input may be cut off: the end of what can be decoded is the end.
struct Lenient<R>(R);

impl<R: Read> Read for Lenient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }
}
