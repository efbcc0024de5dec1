use std::collections::BTreeMap;

use argo_core::{GroupKind, Level, ObjectRef};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

const REPEAT_AFTER: u64 = 60;

fn scope() -> EventScope {
    EventScope {
        namespace: "s01".into(),
        applications: false,
        fields: None,
    }
}

fn observation(uid: &str, version: u64, count: u32, message: &str) -> Observation {
    let object = ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: "s01".into(),
        name: "web".into(),
        uid: "pod".into(),
    };
    Observation {
        uid: uid.into(),
        resource_version: version.to_string().into(),
        count,
        scope: scope(),
        record: EventRecord {
            time: Timestamp::UNIX_EPOCH,
            level: Level::Warning,
            root: object.clone(),
            object,
            container: None,
            reason: "BackOff".into(),
            message: message.into(),
            count,
            repeated: false,
            before_start: false,
            type_: "Warning".into(),
            component: "kubelet".into(),
            first_seen: Timestamp::UNIX_EPOCH,
        },
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn counted(record: &EventRecord) -> (u32, bool) {
    (record.count, record.repeated)
}

/// A pod of its own that its node refuses.
fn refused(pod: u64, reason: &str) -> Observation {
    let message = format!("Node didn't have enough resource: cpu, used: {pod}");
    let mut observation = observation(&format!("e{pod}"), pod, 1, &message);
    observation.record.object.name = format!("web-{pod}").into();
    observation.record.object.uid = format!("pod-{pod}").into();
    observation.record.reason = reason.into();
    observation
}

#[test]
fn refused_pods_of_a_workload_are_one_record_a_minute_however_many() {
    for reason in [
        "OutOfcpu",
        "OutOfexample.com/gpu",
        "NodePorts",
        "TaintToleration",
    ] {
        let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
        let mut shown = Vec::new();
        for pod in 0..500 {
            let now = seconds(pod / 10);
            shown.extend(events.admit(refused(pod, reason), now));
        }
        shown.extend(events.due(seconds(REPEAT_AFTER)));
        let counts = shown.iter().map(counted);
        assert_eq!(counts.collect::<Vec<_>>(), [(1, false), (500, true)]);
        assert_eq!(&*shown[1].object.name, "web-499");
    }
    // A bare pod speaks for itself.
    let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
    let bare = |pod| {
        let mut bare = refused(pod, "OutOfcpu");
        bare.record.root = bare.record.object.clone();
        bare
    };
    let shown = (0..3).filter_map(|pod| events.admit(bare(pod), seconds(0)));
    assert_eq!(shown.count(), 3);
}

#[test]
fn repeats_are_one_record_a_minute_and_the_last_count_is_reported() {
    let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
    let mut shown = Vec::new();
    for n in 0..13 {
        let now = seconds(10 * n);
        shown.extend(events.due(now));
        let count = u32::try_from(n).unwrap() + 1;
        shown.extend(events.admit(observation("a", n, count, "x"), now));
    }
    shown.extend(events.flush(seconds(125)));
    // At 0, 60 (what came until 50), 120 (until 110) and at the end.
    let counts: Vec<_> = shown.iter().map(counted).collect();
    assert_eq!(counts, [(1, false), (6, true), (12, true), (13, true)]);
    assert_eq!(events.next_due(), None);
}

#[test]
fn a_repeat_after_the_period_is_reported_at_once() {
    let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
    events
        .admit(observation("a", 1, 1, "x"), seconds(0))
        .unwrap();
    let again = events
        .admit(observation("a", 2, 2, "x"), seconds(60))
        .unwrap();
    assert_eq!(counted(&again), (2, true));
    assert_eq!(events.admit(observation("a", 3, 3, "x"), seconds(61)), None);
    assert_eq!(
        events.admit(observation("a", 4, 4, "newest"), seconds(62)),
        None
    );
    assert_eq!(events.next_due(), Some(seconds(120)));
    let held = events.due(seconds(120));
    assert_eq!((held[0].message.as_str(), held[0].count), ("newest", 4));
}

#[test]
fn a_change_without_an_occurrence_is_nothing() {
    let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
    events
        .admit(observation("a", 5, 3, "x"), seconds(0))
        .unwrap();
    assert_eq!(
        events.admit(observation("a", 6, 3, "x"), seconds(100)),
        None
    );
    // A list from an API server that lags behind.
    assert_eq!(
        events.admit(observation("a", 4, 9, "x"), seconds(100)),
        None
    );
    assert_eq!(events.next_due(), None);
}

#[test]
fn an_event_before_the_start_is_reported_at_once_and_delays_no_repeat() {
    let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
    for n in 1..4_u32 {
        let mut old = observation("a", n.into(), n, "x");
        old.record.before_start = true;
        let given = events.admit(old, seconds(0)).unwrap();
        assert_eq!(counted(&given), (n, n > 1));
    }
    let fresh = events
        .admit(observation("a", 4, 4, "x"), seconds(1))
        .unwrap();
    assert_eq!(counted(&fresh), (4, true));
}

#[test]
fn normal_events_are_never_taken_together() {
    let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
    for uid in ["a", "b"] {
        let mut created = observation(uid, 1, 1, "Created pod: web-bcdfg");
        created.record.type_ = "Normal".into();
        let given = events.admit(created, seconds(0)).unwrap();
        assert_eq!(counted(&given), (1, false));
    }
}

#[test]
fn a_list_forgets_what_it_does_not_show() {
    let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
    events
        .admit(observation("a", 1, 1, "x"), seconds(0))
        .unwrap();
    events
        .admit(observation("b", 2, 1, "y"), seconds(0))
        .unwrap();
    events.restarted(&scope());
    assert_eq!(events.admit(observation("b", 2, 1, "y"), seconds(1)), None);
    events.synced(&scope());
    assert_eq!((events.members.len(), events.groups.len()), (1, 1));
    assert!(events.is_known("b", "2", &scope()));
}

#[test]
fn an_object_that_is_gone_leaves_its_last_count_and_nothing_else() {
    let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
    events
        .admit(observation("a", 1, 1, "x"), seconds(0))
        .unwrap();
    assert_eq!(events.admit(observation("a", 2, 7, "x"), seconds(1)), None);
    let last = events.forget("pod", seconds(2));
    assert_eq!(last.iter().map(counted).collect::<Vec<_>>(), [(7, true)]);
    assert!(events.members.is_empty() && events.groups.is_empty());
    assert_eq!(events.next_due(), None);
}

/// The steps that the events of one object may take.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    /// An event (of three, two of which say the same) happens.
    Happen(usize),
    /// The watch is opened again and lists everything.
    Relist,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..40_u64).prop_map(Step::Wait),
        4 => (0..3_usize).prop_map(Step::Happen),
        1 => Just(Step::Relist),
    ]
}

const EVENTS: [(&str, &str); 3] = [
    ("a", "pods \"x-bcdfg\""),
    ("b", "pods \"x-hjklm\""),
    ("c", "other"),
];

/// Group of a line, times and counts after each occurrence.
type Histories = BTreeMap<bool, Vec<(u64, u32)>>;

/// The records of one line, from its whole history: the first at once, then the last of
/// each period that something fell into, and the rest at the end.
fn model(history: &[(u64, u32)], end: u64) -> Vec<(u64, u32)> {
    let mut shown = Vec::new();
    let mut rest = history;
    let mut open_at = 0;
    while let Some(&(first, _)) = rest.first() {
        let shown_at = first.max(open_at).min(end);
        let within = if first >= open_at {
            1
        } else {
            rest.iter().take_while(|(at, _)| *at < open_at).count()
        };
        shown.push((shown_at, rest[within - 1].1));
        rest = &rest[within..];
        open_at = shown_at + REPEAT_AFTER;
    }
    shown
}

proptest! {
    #[test]
    fn it_reports_the_same_as_the_model(steps in prop::collection::vec(step(), 0..60)) {
        let mut events = Deduplicator::new(seconds(REPEAT_AFTER));
        let (mut now, mut version) = (0, 0);
        let mut state = [(0_u64, 0_u32); 3];
        let mut histories = Histories::new();
        let mut shown = BTreeMap::<bool, Vec<(u64, u32)>>::new();
        let mut keep = |at: u64, records: Vec<EventRecord>| {
            for record in records {
                shown.entry(record.message == "other").or_default().push((at, record.count));
            }
        };
        for step in steps {
            match step {
                Step::Wait(by) => {
                    let until = now + by;
                    while let Some(due) = events.next_due().filter(|due| *due <= seconds(until)) {
                        keep(due.as_secs(), events.due(due));
                    }
                    now = until;
                }
                Step::Happen(n) => {
                    version += 1;
                    state[n] = (version, state[n].1 + 1);
                    let (uid, message) = EVENTS[n];
                    let record = events.admit(observation(uid, version, state[n].1, message), seconds(now));
                    keep(now, record.into_iter().collect());
                    let other = message == "other";
                    let sum = if other { state[2].1 } else { state[0].1 + state[1].1 };
                    histories.entry(other).or_default().push((now, sum));
                }
                Step::Relist => {
                    events.restarted(&scope());
                    for (n, (uid, message)) in EVENTS.iter().enumerate() {
                        let (version, count) = state[n];
                        if count > 0 {
                            let again = events.admit(observation(uid, version, count, message), seconds(now));
                            prop_assert_eq!(again, None);
                        }
                    }
                    events.synced(&scope());
                }
            }
        }
        keep(now, events.flush(seconds(now)));
        let expected: BTreeMap<_, _> = histories
            .iter()
            .map(|(other, history)| (*other, model(history, now)))
            .collect();
        prop_assert_eq!(shown, expected);
    }
}
