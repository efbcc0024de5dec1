//! Disruption budgets: whether they allow anything.

use serde_json::Value;

use super::{Assessment, condition::Condition};

/// A budget must be computed, and allow a disruption.
pub(super) fn disruption_budget(object: &Value) -> Assessment {
    let conditions = Condition::all(object);
    let Some(allowed) = conditions.iter().find(|c| c.type_ == "DisruptionAllowed") else {
        return Assessment::progressing("its controller has not looked at it yet");
    };
    if allowed.status == "True" {
        return Assessment::healthy();
    }
    let count = |name: &str| object["status"][name].as_i64().unwrap_or(0);
    let words = match allowed.reason {
        "SyncFailed" => format!("its controller cannot compute it: {}", allowed.message),
        _ => format!(
            "it allows no disruption: {} healthy pods, {} wanted",
            count("currentHealthy"),
            count("desiredHealthy")
        ),
    };
    Assessment::degraded(words).since(allowed.since)
}
