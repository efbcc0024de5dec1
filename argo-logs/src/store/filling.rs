//! Fills the holes in the log of one container from a store.
//!
//! A hole is read at once, and again while its lines may still be on their way to the store. A
//! hole that is open is read until the kubelet answers again.

use std::{
    collections::VecDeque,
    fmt,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use argo_core::{Level, Notice, NoticeCode};
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::{LogStore, StoreError, StoreLine, StorePage, StoreRange, taken::Taken};
use crate::StoreKind;
use crate::{
    Batch, Line, Origin,
    follower::Hole,
    reader::{CAP, nanos},
};

/// A collector has delivered a line after this time at the latest.
const LAG: Duration = Duration::from_secs(10);
/// Pause before a hole is read again.
const PAUSE: Duration = Duration::from_secs(2);
/// Lines may arrive in the store in another order than they were written, this far apart.
const DISORDER: i64 = 10_000_000_000;
/// Nothing older than this before the end of a hole is looked for.
const OLDEST: i64 = 7 * 86_400 * 1_000_000_000;
/// Lines of one hole; the rest is left to the store's own tools.
const MOST: usize = 1_000_000;

/// The store that all containers of a stream share.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Arc<dyn LogStore>,
    /// True while the store does not answer, which was reported.
    is_down: AtomicBool,
    /// True once a notice said that the store stands in for the cluster.
    stands_in: AtomicBool,
}

/// A part of what a store had.
#[derive(Debug)]
pub(crate) enum Found {
    Lines(Batch, StoreKind),
    Notice(Notice),
    /// Nothing more of a hole.
    End,
}

/// The holes of one container.
pub(crate) struct Filling {
    shared: Arc<Shared>,
    origin: Arc<Origin>,
    ready: VecDeque<Found>,
    holes: VecDeque<Hole>,
    job: Option<Job>,
    taken: Taken,
    /// True once the deploy is over: nothing is waited for.
    is_last: bool,
}

/// A hole that is being filled.
struct Job {
    hole: Hole,
    step: Step,
    begun: Instant,
    found: usize,
    /// Number of lines found before the present reading.
    before: usize,
    /// True once the store has answered.
    was_answered: bool,
    /// True if lines were left out.
    is_cut: bool,
    /// True if lines of the hole were shown before it was known as one.
    was_shown: bool,
}

enum Step {
    Reading(BoxFuture<'static, Result<StorePage, StoreError>>),
    Pausing(Instant),
}

impl Shared {
    pub(crate) fn new(store: Arc<dyn LogStore>) -> Self {
        Self {
            store,
            is_down: AtomicBool::new(false),
            stands_in: AtomicBool::new(false),
        }
    }

    fn kind(&self) -> StoreKind {
        self.store.kind().unwrap_or(StoreKind::Loki)
    }

    /// Returns the store's name in a sentence.
    fn name(&self) -> String {
        let kind = self.store.kind();
        kind.map_or_else(|| "the log store".to_owned(), |kind| kind.to_string())
    }

    /// Returns the notice about a store that does not answer, once.
    pub(crate) fn failed(&self, error: &StoreError) -> Option<Notice> {
        if self.is_down.swap(true, Ordering::Relaxed) {
            return None;
        }
        let message = format!(
            "{} cannot be asked for lines that the cluster lacks: {error}",
            self.name()
        );
        let notice = Notice::new(NoticeCode::FromStore, Level::Warning, message);
        Some(notice.hint("everything else goes on; it is asked again for the next such lines"))
    }
}

impl Filling {
    pub(crate) fn new(shared: Arc<Shared>, origin: Arc<Origin>) -> Self {
        Self {
            shared,
            origin,
            ready: VecDeque::new(),
            holes: VecDeque::new(),
            job: None,
            taken: Taken::default(),
            is_last: false,
        }
    }

    /// Takes a hole over, with the notice about it.
    pub(crate) fn add(&mut self, mut hole: Hole) {
        if hole.is_open {
            // The trouble is told at once, whatever the store has.
            let notice = hole.notice.take();
            self.ready.extend(notice.map(Found::Notice));
            if self.job.as_ref().is_some_and(|job| job.hole.is_open) {
                return;
            }
        } else {
            self.close();
        }
        self.holes.push_back(hole);
    }

    /// The kubelet has sent lines: removes those that the store had before.
    pub(crate) fn kubelet_sent(&mut self, batch: &mut Batch) {
        self.close();
        if !self.taken.is_empty() {
            self.taken.remove_from(batch);
        }
    }

    /// Ends the reading of a log that could not be read for a while.
    fn close(&mut self) {
        self.job.take_if(|job| job.hole.is_open);
        self.holes.retain(|hole| !hole.is_open);
    }

    /// The deploy is over: what the store has now is all that is waited for.
    pub(crate) fn finish(&mut self) {
        self.is_last = true;
        if let Some(job) = &mut self.job
            && matches!(job.step, Step::Pausing(_))
        {
            job.step = Step::Pausing(Instant::now());
        }
    }

    /// The source is over: a log that could not be read will not become readable.
    pub(crate) fn source_is_over(&mut self) {
        let until = nanos(Timestamp::now()) + 1;
        let job = self.job.iter_mut().map(|job| &mut job.hole);
        for hole in job.chain(&mut self.holes).filter(|hole| hole.is_open) {
            hole.is_open = false;
            hole.until = Some(until);
        }
    }

    /// True while holes are being filled.
    pub(crate) fn is_busy(&self) -> bool {
        self.job.is_some() || !self.holes.is_empty() || !self.ready.is_empty()
    }

    /// Returns the notices about the holes that were not filled.
    pub(crate) fn give_up(&mut self) -> Vec<Notice> {
        let job = self.job.take().filter(|job| job.found == 0);
        let holes = job.map(|job| job.hole).into_iter();
        let holes = holes.chain(std::mem::take(&mut self.holes));
        let ready = self.ready.drain(..).filter_map(|found| match found {
            Found::Notice(notice) => Some(notice),
            Found::Lines(..) | Found::End => None,
        });
        ready.chain(holes.filter_map(|hole| hole.notice)).collect()
    }

    /// Waits for the next part, forever while there is no hole. The future may be dropped and
    /// made anew.
    pub(crate) async fn next(&mut self) -> Found {
        loop {
            if let Some(found) = self.ready.pop_front() {
                return found;
            }
            let Some(job) = &mut self.job else {
                match self.holes.pop_front() {
                    Some(hole) => self.begin(hole),
                    None => pending().await,
                }
                continue;
            };
            match &mut job.step {
                Step::Pausing(until) => {
                    sleep_until(*until).await;
                    self.read_again();
                }
                Step::Reading(answer) => {
                    let answer = answer.await;
                    self.answered(answer);
                }
            }
        }
    }

    fn begin(&mut self, mut hole: Hole) {
        let until = hole.until.unwrap_or(i64::MAX);
        let was_shown = self.taken.has_between(hole.from, until);
        self.taken.exclude(std::mem::take(&mut hole.printed));
        let range = self.range(&hole);
        self.job = Some(Job {
            step: self.reading(range),
            hole,
            begun: Instant::now(),
            found: 0,
            before: 0,
            was_answered: false,
            is_cut: false,
            was_shown,
        });
    }

    /// Returns the range to read, as of now.
    fn range(&self, hole: &Hole) -> StoreRange {
        let now = nanos(Timestamp::now());
        let until = hole.read_until().unwrap_or(now + 1);
        let read = self.taken.newest().filter(|newest| *newest < until);
        let from = match read {
            Some(newest) => hole.from.max(newest - DISORDER),
            None => hole.from,
        };
        StoreRange {
            pod: self.origin.pod.clone(),
            container: Arc::clone(&self.origin.container),
            from: from.max(until.saturating_sub(OLDEST)),
            until,
        }
    }

    fn reading(&mut self, range: StoreRange) -> Step {
        self.taken.begin();
        Self::page(&self.shared, range)
    }

    fn page(shared: &Arc<Shared>, range: StoreRange) -> Step {
        let store = Arc::clone(&shared.store);
        Step::Reading(Box::pin(async move { store.read(&range).await }))
    }

    fn read_again(&mut self) {
        let Some(mut job) = self.job.take() else {
            return;
        };
        job.before = job.found;
        let range = self.range(&job.hole);
        job.step = self.reading(range);
        self.job = Some(job);
    }

    fn answered(&mut self, answer: Result<StorePage, StoreError>) {
        let Some(mut job) = self.job.take() else {
            return;
        };
        let page = match answer {
            Ok(page) => page,
            Err(error) => return self.failed(job, &error),
        };
        self.shared.is_down.store(false, Ordering::Relaxed);
        job.was_answered = true;
        job.is_cut |= page.is_cut;
        let behind = job.hole.behind;
        // The collector has come as far as the line behind the hole.
        let has_reached = |line: &StoreLine| behind.is_some_and(|behind| line.time >= behind);
        let is_there = page.lines.last().is_some_and(has_reached);
        self.take(&mut job, page.lines);
        if let Some(next) = page.next.filter(|_| job.found < MOST) {
            job.step = Self::page(&self.shared, next);
            self.job = Some(job);
            return;
        }
        job.is_cut |= job.found >= MOST;
        let is_late = job.begun.elapsed() >= LAG && job.found == job.before;
        let is_over = is_there || is_late || job.is_cut;
        if self.is_last || !job.hole.is_open && is_over {
            return self.end(job);
        }
        job.step = Step::Pausing(Instant::now() + PAUSE);
        self.job = Some(job);
    }

    fn failed(&mut self, mut job: Job, error: &StoreError) {
        let notice = self.shared.failed(error);
        self.ready.extend(notice.map(Found::Notice));
        if self.is_last || !job.hole.is_open && job.begun.elapsed() >= LAG {
            return self.end(job);
        }
        job.step = Step::Pausing(Instant::now() + PAUSE);
        self.job = Some(job);
    }

    /// Hands the new lines out, behind a notice about the first of them.
    fn take(&mut self, job: &mut Job, lines: Vec<StoreLine>) {
        let uid = &*self.origin.pod.uid;
        let taken = &mut self.taken;
        let until = job.hole.until.unwrap_or(i64::MAX);
        let is_within = |line: &StoreLine| line.time < until && line.run.may_be_of(uid);
        let lines = lines.into_iter().filter(is_within);
        let lines: Vec<_> = lines.filter(|line| taken.is_new(line)).collect();
        if lines.is_empty() {
            return;
        }
        if job.found == 0 {
            let notice = self.announced(&mut job.hole);
            self.ready.extend(notice.map(Found::Notice));
        }
        job.found += lines.len();
        let (restart, kind) = (job.hole.restart, self.shared.kind());
        let of_run = |line: &StoreLine| line.run.restart.unwrap_or(restart);
        for run in lines.chunk_by(|a, b| of_run(a) == of_run(b)) {
            let batch = batch(job.hole.run.as_ref(), of_run(&run[0]), run);
            self.ready.push_back(Found::Lines(batch, kind));
        }
    }

    /// Returns the notice before the first lines of a hole.
    fn announced(&self, hole: &mut Hole) -> Option<Notice> {
        let name = self.shared.name();
        if hole.is_open {
            let is_told = self.shared.stands_in.swap(true, Ordering::Relaxed);
            let message = format!(
                "lines of logs that cannot be read come from {name}, late and perhaps not all"
            );
            let notice = Notice::new(NoticeCode::FromStore, Level::Info, message);
            return (!is_told).then_some(notice);
        }
        let what = hole.notice.take().map_or_else(
            || "the pod left before its log was read".to_owned(),
            |notice| notice.message,
        );
        let message = format!("{what}; the lines that {name} has follow");
        Some(self.notice(NoticeCode::FromStore, Level::Info, message))
    }

    fn end(&mut self, mut job: Job) {
        let name = self.shared.name();
        if let Some(mut notice) = job.hole.notice.take() {
            if job.was_shown {
                let message = notice.message;
                let message = format!("{message}; the lines that {name} has were shown before");
                notice = self.notice(NoticeCode::FromStore, Level::Info, message);
            } else if job.was_answered {
                notice.message = format!("{}; {name} has none of them", notice.message);
            }
            self.ready.push_back(Found::Notice(notice));
        }
        if job.is_cut {
            let message = format!("{name} has more lines of this time than are shown here");
            let notice = self.notice(NoticeCode::LinesMissing, Level::Warning, message);
            self.ready.push_back(Found::Notice(notice));
        }
        self.ready.push_back(Found::End);
    }

    fn notice(&self, code: NoticeCode, level: Level, message: String) -> Notice {
        let mut notice = Notice::new(code, level, message).about(self.origin.pod.clone());
        notice.container = Some(self.origin.container.to_string());
        notice
    }
}

impl fmt::Debug for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filling").finish_non_exhaustive()
    }
}

/// Makes a batch of the lines of one run.
fn batch(run: Option<&Arc<str>>, restart: i32, lines: &[StoreLine]) -> Batch {
    let id = run.cloned().unwrap_or_else(|| "".into());
    let pieces = lines.iter().flat_map(|line| {
        // A collector may have joined several lines.
        let texts = line
            .text
            .strip_suffix('\n')
            .unwrap_or(&line.text)
            .split('\n');
        texts.flat_map(|text| pieces(line.time, text.as_bytes()))
    });
    Batch::from_lines(id, restart, pieces)
}

/// Cuts a long text as the reader of a kubelet's log does.
fn pieces(time: i64, text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let count = text.len().div_ceil(CAP).max(1);
    (0..count).map(move |number| {
        let end = text.len().min((number + 1) * CAP);
        let mut line = Line::new(Some(time), &text[number * CAP..end]);
        line.continues = number + 1 < count;
        line.continuation = number > 0;
        line
    })
}

#[cfg(test)]
#[path = "filling_tests.rs"]
mod tests;
