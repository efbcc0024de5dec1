//! One log file of a container, in memory, in the form in which it is served.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use super::stamp::stamp;

/// Length of `TIMESTAMP SP` in front of a line.
pub(crate) const PREFIX: usize = 31;
/// The buffer that records are appended to; slices of it are served without copying.
const SEGMENT: usize = 1 << 20;

/// Stream of the process from which a record came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One CRI record. Its bytes lie in the file as `TIMESTAMP SP text`, with a line feed if it is
/// complete (`F`), without if more of the line follows (`P`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// Time at which containerd wrote it, in Unix nanoseconds.
    pub(crate) time: i64,
    /// Offset of its first byte in the file.
    pub(crate) start: u64,
    /// Bytes, prefix and line feed included.
    pub(crate) len: u32,
    /// `F` rather than `P`.
    pub(crate) full: bool,
    pub(crate) origin: Origin,
}

/// A log file: records appended at the end, read by any number of readers.
///
/// It stores what `timestamps=true` sends, so that a run of whole lines is one slice of a shared
/// buffer and a million lines cost no formatting per reader.
#[derive(Debug, Default)]
pub struct LogFile {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: Vec<Record>,
    /// Frozen parts with the offset of each one's first byte; records never straddle two.
    sealed: Vec<(u64, Bytes)>,
    tail: BytesMut,
    tail_start: u64,
}

impl LogFile {
    /// Appends one record as containerd does: `text` holds no line feed.
    pub fn append(&self, time: i64, origin: Origin, full: bool, text: &[u8]) {
        self.lock().append(time, origin, full, text);
    }

    /// Returns the number of CRI records in the file.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().records.len()
    }

    /// Returns true if no record was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the file on the node: the API's form plus `stdout F ` of each record.
    #[must_use]
    pub fn size(&self) -> u64 {
        let inner = self.lock();
        let stream_and_tag = 9 * inner.records.len() as u64;
        inner.tail_start + inner.tail.len() as u64 + stream_and_tag
    }

    /// The CRI lines as they lie on the node (`TIMESTAMP stdout F text`), for comparison with
    /// recordings: `12-log-rotation-and-odd-bytes/odd-bytes.cri-file-first-120-columns.txt`.
    #[must_use]
    pub fn cri_lines(&self) -> Vec<Vec<u8>> {
        let mut inner = self.lock();
        inner.seal();
        let inner = &*inner;
        inner
            .records
            .iter()
            .map(|record| inner.cri_line(record))
            .collect()
    }

    /// Runs `read` over the records, with every byte in sealed parts.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&[Record], &Parts<'_>) -> T) -> T {
        let mut inner = self.lock();
        inner.seal();
        read(
            &inner.records,
            &Parts {
                sealed: &inner.sealed,
            },
        )
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn append(&mut self, time: i64, origin: Origin, full: bool, text: &[u8]) {
        let len = PREFIX + text.len() + usize::from(full);
        if self.tail.capacity() - self.tail.len() < len {
            self.seal();
            self.tail = BytesMut::with_capacity(SEGMENT.max(len));
        }
        let start = self.tail_start + self.tail.len() as u64;
        self.tail.extend_from_slice(&stamp(time));
        self.tail.extend_from_slice(b" ");
        self.tail.extend_from_slice(text);
        if full {
            self.tail.extend_from_slice(b"\n");
        }
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.records.push(Record {
            time,
            start,
            len,
            full,
            origin,
        });
    }

    /// Freezes what was appended so far; the rest of the allocation stays the tail.
    fn seal(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let part = self.tail.split().freeze();
        let start = self.tail_start;
        self.tail_start += part.len() as u64;
        self.sealed.push((start, part));
        self.merge();
    }

    /// Joins small neighbours as a binary counter does: a reader that catches up finds few large
    /// parts even where each line was sealed by a reader that followed.
    fn merge(&mut self) {
        while let [.., (_, before), (_, last)] = self.sealed.as_slice() {
            if before.len() > last.len() || before.len() + last.len() > SEGMENT {
                return;
            }
            let mut joined = BytesMut::with_capacity(before.len() + last.len());
            joined.extend_from_slice(before);
            joined.extend_from_slice(last);
            self.sealed.pop();
            if let Some((_, before)) = self.sealed.last_mut() {
                *before = joined.freeze();
            }
        }
    }

    fn cri_line(&self, record: &Record) -> Vec<u8> {
        let bytes = Parts {
            sealed: &self.sealed,
        }
        .slice(record.start, record.len as usize);
        let body = bytes.get(PREFIX..).unwrap_or_default();
        let body = body.strip_suffix(b"\n").unwrap_or(body);
        let stamp = String::from_utf8_lossy(&bytes[..PREFIX - 2]).into_owned();
        let stamp = stamp.trim_end_matches('0').trim_end_matches('.').to_owned();
        let stream = if record.origin == Origin::Stdout {
            "stdout"
        } else {
            "stderr"
        };
        let tag = if record.full { "F" } else { "P" };
        let mut line = format!("{stamp}Z {stream} {tag} ").into_bytes();
        line.extend_from_slice(body);
        line
    }
}

/// The bytes of a file, in sealed parts.
pub(crate) struct Parts<'a> {
    sealed: &'a [(u64, Bytes)],
}

impl Parts<'_> {
    /// The `len` bytes at `start`, which lie in one part, without copying.
    pub(crate) fn slice(&self, start: u64, len: usize) -> Bytes {
        let (first, part) = self.part(start);
        let offset = usize::try_from(start - first).unwrap_or(0);
        part.slice(offset..offset + len)
    }

    /// Returns the end of the part that holds `start`.
    pub(crate) fn end_of_part(&self, start: u64) -> u64 {
        let (first, part) = self.part(start);
        first + part.len() as u64
    }

    fn part(&self, start: u64) -> (u64, &Bytes) {
        let index = self.sealed.partition_point(|(first, _)| *first <= start) - 1;
        let (first, part) = &self.sealed[index];
        (*first, part)
    }
}
