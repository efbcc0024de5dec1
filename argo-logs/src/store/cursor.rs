//! The choice of the next page.
//!
//! Neither store can be asked to go on behind a line, only from a time on. Lines of one time must
//! therefore come in one page, or they would be skipped or come twice.

use super::{StoreLine, StorePage, StoreRange};

/// Most lines that are asked for in one answer, if a page of the usual size has one time only.
pub(super) const MOST: u32 = 80_000;

/// The decision about an answer in which there were at most `limit` lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The lines are a page.
    Page(StorePage),
    /// All lines have one time: ask for more at once.
    Again(u32),
}

/// Makes a page of an answer to a request with a limit. The lines of the last time are left for
/// the next page, since the answer may not have all of them.
pub(super) fn limited(mut lines: Vec<StoreLine>, limit: u32, range: &StoreRange) -> Next {
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Next::Page(StorePage::default());
    };
    if count < limit {
        return Next::Page(StorePage {
            lines,
            ..StorePage::default()
        });
    }
    let (first, last) = (first.time, last.time);
    if first < last {
        lines.retain(|line| line.time < last);
        return Next::Page(page(lines, range, last));
    }
    if limit < MOST {
        return Next::Again(limit.saturating_mul(2).min(MOST));
    }
    Next::Page(StorePage {
        is_cut: true,
        ..page(lines, range, last.saturating_add(1))
    })
}

/// Makes a page of all lines of the range up to `until`.
pub(super) fn page(lines: Vec<StoreLine>, range: &StoreRange, until: i64) -> StorePage {
    let next = (until < range.until).then(|| StoreRange {
        from: until,
        ..range.clone()
    });
    StorePage {
        lines,
        next,
        is_cut: false,
    }
}

/// Returns the end of the first half of a range, unless its lines have one time.
pub(super) fn half(from: i64, until: i64) -> Option<i64> {
    let width = until.saturating_sub(from);
    (width > 1).then(|| from.saturating_add(width / 2))
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, ObjectRef};
    use proptest::prelude::*;

    use super::*;
    use crate::store::StoreRun;

    fn range(from: i64, until: i64) -> StoreRange {
        StoreRange {
            pod: ObjectRef {
                kind: GroupKind::new("", "Pod"),
                namespace: "n".into(),
                name: "p".into(),
                uid: "u".into(),
            },
            container: "c".into(),
            from,
            until,
        }
    }

    /// A store that answers with at most `limit` lines from a time on.
    fn read_all(times: &[i64], limit: u32) -> Vec<(i64, String)> {
        let mut all = Vec::new();
        let mut next = Some(range(0, 1000));
        let mut asked = limit;
        while let Some(range) = next {
            let found = times.iter().enumerate();
            let found = found.filter(|(_, time)| (range.from..range.until).contains(*time));
            let lines = found.map(|(number, time)| StoreLine {
                time: *time,
                text: number.to_string(),
                run: StoreRun::default(),
            });
            let lines = lines.take(asked as usize).collect();
            match limited(lines, asked, &range) {
                Next::Again(more) => {
                    asked = more;
                    next = Some(range);
                }
                Next::Page(page) => {
                    asked = limit;
                    let lines = page.lines.into_iter();
                    all.extend(lines.map(|line| (line.time, line.text)));
                    next = page.next;
                }
            }
        }
        all
    }

    #[test]
    fn lines_of_one_nanosecond_at_a_border_come_once() {
        let times = [1, 2, 2, 2, 2, 2, 2, 2, 3, 3];
        for limit in 1..12 {
            let found: Vec<_> = read_all(&times, limit).into_iter().map(|l| l.0).collect();
            assert_eq!(found, times, "{limit} lines a page");
        }
    }

    #[test]
    fn more_lines_of_one_time_than_any_answer_holds_are_cut() {
        let line = StoreLine {
            time: 5,
            text: String::new(),
            run: StoreRun::default(),
        };
        let lines = vec![line; MOST as usize];
        let Next::Page(page) = limited(lines, MOST, &range(0, 9)) else {
            panic!();
        };
        assert!(page.is_cut);
        assert_eq!(page.next.map(|next| next.from), Some(6));
    }

    #[test]
    fn a_range_is_halved_down_to_one_nanosecond() {
        assert_eq!(half(0, 10), Some(5));
        assert_eq!(half(4, 6), Some(5));
        assert_eq!(half(4, 5), None);
    }

    proptest! {
        #[test]
        fn every_line_comes_once(mut times in proptest::collection::vec(0..40_i64, 0..80), limit in 1..9_u32) {
            times.sort_unstable();
            let mut numbers: Vec<usize> =
                read_all(&times, limit).into_iter().map(|(_, n)| n.parse().unwrap()).collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..times.len()).collect::<Vec<_>>());
        }
    }
}
