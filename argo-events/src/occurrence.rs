//! Time and number of the occurrences of an event.

use jiff::{SignedDuration, Timestamp};

use crate::Event;

/// Returns the time of the last occurrence.
///
/// Writers differ: the kubelet and the controllers set `lastTimestamp`; the scheduler leaves
/// it null and sets `eventTime`, and `series.lastObservedTime` from the second occurrence on
/// (recordings `10-failure-kinds`). The last resort is the creation time.
///
/// Old-style times are whole seconds, which would sort a `Started` before log lines that
/// were written half a second earlier. client-go names an event `<object>.<nanoseconds in
/// hex>` (`tools/record/event.go`, `makeEvent`; Argo CD's audit log does so too). If the
/// time in the name lies in the second of the timestamp, it is returned instead.
pub fn time(event: &Event) -> Timestamp {
    let coarse = coarse_time(event);
    named_time(event)
        .filter(|named| coarse.subsec_nanosecond() == 0 && whole_second(*named) == coarse)
        .unwrap_or(coarse)
}

/// Returns the time of the first occurrence.
pub fn first_time(event: &Event) -> Timestamp {
    let created = event.metadata.creation_timestamp.as_ref();
    let known = event.first_timestamp.or(event.event_time);
    known
        .or(created.map(|time| time.0))
        .unwrap_or_else(|| time(event))
}

/// Returns the number of occurrences, at least 1.
pub fn count(event: &Event) -> u32 {
    let series = event.series.as_ref().and_then(|series| series.count);
    // Old style, new style, or both where a controller was upgraded in between.
    let count = event.count.max(series).unwrap_or(1).max(1);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Rounds a time down to the second.
pub(crate) fn whole_second(time: Timestamp) -> Timestamp {
    let fraction = i64::from(time.subsec_nanosecond()).rem_euclid(1_000_000_000);
    time.checked_sub(SignedDuration::from_nanos(fraction))
        .unwrap_or(time)
}

fn coarse_time(event: &Event) -> Timestamp {
    let created = event.metadata.creation_timestamp.as_ref();
    event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time)
        .or(event.last_timestamp)
        .or(event.event_time)
        .or(created.map(|time| time.0))
        .unwrap_or_default()
}

fn named_time(event: &Event) -> Option<Timestamp> {
    let (_, nanoseconds) = event.metadata.name.as_deref()?.rsplit_once('.')?;
    let nanoseconds = i64::from_str_radix(nanoseconds, 16).ok()?;
    Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Series;

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn the_last_time_wins_over_the_first() {
        let mut event = Event {
            event_time: at("2026-11-23T23:00:00.25Z"),
            ..Event::default()
        };
        assert_eq!(Some(time(&event)), at("2026-11-23T23:00:00.25Z"));
        event.last_timestamp = at("2026-11-23T23:05:00Z");
        assert_eq!(Some(time(&event)), at("2026-11-23T23:05:00Z"));
        event.series = Some(Series {
            count: Some(4),
            last_observed_time: at("2026-11-23T23:09:00.5Z"),
        });
        assert_eq!(Some(time(&event)), at("2026-11-23T23:09:00.5Z"));
        assert_eq!(Some(first_time(&event)), at("2026-11-23T23:00:00.25Z"));
    }

    #[test]
    fn the_name_sharpens_a_whole_second_and_nothing_else() {
        let mut event = Event::default();
        event.metadata.name = Some("web.18ead1d7cc387e5c".into());
        event.last_timestamp = at("2026-11-23T23:55:26Z");
        assert_eq!(Some(time(&event)), at("2026-11-23T23:55:26.23499222Z"));
        // A repeat: the name holds the time of the first occurrence only.
        event.last_timestamp = at("2026-11-23T23:55:41Z");
        assert_eq!(Some(time(&event)), at("2026-11-23T23:55:41Z"));
        event.last_timestamp = at("2026-11-23T23:55:26.5Z");
        assert_eq!(Some(time(&event)), at("2026-11-23T23:55:26.5Z"));
        event.metadata.name = Some("web.example.com".into());
        event.last_timestamp = at("2026-11-23T23:55:26Z");
        assert_eq!(Some(time(&event)), at("2026-11-23T23:55:26Z"));
    }

    #[test]
    fn counts_of_both_styles() {
        let mut event = Event::default();
        assert_eq!(count(&event), 1);
        event.count = Some(3);
        assert_eq!(count(&event), 3);
        event.series = Some(Series {
            count: Some(7),
            last_observed_time: None,
        });
        assert_eq!(count(&event), 7);
        event.count = Some(-1);
        event.series = None;
        assert_eq!(count(&event), 1);
    }
}
