//! Jobs: pods until enough have succeeded or too many failed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::view::{
    Write, active, by_age, condition, deleted, ended, int, owner_reference, phase, pod_of, ready,
    time_of,
};
use crate::clock::time;
use crate::store::Object;

/// Holds a pod until the Job has counted it.
pub(crate) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(600);

/// Returns the writes for a Job with these pods.
pub(crate) fn reconcile(job: &Object, pods: &[Arc<Object>], now: Timestamp) -> Vec<Write> {
    if deleted(job) {
        return pods.iter().flat_map(release).collect();
    }
    if finished(job) {
        let mut writes: Vec<Write> = pods.iter().flat_map(release).collect();
        writes.extend(expire(job, now));
        return writes;
    }
    Sync::new(job, pods, now).run()
}

/// The kind of its last condition, if it is over.
pub(crate) fn finished(job: &Value) -> bool {
    ["Complete", "Failed"].iter().any(|kind| holds(job, kind))
}

pub(crate) fn holds(job: &Value, kind: &str) -> bool {
    condition(job, kind).is_some_and(|condition| condition["status"] == "True")
}

/// Takes the Job's finalizer off a pod.
pub(crate) fn release(pod: &Arc<Object>) -> Option<Write> {
    let finalizers = pod["metadata"]["finalizers"].as_array()?;
    let kept: Vec<&Value> = finalizers.iter().filter(|name| *name != TRACKING).collect();
    (kept.len() < finalizers.len())
        .then(|| Write::patch("pods", pod, json!({"metadata": {"finalizers": kept}})))
}

fn expire(job: &Object, now: Timestamp) -> Option<Write> {
    let ttl = u64::try_from(job["spec"]["ttlSecondsAfterFinished"].as_i64()?).ok()?;
    let kinds = ["Complete", "Failed"];
    let end = kinds.iter().find_map(|kind| condition(job, kind))?;
    let at = time_of(&end["lastTransitionTime"])?
        .checked_add(Duration::from_secs(ttl))
        .ok()?;
    Some(match Duration::try_from(at.duration_since(now)) {
        Ok(left) if !left.is_zero() => Write::Again(left),
        _ => Write::delete("jobs.batch", job),
    })
}

struct Sync<'a> {
    job: &'a Object,
    pods: Vec<Arc<Object>>,
    now: Timestamp,
    status: Value,
    writes: Vec<Write>,
}

impl<'a> Sync<'a> {
    fn new(job: &'a Object, pods: &[Arc<Object>], now: Timestamp) -> Self {
        let mut pods = pods.to_vec();
        by_age(&mut pods);
        let status = if job["status"].is_object() {
            job["status"].clone()
        } else {
            json!({})
        };
        Self {
            job,
            pods,
            now,
            status,
            writes: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<Write> {
        let suspended = self.job["spec"]["suspend"] == true;
        if self.status["startTime"].is_null() && !suspended {
            self.status["startTime"] = json!(time(self.now));
        }
        let (succeeded, failed) = self.count();
        if let Some((reason, message)) = self.failure(failed) {
            self.fail(reason, message);
        } else if succeeded >= self.completions() {
            self.complete();
        } else if suspended {
            self.suspend();
        } else {
            self.resume();
            self.fill(succeeded, failed);
        }
        self.finish()
    }

    /// Counts pods that ended, and lets them go.
    fn count(&mut self) -> (i64, i64) {
        let failing = holds(self.job, "FailureTarget");
        let mut counts = [
            int(&self.status["succeeded"], 0),
            int(&self.status["failed"], 0),
        ];
        let mut uncounted = Map::new();
        for pod in &self.pods {
            let Some(release) = release(pod) else {
                continue;
            };
            let succeeded = phase(pod) == "Succeeded" && !(failing && deleted(pod));
            if ended(pod) || deleted(pod) {
                counts[usize::from(!succeeded)] += 1;
                let list = uncounted
                    .entry(if succeeded { "succeeded" } else { "failed" })
                    .or_insert_with(|| json!([]));
                list.as_array_mut()
                    .into_iter()
                    .for_each(|list| list.push(json!(pod.uid())));
                self.writes.push(release);
            }
        }
        if !uncounted.is_empty() {
            let mut first = self.counted();
            first["uncountedTerminatedPods"] = Value::Object(uncounted);
            self.writes
                .insert(0, Write::status("jobs.batch", self.job, first));
        }
        for (field, count) in ["succeeded", "failed"].into_iter().zip(counts) {
            if count > 0 {
                self.status[field] = json!(count);
            }
        }
        (counts[0], counts[1])
    }

    fn counted(&self) -> Value {
        let mut status = self.status.clone();
        let living = self.pods.iter().filter(|pod| active(pod));
        status["ready"] = json!(living.clone().filter(|pod| ready(pod)).count());
        let terminating = self.pods.iter().filter(|pod| deleted(pod) && !ended(pod));
        status["terminating"] = json!(terminating.count());
        status["uncountedTerminatedPods"] = json!({});
        match living.count() {
            0 => {
                status.as_object_mut().into_iter().for_each(|status| {
                    status.remove("active");
                });
            }
            count => status["active"] = json!(count),
        }
        status
    }

    fn completions(&self) -> i64 {
        let spec = &self.job["spec"];
        int(&spec["completions"], int(&spec["parallelism"], 1))
    }

    fn failure(&mut self, failed: i64) -> Option<(&'static str, &'static str)> {
        if let Some(target) = condition(self.job, "FailureTarget") {
            return Some(if target["reason"] == DEADLINE.0 {
                DEADLINE
            } else {
                BACK_OFF_LIMIT
            });
        }
        let limit = int(&self.job["spec"]["backoffLimit"], 6);
        if failed > limit || self.restarted_too_often(limit) {
            return Some(BACK_OFF_LIMIT);
        }
        let deadline = self.job["spec"]["activeDeadlineSeconds"].as_u64()?;
        let start = time_of(&self.status["startTime"])?;
        let end = start.checked_add(Duration::from_secs(deadline)).ok()?;
        match Duration::try_from(end.duration_since(self.now)) {
            Ok(left) if !left.is_zero() => {
                self.writes.push(Write::Again(left));
                None
            }
            _ => Some(DEADLINE),
        }
    }

    /// Restarts count where the kubelet restarts (`restartPolicy: OnFailure`).
    fn restarted_too_often(&self, limit: i64) -> bool {
        if self.job["spec"]["template"]["spec"]["restartPolicy"] != "OnFailure" {
            return false;
        }
        let lists = ["initContainerStatuses", "containerStatuses"];
        let living = self.pods.iter().filter(|pod| active(pod));
        let statuses = living
            .flat_map(|pod| {
                lists
                    .iter()
                    .filter_map(|list| pod["status"][list].as_array())
            })
            .flatten();
        let restarts: i64 = statuses.map(|status| int(&status["restartCount"], 0)).sum();
        restarts > 0 && restarts >= limit
    }

    /// `FailureTarget` first; `Failed` and the event when no pod is left.
    fn fail(&mut self, reason: &'static str, message: &'static str) {
        self.set("FailureTarget", reason, message);
        let living: Vec<Arc<Object>> = self
            .pods
            .iter()
            .filter(|pod| active(pod))
            .cloned()
            .collect();
        for pod in &living {
            self.delete(pod);
        }
        let going = self.pods.iter().any(|pod| deleted(pod) && !ended(pod));
        if living.is_empty() && !going {
            self.set("Failed", reason, message);
            self.writes
                .push(Write::warning(self.job, reason, message.to_owned()));
        }
    }

    fn complete(&mut self) {
        let (reason, message) = (
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        );
        self.set("SuccessCriteriaMet", reason, message);
        self.writes
            .push(Write::status("jobs.batch", self.job, self.counted()));
        self.status["completionTime"] = json!(time(self.now));
        self.set("Complete", reason, message);
    }

    fn suspend(&mut self) {
        let living: Vec<Arc<Object>> = self
            .pods
            .iter()
            .filter(|pod| active(pod))
            .cloned()
            .collect();
        for pod in &living {
            self.delete(pod);
        }
        if !holds(self.job, "Suspended") {
            self.unset("Suspended");
            self.set("Suspended", "JobSuspended", "Job suspended");
            self.status.as_object_mut().into_iter().for_each(|status| {
                status.remove("startTime");
            });
            self.writes.push(Write::normal(
                self.job,
                "Suspended",
                "Job suspended".to_owned(),
            ));
        }
    }

    fn resume(&mut self) {
        if holds(self.job, "Suspended") {
            self.unset("Suspended");
            self.set("Suspended", "JobResumed", "Job resumed");
            let conditions = self.status["conditions"].as_array_mut();
            for condition in conditions
                .into_iter()
                .flatten()
                .filter(|condition| condition["type"] == "Suspended")
            {
                condition["status"] = json!("False");
            }
            self.status["startTime"] = json!(time(self.now));
            self.writes
                .push(Write::normal(self.job, "Resumed", "Job resumed".to_owned()));
        }
    }

    /// Pods up to the parallelism, but not while a failure is recent.
    fn fill(&mut self, succeeded: i64, failed: i64) {
        let living =
            i64::try_from(self.pods.iter().filter(|pod| active(pod)).count()).unwrap_or(i64::MAX);
        let parallelism = int(&self.job["spec"]["parallelism"], 1);
        let missing = parallelism.min(self.completions() - succeeded) - living;
        if missing <= 0 {
            return;
        }
        if let Some(wait) = self.back_off(failed) {
            return self.writes.push(Write::Again(wait));
        }
        let pod = pod(self.job);
        self.writes
            .extend((0..missing).map(|_| Write::CreatePod(pod.clone())));
    }

    fn back_off(&self, failed: i64) -> Option<Duration> {
        let last = self
            .pods
            .iter()
            .filter(|pod| phase(pod) == "Failed")
            .filter_map(|pod| end_of(pod))
            .max()?;
        let doublings = u32::try_from(failed - 1).unwrap_or(0).min(10);
        let wait = (FIRST_BACK_OFF * 2u32.pow(doublings)).min(LONGEST_BACK_OFF);
        let at = last.checked_add(wait).ok()?;
        Duration::try_from(at.duration_since(self.now))
            .ok()
            .filter(|left| !left.is_zero())
    }

    fn delete(&mut self, pod: &Arc<Object>) {
        self.writes.push(Write::delete("pods", pod));
        let message = format!("Deleted pod: {}", pod.name());
        self.writes
            .push(Write::normal(self.job, "SuccessfulDelete", message));
    }

    fn set(&mut self, kind: &str, reason: &str, message: &str) {
        let now = time(self.now);
        let mut conditions = self.status["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if conditions.iter().all(|condition| condition["type"] != kind) {
            conditions.push(json!({"type": kind, "status": "True", "lastProbeTime": now,
                "lastTransitionTime": now, "reason": reason, "message": message}));
        }
        self.status["conditions"] = json!(conditions);
    }

    fn unset(&mut self, kind: &str) {
        let conditions = self.status["conditions"].as_array_mut();
        conditions
            .into_iter()
            .for_each(|list| list.retain(|condition| condition["type"] != kind));
    }

    fn finish(mut self) -> Vec<Write> {
        let status = self.counted();
        if status != self.job["status"] || !self.writes.is_empty() {
            let over = ["Complete", "Failed"];
            let news = over
                .iter()
                .any(|kind| holds(&json!({"status": status}), kind));
            self.writes
                .push(Write::status("jobs.batch", self.job, status.clone()));
            if news && holds(&json!({"status": status}), "Complete") {
                self.writes.push(Write::normal(
                    self.job,
                    "Completed",
                    "Job completed".to_owned(),
                ));
            }
        }
        self.writes
    }
}

const BACK_OFF_LIMIT: (&str, &str) = (
    "BackoffLimitExceeded",
    "Job has reached the specified backoff limit",
);
const DEADLINE: (&str, &str) = (
    "DeadlineExceeded",
    "Job was active longer than specified deadline",
);

fn pod(job: &Object) -> Value {
    let mut pod = pod_of(job, &job["spec"]["template"]);
    let labels = &mut pod["metadata"]["labels"];
    for prefix in ["batch.kubernetes.io/", ""] {
        labels[format!("{prefix}controller-uid")] = json!(job.uid());
        labels[format!("{prefix}job-name")] = json!(job.name());
    }
    pod["metadata"]["finalizers"] = json!([TRACKING]);
    pod
}

fn end_of(pod: &Object) -> Option<Timestamp> {
    let statuses = pod["status"]["containerStatuses"].as_array()?;
    let ends = statuses
        .iter()
        .filter_map(|status| time_of(&status["state"]["terminated"]["finishedAt"]));
    ends.max()
}

/// The Job that a CronJob starts for this time.
pub(crate) fn of_cron_job(cron: &Object, name: &str, scheduled: &str) -> Value {
    let template = &cron["spec"]["jobTemplate"];
    let field = |name: &str| {
        if template["metadata"][name].is_object() {
            template["metadata"][name].clone()
        } else {
            json!({})
        }
    };
    let mut annotations = field("annotations");
    annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] = json!(scheduled);
    json!({
        "kind": "Job", "apiVersion": "batch/v1",
        "metadata": {
            "name": name, "namespace": cron.namespace(), "labels": field("labels"),
            "annotations": annotations, "ownerReferences": [owner_reference(cron)],
        },
        "spec": template["spec"],
    })
}
