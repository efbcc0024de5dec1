//! Controllers that do not look at their objects.

use crate::{
    diagnosis::{
        context::WorkloadView,
        observation::{Observation, kubectl, quoted},
        span::{secs, span},
    },
    rollout::pause::is_overdue,
};

/// Finds a workload whose controller has not seen the newest spec: it does not run, or may not
/// write. A timed pause that nobody ends is another sign of it.
///
/// A busy controller takes 1.5 s (Argo Rollouts 1.10.2).
pub(super) fn has_not_seen(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.is_root() {
        return None;
    }
    let (since, what) = unseen(view).or_else(|| unended(view))?;
    let lasted = view.context.age(since);
    let lasted = if lasted < secs(1) {
        String::new()
    } else {
        format!(" for {}", span(lasted))
    };
    let (who, next) = if view.fact.is_rollout() {
        let label = ["-l", "app.kubernetes.io/component=rollouts-controller"];
        let arguments = [&["get", "deployments", "-A"], &label[..]].concat();
        ("the controller of Argo Rollouts", kubectl("", &arguments))
    } else {
        let arguments = ["get", "pods", "-l", "component=kube-controller-manager"];
        ("its controller", kubectl("kube-system", &arguments))
    };
    let observation = Observation::suspicious(since, format!("{who} has not {what}{lasted}"));
    Some(observation.key("silent").next(next))
}

fn unseen(view: WorkloadView<'_>) -> Option<(jiff::Timestamp, String)> {
    let since = view.fact.unseen_since?;
    let workload = &view.fact.workload;
    let what = match &workload.spec.workload_ref {
        Some(to) if workload.is_observed() => {
            format!(
                "seen the newest pod template of {}/{}",
                quoted(&to.kind),
                quoted(&to.name)
            )
        }
        _ => "seen the newest spec".to_owned(),
    };
    Some((since, what))
}

fn unended(view: WorkloadView<'_>) -> Option<(jiff::Timestamp, String)> {
    let pause = view.state.pause?;
    let until = pause.until()?;
    is_overdue(&pause, view.context.now, secs(1)).then(|| {
        let words = pause.words(view.context.now);
        (until, format!("ended the {words}"))
    })
}
