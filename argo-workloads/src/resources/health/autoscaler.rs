//! Autoscalers: whether they find their target and its metrics.

use serde_json::Value;

use super::{Assessment, condition::Condition, text};

/// Conditions that Argo CD calls Degraded (gitops-engine `pkg/health/health_hpa.go`).
const DEGRADED: [(&str, &str); 4] = [
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "InvalidSelector"),
];

/// An autoscaler needs its target, and metrics.
pub(super) fn horizontal(object: &Value) -> Assessment {
    let conditions = Condition::all(object);
    let failed = conditions.iter().find(|condition| {
        condition.status == "False" && DEGRADED.contains(&(condition.type_, condition.reason))
    });
    if let Some(failed) = failed {
        return Assessment::degraded(words(failed, object))
            .since(failed.since)
            .note(failed.message);
    }
    let works = ["AbleToScale", "ScalingActive", "ScalingLimited"];
    let is_known = conditions
        .iter()
        .any(|condition| works.contains(&condition.type_));
    if is_known {
        Assessment::healthy()
    } else {
        Assessment::progressing("its controller has not looked at it yet")
    }
}

fn words(failed: &Condition<'_>, object: &Value) -> String {
    let target = format!(
        "{}/{}",
        text(object, "/spec/scaleTargetRef/kind"),
        text(object, "/spec/scaleTargetRef/name")
    );
    match failed.reason {
        "FailedGetScale" if failed.message.contains("not found") => {
            format!("its target {target} does not exist")
        }
        "FailedGetScale" => format!("it cannot read the scale of its target {target}"),
        "FailedUpdateScale" => format!("it cannot scale its target {target}"),
        "FailedGetResourceMetric" => format!("it gets no metrics of {target}"),
        _ => format!("the selector of its target {target} is invalid"),
    }
}
