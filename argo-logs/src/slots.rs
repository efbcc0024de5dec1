//! Limits the requests that wait for an answer at one time. Containers in trouble go first.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use argo_core::resource::ContainerStatus;
use tokio::sync::oneshot;

/// After this many overtakes in a row the first waiter is served next.
const IN_A_ROW: usize = 3;

/// The priority of a container, by the last status of its pod. Requests that wait share it,
/// so that a container that fails meanwhile moves up.
#[derive(Debug, Default)]
pub(crate) struct Priority(AtomicBool);

impl Priority {
    /// Takes in the container's present status.
    pub(crate) fn observe(&self, status: &ContainerStatus) {
        self.0.store(is_in_trouble(status), Ordering::Relaxed);
    }

    pub(crate) fn is_in_trouble(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// True if the container explains a failed rollout, or holds one up: it is in a back-off,
/// ended with an error, or runs and is not ready. An init container is not ready until it
/// has done its work.
fn is_in_trouble(status: &ContainerStatus) -> bool {
    match &status.state.terminated {
        Some(terminated) => terminated.exit_code != 0,
        None => status.state.waiting.is_some() || !status.ready,
    }
}

/// The waiting requests, in the order in which they came.
///
/// Containers in trouble go first, and among equals the earlier one. None starves: after
/// [`IN_A_ROW`] overtakes the first in line is served.
#[derive(Debug)]
struct Waiting<T> {
    waiting: VecDeque<(Arc<Priority>, T)>,
    /// Number of requests in a row that have overtaken the first.
    overtaken: usize,
}

impl<T> Waiting<T> {
    fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            overtaken: 0,
        }
    }

    fn push(&mut self, priority: Arc<Priority>, who: T) {
        self.waiting.push_back((priority, who));
    }

    fn next(&mut self) -> Option<T> {
        let in_trouble = || {
            let mut waiting = self.waiting.iter();
            waiting.position(|(priority, _)| priority.is_in_trouble())
        };
        let at = match self.overtaken {
            // Else a workload that crashes without end would keep all healthy ones waiting.
            IN_A_ROW.. => 0,
            _ => in_trouble().unwrap_or(0),
        };
        self.overtaken = if at == 0 { 0 } else { self.overtaken + 1 };
        self.waiting.remove(at).map(|(_, who)| who)
    }
}

/// A number of slots for requests, and the requests that wait for one.
#[derive(Clone, Debug)]
pub(crate) struct OpenSlots(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    turns: Waiting<oneshot::Sender<Slot>>,
}

/// One of the slots; dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct Slot(OpenSlots);

impl OpenSlots {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: count,
            turns: Waiting::new(),
        })))
    }

    /// Waits for a slot. If the future is dropped, the slot goes to the next request.
    pub(crate) async fn take(&self, priority: &Arc<Priority>) -> Slot {
        let (give, given) = oneshot::channel();
        self.lock().turns.push(Arc::clone(priority), give);
        // Requests that begin together shall all be in line before the first is served.
        tokio::task::yield_now().await;
        self.serve();
        match given.await {
            Ok(slot) => slot,
            // Cannot happen: a sender is dropped only after its slot was sent.
            Err(_) => Slot(self.clone()),
        }
    }

    /// Gives free slots to waiting requests.
    fn serve(&self) {
        while let Some(give) = self.next() {
            // If the request was dropped meanwhile, dropping the slot frees it again.
            drop(give.send(Slot(self.clone())));
        }
    }

    /// Takes a free slot for the next request that still waits.
    fn next(&self) -> Option<oneshot::Sender<Slot>> {
        let mut state = self.lock();
        while state.free > 0 {
            let give = state.turns.next()?;
            if !give.is_closed() {
                state.free -= 1;
                return Some(give);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.serve();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::{Value, json};

    use super::*;

    fn priority(is_in_trouble: bool) -> Arc<Priority> {
        Arc::new(Priority(AtomicBool::new(is_in_trouble)))
    }

    fn all(turns: &mut Waiting<u32>) -> Vec<u32> {
        std::iter::from_fn(|| turns.next()).collect()
    }

    /// Those in trouble are the numbers from 10 on.
    fn line(who: &[u32]) -> Waiting<u32> {
        let mut turns = Waiting::new();
        for number in who {
            turns.push(priority(*number >= 10), *number);
        }
        turns
    }

    #[test]
    fn who_is_in_trouble_goes_first_and_equals_in_the_order_they_came() {
        assert_eq!(
            all(&mut line(&[1, 2, 10, 3, 11, 12])),
            [10, 11, 12, 1, 2, 3]
        );
        assert_eq!(all(&mut line(&[1, 2, 3])), [1, 2, 3]);
        assert_eq!(all(&mut line(&[10, 1, 11, 2])), [10, 11, 1, 2]);
    }

    #[test]
    fn nobody_waits_for_ever_while_others_fail_again_and_again() {
        let mut turns = line(&[1, 2]);
        let mut served = Vec::new();
        for number in 10..30 {
            turns.push(priority(true), number);
            served.extend(turns.next());
        }
        assert_eq!(served[..8], [10, 11, 12, 1, 13, 14, 15, 2]);
        assert_eq!(served[8..], (16..28).collect::<Vec<_>>());
    }

    #[test]
    fn what_fails_while_it_waits_moves_up() {
        let mut turns = line(&[1]);
        let late = priority(false);
        turns.push(Arc::clone(&late), 2);
        late.0.store(true, Ordering::Relaxed);
        assert_eq!(all(&mut turns), [2, 1]);
    }

    #[test]
    fn trouble_is_back_off_an_error_or_not_being_ready() {
        let of = |state: Value, ready: bool| {
            let status = json!({ "name": "c", "state": state, "ready": ready });
            let priority = Priority::default();
            priority.observe(&serde_json::from_value(status).unwrap());
            priority.is_in_trouble()
        };
        let ended = |code: i32| json!({ "terminated": { "exitCode": code } });
        let back_off = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        assert!(of(back_off, false));
        assert!(of(ended(1), false));
        assert!(of(json!({ "running": {} }), false));
        assert!(!of(json!({ "running": {} }), true));
        assert!(!of(ended(0), false), "a job that is done");
        assert!(!of(ended(0), true), "an init container that is done");
    }

    #[tokio::test]
    async fn a_slot_goes_on_to_the_next_in_turn() {
        let slots = OpenSlots::new(1);
        let (well, ill) = (priority(false), priority(true));
        let first = slots.take(&well).await;
        let mut second = Box::pin(slots.take(&well));
        let mut third = Box::pin(slots.take(&ill));
        // Each stands in line, then waits.
        for _ in 0..2 {
            assert!((&mut second).now_or_never().is_none());
            assert!((&mut third).now_or_never().is_none());
        }
        drop(first);
        assert!((&mut second).now_or_never().is_none());
        let slot = (&mut third).now_or_never().unwrap();
        drop(slot);
        assert!((&mut second).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_leaves_the_line_takes_no_slot_along() {
        let slots = OpenSlots::new(1);
        let well = priority(false);
        let first = slots.take(&well).await;
        let (mut before, mut after) = (Box::pin(slots.take(&well)), Box::pin(slots.take(&well)));
        for _ in 0..2 {
            assert!((&mut before).now_or_never().is_none());
            assert!((&mut after).now_or_never().is_none());
        }
        drop(before);
        drop(first);
        // One that was given a slot and does not fetch it.
        drop(after);
        let last = tokio::time::timeout(std::time::Duration::from_secs(5), slots.take(&well));
        assert!(last.await.is_ok());
    }
}
