//! Where events wait for their object.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use jiff::Timestamp;

/// Events whose object is not known yet, for a while and up to a number.
///
/// An event often arrives before the object that it is about: in 61 of 61 recorded runs
/// the kubelet's `Started` came before the pod's status. Most parked events are of
/// objects that never belong to the application; they leave when their time is up, or,
/// when the place is full, the longest past first.
#[derive(Debug)]
pub struct Park<T> {
    wait: Duration,
    capacity: usize,
    arrivals: u64,
    waiting: BTreeMap<u64, Waiting<T>>,
    by_object: HashMap<String, Vec<u64>>,
    by_time: BTreeSet<(Timestamp, u64)>,
}

#[derive(Debug)]
struct Waiting<T> {
    object: String,
    time: Timestamp,
    until: Duration,
    event: T,
}

impl<T> Park<T> {
    /// A place for `capacity` events that wait up to `wait`.
    pub fn new(wait: Duration, capacity: usize) -> Self {
        Self {
            wait,
            capacity,
            arrivals: 0,
            waiting: BTreeMap::new(),
            by_object: HashMap::new(),
            by_time: BTreeSet::new(),
        }
    }

    /// Keeps an event of the object with this uid. `time` is when it happened, `now` any
    /// clock that does not go back.
    pub fn park(&mut self, object: &str, time: Timestamp, event: T, now: Duration) {
        let arrival = self.arrivals;
        self.arrivals += 1;
        let waiting = Waiting {
            object: object.to_owned(),
            time,
            until: now + self.wait,
            event,
        };
        self.waiting.insert(arrival, waiting);
        self.by_time.insert((time, arrival));
        self.by_object
            .entry(object.to_owned())
            .or_default()
            .push(arrival);
        while self.waiting.len() > self.capacity {
            let Some(&(_, oldest)) = self.by_time.first() else {
                break;
            };
            self.remove(oldest);
        }
    }

    /// Takes the events of an object, in the order of their arrival.
    pub fn release(&mut self, object: &str) -> Vec<T> {
        let arrivals = self.by_object.remove(object).unwrap_or_default();
        let mut events = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            if let Some(waiting) = self.waiting.remove(&arrival) {
                self.by_time.remove(&(waiting.time, arrival));
                events.push(waiting.event);
            }
        }
        events
    }

    /// Lets go of the events whose time is up.
    pub fn expire(&mut self, now: Duration) {
        while let Some((&arrival, waiting)) = self.waiting.first_key_value() {
            if waiting.until > now {
                break;
            }
            self.remove(arrival);
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn remove(&mut self, arrival: u64) {
        let Some(waiting) = self.waiting.remove(&arrival) else {
            return;
        };
        self.by_time.remove(&(waiting.time, arrival));
        if let Some(arrivals) = self.by_object.get_mut(&waiting.object) {
            arrivals.retain(|other| *other != arrival);
            if arrivals.is_empty() {
                self.by_object.remove(&waiting.object);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn an_object_gets_its_events_in_the_order_of_arrival() {
        let mut park = Park::new(seconds(30), 10);
        park.park("a", at(9), "a1", seconds(0));
        park.park("b", at(1), "b1", seconds(1));
        park.park("a", at(5), "a2", seconds(2));
        assert_eq!(park.release("a"), ["a1", "a2"]);
        assert!(park.release("a").is_empty());
        assert_eq!(park.len(), 1);
    }

    #[test]
    fn nothing_waits_longer_than_its_time() {
        let mut park = Park::new(seconds(30), 10);
        park.park("a", at(1), "a1", seconds(0));
        park.park("a", at(1), "a2", seconds(10));
        park.expire(seconds(29));
        assert_eq!(park.len(), 2);
        park.expire(seconds(30));
        assert_eq!(park.release("a"), ["a2"]);
        assert!(park.is_empty() && park.by_time.is_empty() && park.by_object.is_empty());
    }

    #[test]
    fn a_full_park_drops_what_is_longest_past() {
        let mut park = Park::new(seconds(30), 2);
        park.park("a", at(50), "a1", seconds(0));
        park.park("b", at(10), "b1", seconds(0));
        park.park("c", at(40), "c1", seconds(0));
        assert!(park.release("b").is_empty());
        assert_eq!(park.release("a"), ["a1"]);
        assert_eq!(park.release("c"), ["c1"]);
        assert!(park.by_time.is_empty() && park.by_object.is_empty());
    }
}
