//! Bytes that wait to be written: in memory first, then in files, in order.

use std::{
    collections::VecDeque, env, fs::File, io, os::unix::fs::FileExt, path::PathBuf, sync::Arc,
};

use super::{OutputEvent, SpoolLimits};

/// Size in bytes up to which small pieces are joined into one write.
const TOGETHER: usize = 64 << 10;
/// Bytes read from a file at a time, or one pushed piece that is larger.
const CHUNK: u64 = 256 << 10;
/// Size in bytes at which a new file is begun, so that the old one can give its space back.
const SEGMENT: u64 = 64 << 20;

/// A queue of pushed pieces. Pieces are joined but never cut: they are whole lines, and
/// another process may write its own lines between two writes.
#[derive(Debug)]
pub(super) struct Spool {
    limits: SpoolLimits,
    /// The folder of the files.
    dir: PathBuf,
    /// The size at which a new file is begun.
    segment: u64,
    /// Bytes read from a file at a time.
    chunk: u64,
    /// Bytes older than those in the files.
    front: VecDeque<Vec<u8>>,
    files: VecDeque<Segment>,
    /// Bytes newer than those in the files; only if files cannot be written.
    back: VecDeque<Vec<u8>>,
    backlog: u64,
    /// True while files cannot be written.
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
    /// The ends of the parts not read yet; each is the end of a pushed piece.
    ends: VecDeque<u64>,
}

impl Segment {
    fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            read: 0,
            written: 0,
            ends: VecDeque::new(),
        }
    }

    /// Adds written bytes to the last part, or to a new one if the last became too large.
    fn grow(&mut self, len: u64, chunk: u64) {
        self.written += len;
        let before = self.ends.iter().nth_back(1).unwrap_or(&self.read);
        if self.written - before <= chunk {
            self.ends.pop_back();
        }
        self.ends.push_back(self.written);
    }
}

/// The bytes to write next.
#[derive(Debug)]
pub(super) enum Next {
    /// Bytes from memory.
    Bytes(Vec<u8>),
    /// A part of a file.
    Part { file: Arc<File>, at: u64, len: u64 },
}

impl Next {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Part { len, .. } => *len,
        }
    }

    /// Returns the bytes; may wait for the disk.
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
            dir: env::temp_dir(),
            segment: SEGMENT,
            chunk: CHUNK,
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

    /// Waiting bytes, including those that are being written.
    pub(super) fn backlog(&self) -> u64 {
        self.backlog
    }

    /// True if the backlog has reached its limit.
    pub(super) fn is_full(&self) -> bool {
        let limit = if self.broken {
            self.limits.memory
        } else {
            self.limits.total
        };
        self.backlog > 0 && self.backlog >= limit
    }

    pub(super) fn push(&mut self, bytes: Vec<u8>, events: &mut Vec<OutputEvent>) {
        let len = bytes.len() as u64;
        // A piece that nothing waits before is written at once, so its size does not matter.
        let fits = self.backlog == 0 || self.backlog + len <= self.limits.memory;
        self.backlog += len;
        // Memory that has room again must not be used yet: older bytes wait in the files.
        if self.files.is_empty() && self.back.is_empty() && fits {
            self.front.push_back(bytes);
        } else {
            self.put_aside(bytes, events);
        }
        if self.is_full() && !self.full {
            self.full = true;
            events.push(OutputEvent::Full);
        }
    }

    fn put_aside(&mut self, bytes: Vec<u8>, events: &mut Vec<OutputEvent>) {
        if !self.broken {
            match self.append(&bytes) {
                Ok(()) if self.spooling => return,
                Ok(()) => {
                    self.spooling = true;
                    events.push(OutputEvent::Spooling);
                    return;
                }
                Err(error) => self.give_up_files(&error, events),
            }
        }
        self.back.push_back(bytes);
    }

    fn give_up_files(&mut self, error: &io::Error, events: &mut Vec<OutputEvent>) {
        self.broken = true;
        if !self.was_broken {
            self.was_broken = true;
            events.push(OutputEvent::NoSpool(error.to_string()));
        }
    }

    /// Writes to the last file. The bytes of a failed write do not count, and the next write
    /// begins at the same place.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self
            .files
            .back()
            .is_none_or(|last| last.written >= self.segment)
        {
            let file = tempfile::tempfile_in(&self.dir)?;
            self.files.push_back(Segment::new(file));
        }
        let Some(last) = self.files.back_mut() else {
            return Err(io::Error::other("no file"));
        };
        let result = last.file.write_all_at(bytes, last.written);
        match result {
            Ok(()) => last.grow(bytes.len() as u64, self.chunk),
            // An empty file holds nothing to take.
            Err(_) if last.written == 0 => drop(self.files.pop_back()),
            Err(_) => {}
        }
        result
    }

    /// Takes the output that is to be written next. It still counts towards the backlog until
    /// [`done`](Self::done).
    pub(super) fn take(&mut self) -> Option<Next> {
        if self.front.is_empty() && self.files.is_empty() {
            // All older bytes have been taken, so the ones behind the files are next.
            std::mem::swap(&mut self.front, &mut self.back);
        }
        if let Some(bytes) = self.take_memory() {
            return Some(Next::Bytes(bytes));
        }
        let first = self.files.front_mut()?;
        let at = first.read;
        first.read = first.ends.pop_front().unwrap_or(first.written);
        let (file, len) = (Arc::clone(&first.file), first.read - at);
        // The file has no name: its space is free once the last handle is gone.
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

    /// Removes `len` bytes, which have been written, from the backlog.
    pub(super) fn done(&mut self, len: u64, events: &mut Vec<OutputEvent>) {
        self.backlog = self.backlog.saturating_sub(len);
        self.full = self.full && self.is_full();
        if self.files.is_empty() && self.back.is_empty() {
            // Nothing put aside is left, so the next bytes to put aside may try a file again.
            self.broken = false;
            if self.spooling {
                self.spooling = false;
                events.push(OutputEvent::CaughtUp);
            }
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: SpoolLimits = SpoolLimits {
        memory: 50,
        total: 200,
    };

    /// Takes and writes everything.
    fn drain(spool: &mut Spool, events: &mut Vec<OutputEvent>) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(next) = spool.take() {
            let len = next.len();
            all.extend(next.load().unwrap());
            spool.done(len, events);
        }
        all
    }

    #[test]
    fn without_files_memory_is_all_there_is_and_nothing_is_lost() {
        let mut spool = Spool::new(LIMITS);
        let mut events = Vec::new();
        spool.push(vec![b'a'; 40], &mut events);
        spool.push(vec![b'b'; 40], &mut events);
        assert!(!spool.is_full());
        spool.dir = "/nonexistent".into();
        spool.segment = 0;
        spool.push(vec![b'c'; 40], &mut events);
        spool.push(vec![b'd'; 40], &mut events);
        assert!(spool.is_full());
        assert!(
            matches!(
                &events[..],
                [
                    OutputEvent::Spooling,
                    OutputEvent::NoSpool(_),
                    OutputEvent::Full
                ]
            ),
            "{events:?}"
        );
        let all = drain(&mut spool, &mut events);
        assert!(all == [[b'a'; 40], [b'b'; 40], [b'c'; 40], [b'd'; 40]].concat());
        assert_eq!(events.pop(), Some(OutputEvent::CaughtUp));
        assert!(!spool.is_full() && spool.backlog() == 0);
    }

    #[test]
    fn files_that_are_read_are_given_back() {
        let mut spool = Spool::new(LIMITS);
        let mut events = Vec::new();
        spool.segment = 100;
        spool.push(vec![0; 60], &mut events);
        let mut most = 0;
        for _ in 0..100 {
            spool.push(vec![0; 60], &mut events);
            most = most.max(spool.files.len());
            let next = spool.take().unwrap();
            spool.done(next.len(), &mut events);
        }
        assert!((1..4).contains(&most), "{most} files");
    }

    #[test]
    fn a_part_of_a_file_is_many_small_pieces_or_one_large_one() {
        let mut spool = Spool::new(LIMITS);
        spool.chunk = 100;
        let mut events = Vec::new();
        for len in [50, 30, 30, 30, 30, 250, 90, 20] {
            spool.push(vec![0; len], &mut events);
        }
        let parts = std::iter::from_fn(|| spool.take());
        let parts: Vec<u64> = parts.map(|next| next.len()).collect();
        assert_eq!(parts, [50, 90, 30, 250, 90, 20]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Take,
        Done,
        Break(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1_usize..70).prop_map(Step::Push),
            3 => Just(Step::Take),
            3 => Just(Step::Done),
            1 => any::<bool>().prop_map(Step::Break),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_happens_pieces_come_out_whole_and_in_order(steps in prop::collection::vec(step(), 0..80)) {
            let mut spool = Spool::new(LIMITS);
            spool.segment = 160;
            spool.chunk = 100;
            let (mut events, mut pushed, mut written) = (Vec::new(), Vec::new(), Vec::new());
            let mut ends = HashSet::from([0]);
            let mut taken: Option<Next> = None;
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(len) => {
                        let bytes = vec![u8::try_from(number).unwrap(); len];
                        pushed.extend_from_slice(&bytes);
                        ends.insert(pushed.len());
                        spool.push(bytes, &mut events);
                    }
                    Step::Take if taken.is_none() => taken = spool.take(),
                    Step::Take => {}
                    Step::Done => if let Some(next) = taken.take() {
                        let len = next.len();
                        written.extend(next.load().unwrap());
                        prop_assert!(ends.contains(&written.len()), "cut at {}", written.len());
                        spool.done(len, &mut events);
                    },
                    Step::Break(true) => spool.dir = "/nonexistent".into(),
                    Step::Break(false) => spool.dir = env::temp_dir(),
                }
                prop_assert_eq!(spool.backlog(), (pushed.len() - written.len()) as u64);
            }
            if let Some(next) = taken {
                let len = next.len();
                written.extend(next.load().unwrap());
                spool.done(len, &mut events);
            }
            written.extend(drain(&mut spool, &mut events));
            prop_assert_eq!(written, pushed);
            prop_assert_eq!(spool.backlog(), 0);
        }
    }
}
