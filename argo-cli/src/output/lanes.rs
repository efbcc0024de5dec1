//! What may overtake the flood of one container.

use std::collections::HashMap;

/// From so many waiting bytes on it is worth while.
const WORTH: u64 = 256 << 10;
/// More at once is no quiet container's.
const SMALL: usize = 16 << 10;
/// So many bytes may be ahead.
const AHEAD: u64 = 1 << 20;

/// Whose lines stay in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A container of the run, by its number.
    Container(u32),
    /// Everything that is no log line.
    Records,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Behind all that waits.
    InOrder,
    /// Before all that waits in order, behind what else is ahead.
    Ahead,
}

/// How much was ever queued in order, and how much of that is written; and how many bytes
/// wait ahead of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Bytes.
    pub queued: u64,
    /// Bytes.
    pub written: u64,
    /// Bytes.
    pub ahead: u64,
}

/// A reader that is slow for one container that floods shall not be slow for the others,
/// and for what the program itself has to say: where much waits, small pieces go ahead.
///
/// Each source stays in its own order: one that has something waiting in order does not go
/// ahead before that is written. Nothing else is promised of the order between sources.
#[derive(Debug, Default)]
pub struct Lanes {
    /// Up to where the last bytes of a source lie.
    waiting: HashMap<Source, u64>,
    /// Nothing goes ahead before this is written.
    barrier: u64,
}

impl Lanes {
    /// Where `len` bytes of a source go.
    pub fn choose(&mut self, source: Source, len: usize, queue: Queue) -> Lane {
        let waits = |end: u64| end > queue.written;
        if self.waiting.get(&source).is_some_and(|end| !waits(*end)) {
            self.waiting.remove(&source);
        }
        let overtakes = queue.queued - queue.written >= WORTH
            && len <= SMALL
            && queue.ahead < AHEAD
            && !waits(self.barrier)
            && !self.waiting.contains_key(&source);
        if overtakes {
            Lane::Ahead
        } else {
            Lane::InOrder
        }
    }

    /// Bytes of a source were queued in order, up to here.
    pub fn queued(&mut self, source: Source, end: u64) {
        self.waiting.insert(source, end);
    }

    /// What is up to here nobody overtakes.
    pub fn stop(&mut self, end: u64) {
        self.barrier = end;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const A: Source = Source::Container(1);
    const B: Source = Source::Container(2);

    fn queue(queued: u64, written: u64) -> Queue {
        Queue {
            queued,
            written,
            ahead: 0,
        }
    }

    #[test]
    fn small_pieces_go_ahead_where_much_waits() {
        let mut lanes = Lanes::default();
        lanes.queued(A, WORTH);
        assert_eq!(lanes.choose(B, 100, queue(WORTH, 0)), Lane::Ahead);
        assert_eq!(lanes.choose(B, SMALL + 1, queue(WORTH, 0)), Lane::InOrder);
        assert_eq!(lanes.choose(B, 100, queue(WORTH, 1)), Lane::InOrder);
        assert_eq!(
            lanes.choose(Source::Records, 9, queue(WORTH, 0)),
            Lane::Ahead
        );
    }

    #[test]
    fn no_source_overtakes_itself() {
        let mut lanes = Lanes::default();
        lanes.queued(A, 10);
        assert_eq!(lanes.choose(A, 1, queue(2 * WORTH, 9)), Lane::InOrder);
        lanes.queued(A, 2 * WORTH);
        assert_eq!(lanes.choose(A, 1, queue(3 * WORTH, 10)), Lane::InOrder);
        assert_eq!(lanes.choose(A, 1, queue(3 * WORTH, 2 * WORTH)), Lane::Ahead);
    }

    #[test]
    fn what_is_said_of_a_log_is_a_barrier() {
        let mut lanes = Lanes::default();
        lanes.stop(10);
        assert_eq!(lanes.choose(B, 1, queue(2 * WORTH, 9)), Lane::InOrder);
        assert_eq!(lanes.choose(B, 1, queue(2 * WORTH, 10)), Lane::Ahead);
    }

    #[test]
    fn what_is_ahead_has_a_bound() {
        let mut lanes = Lanes::default();
        let queue = Queue {
            ahead: AHEAD,
            ..queue(2 * WORTH, 0)
        };
        assert_eq!(lanes.choose(B, 1, queue), Lane::InOrder);
    }

    /// A writer that takes what is ahead first, with the numbers of what it wrote.
    #[derive(Default)]
    struct Model {
        queue: Queue,
        in_order: VecDeque<(Source, usize, u64)>,
        ahead: VecDeque<(Source, usize, u64)>,
        written: Vec<(Source, usize)>,
    }

    impl Model {
        fn put(&mut self, lanes: &mut Lanes, (source, number, len): (Source, usize, u64)) {
            match lanes.choose(source, usize::try_from(len).unwrap(), self.queue) {
                Lane::Ahead => {
                    self.queue.ahead += len;
                    self.ahead.push_back((source, number, len));
                }
                Lane::InOrder => {
                    self.queue.queued += len;
                    self.in_order.push_back((source, number, len));
                    lanes.queued(source, self.queue.queued);
                }
            }
        }

        fn write(&mut self) {
            if let Some((source, number, len)) = self.ahead.pop_front() {
                self.queue.ahead -= len;
                self.written.push((source, number));
            } else if let Some((source, number, len)) = self.in_order.pop_front() {
                self.queue.written += len;
                self.written.push((source, number));
            }
        }
    }

    /// Three containers, the first of which floods, and records.
    fn any_step() -> impl Strategy<Value = Option<(Source, u64)>> {
        let small = 1..=SMALL as u64;
        prop_oneof![
            3 => Just(None),
            3 => (100_000..200_000_u64).prop_map(|len| Some((A, len))),
            1 => small.clone().prop_map(|len| Some((A, len))),
            2 => (small.clone(), 2..4_u32).prop_map(|(len, id)| Some((Source::Container(id), len))),
            1 => small.prop_map(|len| Some((Source::Records, len))),
        ]
    }

    proptest! {
        #[test]
        fn each_source_is_written_in_its_order(
            steps in prop::collection::vec(any_step(), 0..200),
        ) {
            let (mut model, mut lanes) = (Model::default(), Lanes::default());
            let mut put = Vec::new();
            for (number, step) in steps.iter().enumerate() {
                match step {
                    Some((source, len)) => {
                        put.push((*source, number));
                        model.put(&mut lanes, (*source, number, *len));
                    }
                    None => model.write(),
                }
            }
            while model.written.len() < put.len() {
                model.write();
            }
            for source in [A, B, Source::Container(3), Source::Records] {
                let of = |all: &[(Source, usize)]| -> Vec<usize> {
                    let of = all.iter().filter(|(of, _)| *of == source);
                    of.map(|(_, number)| *number).collect()
                };
                prop_assert_eq!(of(&model.written), of(&put));
            }
        }
    }
}
