//! A resumed response against the lines printed before.

use super::{window::SECOND, *};

#[test]
fn a_resume_takes_what_is_forgotten_for_printed() {
    let mut window = Window::default();
    for time in 0..600_000 {
        window.push(Entry {
            time: time * 1000,
            hash: 0,
        });
    }
    let since = Window::since(window.newest().unwrap()) * SECOND;
    let kept = window.printed_before(since, i64::MAX);
    assert!(since < kept, "it is forgotten");
    let start = Start::Again {
        same_run: true,
        from: None,
        since: Some(since),
    };
    let run = RunId {
        container_id: "A".into(),
        restart: 0,
    };
    let mut reader = ResponseReader::new(run, &start, None, &window);
    let line = |nanos: i64| format!("1970-01-01T00:00:00.{nanos:09}Z x\n");
    let bytes = Bytes::from(line(kept - 1) + &line(kept + 1) + &line(599_999_001));
    let mut items = Vec::new();
    let mut sink = Sink {
        window: &mut window,
        items: &mut items,
    };
    reader.feed(bytes, &mut sink);
    assert_eq!((reader.lines(), reader.printed()), (3, 2));
    assert_eq!(reader.first().map(|entry| entry.time), Some(kept + 1));
}
