//! What waits to be written: memory first, then files, in order.

use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt, sync::Arc};

use super::{News, SpoolLimits};

/// Small pieces are written together up to this size.
const TOGETHER: usize = 64 << 10;
/// How much is read from a file at a time.
const CHUNK: u64 = 256 << 10;
/// From this size on a new file is begun, so that what is read gives its space back.
const SEGMENT: u64 = 64 << 20;

/// A queue of bytes.
#[derive(Debug)]
pub(super) struct Spool {
    limits: SpoolLimits,
    /// Older than the files.
    front: VecDeque<Vec<u8>>,
    files: VecDeque<Segment>,
    /// Newer than the files; only where they cannot be written.
    back: VecDeque<Vec<u8>>,
    backlog: u64,
    /// Files cannot be written for now.
    broken: bool,
    was_broken: bool,
    spooling: bool,
    full: bool,
}

/// A file without a name.
#[derive(Debug)]
struct Segment {
    file: Arc<File>,
    read: u64,
    written: u64,
}

/// What is to be written next.
#[derive(Debug)]
pub(super) enum Next {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So much of this file.
    Part { file: Arc<File>, at: u64, len: u64 },
}

impl Next {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Part { len, .. } => *len,
        }
    }

    /// The bytes themselves. It may wait for the disk.
    pub(super) fn load(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Part { file, at, len } => {
                let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
                file.read_exact_at(&mut bytes, at)?;
                Ok(bytes)
            }
        }
    }
}

impl Spool {
    pub(super) fn new(limits: SpoolLimits) -> Self {
        Self {
            limits,
            front: VecDeque::new(),
            files: VecDeque::new(),
            back: VecDeque::new(),
            backlog: 0,
            broken: false,
            was_broken: false,
            spooling: false,
            full: false,
        }
    }

    /// Bytes that wait, those that are being written included.
    pub(super) fn backlog(&self) -> u64 {
        self.backlog
    }

    /// True if as much waits as may.
    pub(super) fn is_full(&self) -> bool {
        let limit = if self.broken {
            self.limits.memory
        } else {
            self.limits.total
        };
        self.backlog > 0 && self.backlog >= limit
    }

    pub(super) fn push(&mut self, bytes: Vec<u8>, news: &mut Vec<News>) {
        let len = bytes.len() as u64;
        let fits = self.backlog == 0 || self.backlog + len <= self.limits.memory;
        self.backlog += len;
        if self.files.is_empty() && self.back.is_empty() && fits {
            self.front.push_back(bytes);
        } else {
            self.put_aside(bytes, news);
        }
        if self.is_full() && !self.full {
            self.full = true;
            news.push(News::Full);
        }
    }

    fn put_aside(&mut self, bytes: Vec<u8>, news: &mut Vec<News>) {
        if !self.broken {
            match self.append(&bytes) {
                Ok(()) if self.spooling => return,
                Ok(()) => {
                    self.spooling = true;
                    news.push(News::Spooling);
                    return;
                }
                Err(error) => self.give_up_files(&error, news),
            }
        }
        self.back.push_back(bytes);
    }

    fn give_up_files(&mut self, error: &io::Error, news: &mut Vec<News>) {
        self.broken = true;
        if !self.was_broken {
            self.was_broken = true;
            news.push(News::NoSpool(error.to_string()));
        }
    }

    /// Writes to the last file. What a failed write left there is not counted, and the
    /// next one begins at the same place.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.files.back().is_none_or(|last| last.written >= SEGMENT) {
            let file = Arc::new(tempfile::tempfile()?);
            self.files.push_back(Segment {
                file,
                read: 0,
                written: 0,
            });
        }
        let Some(last) = self.files.back_mut() else {
            return Err(io::Error::other("no file"));
        };
        let result = last.file.write_all_at(bytes, last.written);
        match result {
            Ok(()) => last.written += bytes.len() as u64,
            Err(_) if last.written == 0 => drop(self.files.pop_back()),
            Err(_) => {}
        }
        result
    }

    /// What is to be written next; it is still counted until [`done`](Self::done).
    pub(super) fn take(&mut self) -> Option<Next> {
        if self.front.is_empty() && self.files.is_empty() {
            std::mem::swap(&mut self.front, &mut self.back);
        }
        if let Some(bytes) = self.take_memory() {
            return Some(Next::Bytes(bytes));
        }
        let first = self.files.front_mut()?;
        let at = first.read;
        let len = CHUNK.min(first.written - at);
        first.read += len;
        let file = Arc::clone(&first.file);
        if first.read == first.written {
            self.files.pop_front();
        }
        Some(Next::Part { file, at, len })
    }

    fn take_memory(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.front.pop_front()?;
        while let Some(next) = self.front.front() {
            if bytes.len() + next.len() > TOGETHER {
                break;
            }
            bytes.extend_from_slice(next);
            self.front.pop_front();
        }
        Some(bytes)
    }

    /// So many bytes of what was taken wait no more.
    pub(super) fn done(&mut self, len: u64, news: &mut Vec<News>) {
        self.backlog = self.backlog.saturating_sub(len);
        self.full = self.full && self.is_full();
        if self.files.is_empty() && self.back.is_empty() {
            self.broken = false;
            if self.spooling {
                self.spooling = false;
                news.push(News::CaughtUp);
            }
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits);
    }
}
