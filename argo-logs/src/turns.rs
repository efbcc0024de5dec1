//! Who may ask the server next, where many want to and only so many may at one time.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use argo_core::resource::ContainerStatus;
use tokio::sync::oneshot;

/// So many may overtake the first in line before it goes.
const IN_A_ROW: usize = 3;

/// How a container does, as its pod said last. Whoever waits on its behalf has it too, so
/// that what fails meanwhile moves up.
#[derive(Debug, Default)]
pub(crate) struct Health(AtomicBool);

impl Health {
    /// Takes in what the pod says now.
    pub(crate) fn see(&self, status: &ContainerStatus) {
        self.0.store(is_in_trouble(status), Ordering::Relaxed);
    }

    pub(crate) fn is_in_trouble(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// True of a container that explains a failed rollout, or on which a rollout waits: it is
/// in a back-off, ended with an error, or runs and is not ready. An init container is not
/// ready until it has done its work.
fn is_in_trouble(status: &ContainerStatus) -> bool {
    match &status.state.terminated {
        Some(terminated) => terminated.exit_code != 0,
        None => status.state.waiting.is_some() || !status.ready,
    }
}

/// Those who wait, in the order in which they came.
///
/// Containers in trouble go first, and among equals who came first. Nobody starves: when
/// three in a row have overtaken the first in line, it goes.
#[derive(Debug)]
struct Turns<T> {
    waiting: VecDeque<(Arc<Health>, T)>,
    /// How many in a row have overtaken the first.
    overtaken: usize,
}

impl<T> Turns<T> {
    fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            overtaken: 0,
        }
    }

    fn push(&mut self, health: Arc<Health>, who: T) {
        self.waiting.push_back((health, who));
    }

    fn next(&mut self) -> Option<T> {
        let in_trouble = || {
            let mut waiting = self.waiting.iter();
            waiting.position(|(health, _)| health.is_in_trouble())
        };
        let at = match self.overtaken {
            IN_A_ROW.. => 0,
            _ => in_trouble().unwrap_or(0),
        };
        self.overtaken = if at == 0 { 0 } else { self.overtaken + 1 };
        self.waiting.remove(at).map(|(_, who)| who)
    }
}

/// A number of places, for which those who wait have [`Turns`].
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    turns: Turns<oneshot::Sender<Place>>,
}

/// One of the places, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Places);

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: count,
            turns: Turns::new(),
        })))
    }

    /// Waits for a place. It may be dropped: the place is the next one's then.
    pub(crate) async fn take(&self, health: &Arc<Health>) -> Place {
        let (give, given) = oneshot::channel();
        self.lock().turns.push(Arc::clone(health), give);
        // All that begin together stand in line before the first of them goes.
        tokio::task::yield_now().await;
        self.serve();
        match given.await {
            Ok(place) => place,
            // Whoever leaves the line gives a place first.
            Err(_) => Place(self.clone()),
        }
    }

    /// Gives free places to those who wait.
    fn serve(&self) {
        while let Some(give) = self.next() {
            // One that does not wait any more leaves the place free.
            drop(give.send(Place(self.clone())));
        }
    }

    /// Who gets a place that was free.
    fn next(&self) -> Option<oneshot::Sender<Place>> {
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

impl Drop for Place {
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

    fn health(is_in_trouble: bool) -> Arc<Health> {
        Arc::new(Health(AtomicBool::new(is_in_trouble)))
    }

    fn all(turns: &mut Turns<u32>) -> Vec<u32> {
        std::iter::from_fn(|| turns.next()).collect()
    }

    /// Those in trouble are the numbers from 10 on.
    fn line(who: &[u32]) -> Turns<u32> {
        let mut turns = Turns::new();
        for number in who {
            turns.push(health(*number >= 10), *number);
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
            turns.push(health(true), number);
            served.extend(turns.next());
        }
        assert_eq!(served[..8], [10, 11, 12, 1, 13, 14, 15, 2]);
        assert_eq!(served[8..], (16..28).collect::<Vec<_>>());
    }

    #[test]
    fn what_fails_while_it_waits_moves_up() {
        let mut turns = line(&[1]);
        let late = health(false);
        turns.push(Arc::clone(&late), 2);
        late.0.store(true, Ordering::Relaxed);
        assert_eq!(all(&mut turns), [2, 1]);
    }

    #[test]
    fn trouble_is_back_off_an_error_or_not_being_ready() {
        let of = |state: Value, ready: bool| {
            let status = json!({ "name": "c", "state": state, "ready": ready });
            let health = Health::default();
            health.see(&serde_json::from_value(status).unwrap());
            health.is_in_trouble()
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
    async fn a_place_goes_on_to_the_next_in_turn() {
        let places = Places::new(1);
        let (well, ill) = (health(false), health(true));
        let first = places.take(&well).await;
        let mut second = Box::pin(places.take(&well));
        let mut third = Box::pin(places.take(&ill));
        // Each stands in line, then waits.
        for _ in 0..2 {
            assert!((&mut second).now_or_never().is_none());
            assert!((&mut third).now_or_never().is_none());
        }
        drop(first);
        assert!((&mut second).now_or_never().is_none());
        let place = (&mut third).now_or_never().unwrap();
        drop(place);
        assert!((&mut second).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_leaves_the_line_takes_no_place_along() {
        let places = Places::new(1);
        let well = health(false);
        let first = places.take(&well).await;
        let (mut before, mut after) = (Box::pin(places.take(&well)), Box::pin(places.take(&well)));
        for _ in 0..2 {
            assert!((&mut before).now_or_never().is_none());
            assert!((&mut after).now_or_never().is_none());
        }
        drop(before);
        drop(first);
        // One that was given a place and does not fetch it.
        drop(after);
        let last = tokio::time::timeout(std::time::Duration::from_secs(5), places.take(&well));
        assert!(last.await.is_ok());
    }
}
