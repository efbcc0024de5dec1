//! The last line alone: the sentence that people look for.

use super::*;

#[test]
fn a_controller_that_gave_up_is_a_cause() {
    let mut summary = nothing();
    summary.workloads[0].failed = Some("ReplicaSet web-1 has timed out progressing.".to_owned());
    let sentence = sentence(&summary);
    assert_eq!(
        sentence,
        "Deployment/web: ReplicaSet web-1 has timed out progressing."
    );
}

#[test]
fn where_all_workloads_are_complete_argocd_is_the_cause() {
    let mut summary = good();
    summary.outcome = Outcome::Failed;
    summary.argocd = Some("argocd cannot reach Argo CD: connection refused".to_owned());
    assert_eq!(
        sentence(&summary),
        "shop: argocd cannot reach Argo CD: connection refused; every workload is complete"
    );
}

#[test]
fn only_a_rollout_is_called_rolled_out() {
    let mut partly = good();
    partly.workloads[1] = row("Deployment", "web", 1, 3);
    for (extra, wanted) in [
        (
            &["--degraded"][..],
            "shop: argocd waited for it to be degraded, which took 1 m 06 s; 2 of 3 workloads are \
             complete.",
        ),
        (
            &["--sync"],
            "shop: argocd waited for it to be synced, which took 1 m 06 s; 2 of 3 workloads are complete.",
        ),
        (
            &["--delete"],
            "shop: argocd waited for it to be deleted, which took 1 m 06 s; 2 of 3 workloads are \
             complete.",
        ),
    ] {
        let summary = Summary {
            wait: waiting_for(extra),
            ..partly.clone()
        };
        assert_eq!(sentence(&summary), wanted);
    }
    let summary = Summary {
        workloads: Vec::new(),
        wait: waiting_for(&["--resource", ":ConfigMap:settings"]),
        ..good()
    };
    assert_eq!(
        sentence(&summary),
        "shop: argocd waited for ConfigMap/settings to be synced and without an operation, which took \
         1 m 06 s."
    );
}

#[test]
fn a_paused_workload_is_never_called_rolled_out() {
    const STATE: &str = "Rollout/web is paused at step 2/4 (weight 25) for 8 s, 1 of 4 pods new.";
    let words = STATE
        .trim_start_matches("Rollout/web is ")
        .trim_end_matches('.');
    let mut paused = good();
    paused.workloads[1] = Row {
        state: "paused".to_owned(),
        waiting_for: Some(words.to_owned()),
        ..row("Rollout", "web", 3, 4)
    };
    let suspended = Summary {
        wait: waiting_for(&["--suspended"]),
        ..paused.clone()
    };
    for summary in [paused, suspended] {
        let said = sentence(&summary);
        assert!(said.ends_with(STATE), "{said}");
        assert!(!said.to_lowercase().contains("rolled out"), "{said}");
    }
}

#[test]
fn a_rollout_of_a_selection_names_it() {
    let mut summary = good();
    summary.workloads.truncate(1);
    summary.wait = waiting_for(&["--resource", "batch:Job:migrate"]);
    assert_eq!(
        sentence(&summary),
        "Rolled out shop in 1 m 06 s: 1 workload, 5 pods, 0 restarts. argocd waited for Job/migrate only."
    );
}

#[test]
fn success_is_not_said_of_a_workload_that_is_incomplete() {
    let waiting = Row {
        waiting_for: Some("somebody to delete 1 old pod (OnDelete)".to_owned()),
        ..row("StatefulSet", "db", 1, 2)
    };
    let mut summary = good();
    summary.workloads.push(waiting);
    let text = sentence(&summary);
    assert!(
        text.contains("not complete: StatefulSet/db (somebody to delete 1 old pod (OnDelete))"),
        "{text}"
    );
    // A run of a CronJob comes by the clock.
    let last = summary.workloads.len() - 1;
    summary.workloads[last].holds_up = false;
    assert!(sentence(&summary).starts_with("Rolled out"));
}
