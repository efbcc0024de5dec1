//! What waits to be written: memory first, then files, in order.

use std::{
    collections::VecDeque, env, fs::File, io, os::unix::fs::FileExt, path::PathBuf, sync::Arc,
};

use super::{News, SpoolLimits};

/// Small pieces are written together up to this size.
const TOGETHER: usize = 64 << 10;
/// So much is read from a file at a time, or one pushed piece that is larger.
const CHUNK: u64 = 256 << 10;
/// From this size on a new file is begun, so that what is read gives its space back.
const SEGMENT: u64 = 64 << 20;

/// A queue of bytes. It joins what is pushed and never cuts it: what is pushed are whole
/// lines, and between what is taken others may write theirs.
#[derive(Debug)]
pub(super) struct Spool {
    limits: SpoolLimits,
    /// Where the files lie, how large one becomes, and how much is read at a time.
    dir: PathBuf,
    segment: u64,
    chunk: u64,
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
    /// Where the parts end that are not read yet: at the ends of pushed pieces.
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

    /// So many bytes more are written. They belong to the last part, if that does not
    /// become too large.
    fn grow(&mut self, len: u64, chunk: u64) {
        self.written += len;
        let before = self.ends.iter().nth_back(1).unwrap_or(&self.read);
        if self.written - before <= chunk {
            self.ends.pop_back();
        }
        self.ends.push_back(self.written);
    }
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
        first.read = first.ends.pop_front().unwrap_or(first.written);
        let (file, len) = (Arc::clone(&first.file), first.read - at);
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
    fn drain(spool: &mut Spool, news: &mut Vec<News>) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(next) = spool.take() {
            let len = next.len();
            all.extend(next.load().unwrap());
            spool.done(len, news);
        }
        all
    }

    #[test]
    fn without_files_memory_is_all_there_is_and_nothing_is_lost() {
        let mut spool = Spool::new(LIMITS);
        let mut news = Vec::new();
        spool.push(vec![b'a'; 40], &mut news);
        spool.push(vec![b'b'; 40], &mut news);
        assert!(!spool.is_full());
        spool.dir = "/nonexistent".into();
        spool.segment = 0;
        spool.push(vec![b'c'; 40], &mut news);
        spool.push(vec![b'd'; 40], &mut news);
        assert!(spool.is_full());
        assert!(
            matches!(&news[..], [News::Spooling, News::NoSpool(_), News::Full]),
            "{news:?}"
        );
        let all = drain(&mut spool, &mut news);
        assert!(all == [[b'a'; 40], [b'b'; 40], [b'c'; 40], [b'd'; 40]].concat());
        assert_eq!(news.pop(), Some(News::CaughtUp));
        assert!(!spool.is_full() && spool.backlog() == 0);
    }

    #[test]
    fn files_that_are_read_are_given_back() {
        let mut spool = Spool::new(LIMITS);
        let mut news = Vec::new();
        spool.segment = 100;
        spool.push(vec![0; 60], &mut news);
        let mut most = 0;
        for _ in 0..100 {
            spool.push(vec![0; 60], &mut news);
            most = most.max(spool.files.len());
            let next = spool.take().unwrap();
            spool.done(next.len(), &mut news);
        }
        assert!((1..4).contains(&most), "{most} files");
    }

    #[test]
    fn a_part_of_a_file_is_many_small_pieces_or_one_large_one() {
        let mut spool = Spool::new(LIMITS);
        spool.chunk = 100;
        let mut news = Vec::new();
        for len in [50, 30, 30, 30, 30, 250, 90, 20] {
            spool.push(vec![0; len], &mut news);
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
            let (mut news, mut pushed, mut written) = (Vec::new(), Vec::new(), Vec::new());
            let mut ends = HashSet::from([0]);
            let mut taken: Option<Next> = None;
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(len) => {
                        let bytes = vec![u8::try_from(number).unwrap(); len];
                        pushed.extend_from_slice(&bytes);
                        ends.insert(pushed.len());
                        spool.push(bytes, &mut news);
                    }
                    Step::Take if taken.is_none() => taken = spool.take(),
                    Step::Take => {}
                    Step::Done => if let Some(next) = taken.take() {
                        let len = next.len();
                        written.extend(next.load().unwrap());
                        prop_assert!(ends.contains(&written.len()), "cut at {}", written.len());
                        spool.done(len, &mut news);
                    },
                    Step::Break(true) => spool.dir = "/nonexistent".into(),
                    Step::Break(false) => spool.dir = env::temp_dir(),
                }
                prop_assert_eq!(spool.backlog(), (pushed.len() - written.len()) as u64);
            }
            if let Some(next) = taken {
                let len = next.len();
                written.extend(next.load().unwrap());
                spool.done(len, &mut news);
            }
            written.extend(drain(&mut spool, &mut news));
            prop_assert_eq!(written, pushed);
            prop_assert_eq!(spool.backlog(), 0);
        }
    }
}
