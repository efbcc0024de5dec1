//! A kubelet behind an API server, as recorded, with everything that goes wrong.

use super::{
    MILLI, SECOND,
    random::Random,
    world::{Life, Record, State, World},
};
use crate::{End, OpenParams, Refused};

/// The node.
pub(super) struct Server {
    /// From when to when the kubelet, and the API server, are away.
    kubelet_down: Option<(i64, i64)>,
    api_down: Option<(i64, i64)>,
    /// Percentage of the responses that break.
    hostility: u64,
    /// Position at which the last response of each run ended early.
    cuts: Vec<Option<usize>>,
    /// The run and the first record that were requested of a pod older than the rollout.
    pub(super) tail: Option<(usize, usize)>,
    first_open: bool,
    /// The first record that each run's file had when it was read first: what was rotated
    /// away before cannot be known.
    pub(super) first: Vec<usize>,
    is_read: Vec<bool>,
    /// The deploy is over: each run is read once.
    pub(super) is_last: bool,
    /// The run that the follower asks for.
    pub(super) target: Option<i32>,
}

/// A response: the kubelet's loop over a file.
pub(super) struct Response {
    run: Option<usize>,
    follow: bool,
    since: i64,
    /// The next record; up to which one it goes if it does not follow.
    next: usize,
    until: usize,
    is_new_line: bool,
    pending: Vec<u8>,
    /// Bytes that come before it breaks, and how.
    budget: Option<usize>,
    fault: Fault,
    last_cut: Option<usize>,
    cut: Option<usize>,
    /// When it breaks, if nothing else happens.
    breaks_at: i64,
    ends_after: i64,
    /// The file that is sent again, from where on and how far.
    again: Option<(usize, usize)>,
    has_lines: bool,
    /// True if the follower meant another run.
    is_early: bool,
    /// Its first record is the first of the file.
    file: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Clean,
    Reset,
    Stall,
    Text,
}

pub(super) enum Piece {
    Bytes(Vec<u8>),
    End(End),
}

const RPC: &str = "rpc error: code = Unavailable desc = connection closed";

impl Server {
    pub(super) fn new(world: &World, random: &mut Random) -> Self {
        let mut down = |percent, most| {
            random.chance(percent).then(|| {
                let from = world.begin + random.between(0, 20_000) * MILLI;
                (from, from + random.between(500, most) * MILLI)
            })
        };
        Self {
            kubelet_down: down(25, 6000),
            api_down: down(15, 6000),
            hostility: [0, 20, 50, 80][random.below(4)],
            cuts: vec![None; world.lives.len()],
            tail: None,
            first_open: true,
            first: vec![0; world.lives.len()],
            is_read: vec![false; world.lives.len()],
            is_last: false,
            target: None,
        }
    }

    /// Nothing breaks but what a kubelet does by itself.
    pub(super) fn is_calm(&self) -> bool {
        self.hostility == 0 && self.kubelet_down.is_none() && self.api_down.is_none()
    }

    pub(super) fn api_is_down(&self, now: i64) -> bool {
        self.api_down
            .is_some_and(|(from, to)| (from..to).contains(&now))
    }

    pub(super) fn open(
        &mut self,
        world: &World,
        params: &OpenParams,
        now: i64,
        random: &mut Random,
    ) -> Result<Response, End> {
        if self.api_is_down(now) || random.chance(self.hostility / 10) {
            return Err(End::Lost("connection refused".to_owned()));
        }
        if let Some((from, to)) = self
            .kubelet_down
            .filter(|(from, to)| (*from..*to).contains(&now))
        {
            return Err(if now < (from + to) / 2 {
                refused(
                    500,
                    "InternalError",
                    "",
                    "dial tcp: connect: connection refused",
                )
            } else if random.chance(30) {
                refused(
                    400,
                    "BadRequest",
                    "",
                    "container \"c\" in pod \"p\" is waiting to start - no logs yet",
                )
            } else {
                refused(
                    404,
                    "NotFound",
                    "pods/log",
                    "the server could not find the requested resource ( pods/log p)",
                )
            });
        }
        let state = World::at(&world.kubelet, now);
        let Some(run) = chosen(state, params.previous) else {
            return Err(refused(
                400,
                "BadRequest",
                "",
                if params.previous {
                    "previous terminated container \"c\" in pod \"p\" not found"
                } else {
                    "container \"c\" in pod \"p\" is waiting to start: ContainerCreating"
                },
            ));
        };
        if random.chance(self.hostility / 20) {
            return Ok(Response::text(
                "failed to try resolving symlinks in path \"/var/log/pods/x/c/0.log\": lstat /var/log/pods/x/c/0.log: no such file or directory",
            ));
        }
        if is_removed(world, run, now) {
            let text = format!(
                "unable to retrieve container logs for {}",
                world.lives[run].id
            );
            return Ok(Response::text(&text));
        }
        Ok(self.serve(world, params, run, now, random))
    }

    fn serve(
        &mut self,
        world: &World,
        params: &OpenParams,
        run: usize,
        now: i64,
        random: &mut Random,
    ) -> Response {
        let life = &world.lives[run];
        let written = life.records.partition_point(|record| record.written <= now);
        let file = life
            .rotations
            .iter()
            .rev()
            .find(|(at, _)| *at <= now)
            .map_or(0, |(_, first)| *first);
        let is_early = self.target != i32::try_from(run).ok();
        let mut next = file;
        if let Some(tail) = params.tail_lines {
            next = written
                .saturating_sub(usize::try_from(tail).unwrap())
                .max(file);
            if !self.is_read[run] && !is_early {
                self.tail = Some((run, next));
            }
        } else if self.first_open && !world.is_new {
            // The run that was there before us could not be read: this one began later.
            self.tail = Some((run, next));
        }
        self.first_open = false;
        let breaks = random.chance(self.hostility);
        let left: usize = life.records[next.min(written)..]
            .iter()
            .map(|record| record.text.len() + 32)
            .sum();
        let mut response = Response {
            is_early,
            run: Some(run),
            follow: params.follow,
            since: params
                .since_time
                .map_or(i64::MIN, |since| since.as_second() * SECOND),
            next,
            until: if params.follow { usize::MAX } else { written },
            is_new_line: true,
            pending: Vec::new(),
            budget: breaks.then(|| random.below(left + 60)),
            fault: [Fault::Clean, Fault::Reset, Fault::Stall, Fault::Text][random.below(4)],
            last_cut: self.cuts[run],
            cut: None,
            breaks_at: i64::MAX,
            ends_after: random.between(107, 1030) * MILLI,
            again: None,
            has_lines: false,
            file,
        };
        if params.follow
            && random.chance(self.hostility / 5)
            && let Some((at, first)) = life.rotations.last()
            && *at > now
        {
            response.again = Some((*first, life.records.len().min(first + 3 + random.below(12))));
        }
        if params.follow && breaks && random.chance(30) {
            response.breaks_at = now + random.between(0, 8000) * MILLI;
        }
        for (from, fault) in [
            (self.kubelet_down, Fault::Clean),
            (self.api_down, Fault::Reset),
        ] {
            if let Some((from, _)) =
                from.filter(|(from, _)| (now..response.breaks_at).contains(from))
            {
                (response.breaks_at, response.fault) = (from, fault);
            }
        }
        if self.is_last && response.fault == Fault::Clean {
            // Nobody can tell of one read that it was all.
            response.fault = Fault::Reset;
        }
        if !params.follow && response.fault == Fault::Stall {
            response.fault = Fault::Reset;
        }
        response
    }

    /// Keeps where it ended: the next one will not lie about the same byte.
    pub(super) fn ended(&mut self, world: &World, response: &Response) {
        if let Some(run) = response.run {
            if !self.is_read[run] {
                self.first[run] = response.file;
                self.is_read[run] = response.has_lines && !response.is_early;
            }
            self.cuts[run] = response.cut.or(Some(response.place(world)));
        }
    }
}

/// `validateContainerLogStatus`.
fn chosen(state: State, previous: bool) -> Option<usize> {
    match (state, previous) {
        (State::Creating, _) => None,
        (State::Running(n) | State::Ended(n), false) | (State::BackOff(n), _) => Some(n),
        (State::Running(n) | State::Ended(n), true) => n.checked_sub(1),
    }
}

/// One dead container is kept, beside the one that runs.
fn is_removed(world: &World, run: usize, now: i64) -> bool {
    match World::at(&world.kubelet, now) {
        State::Running(n) => run + 1 < n,
        State::Ended(n) | State::BackOff(n) => run < n,
        State::Creating => false,
    }
}

fn refused(status: u16, reason: &str, kind: &str, message: &str) -> End {
    End::Refused(Refused {
        status,
        reason: reason.to_owned(),
        kind: kind.to_owned(),
        message: message.to_owned(),
        retry_after: None,
    })
}

impl Response {
    fn text(text: &str) -> Self {
        Self {
            run: None,
            follow: false,
            since: 0,
            next: 0,
            until: 0,
            is_new_line: true,
            pending: text.as_bytes().to_vec(),
            budget: None,
            fault: Fault::Clean,
            last_cut: None,
            cut: None,
            breaks_at: i64::MAX,
            ends_after: 0,
            again: None,
            has_lines: false,
            is_early: false,
            file: 0,
        }
    }

    pub(super) fn describe(&self) -> String {
        let again = if self.again.is_some() {
            ", part of it sent again"
        } else {
            ""
        };
        format!(
            "run {:?} from record {} budget {:?} {:?}{again}",
            self.run, self.next, self.budget, self.fault
        )
    }

    pub(super) fn is_stalled(&self, now: i64) -> bool {
        self.fault == Fault::Stall && (self.budget == Some(0) || now >= self.breaks_at)
    }

    /// When there is something to read.
    pub(super) fn next_at(&self, world: &World, now: i64) -> Option<i64> {
        if self.is_stalled(now) {
            return None;
        }
        if !self.pending.is_empty() || self.budget == Some(0) || !self.follow {
            return Some(now);
        }
        let life = &world.lives[self.run?];
        let more = life.records.get(self.next).map(|record| record.written);
        let end = life.end.map(|end| end + self.ends_after);
        let breaks = Some(self.breaks_at).filter(|at| *at < i64::MAX);
        // A stall has no moment of its own: nothing comes any more.
        [more.or(end), breaks]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.max(now))
    }

    pub(super) fn read(&mut self, world: &World, now: i64, random: &mut Random) -> Piece {
        self.fill(world, now);
        let broken = self.budget == Some(0) || now >= self.breaks_at;
        if broken || self.pending.is_empty() {
            return self.stop(world, broken, random);
        }
        let mut len = 1 + if random.chance(30) {
            random.below(40)
        } else {
            self.pending.len()
        };
        len = len
            .min(self.pending.len())
            .min(self.budget.unwrap_or(usize::MAX));
        if let Some(budget) = &mut self.budget {
            *budget -= len;
            if *budget == 0 && self.last_cut == Some(self.place(world) + len) {
                self.budget = None;
            }
        }
        let bytes: Vec<u8> = self.pending.drain(..len).collect();
        self.has_lines |= bytes.contains(&b'\n');
        Piece::Bytes(bytes)
    }

    fn stop(&mut self, world: &World, broken: bool, random: &mut Random) -> Piece {
        match self.fault {
            Fault::Text if broken && !self.pending.is_empty() => {
                self.cut = Some(self.place(world));
                (self.budget, self.breaks_at, self.follow, self.until) = (None, i64::MAX, false, 0);
                self.pending = RPC.as_bytes().to_vec();
                self.fault = Fault::Clean;
                let len = self.pending.len();
                Piece::Bytes(
                    self.pending
                        .drain(..len.min(1 + random.below(len)))
                        .collect(),
                )
            }
            Fault::Reset if broken => Piece::End(End::Lost("connection reset".to_owned())),
            _ => Piece::End(End::Clean),
        }
    }

    /// Position of the response, in bytes from the beginning of the run.
    fn place(&self, world: &World) -> usize {
        let ends = self.run.map(|run| &world.lives[run].ends);
        let end = ends.and_then(|ends| ends.get(self.next.checked_sub(1)?));
        end.map_or(0, |end| end.saturating_sub(self.pending.len()))
    }

    /// Appends what is in the file by now.
    fn fill(&mut self, world: &World, now: i64) {
        let Some(life) = self.run.map(|run| &world.lives[run]) else {
            return;
        };
        if now >= self.breaks_at {
            return;
        }
        while let Some(record) = life
            .records
            .get(self.next)
            .filter(|record| self.next < self.until && record.written <= now)
        {
            self.next += 1;
            self.write(record);
            self.repeat(life, now);
        }
    }

    fn write(&mut self, record: &Record) {
        if record.time >= self.since {
            if self.is_new_line {
                self.pending.extend_from_slice(record.stamp.as_bytes());
            }
            self.pending.extend_from_slice(record.text.as_bytes());
            if record.full {
                self.pending.push(b'\n');
            }
        }
        self.is_new_line = record.full;
    }

    /// Recording 12: the file that was opened after a rotation comes once more.
    fn repeat(&mut self, life: &Life, now: i64) {
        let Some((first, to)) = self.again.filter(|(_, to)| self.next >= *to) else {
            return;
        };
        let file = &life.records[first..self.next];
        let goes_back = file[file.len() - 1].time - file[0].time > 150 * MILLI
            && file.iter().all(|record| record.full);
        self.again = None;
        if self.is_new_line && goes_back && life.records[self.next - 1].written <= now {
            self.next = first;
            debug_assert!(first < to);
        }
    }
}
