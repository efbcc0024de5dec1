//! The kubelet's loop over a log file (`k8s.io/cri-client/pkg/logs/logs.go`, `ReadLogs`).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::file::{LogFile, PREFIX, Parts, Record};
use super::instance::{Instance, Rotation};

/// The buffer of `io.Copy` in the API server: a reader that has to catch up sends chunks of this
/// size, which end anywhere in a line.
const CHUNK: usize = 32 * 1024;
/// A run of whole lines is searched in steps of at most this many bytes.
const RUN: u64 = 8 * CHUNK as u64;

/// Options of a read: the query of `pods/log` in the kubelet's terms.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Go on when the end of the file is reached.
    pub follow: bool,
    /// Put the time in front of each line.
    pub timestamps: bool,
    /// Begin with the last N CRI records (not lines).
    pub tail: Option<u64>,
    /// Leave out records before this time, in Unix nanoseconds.
    pub since: Option<i64>,
    /// Stop after this many bytes.
    pub limit: Option<u64>,
}

/// Result of one step of a reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes of the response.
    Chunk(Bytes),
    /// No new bytes; ask again when the instance changed.
    Wait,
    /// The response is complete.
    End,
}

/// A place in a log file.
#[derive(Debug)]
pub struct Reader {
    instance: Arc<Instance>,
    file: Arc<LogFile>,
    generation: u64,
    next: usize,
    /// Records left to read, for `tailLines` without `follow`.
    left: Option<u64>,
    options: ReadOptions,
    remain: u64,
    /// True if the next record begins a line; one flag for both streams, as in the kubelet.
    new_line: bool,
    /// A second notice of the same rotation is still queued.
    again: bool,
    /// Part of a run of bytes that did not fit into the chunk before.
    held: Bytes,
}

impl Reader {
    /// A reader of what the instance's current file holds and will hold.
    #[must_use]
    pub fn new(instance: Arc<Instance>, options: ReadOptions) -> Self {
        let (generation, file) = instance.position();
        let records = file.len();
        let tail = options
            .tail
            .map(|tail| usize::try_from(tail).unwrap_or(usize::MAX));
        Self {
            next: tail.map_or(0, |tail| records.saturating_sub(tail)),
            left: options.tail.filter(|_| !options.follow),
            remain: options.limit.unwrap_or(u64::MAX),
            instance,
            file,
            generation,
            options,
            new_line: true,
            again: false,
            held: Bytes::new(),
        }
    }

    /// The next bytes, or why there are none.
    pub fn step(&mut self) -> Step {
        loop {
            if self.remain == 0 || self.left == Some(0) && self.held.is_empty() {
                return Step::End;
            }
            // Asked before reading: what was written before the end is then read for sure.
            let ended = self.instance.ended();
            if self.skips() {
                continue;
            }
            if self.held.is_empty() {
                self.held = self.run();
            }
            if !self.held.is_empty() {
                return Step::Chunk(self.cut());
            }
            if self.at_end() {
                if self.reopen() {
                    continue;
                }
                return if self.options.follow && !ended {
                    Step::Wait
                } else {
                    Step::End
                };
            }
        }
    }

    fn at_end(&self) -> bool {
        self.next >= self.file.len()
    }

    /// Leaves a rotated file early, if that is how rotation was asked to go wrong.
    fn skips(&mut self) -> bool {
        if !self.options.follow {
            return false;
        }
        match self.instance.newer(self.generation) {
            Some((_, _, Rotation::Skip)) => {
                self.held = Bytes::new();
                self.reopen()
            }
            _ => false,
        }
    }

    fn reopen(&mut self) -> bool {
        if !self.options.follow {
            return false;
        }
        if std::mem::take(&mut self.again) {
            (self.next, self.new_line) = (0, true);
            return true;
        }
        let Some((generation, file, rotation)) = self.instance.newer(self.generation) else {
            return false;
        };
        self.generation = generation;
        self.again = rotation == Rotation::Repeat;
        self.file = file;
        self.next = 0;
        self.new_line = true;
        true
    }

    fn cut(&mut self) -> Bytes {
        let len = self
            .held
            .len()
            .min(CHUNK)
            .min(usize::try_from(self.remain).unwrap_or(CHUNK));
        self.remain -= len as u64;
        self.held.split_to(len)
    }

    /// The next run of bytes that can be sent without a gap, empty if there is none.
    fn run(&mut self) -> Bytes {
        let file = Arc::clone(&self.file);
        file.with(|records, parts| {
            if self.options.timestamps {
                self.slice(records, parts)
            } else {
                self.copy(records, parts)
            }
        })
    }

    /// With timestamps: a slice of the file, up to the first record that needs another treatment.
    fn slice(&mut self, records: &[Record], parts: &Parts<'_>) -> Bytes {
        while let Some(record) = self.take(records) {
            if self.is_old(&record) {
                self.new_line = record.full;
                continue;
            }
            let skip = if self.new_line { 0 } else { PREFIX as u64 };
            let start = record.start + skip;
            let mut end = record.start + u64::from(record.len);
            let part = parts.end_of_part(record.start);
            self.new_line = record.full;
            while self.new_line && end < part && end - start < RUN {
                let Some(next) = records.get(self.next).filter(|next| !self.is_old(next)) else {
                    break;
                };
                if self.left == Some(0) {
                    break;
                }
                self.take(records);
                end += u64::from(next.len);
                self.new_line = next.full;
            }
            // A tail of a line longer than its own prefix only: an empty rest has nothing to send.
            if end > start {
                return parts
                    .slice(
                        record.start,
                        usize::try_from(end - record.start).unwrap_or(0),
                    )
                    .slice(usize::try_from(skip).unwrap_or(0)..);
            }
        }
        Bytes::new()
    }

    /// Without timestamps: the texts, copied together.
    fn copy(&mut self, records: &[Record], parts: &Parts<'_>) -> Bytes {
        let mut out = BytesMut::new();
        while out.len() < CHUNK {
            let Some(record) = self.take(records) else {
                break;
            };
            if !self.is_old(&record) {
                out.extend_from_slice(&parts.slice(record.start, record.len as usize)[PREFIX..]);
            }
            self.new_line = record.full;
        }
        out.freeze()
    }

    fn take(&mut self, records: &[Record]) -> Option<Record> {
        if self.left == Some(0) {
            return None;
        }
        let record = records.get(self.next).copied()?;
        self.next += 1;
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Some(record)
    }

    fn is_old(&self, record: &Record) -> bool {
        self.options.since.is_some_and(|since| record.time < since)
    }
}
