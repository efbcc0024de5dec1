//! CronJobs: the outcome of the last run.

use serde_json::Value;

use super::{Assessment, text, time};

/// The last run must have succeeded (argo-cd `resource_customizations/batch/CronJob`).
pub(super) fn cron_job(object: &Value) -> Assessment {
    let status = &object["status"];
    let active = status["active"]
        .as_array()
        .is_some_and(|active| !active.is_empty());
    let succeeded = time(&status["lastSuccessfulTime"]);
    let scheduled = time(&status["lastScheduleTime"]);
    let suspended = object["spec"]["suspend"] == true;
    match (succeeded, scheduled) {
        (Some(succeeded), Some(scheduled)) if succeeded < scheduled && !active && !suspended => {
            Assessment::degraded(format!(
                "its last run ({}) did not succeed",
                text(object, "/status/lastScheduleTime")
            ))
            .since(Some(scheduled))
            .note(format!("the last run that succeeded ended at {succeeded}"))
        }
        _ => Assessment::healthy(),
    }
}
