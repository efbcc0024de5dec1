//! The mistakes of other followers, made between the follower and its surroundings.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::SECOND;
use crate::{End, Line, OpenParams};

/// A mistake that other followers make. The model has to notice each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    /// The time of the newest line is handed on as it is, and kube rounds it to the nearest
    /// second.
    NoFloor,
    /// A resume begins in the second of the newest line.
    NoSlack,
    /// A line that came again is left out however often it comes.
    Set,
    /// After a resume everything up to the newest time counts as printed.
    LastTime,
    /// A response that ended cleanly was all of its run.
    EofIsDone,
}

/// Makes a mistake, if there is one to be made.
#[derive(Debug, Default)]
pub(super) struct Mutation {
    mutant: Option<Mutant>,
    /// Time of the newest line printed.
    newest: Option<i64>,
    /// The value of `newest` when the present response was requested.
    requested_at: Option<i64>,
    /// Number of the present response, and of the response that brought each line.
    response: usize,
    lines: HashMap<(i64, Vec<u8>), usize>,
    /// The run whose lines came last, and the runs that count as done.
    run: Option<Arc<str>>,
    done: HashSet<Arc<str>>,
    follows: bool,
}

impl Mutation {
    pub(super) fn new(mutant: Option<Mutant>) -> Self {
        Self {
            mutant,
            ..Self::default()
        }
    }

    /// The request that the mutant sends instead.
    pub(super) fn request(&mut self, mut params: OpenParams) -> OpenParams {
        self.response += 1;
        self.requested_at = self.newest.filter(|_| params.since_time.is_some());
        self.follows = params.follow;
        let (Some(newest), Some(_)) = (self.newest, params.since_time) else {
            return params;
        };
        let since = match self.mutant {
            Some(Mutant::NoFloor) => newest + SECOND / 2,
            Some(Mutant::NoSlack) => newest,
            _ => return params,
        };
        params.since_time = Timestamp::from_second(since.div_euclid(SECOND)).ok();
        params
    }

    /// True if the mutant prints the line.
    pub(super) fn shows(&mut self, run: &Arc<str>, line: Line<'_>) -> bool {
        let Some(time) = line.nanos() else {
            return true;
        };
        let key = (time, line.text.to_vec());
        let came_before = self.lines.insert(key, self.response);
        let is_repeat = came_before.is_some_and(|response| response != self.response);
        self.newest = self.newest.max(Some(time));
        self.run = Some(Arc::clone(run));
        match self.mutant {
            Some(Mutant::Set) => !is_repeat,
            Some(Mutant::LastTime) => self.requested_at.is_none_or(|newest| time > newest),
            Some(Mutant::EofIsDone) => !self.done.contains(run),
            Some(Mutant::NoFloor | Mutant::NoSlack) | None => true,
        }
    }

    /// A response is over.
    pub(super) fn ended(&mut self, end: &End) {
        if *end == End::Clean && self.follows {
            self.done.extend(self.run.clone());
        }
    }
}
