use std::time::Duration;

use argo_core::{GroupKind, ObjectRef};

use super::*;

fn app(name: &str, outcome: Outcome, waiting: Option<&str>) -> Summary {
    let complete = waiting.is_none();
    let row = Row {
        object: ObjectRef {
            kind: GroupKind::new("apps", "Deployment"),
            namespace: name.into(),
            name: "web".into(),
            uid: name.into(),
        },
        runs_once: false,
        state: if complete { "complete" } else { "progressing" }.to_owned(),
        ready: Some(if complete { 2 } else { 1 }),
        desired: Some(2),
        pods: None,
        restarts: 0,
        seconds: complete.then_some(4),
        waiting_for: waiting.map(str::to_owned),
        held_up_by: complete.then(|| "readiness of web-1".to_owned()),
        complete,
        holds_up: true,
        failed: None,
    };
    Summary {
        app: name.to_owned(),
        outcome,
        elapsed: Duration::from_secs(6),
        workloads: vec![row],
        pods: 2,
        ..Summary::default()
    }
}

fn all(apps: Vec<Summary>) -> Summary {
    crate::summary::together(apps, None)
}

#[test]
fn the_last_line_counts_and_tells_the_causes() {
    let good = || app("shop", Outcome::Succeeded, None);
    let one = all(vec![
        good(),
        app("pay", Outcome::Failed, Some("1 of 2 ready")),
        app("search", Outcome::Waiting, Some("1 of 2 ready")),
    ]);
    assert_eq!(
        sentence(&one),
        "1 of 3 applications failed, 1 is not ready: \
         pay: Deployment/web: 1 of 2 ready after 6 s, and no cause found; \
         search: Deployment/web: 1 of 2 ready after 6 s, and no cause found"
    );
    let well = all(vec![good(), good()]);
    assert_eq!(
        sentence(&well),
        "Rolled out 2 applications in 6 s: 2 workloads, 4 pods, 0 restarts. \
         Slowest: Deployment/web of shop, 4 s."
    );
    let many: Vec<Summary> = (0..5)
        .map(|number| app(&format!("a{number}"), Outcome::TimedOut, Some("x")))
        .collect();
    let said = sentence(&all(many));
    assert!(
        said.starts_with("5 of 5 applications timed out: a0: "),
        "{said}"
    );
    assert!(said.ends_with(" (and a2, a3, a4)"), "{said}");
}

#[test]
fn what_went_well_is_a_line_and_the_worst_stands_last() {
    let look = Look {
        zone: &jiff::tz::TimeZone::UTC,
        colors: false,
        namespaces: false,
        columns: None,
    };
    let mut apps = vec![app("shop", Outcome::Succeeded, None)];
    apps.push(app("pay", Outcome::Failed, Some("1 of 2 ready")));
    apps.push(app("search", Outcome::Waiting, Some("1 of 2 ready")));
    let shown = lines(&all(apps), &look);
    let at = |text: &str| shown.iter().position(|line| line.starts_with(text));
    let order = [
        at("Rolled out shop"),
        at("NOT READY  search"),
        at("FAILED  pay"),
    ];
    assert!(
        order.is_sorted() && order.iter().all(Option::is_some),
        "{shown:#?}"
    );
    assert!(
        shown.last().is_some_and(|line| line.starts_with("1 of 3")),
        "{shown:#?}"
    );

    let many: Vec<Summary> = (0..50)
        .map(|number| app(&format!("a{number}"), Outcome::Waiting, Some("x")))
        .collect();
    let shown = lines(&all(many), &look);
    assert!(shown.len() < 160, "no wall: {} lines", shown.len());
}
