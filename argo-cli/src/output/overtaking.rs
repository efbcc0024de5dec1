//! Small pieces overtake the flood of one container.

use std::collections::HashMap;

/// The fewest waiting bytes that pieces overtake; with fewer, they keep their place.
const WORTH: u64 = 256 << 10;
/// The most bytes of a piece that overtakes; a larger one comes from a container that is not
/// quiet.
const SMALL: usize = 16 << 10;
/// The most bytes that wait ahead of the queue; at this limit pieces keep their place.
const AHEAD: u64 = 1 << 20;

/// A source of lines; the lines of one source keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A container, by its number in this run.
    Container(u32),
    /// Records that are not log lines.
    Records,
}

/// The place of bytes among those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Behind everything that waits.
    InOrder,
    /// Before everything that waits in order, behind the other pieces ahead.
    Ahead,
}

/// Byte counts of the output's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Bytes ever queued in order.
    pub queued: u64,
    /// Bytes of those that are written.
    pub written: u64,
    /// Bytes that wait ahead of the rest.
    pub ahead: u64,
}

/// Decides which pieces go ahead. While one container floods a slow reader, the lines of
/// quiet containers and the program's own records do not wait behind the flood.
///
/// Each source keeps its own order: a source with bytes waiting in order goes ahead only
/// after they are written. The order between sources is not kept.
#[derive(Debug, Default)]
pub(crate) struct Overtaking {
    /// The end of each source's last queued bytes, counted as in [`Queue::queued`].
    waiting: HashMap<Source, u64>,
    /// Nothing goes ahead until the queue is written up to here.
    barrier: u64,
}

impl Overtaking {
    /// Returns the lane for `len` bytes of a source.
    pub(crate) fn choose(&mut self, source: Source, len: usize, queue: Queue) -> Lane {
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

    /// Records that bytes of a source were queued in order, up to `end`.
    pub(crate) fn queued(&mut self, source: Source, end: u64) {
        self.waiting.insert(source, end);
    }

    /// Lets nothing overtake the bytes up to `end`.
    pub(crate) fn stop(&mut self, end: u64) {
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
        let mut overtaking = Overtaking::default();
        overtaking.queued(A, WORTH);
        assert_eq!(overtaking.choose(B, 100, queue(WORTH, 0)), Lane::Ahead);
        assert_eq!(
            overtaking.choose(B, SMALL + 1, queue(WORTH, 0)),
            Lane::InOrder
        );
        assert_eq!(overtaking.choose(B, 100, queue(WORTH, 1)), Lane::InOrder);
        assert_eq!(
            overtaking.choose(Source::Records, 9, queue(WORTH, 0)),
            Lane::Ahead
        );
    }

    #[test]
    fn no_source_overtakes_itself() {
        let mut overtaking = Overtaking::default();
        overtaking.queued(A, 10);
        assert_eq!(overtaking.choose(A, 1, queue(2 * WORTH, 9)), Lane::InOrder);
        overtaking.queued(A, 2 * WORTH);
        assert_eq!(overtaking.choose(A, 1, queue(3 * WORTH, 10)), Lane::InOrder);
        assert_eq!(
            overtaking.choose(A, 1, queue(3 * WORTH, 2 * WORTH)),
            Lane::Ahead
        );
    }

    #[test]
    fn what_is_said_of_a_log_is_a_barrier() {
        let mut overtaking = Overtaking::default();
        overtaking.stop(10);
        assert_eq!(overtaking.choose(B, 1, queue(2 * WORTH, 9)), Lane::InOrder);
        assert_eq!(overtaking.choose(B, 1, queue(2 * WORTH, 10)), Lane::Ahead);
    }

    #[test]
    fn what_is_ahead_has_a_bound() {
        let mut overtaking = Overtaking::default();
        let queue = Queue {
            ahead: AHEAD,
            ..queue(2 * WORTH, 0)
        };
        assert_eq!(overtaking.choose(B, 1, queue), Lane::InOrder);
    }

    /// A writer that takes the pieces ahead first, and records those that it wrote.
    #[derive(Default)]
    struct Model {
        queue: Queue,
        in_order: VecDeque<(Source, usize, u64)>,
        ahead: VecDeque<(Source, usize, u64)>,
        written: Vec<(Source, usize)>,
    }

    impl Model {
        fn put(
            &mut self,
            overtaking: &mut Overtaking,
            (source, number, len): (Source, usize, u64),
        ) {
            match overtaking.choose(source, usize::try_from(len).unwrap(), self.queue) {
                Lane::Ahead => {
                    self.queue.ahead += len;
                    self.ahead.push_back((source, number, len));
                }
                Lane::InOrder => {
                    self.queue.queued += len;
                    self.in_order.push_back((source, number, len));
                    overtaking.queued(source, self.queue.queued);
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
            let (mut model, mut overtaking) = (Model::default(), Overtaking::default());
            let mut put = Vec::new();
            for (number, step) in steps.iter().enumerate() {
                match step {
                    Some((source, len)) => {
                        put.push((*source, number));
                        model.put(&mut overtaking, (*source, number, *len));
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
