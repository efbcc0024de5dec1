use super::*;

fn run(restart: i32, running: bool) -> Run {
    let start = 1_795_478_400 + i64::from(restart) * 60;
    let at = |second| jiff::Timestamp::from_second(second).ok();
    Run {
        id: format!("containerd://{restart}").into(),
        restart,
        started_at: at(start),
        finished_at: at(start + 30).filter(|_| !running),
        running,
    }
}

fn view(current: Option<Run>, last: Option<Run>) -> ContainerView {
    ContainerView {
        current,
        last,
        ..ContainerView::default()
    }
}

/// Begins with the next run; the reports, and the run's number of restarts.
fn next(runs: &mut Runs, is_new: bool) -> (usize, Option<i32>) {
    let reports = runs.start_next(is_new, &mut Printed::default());
    let current = runs.current().filter(|_| reports.is_some());
    let restart = current.map(|run| run.run.restart);
    (reports.unwrap_or_default().len(), restart)
}

#[test]
fn runs_come_one_after_another_and_never_again() {
    let mut runs = Runs::default();
    assert_eq!(next(&mut runs, true), (0, None));
    runs.learn(view(Some(run(1, true)), Some(run(0, false))));
    assert_eq!(next(&mut runs, true), (0, Some(0)));
    assert!(runs.current().is_some_and(|run| run.previous));
    runs.retire();
    assert_eq!(next(&mut runs, true), (0, Some(1)));
    runs.retire();
    assert_eq!(next(&mut runs, true), (0, None));
}

#[test]
fn runs_that_came_and_went_are_one_report() {
    let mut runs = Runs::default();
    runs.learn(view(Some(run(4, true)), Some(run(3, false))));
    assert_eq!(next(&mut runs, true), (1, Some(3)));
}

#[test]
fn runs_that_could_not_be_started_are_no_loss() {
    let never = |restart| Run {
        started_at: None,
        ..run(restart, false)
    };
    let mut runs = Runs::default();
    runs.learn(view(Some(never(4)), Some(never(3))));
    assert_eq!(next(&mut runs, true), (0, Some(3)));
    assert!(runs.lose().is_none());
    assert!(runs.current().is_some_and(ReadRun::is_complete));
}

#[test]
fn of_an_older_pod_only_the_newest_run_counts() {
    let mut runs = Runs::default();
    runs.learn(view(Some(run(4, true)), Some(run(3, false))));
    assert_eq!(next(&mut runs, false), (0, Some(4)));
    assert!(runs.current().is_some_and(|run| run.tail.is_some()));
}

#[test]
fn an_older_word_of_the_pod_is_not_taken_over() {
    let mut runs = Runs::default();
    assert!(runs.learn(view(Some(run(1, false)), Some(run(0, false)))));
    assert!(!runs.learn(view(Some(run(1, true)), Some(run(0, false)))));
    assert!(!runs.learn(view(Some(run(0, false)), None)));
    assert!(!runs.learn(view(None, None)));
    assert!(runs.learn(ContainerView::gone()));
    assert!(runs.pod_is_gone());
}

#[test]
fn a_run_that_the_pod_forgets_is_lost_with_a_report() {
    let mut runs = Runs::default();
    runs.learn(view(Some(run(0, true)), None));
    assert_eq!(next(&mut runs, true), (0, Some(0)));
    runs.learn(view(Some(run(2, true)), Some(run(1, false))));
    assert!(runs.current_is_gone() && runs.has_moved());
    assert!(matches!(
        runs.lose(),
        Some(Report::EndLost { restart: 0, .. })
    ));
}

/// `lastState` without a container id, as after `ContainerStatusUnknown`.
#[test]
fn a_run_whose_end_is_made_up_is_no_loss() {
    let mut runs = Runs::default();
    runs.learn(view(Some(run(0, true)), None));
    assert_eq!(next(&mut runs, true), (0, Some(0)));
    runs.retire();
    let made_up = ContainerView {
        last_is_made_up: true,
        ..view(Some(run(2, true)), None)
    };
    runs.learn(made_up);
    assert_eq!(next(&mut runs, true), (0, Some(2)));
}
