//! Faults of the Go original, one test each: it forgets a stream when it ends and begins
//! again at the next update of the pod, reads the dead run once more in each back-off, and
//! knows lines by their second.

use super::*;

/// Carries out what the follower wants, of a pod that says `view` and whose log is `log`,
/// until it wants nothing more; the lines that it gives out.
fn lines(story: &mut Story, mut told: Vec<String>, view: &ContainerView, log: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..20 {
        let Some(last) = told.last().cloned() else {
            break;
        };
        lines.extend(told.drain(..).filter(|told| {
            !["open", "ask", "done"]
                .iter()
                .any(|word| told.starts_with(word))
        }));
        told = if last.starts_with("open") {
            let mut told = story.bytes(log);
            told.extend(story.end(End::Clean));
            told
        } else if last == "ask" {
            story.answer(view.clone())
        } else {
            break;
        };
        if told.is_empty() && !story.follower.is_idle() {
            told = story.wait();
        }
    }
    lines
}

#[test]
fn a_finished_init_container_is_not_read_again_at_each_update_of_the_pod() {
    let mut story = Story::new(true);
    let told = story.status(ended());
    assert_eq!(
        lines(&mut story, told, &ended(), &format!("{ONE}{TWO}")),
        ["one", "two"]
    );
    for _ in 0..10 {
        assert_eq!(story.status(ended()), [""; 0]);
    }
}

#[test]
fn a_back_off_does_not_read_the_dead_run_again() {
    let mut story = reading();
    let back_off = view(None, Some(run("A", 0, false)));
    let told = story.end(End::Clean);
    assert_eq!(
        lines(&mut story, told, &back_off, &format!("{ONE}{TWO}")),
        ["two"]
    );
    for _ in 0..10 {
        assert_eq!(story.status(back_off.clone()), [""; 0]);
    }
    let next = view(Some(run("B", 1, true)), Some(run("A", 0, false)));
    let told = story.status(next);
    assert!(
        told.len() == 1 && told[0].starts_with("open follow"),
        "{told:?}"
    );
}

#[test]
fn a_connection_that_breaks_leaves_no_hole() {
    let mut story = reading();
    assert_eq!(story.lost(), ["ask"]);
    assert_eq!(
        story.answer(running()),
        ["open follow since 2026-11-24T00:01:06Z"]
    );
    let meanwhile = "2026-11-24T00:01:20.000000000Z three\n";
    assert_eq!(
        story.bytes(&format!("{ONE}{TWO}{meanwhile}")),
        ["two", "three"]
    );
}

#[test]
fn lines_of_the_same_second_are_kept_even_if_they_are_equal() {
    let mut story = reading();
    let again = "2026-11-24T00:01:07.100000000Z one\n";
    story.lost();
    story.answer(running());
    assert_eq!(story.bytes(&format!("{ONE}{again}{TWO}")), ["one", "two"]);
}
