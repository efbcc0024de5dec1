use argo_core::{GroupKind, ObjectRef};

use super::*;
use crate::StoreKind;
use crate::{
    ContainerKind,
    reader::{SeenLines, Window},
    store::{StoreRun, fake::FakeStore},
};

const START: i64 = 1_700_000_000_000_000_000;

fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        pod: ObjectRef {
            kind: GroupKind::new("", "Pod"),
            namespace: "shop".into(),
            name: "web-1".into(),
            uid: "u".into(),
        },
        container: "app".into(),
        workload: None,
        is_new: true,
        kind: ContainerKind::Main,
        id: 0,
    })
}

fn hole(from: i64, until: Option<i64>) -> Hole {
    Hole {
        notice: Some(Notice::new(
            NoticeCode::LinesMissing,
            Level::Warning,
            "lines may be missing",
        )),
        from,
        until,
        behind: until.map(|until| until - 1),
        restart: 1,
        run: None,
        printed: SeenLines::default(),
        is_open: false,
    }
}

fn filling(store: &Arc<FakeStore>) -> Filling {
    let store: Arc<dyn LogStore> = store.clone();
    Filling::new(Arc::new(Shared::new(store)), origin())
}

/// Collects the outcomes until nothing is left to do.
async fn all(filling: &mut Filling) -> Vec<String> {
    let mut said = Vec::new();
    while filling.is_busy() {
        match filling.next().await {
            Found::End => {}
            Found::Notice(notice) => said.push(format!("{:?}: {}", notice.code, notice.message)),
            Found::Lines(batch, kind) => {
                assert_eq!(kind, StoreKind::VictoriaLogs);
                let lines = batch.lines();
                said.extend(lines.map(|line| String::from_utf8_lossy(line.text).into_owned()));
            }
        }
    }
    said
}

#[tokio::test(start_paused = true)]
async fn a_hole_is_filled_behind_one_notice() {
    let lines = [
        (START, "before"),
        (START + 1, "a"),
        (START + 2, "b\nc"),
        (START + 3, "after"),
    ];
    let store = Arc::new(FakeStore::with(lines));
    let mut filling = filling(&store);
    let mut window = Window::default();
    for (time, text) in [(START, "before"), (START + 3, "after")] {
        window.push(crate::reader::Entry::of(time, text.as_bytes()));
    }
    let printed = window.seen_lines();
    filling.add(Hole {
        printed,
        ..hole(START, Some(START + 4))
    });
    let notice = "FromStore: lines may be missing; the lines that VictoriaLogs has follow";
    assert_eq!(all(&mut filling).await, [notice, "a", "b", "c"]);
    // The line behind the hole was there: nothing is waited for.
    assert_eq!(store.asked.load(Ordering::Relaxed), 1);
}

/// The kubelet printed the line behind the hole so long ago that it is not remembered.
#[tokio::test(start_paused = true)]
async fn a_forgotten_line_behind_a_hole_is_waited_for_but_not_shown() {
    let store = Arc::new(FakeStore::with([(START + 1, "a")]));
    let mut filling = filling(&store);
    filling.add(Hole {
        behind: Some(START + 9),
        ..hole(START, Some(START + 9))
    });
    assert!(matches!(filling.next().await, Found::Notice(_)));
    assert!(matches!(filling.next().await, Found::Lines(..)));
    store.add([(START + 2, "b"), (START + 9, "behind")]);
    assert_eq!(all(&mut filling).await, ["b"]);
    assert_eq!(store.asked.load(Ordering::Relaxed), 2);
    filling.add(Hole {
        behind: Some(START + 9),
        ..hole(START + 3, Some(START + 9))
    });
    let notice = "LinesMissing: lines may be missing; VictoriaLogs has none of them";
    assert_eq!(all(&mut filling).await, [notice]);
    assert_eq!(store.asked.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_still_on_their_way_are_waited_for() {
    let store = Arc::new(FakeStore::with([(START + 1, "a")]));
    let mut filling = filling(&store);
    filling.add(hole(START, Some(START + 10)));
    let begun = Instant::now();
    for wanted in ["notice", "a"] {
        match filling.next().await {
            Found::End => panic!(),
            Found::Notice(_) => assert_eq!(wanted, "notice"),
            Found::Lines(batch, _) => {
                assert_eq!(batch.lines().next().unwrap().text, wanted.as_bytes());
                assert_eq!(batch.restart(), 1);
            }
        }
    }
    store.add([(START + 2, "b"), (START + 9, "behind")]);
    assert_eq!(all(&mut filling).await, ["b", "behind"]);
    assert!(begun.elapsed() < LAG);
}

#[tokio::test(start_paused = true)]
async fn a_store_without_the_lines_is_named_in_the_notice() {
    let store = Arc::new(FakeStore::default());
    let mut filling = filling(&store);
    filling.add(hole(START, Some(START + 10)));
    let begun = Instant::now();
    let notice = "LinesMissing: lines may be missing; VictoriaLogs has none of them";
    assert_eq!(all(&mut filling).await, [notice]);
    assert!(begun.elapsed() >= LAG);
}

/// A node refused, the store stood in, and then the pod left: its end is a second hole.
#[tokio::test(start_paused = true)]
async fn lines_that_the_store_gave_before_are_not_denied() {
    let start = nanos(Timestamp::now());
    let store = Arc::new(FakeStore::with([(start + 1, "a")]));
    let mut filling = filling(&store);
    filling.add(Hole {
        is_open: true,
        ..hole(start, None)
    });
    while !matches!(filling.next().await, Found::Lines(..)) {}
    filling.add(hole(start, Some(start + 9)));
    let notice =
        "FromStore: lines may be missing; the lines that VictoriaLogs has were shown before";
    assert_eq!(all(&mut filling).await, [notice]);
}

/// The node and its collector died: the store has the last printed line and nothing behind it.
#[tokio::test(start_paused = true)]
async fn a_line_that_the_kubelet_printed_is_none_that_the_store_gave() {
    let start = nanos(Timestamp::now());
    let store = Arc::new(FakeStore::with([(start, "printed")]));
    let mut window = Window::default();
    window.push(crate::reader::Entry::of(start, b"printed"));
    let printed = window.seen_lines();
    let mut filling = filling(&store);
    filling.add(Hole {
        is_open: true,
        printed: printed.clone(),
        ..hole(start, None)
    });
    assert!(matches!(filling.next().await, Found::Notice(_)));
    let more = tokio::time::timeout(LAG, filling.next()).await;
    assert!(more.is_err() && store.asked.load(Ordering::Relaxed) > 1);
    filling.add(Hole {
        printed,
        ..hole(start, Some(start + 9))
    });
    let notice = "LinesMissing: lines may be missing; VictoriaLogs has none of them";
    assert_eq!(all(&mut filling).await, [notice]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_reported_once_for_all_containers() {
    let store = Arc::new(FakeStore::default());
    store.fail(Some("connection refused"));
    let mut first = filling(&store);
    let mut second = Filling::new(Arc::clone(&first.shared), origin());
    first.add(hole(START, Some(START + 10)));
    second.add(hole(START, Some(START + 10)));
    let said = all(&mut first).await;
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with("FromStore: VictoriaLogs cannot be asked"),
        "{said:?}"
    );
    assert_eq!(said[1], "LinesMissing: lines may be missing");
    assert_eq!(
        all(&mut second).await,
        ["LinesMissing: lines may be missing"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_read_from_the_store_until_the_kubelet_answers() {
    let now = nanos(Timestamp::now());
    let store = Arc::new(FakeStore::default());
    let line = |time, text: &str| StoreLine {
        time,
        text: text.to_owned(),
        run: StoreRun::default(),
    };
    store.lines.lock().unwrap().push(line(now - 5, "one"));
    let mut filling = filling(&store);
    filling.add(Hole {
        is_open: true,
        ..hole(now - 10, None)
    });
    let mut said = Vec::new();
    for _ in 0..4 {
        match filling.next().await {
            Found::End => panic!(),
            Found::Notice(notice) => said.push(notice.message),
            Found::Lines(batch, _) => {
                let text = batch.lines().next().unwrap().text;
                said.push(String::from_utf8_lossy(text).into_owned());
                store.lines.lock().unwrap().push(line(now - 4, "two"));
                store.lines.lock().unwrap().truncate(2);
            }
        }
    }
    assert_eq!(said[0], "lines may be missing");
    assert!(said[1].contains("come from VictoriaLogs"), "{said:?}");
    assert_eq!(said[2..], ["one", "two"]);
    // The kubelet answers, and begins where it had left off.
    let again = [
        Line::new(Some(now - 5), b"one"),
        Line::new(Some(now - 4), b"two"),
        Line::new(Some(now - 3), b"three"),
    ];
    let mut batch = Batch::from_lines("A".into(), 1, again.into_iter());
    filling.kubelet_sent(&mut batch);
    let left: Vec<_> = batch.lines().map(|line| line.text.to_vec()).collect();
    assert_eq!(left, [b"three"]);
    assert!(!filling.is_busy());
}

#[tokio::test(start_paused = true)]
async fn lines_of_another_pod_of_that_name_are_left_out() {
    let store = Arc::new(FakeStore::default());
    let now = nanos(Timestamp::now());
    let line = |uid: &str, text: &str| StoreLine {
        time: now - 5,
        text: text.to_owned(),
        run: StoreRun {
            uid: Some(uid.into()),
            restart: Some(3),
            ..StoreRun::default()
        },
    };
    let lines = [line("u", "ours"), line("other", "theirs")];
    store.lines.lock().unwrap().extend(lines);
    let mut filling = filling(&store);
    filling.add(Hole {
        notice: None,
        ..hole(now - 10, None)
    });
    filling.finish();
    let notice = "FromStore: the pod left before its log was read; \
                  the lines that VictoriaLogs has follow";
    assert_eq!(all(&mut filling).await, [notice, "ours"]);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_nothing_is_waited_for() {
    let store = Arc::new(FakeStore::default());
    let mut filling = filling(&store);
    filling.add(hole(START, Some(START + 10)));
    filling.finish();
    let begun = Instant::now();
    assert_eq!(all(&mut filling).await.len(), 1);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[test]
fn a_long_text_comes_in_pieces() {
    let text = "x".repeat(CAP + 1);
    let pieces: Vec<_> = pieces(1, text.as_bytes()).collect();
    assert_eq!(pieces.len(), 2);
    assert!(pieces[0].continues && pieces[1].continuation);
    assert_eq!(super::pieces(1, b"").count(), 1);
}

/// Nobody waits for a hole in which nothing was.
#[tokio::test(start_paused = true)]
async fn a_hole_that_nobody_was_told_of_ends_without_a_word() {
    let store = Arc::new(FakeStore::default());
    let mut filling = filling(&store);
    filling.add(Hole {
        notice: None,
        ..hole(START, None)
    });
    assert_eq!(all(&mut filling).await, [""; 0]);
    assert!(store.asked.load(Ordering::Relaxed) > 3);
}
