use super::*;

#[test]
fn arrivals_are_whole_milliseconds_after_the_start() {
    let started: Timestamp = "2026-11-23T10:00:00.123456789Z".parse().unwrap();
    let now: Timestamp = "2026-11-23T10:00:01.999999999Z".parse().unwrap();
    let arrived = arrival(started, now);
    assert_eq!(since(started, arrived), 1876);
    assert_eq!(arrival(started, arrived), arrived);
    let before: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    assert_eq!(arrival(started, before), started);
}
