//! `$now` in the objects of `put`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock;

/// Replaces `$now`, `$now-90s` and `$now+5m`, and fills in creation time and uid.
pub(super) fn complete(object: &mut Value, now: Timestamp) {
    replace(object, now);
    let meta = &mut object["metadata"];
    if meta["creationTimestamp"].is_null() {
        meta["creationTimestamp"] = json!(clock::time(now));
    }
    if meta["uid"].is_null() {
        let place = format!(
            "{}/{}/{}",
            object["kind"], object["metadata"]["namespace"], object["metadata"]["name"]
        );
        object["metadata"]["uid"] = json!(uid(&place));
    }
}

fn replace(value: &mut Value, now: Timestamp) {
    match value {
        Value::String(text) => {
            if let Some(time) = time(text, now) {
                *text = clock::time(time);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, now)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, now)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn time(text: &str, now: Timestamp) -> Option<Timestamp> {
    let span = text.strip_prefix("$now")?;
    if span.is_empty() {
        return Some(now);
    }
    let distance: SignedDuration = span.get(1..)?.parse().ok()?;
    match span.as_bytes()[0] {
        b'-' => now.checked_sub(distance).ok(),
        b'+' => now.checked_add(distance).ok(),
        _ => None,
    }
}

/// Returns a uid that depends on the name of the object only (FNV-1a, twice).
fn uid(place: &str) -> String {
    let hash = |start: u64| {
        place.bytes().fold(start, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let (a, b) = (hash(0xcbf2_9ce4_8422_2325), hash(0x6c62_272e_07bb_0142));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_replaced_wherever_it_stands() {
        let now: Timestamp = "2026-11-23T12:00:00.5Z".parse().unwrap();
        let mut object = json!({
            "kind": "Pod",
            "metadata": {"name": "x", "creationTimestamp": "$now-1m30s"},
            "status": {"conditions": [{"lastTransitionTime": "$now+5s", "message": "$nowhere"}]},
        });
        complete(&mut object, now);
        assert_eq!(
            object["metadata"]["creationTimestamp"],
            "2026-11-23T11:58:30Z"
        );
        let condition = &object["status"]["conditions"][0];
        assert_eq!(condition["lastTransitionTime"], "2026-11-23T12:00:05Z");
        assert_eq!(condition["message"], "$nowhere");
        assert_eq!(object["metadata"]["uid"].as_str().unwrap().len(), 36);
    }
}
