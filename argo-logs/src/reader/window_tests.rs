//! The lines that are remembered, and for how long.

use proptest::prelude::*;

use super::*;

fn entry(millis: i64, hash: u32) -> Entry {
    Entry {
        time: millis * 1_000_000,
        hash,
    }
}

#[test]
fn it_begins_a_second_before_the_second_of_the_newest() {
    let mut window = Window::default();
    assert_eq!(window.newest(), None);
    for millis in [900, 1000, 3999, 4500, 4499] {
        window.push(entry(millis, 0));
    }
    assert_eq!(window.newest().map(Window::since), Some(3));
    assert_eq!(window.newest_before(None), window.newest());
    let limit = entry(4000, 0).time;
    assert_eq!(window.newest_before(Some(limit)), Some(entry(3999, 0).time));
    assert_eq!(window.last(3 * SECOND, i64::MAX), Some(entry(4499, 0)));
    assert_eq!(window.last(3 * SECOND, limit), Some(entry(3999, 0)));
    assert_eq!(window.last(4 * SECOND, limit), None);
    let known = window.seen_lines();
    assert!(!known.has(entry(900, 0)) && known.has(entry(1000, 0)));
    assert!(window.has_forgotten(999_999_999) && !window.has_forgotten(1_000_000_000));
}

#[test]
fn times_before_1970_are_floored_too() {
    let mut window = Window::default();
    window.push(entry(-1500, 0));
    assert_eq!(window.newest().map(Window::since), Some(-3));
}

#[test]
fn a_line_is_known_as_often_as_it_was_shown() {
    let mut window = Window::default();
    for hash in [7, 7, 8] {
        window.push(entry(5, hash));
    }
    let mut known = window.seen_lines();
    let taken = [7, 7, 7, 8, 8].map(|hash| known.take(entry(5, hash)));
    assert_eq!(taken, [true, true, false, true, false]);
}

fn last(window: &Window) -> Option<Entry> {
    window.last(i64::MIN, i64::MAX)
}

fn printed_before(window: &Window) -> i64 {
    window.printed_before(i64::MIN, i64::MAX)
}

fn size(window: &Window) -> usize {
    let pieces = window.pieces.iter().map(|piece| piece.entries.len());
    assert_eq!(pieces.clone().sum::<usize>(), window.count);
    window.count + window.open.len()
}

/// A line each `step` nanoseconds.
fn flooded(lines: usize, step: i64) -> Window {
    let mut window = Window::default();
    for number in 0..lines {
        let number = i64::try_from(number).unwrap();
        let (time, hash) = (number * step, u32::try_from(number).unwrap());
        window.push(Entry { time, hash });
    }
    window
}

#[test]
fn what_is_old_goes_whether_lines_are_many_or_few() {
    let many = flooded(200_000, SECOND / 10_000);
    assert!((20_000..45_000).contains(&size(&many)), "{}", size(&many));
    let (known, kept) = (many.seen_lines(), many.kept);
    assert!(many.entries().all(|entry| entry.time >= kept));
    assert!(known.has(many.entries().next().unwrap()));
    let few = flooded(3600, SECOND);
    assert!(size(&few) <= 5, "{}", size(&few));
}

#[test]
fn an_earlier_run_that_is_read_late_is_known_too() {
    let mut window = Window::default();
    (0..10).for_each(|second| window.push(entry(second * 1000, 0)));
    window.checkpoint();
    let late = entry(1000, 7);
    window.push(late);
    assert!(window.has_forgotten(late.time) && window.seen_lines().has(late));
}

#[test]
fn of_a_flood_the_latest_lines_stay() {
    let window = flooded(MOST + 100 * PIECE, 1000);
    assert!((MOST - PIECE..=MOST + PIECE).contains(&size(&window)));
    let first = i64::try_from(99 * PIECE).unwrap() * 1000;
    let is_close = (0..1_000_000).contains(&(printed_before(&window) - first));
    assert!(is_close, "{}", printed_before(&window));
    assert!(window.has_forgotten(first) && !window.has_forgotten(printed_before(&window)));
    let last = last(&window).unwrap();
    assert_eq!(Some(last.time), window.newest());
    assert_eq!(
        (Window::since(last.time), window.until()),
        (-1, window.newest())
    );
    assert!(window.seen_lines().has(last));
}

#[test]
fn lines_that_may_overtake_others_do_not_count_as_shown() {
    let window = flooded(MOST + 2 * PIECE, 1);
    assert!(size(&window) <= MOST + PIECE);
    let newest = window.newest().unwrap();
    assert!(printed_before(&window) <= newest - JUMP);
}

#[test]
fn it_does_not_grow_while_a_clock_is_behind() {
    let mut window = Window::default();
    window.push(entry(3_600_000, 0));
    for number in 0..MOST + 100 * PIECE {
        window.push(entry(i64::try_from(number / 100).unwrap(), 1));
    }
    assert!(size(&window) <= MOST + PIECE, "{}", size(&window));
    assert_eq!(window.newest(), Some(3_600_000_000_000));
}

#[test]
fn earlier_states_share_what_they_have_in_common_and_stay_as_they_were() {
    let mut window = flooded(1000, 1);
    let state = window.checkpoint();
    assert!(state.open.is_empty(), "nothing is copied");
    let (before, after) = (entry(0, 999), entry(0, 1));
    window.push(after);
    let also = window.checkpoint();
    let shared = |one: &Piece, other: &Piece| Arc::ptr_eq(&one.entries, &other.entries);
    let mut both = state.pieces.iter().zip(&also.pieces);
    assert!(both.by_ref().take(3).all(|(one, other)| shared(one, other)));
    assert!(!state.seen_lines().has(after) && also.seen_lines().has(after));
    assert_eq!((size(&state), size(&also)), (1000, 1001));
    assert_eq!(last(&state).unwrap().hash, before.hash);
}

#[test]
fn states_that_follow_each_other_closely_make_no_tiny_pieces() {
    let mut window = Window::default();
    for hash in 0..1000 {
        window.push(entry(0, hash));
        window.checkpoint();
    }
    assert!(window.pieces.len() <= 8, "{} pieces", window.pieces.len());
    assert_eq!(size(&window), 1000);
    let hashes: Vec<u32> = window.entries().map(|entry| entry.hash).collect();
    assert!(hashes.into_iter().eq(0..1000));
}

#[test]
fn lines_that_come_in_their_order_need_no_other() {
    let window = flooded(1000, 1);
    let mut known = window.seen_lines();
    for entry in window.entries().skip(300) {
        assert!(known.take(entry) && !known.has(entry));
    }
    assert!(known.remaining.is_none());
    let (first, last) = (window.entries().next().unwrap(), last(&window).unwrap());
    assert!(known.has(first) && !known.take(last) && known.take(first) && !known.has(first));
}

#[test]
fn lines_of_other_states_come_before_the_own_ones() {
    let mut window = flooded(600, 1);
    let early = window.checkpoint();
    (600..1500).for_each(|hash| window.push(entry(0, hash)));
    let again = early.merged_with(&[window.checkpoint(), window.checkpoint()]);
    assert_eq!(size(&again), 1500);
    assert_eq!(last(&again).unwrap().hash, 599);
    let mut known = again.seen_lines();
    assert!(window.entries().all(|entry| known.take(entry)));
    assert!(window.entries().all(|entry| !known.has(entry)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against lines counted one by one.
    #[test]
    fn each_line_is_known_as_often_as_it_was_shown(
        shown in prop::collection::vec((0..3_i64, 0..4_u32), 0..600),
        from in 0..600_usize,
        others in prop::collection::vec((0..700_usize, 0..3_i64, 0..5_u32), 0..8),
    ) {
        let mut window = Window::default();
        let mut counts: HashMap<Entry, u32> = HashMap::new();
        for (time, hash) in shown.iter().copied() {
            window.push(Entry { time, hash });
            *counts.entry(Entry { time, hash }).or_default() += 1;
        }
        let mut asked: Vec<(i64, u32)> = shown.into_iter().skip(from).collect();
        for (at, time, hash) in others {
            asked.insert(at.min(asked.len()), (time, hash));
        }
        let mut known = window.seen_lines();
        for (time, hash) in asked {
            let entry = Entry { time, hash };
            let count = counts.entry(entry).or_default();
            prop_assert_eq!(known.has(entry), *count > 0);
            prop_assert_eq!(known.take(entry), *count > 0);
            *count = count.saturating_sub(1);
            prop_assert_eq!(known.has(entry), *count > 0);
        }
    }
}
