//! Compares the printed lines with those that the container wrote.

use std::collections::HashMap;

use argo_core::{Level, Notice, NoticeCode};

use super::{MILLI, kubelet::Server, world::World};
use crate::Line;

const ALL_LATER: usize = 9;

#[derive(Default)]
pub(super) struct Verdict {
    lines: HashMap<(i64, String), i64>,
    stray: Vec<String>,
    excuses: Vec<Excuse>,
    /// True since a notice that the log cannot be read, until it can again.
    is_unreachable: bool,
    pub(super) is_warned: bool,
}

/// The lines that a notice excuses.
#[derive(Debug)]
enum Excuse {
    /// Missing between the times.
    Between(i64, i64),
    /// Missing of the runs.
    Runs(usize, usize),
    /// Missing at the end of all.
    End,
    /// Twice from the time on.
    Twice(i64),
}

impl Verdict {
    pub(super) fn emit(&mut self, line: Line<'_>) {
        assert!(!line.continues && !line.continuation);
        let text = String::from_utf8(line.text.to_vec()).unwrap();
        match line.nanos() {
            Some(time) => *self.lines.entry((time, text)).or_insert(0) += 1,
            None => self.stray.push(text),
        }
    }

    pub(super) fn notice(&mut self, notice: &Notice) {
        match notice.code {
            NoticeCode::LinesMissing | NoticeCode::InstancesLost => {}
            // Nothing is said of the end of a log that cannot be read since that notice.
            NoticeCode::Unreachable | NoticeCode::Disconnected => {
                return self.is_unreachable = true;
            }
            NoticeCode::Restored => return self.is_unreachable = false,
            _ => return,
        }
        self.is_warned |= notice.level == Level::Warning;
        self.excuses.push(excuse(&notice.message));
    }

    /// Counts the missing lines, with or without notice.
    pub(super) fn missing(&self, world: &World, server: &Server) -> usize {
        let lines = wanted(world, server)
            .into_iter()
            .flat_map(|(_, lines)| lines);
        lines.filter(|line| !self.lines.contains_key(line)).count()
    }

    pub(super) fn check(&self, world: &World, server: &Server) -> Result<(), String> {
        if let Some(stray) = self.stray.first() {
            return Err(format!("a line without timestamp: {stray:?}"));
        }
        let mut expected: HashMap<(i64, String), i64> = HashMap::new();
        for (run, lines) in wanted(world, server) {
            for line in lines {
                *expected.entry(line.clone()).or_insert(0) += 1;
                let got = self.lines.get(&line).copied().unwrap_or(0);
                if got == 0 && !self.excuses(run, line.0) {
                    return Err(format!("lost: {line:?}; notices: {:?}", self.excuses));
                }
            }
        }
        self.compare(&expected, world, server)
    }

    fn compare(
        &self,
        expected: &HashMap<(i64, String), i64>,
        world: &World,
        server: &Server,
    ) -> Result<(), String> {
        let most = most(expected, world, server);
        for (line, count) in &self.lines {
            let wanted = most.get(line).copied().unwrap_or(0);
            let twice = self.excuses.iter().any(|e| e.repeats(line.0));
            if wanted == 0 && self.is_cut_off(line, expected, world) {
                continue;
            }
            if wanted == 0 && !world.is_new && is_tail_of_a_line(line, world) {
                continue;
            }
            if *count > wanted && !twice {
                return Err(format!("{count} times instead of {wanted}: {line:?}"));
            }
        }
        for ((time, text), count) in expected {
            let got = self.lines.get(&(*time, text.clone())).copied().unwrap_or(0);
            let run = world
                .lives
                .iter()
                .rposition(|life| life.start <= *time)
                .unwrap_or(0);
            if got < *count && !self.excuses(run, *time) {
                return Err(format!("{got} times instead of {count}: {text:?}"));
            }
        }
        Ok(())
    }

    /// The last words of a run that could not be read again, as far as they came.
    fn is_cut_off(
        &self,
        line: &(i64, String),
        expected: &HashMap<(i64, String), i64>,
        world: &World,
    ) -> bool {
        let run = world
            .lives
            .iter()
            .rposition(|life| life.start <= line.0)
            .unwrap_or(0);
        let whole = |other: &(i64, String)| other.0 == line.0 && other.1.starts_with(&line.1);
        expected.keys().any(whole) && self.excuses(run, line.0)
    }

    /// True if a notice covers a missing line.
    fn excuses(&self, run: usize, time: i64) -> bool {
        let end = self.is_unreachable.then_some(&Excuse::End);
        let mut excuses = self.excuses.iter().chain(end);
        excuses.any(|excuse| excuse.covers(run, time))
    }
}

/// A tail counts pieces: it may begin inside a line.
fn is_tail_of_a_line(line: &(i64, String), world: &World) -> bool {
    let pieces = world.lives.iter().flat_map(|life| &life.records);
    let mut firsts = pieces.filter(|record| record.time == line.0);
    firsts.any(|record| line.1.starts_with(&record.text))
}

/// Returns the highest allowed count of each line. Lines written before the first read are
/// new in a new pod; a tail may begin with the last of several equal lines.
fn most(
    expected: &HashMap<(i64, String), i64>,
    world: &World,
    server: &Server,
) -> HashMap<(i64, String), i64> {
    let mut most = HashMap::new();
    for (run, life) in world.lives.iter().enumerate() {
        let is_whole = world.is_new || server.tail.is_none_or(|(tail, _)| run != tail);
        for line in life.lines_from(0) {
            if is_whole || expected.contains_key(&line) {
                *most.entry(line).or_insert(0) += 1;
            }
        }
    }
    for (line, count) in expected {
        let most = most.entry(line.clone()).or_insert(0);
        *most = (*count).max(*most);
    }
    most
}

/// All lines, or for a pod that is not new those from the tail on.
fn wanted(world: &World, server: &Server) -> Vec<(usize, Vec<(i64, String)>)> {
    let lives = world.lives.iter().enumerate();
    if world.is_new {
        return lives
            .map(|(n, life)| (n, life.lines_from(server.first[n])))
            .collect();
    }
    let Some((run, first)) = server.tail else {
        return Vec::new();
    };
    // An empty file that was rotated before its first line came.
    let first = first.max(server.first[run]);
    // A tail that begins inside a line does not tell whether what has its time comes after.
    let records = &world.lives[run].records;
    let is_inside = first > 0 && records.get(first - 1).is_some_and(|record| !record.full);
    let from = records
        .get(first)
        .filter(|_| is_inside)
        .map_or(0, |record| record.time + 3 * MILLI);
    lives
        .filter(|(n, _)| *n >= run)
        .map(|(n, life)| {
            (
                n,
                life.lines_from(if n == run { first } else { server.first[n] }),
            )
        })
        .map(|(n, mut lines)| {
            lines.retain(|line| n != run || line.0 >= from);
            (n, lines)
        })
        .collect()
}

impl Excuse {
    /// Lines of this time may come twice.
    fn repeats(&self, time: i64) -> bool {
        match self {
            Self::Twice(from) => time >= from - MILLI * 5,
            Self::Runs(_, last) => *last == ALL_LATER,
            _ => false,
        }
    }

    fn covers(&self, run: usize, time: i64) -> bool {
        match self {
            // Two streams overtake each other by a millisecond, and notices tell no more.
            Self::Between(after, before) => {
                (after - MILLI * 5..=before + MILLI * 5).contains(&time)
            }
            Self::Runs(first, last) => (*first..=*last).contains(&run),
            Self::End => true,
            Self::Twice(_) => false,
        }
    }
}

fn excuse(message: &str) -> Excuse {
    let words: Vec<&str> = message.split([' ', ':']).collect();
    let numbers = || {
        let words = words.iter().map(|word| word.trim_matches(['(', ')']));
        words.filter_map(|word| match word {
            "first" => Some(0),
            _ => word.parse::<usize>().ok(),
        })
    };
    let stamps: Vec<i64> = message
        .split(' ')
        .filter_map(|word| word.trim_end_matches(':').parse::<jiff::Timestamp>().ok())
        .map(|time| i64::try_from(time.as_nanosecond()).unwrap())
        .collect();
    match (message, stamps.as_slice()) {
        (text, [after, before]) if text.contains("rotated") => Excuse::Between(*after, *before),
        (text, [after]) if text.contains("rotated") => Excuse::Between(*after, i64::MAX / 2),
        (text, [to]) if text.contains("twice") => Excuse::Twice(*to),
        (text, _) if text.starts_with("the last lines may") => Excuse::End,
        (text, _) if text.starts_with("the first lines of the next") => Excuse::Runs(0, 9),
        (text, _) if text.starts_with("lines of the ") => {
            Excuse::Runs(numbers().next().unwrap(), ALL_LATER)
        }
        (text, _) if text.contains(" runs (") => {
            let numbers: Vec<_> = numbers().collect();
            Excuse::Runs(numbers[1], numbers[2])
        }
        _ => {
            let run = numbers().next().unwrap();
            Excuse::Runs(run, run)
        }
    }
}
