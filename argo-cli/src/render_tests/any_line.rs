//! Lines of any bytes, as text and as JSON.

use super::*;

/// The record of a log line, by way of serde.
fn by_serde(origin: &Origin<'_>, nanos: i64, level: Level, text: &[u8]) -> Record {
    let body = Body::Log(Log {
        app: "shop".to_owned(),
        namespace: origin.namespace.to_owned(),
        workload: origin.workload.map(ToString::to_string),
        pod: origin.pod.to_owned(),
        uid: None,
        container: origin.container.to_owned(),
        restart: origin.restart,
        partial: false,
        store: None,
    });
    let text = String::from_utf8_lossy(text);
    Record::at(stamp::timestamp(nanos), level, text, body)
}

fn level_of(number: usize) -> Level {
    [
        Level::Error,
        Level::Warning,
        Level::Info,
        Level::Debug,
        Level::Trace,
    ][number % 5]
}

/// Bytes of all kinds, and those that matter more often than chance has them.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        ".*".prop_map(String::into_bytes),
        prop::sample::select(vec![
            "##[",
            "#",
            "::",
            "\u{1b}[31m",
            "\u{85}",
            "\u{2028}",
            "\"",
            "\\"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_by_hand_says_what_serde_says(
        texts in prop::collection::vec((any_line(), any::<i64>(), 0_usize..5), 1..4),
        pod in ".*",
        workload in prop::option::of(".*"),
        restart in any::<u32>(),
    ) {
        let origin = Origin { pod: &pod, workload: workload.as_ref().map(|w| w as &dyn Display), restart, ..ORIGIN };
        let mut renderer = renderer(&[JSON, ("LOG_LEVEL", "trace")]);
        for (text, nanos, level) in texts {
            // A line has no newline, and the smallest number means that it has no time.
            let text: Vec<u8> = text.into_iter().filter(|byte| *byte != b'\n').collect();
            let nanos = nanos.max(i64::MIN + 1);
            let mut out = Vec::new();
            let one = batch(&[Line::new(Some(nanos), &text)]);
            renderer.lines(&origin, |_| level_of(level), &one, &mut out);
            let expected = by_serde(&origin, nanos, level_of(level), &text);
            prop_assert_eq!(serde_json::from_slice::<Record>(&out).unwrap(), expected.clone());
            // Byte for byte the same as the other way through this module.
            let mut other = Vec::new();
            json::record(&expected, &mut other);
            let (fields, expected): (Value, Value) =
                (serde_json::from_slice(&out).unwrap(), serde_json::from_slice(&other).unwrap());
            prop_assert_eq!(fields, expected);
            prop_assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
            let out = String::from_utf8(out).unwrap();
            prop_assert!(!out.contains("##["));
            prop_assert!(!out.contains(|c: char| c.is_control() && c != '\n'));
        }
    }

    #[test]
    fn clean_lines_are_byte_for_byte_what_serde_writes(
        text in "[ -~]{0,80}", nanos in any::<i64>(), restart in any::<u32>(),
    ) {
        let nanos = nanos.max(i64::MIN + 1);
        let text = text.replace("##", "#-");
        let origin = Origin { restart, ..ORIGIN };
        let one = batch(&[Line::new(Some(nanos), text.as_bytes())]);
        let mut out = Vec::new();
        renderer(&[JSON]).lines(&origin, |_| Level::Info, &one, &mut out);
        let expected = by_serde(&origin, nanos, Level::Info, text.as_bytes());
        let expected = format!("{}\n", serde_json::to_string(&expected).unwrap());
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn text_of_any_bytes_is_one_safe_line(text in any_line()) {
        let text: Vec<u8> = text.into_iter().filter(|byte| *byte != b'\n').collect();
        let shown = lines(&mut renderer(&[]), &ORIGIN, &[Line::new(Some(0), &text)]);
        prop_assert_eq!(shown.matches('\n').count(), 1);
        prop_assert!(shown.starts_with("1970-01-01 00:00:00 INFO [web-6d4cf56db-x2x7p/app] "));
        prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
        prop_assert!(!shown.contains("##["));
    }
}

#[test]
fn no_number_of_runs_is_remembered_for_ever() {
    let mut renderer = renderer(&[]);
    for restart in 0..5000 {
        let origin = Origin { restart, ..ORIGIN };
        lines(&mut renderer, &origin, &[Line::new(Some(0), b"x")]);
        assert!(renderer.runs.len() <= RUNS);
    }
}
