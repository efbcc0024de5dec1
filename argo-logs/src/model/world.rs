//! A container: its runs, the lines of each with their times, and when each fact gets known.

use jiff::Timestamp;

use super::random::Random;
use crate::{ContainerView, PodState, Run};

pub(super) const MILLI: i64 = 1_000_000;
pub(super) const SECOND: i64 = 1_000_000_000;

/// One CRI record.
#[derive(Debug)]
pub(super) struct Record {
    /// Its timestamp.
    pub(super) time: i64,
    pub(super) stamp: String,
    /// When it is in the file: times may go back, the file does not.
    pub(super) written: i64,
    /// It ends a line.
    pub(super) full: bool,
    pub(super) text: String,
}

/// One run.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) id: String,
    pub(super) start: i64,
    /// For ever, if none.
    pub(super) end: Option<i64>,
    pub(super) records: Vec<Record>,
    /// End of each record, in bytes from the beginning of the run.
    pub(super) ends: Vec<usize>,
    /// When a file ended, and the first record of the next one.
    pub(super) rotations: Vec<(i64, usize)>,
}

/// The states of the container that the pod may tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Creating,
    Running(usize),
    Ended(usize),
    BackOff(usize),
}

pub(super) struct World {
    pub(super) begin: i64,
    pub(super) is_new: bool,
    pub(super) lives: Vec<Life>,
    /// The states that the kubelet and the API know of, each from a time on.
    pub(super) kubelet: Vec<(i64, State)>,
    pub(super) api: Vec<(i64, State)>,
    /// The deploy ends while the last run goes on.
    pub(super) finish_at: Option<i64>,
}

impl World {
    pub(super) fn new(random: &mut Random) -> Self {
        let begin = 1_795_478_400 * SECOND + random.between(0, 999) * MILLI;
        let mut lives: Vec<Life> = Vec::new();
        let mut at = begin + random.between(0, 500) * MILLI;
        for n in 0..=random.below(4) {
            let life = Life::new(n, at, random);
            let pause = if random.chance(60) { 900 } else { 12_000 };
            at = life.end.unwrap_or(at) + random.between(30, pause) * MILLI;
            lives.push(life);
        }
        let last = lives.last_mut().unwrap();
        let mut finish_at = None;
        if random.chance(40) {
            let quiet = if random.chance(20) { 200_000 } else { 3000 };
            finish_at = Some(last.end.unwrap_or(at) + random.between(1500, quiet) * MILLI);
            last.end = None;
        }
        let (kubelet, api) = known(&lives, begin, random);
        Self {
            begin,
            is_new: random.chance(75),
            lives,
            kubelet,
            api,
            finish_at,
        }
    }

    pub(super) fn at(states: &[(i64, State)], now: i64) -> State {
        let known = states.partition_point(|(from, _)| *from <= now);
        states[known.saturating_sub(1)].1
    }

    pub(super) fn view(&self, state: State) -> ContainerView {
        let last = |n: usize| n.checked_sub(1).map(|n| self.run(n, false));
        let (current, last) = match state {
            State::Creating => (None, None),
            State::Running(n) => (Some(self.run(n, true)), last(n)),
            State::Ended(n) => (Some(self.run(n, false)), last(n)),
            State::BackOff(n) => (None, Some(self.run(n, false))),
        };
        let is_over = state == State::Ended(self.lives.len() - 1);
        let pod = if is_over {
            PodState::Finished
        } else {
            PodState::Live
        };
        ContainerView {
            pod,
            current,
            last,
            last_is_made_up: false,
            over: false,
        }
    }

    fn run(&self, n: usize, running: bool) -> Run {
        let life = &self.lives[n];
        let second = |at: i64| Timestamp::from_second(at.div_euclid(SECOND)).ok();
        Run {
            id: life.id.as_str().into(),
            restart: i32::try_from(n).unwrap(),
            started_at: second(life.start),
            finished_at: life.end.filter(|_| !running).and_then(second),
            running,
        }
    }
}

/// The kubelet looks once a second, the pod says it a little later, sometimes much.
#[allow(clippy::type_complexity)]
fn known(
    lives: &[Life],
    begin: i64,
    random: &mut Random,
) -> (Vec<(i64, State)>, Vec<(i64, State)>) {
    let mut kubelet = vec![(begin, State::Creating)];
    let mut tick = begin + random.between(0, 1000) * MILLI;
    let end = lives
        .last()
        .map_or(begin, |life| life.end.unwrap_or(life.start))
        + 2 * SECOND;
    while tick < end {
        let state = truth(lives, tick);
        if kubelet.last().is_some_and(|(_, last)| *last != state) {
            kubelet.push((tick, state));
        }
        tick += SECOND;
    }
    let (mut api, mut after) = (Vec::new(), begin);
    for (at, state) in &kubelet {
        let lag = if random.chance(15) { 1500 } else { 200 };
        after = (at + random.between(1, lag) * MILLI).max(after + 1);
        api.push((after, *state));
    }
    (kubelet, api)
}

fn truth(lives: &[Life], now: i64) -> State {
    let Some(n) = lives.iter().rposition(|life| life.start <= now) else {
        return State::Creating;
    };
    match lives[n].end {
        Some(end) if n + 1 < lives.len() && now > end + 6 * SECOND => State::BackOff(n),
        Some(end) if now >= end => State::Ended(n),
        _ => State::Running(n),
    }
}

impl Life {
    fn new(n: usize, start: i64, random: &mut Random) -> Self {
        let mut life = Self {
            id: format!("containerd://{n}"),
            start,
            end: None,
            records: Vec::new(),
            ends: Vec::new(),
            rotations: Vec::new(),
        };
        let mut at = start + random.between(0, 50) * MILLI;
        let most = if random.chance(15) { 2 } else { 22 };
        for line in 0..random.below(most) {
            at = step(at, random);
            life.write(n, line, at, random);
        }
        if random.chance(20)
            && let Some(last) = life.records.last_mut()
        {
            last.full = false;
        }
        life.measure();
        let written = life.records.last().map_or(start, |last| last.written);
        life.end = Some(written + random.between(0, 1500) * MILLI);
        life
    }

    fn write(&mut self, run: usize, line: usize, at: i64, random: &mut Random) {
        let before = self.records.last().map_or(self.start, |last| last.written);
        let last_time = self.records.last().map_or(self.start, |last| last.time);
        let at = at.max(last_time);
        // The other stream was stamped earlier and written later.
        let back = random.chance(15) && !self.records.is_empty();
        let time = if back {
            (last_time - random.between(1, 1000) * 1000).max(self.start)
        } else {
            at
        };
        let written = at.max(before);
        if random.chance(8) && self.records.last().is_some_and(|last| last.full) && line > 0 {
            self.rotations.push((
                random.between(before + 1, written.max(before + 1)),
                self.records.len(),
            ));
        }
        let text = format!("run {run} line {line}");
        let copies = if random.chance(8) { 3 } else { 1 };
        let pieces = if copies == 1 && random.chance(12) {
            1 + random.below(3)
        } else {
            0
        };
        for piece in 0..pieces {
            let text = format!("{text} piece {piece} ");
            let time = time + i64::try_from(piece).unwrap() * 1000;
            self.records.push(Record {
                time,
                stamp: stamp(time),
                written,
                full: false,
                text,
            });
        }
        // Pieces of a long line are further apart than a second now and then.
        let later = if pieces > 0 && random.chance(50) {
            random.between(0, 1800) * MILLI
        } else {
            0
        };
        for _ in 0..copies {
            let (time, written) = (
                time + later + i64::try_from(pieces).unwrap() * 1000,
                written + later,
            );
            self.records.push(Record {
                time,
                stamp: stamp(time),
                written,
                full: true,
                text: text.clone(),
            });
        }
    }

    fn measure(&mut self) {
        let (mut at, mut is_new) = (0, true);
        for record in &self.records {
            at += usize::from(is_new) * record.stamp.len()
                + record.text.len()
                + usize::from(record.full);
            is_new = record.full;
            self.ends.push(at);
        }
    }

    /// The lines from a record on, as one who reads all files to their end sees them.
    pub(super) fn lines_from(&self, first: usize) -> Vec<(i64, String)> {
        let mut lines: Vec<(i64, String)> = Vec::new();
        let mut is_new = true;
        for record in self.records.iter().skip(first) {
            match lines.last_mut().filter(|_| !is_new) {
                Some((_, text)) => text.push_str(&record.text),
                None => lines.push((record.time, record.text.clone())),
            }
            is_new = record.full;
        }
        lines
    }
}

fn step(at: i64, random: &mut Random) -> i64 {
    match random.below(10) {
        0 | 1 => at,
        2 | 3 => at + random.between(1, 900) * 1000,
        4 | 5 => at + random.between(1, 900) * MILLI,
        6 => at + random.between(1, 3000) * MILLI,
        // Around the change of a second it is easiest to go wrong.
        _ => (at + SECOND - at.rem_euclid(SECOND) + random.between(-400, 400) * 1000).max(at),
    }
}

/// `2026-11-24T00:11:01.550173479Z `; all of it is within one hour.
fn stamp(time: i64) -> String {
    let second = time.div_euclid(SECOND) - 1_795_478_400;
    let (minute, second, nanos) = (second / 60, second % 60, time.rem_euclid(SECOND));
    format!("2026-11-24T00:{minute:02}:{second:02}.{nanos:09}Z ")
}
