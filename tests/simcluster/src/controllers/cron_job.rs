//! CronJobs: what follows when one of them has started a Job.

use std::sync::Arc;

use serde_json::{Value, json};

use super::job::{finished, holds};
use super::view::{Write, by_age, deleted, int};
use crate::store::Object;

/// Returns the writes for a CronJob with these Jobs.
pub(crate) fn reconcile(cron: &Object, jobs: &[Arc<Object>]) -> Vec<Write> {
    if deleted(cron) {
        return Vec::new();
    }
    let mut jobs = jobs.to_vec();
    by_age(&mut jobs);
    let known = cron["status"]["active"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let is_known = |job: &Arc<Object>| known.iter().any(|entry| entry["uid"] == *job.uid());
    let mut status = if cron["status"].is_object() {
        cron["status"].clone()
    } else {
        json!({})
    };
    let mut writes = Vec::new();
    let mut active = Vec::new();
    for job in &jobs {
        if !finished(job) {
            if !is_known(job) {
                let message = format!("Created job {}", job.name());
                writes.push(Write::normal(cron, "SuccessfulCreate", message));
                let at = &job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"];
                status["lastScheduleTime"] = at.clone();
            }
            active.push(reference(job, &known));
        } else if is_known(job) {
            let complete = holds(job, "Complete");
            let kind = if complete { "Complete" } else { "Failed" };
            let message = format!("Saw completed job: {}, condition: {kind}", job.name());
            writes.push(Write::normal(cron, "SawCompletedJob", message));
            if complete {
                status["lastSuccessfulTime"] = job["status"]["completionTime"].clone();
            }
        }
    }
    set_active(&mut status, active);
    if status != cron["status"] && !(cron["status"].is_null() && status == json!({})) {
        writes.push(Write::status("cronjobs.batch", cron, status));
    }
    for (condition, limit, default) in [
        ("Complete", "successfulJobsHistoryLimit", 3),
        ("Failed", "failedJobsHistoryLimit", 1),
    ] {
        let limit = int(&cron["spec"][limit], default);
        writes.extend(forget(cron, &jobs, condition, limit));
    }
    writes
}

/// Sets the list of running Jobs; the API has no empty one.
fn set_active(status: &mut Value, active: Vec<Value>) {
    if !active.is_empty() {
        status["active"] = Value::from(active);
    } else if let Some(status) = status.as_object_mut() {
        status.remove("active");
    }
}

fn reference(job: &Arc<Object>, known: &[Value]) -> Value {
    let before = known.iter().find(|entry| entry["uid"] == *job.uid());
    before.cloned().unwrap_or_else(|| {
        json!({"kind": "Job", "namespace": job.namespace(), "name": job.name(), "uid": job.uid(),
            "apiVersion": "batch/v1", "resourceVersion": job["metadata"]["resourceVersion"]})
    })
}

/// Jobs beyond the history limit.
fn forget(cron: &Object, jobs: &[Arc<Object>], kind: &str, limit: i64) -> Vec<Write> {
    let ended: Vec<&Arc<Object>> = jobs
        .iter()
        .filter(|job| holds(job, kind) && !deleted(job))
        .collect();
    let surplus = ended
        .len()
        .saturating_sub(usize::try_from(limit).unwrap_or(0));
    let delete = |job: &&Arc<Object>| {
        let message = format!("Deleted job {}", job.name());
        [
            Write::delete("jobs.batch", job),
            Write::normal(cron, "SuccessfulDelete", message),
        ]
    };
    ended.iter().take(surplus).flat_map(delete).collect()
}
