//! The controllers and the scheduler of the cluster.
//!
//! Every controller is a pure function from an object and what it owns to a list of writes; the
//! shell waits for changes, queues the objects that they concern, and carries out the writes.
//! Texts of events and conditions, and the order of writes, are those of recordings 01 to 11.
//!
//! Modelled: Deployments (rolling update, Recreate, pause, rollback, progress deadline, revision
//! history), ReplicaSets, ReplicationControllers, StatefulSets (ordered and parallel, partition, OnDelete), DaemonSets,
//! Jobs (completions, parallelism, back-off, deadline, TTL, suspend), CronJobs that are fired by
//! request, pods refused by a ResourceQuota of pods or for a missing ServiceAccount, a scheduler
//! for one node (requests of more than 4 CPUs and node selectors), what every namespace has, and
//! the garbage collector (background, foreground, orphans).
//!
//! Left out: schedules (nothing fires by itself), Indexed Jobs, pod failure policies, success
//! policies, proportional scaling of a rollout under way, minReadySeconds beyond availability,
//! adoption of orphans, volumeClaimTemplates, maxSurge of DaemonSets, HorizontalPodAutoscalers,
//! resources that pods take from each other, taints and affinities,
//! retries of the scheduler without a change, types that are registered after the start, and
//! objects whose owner was gone before they came.

mod admission;
mod cron_job;
mod daemon_set;
mod deployment;
mod index;
mod job;
mod key;
mod replica_set;
mod scheduler;
mod shell;
mod stateful_set;
#[cfg(test)]
mod tests;
mod view;

use jiff::Timestamp;
use tokio::task::JoinHandle;

use crate::clock::time;
use crate::kubelet::Span;
use crate::store::{Store, StoreError};

/// Delay until a controller notices a change, about as recorded.
const LATENCY: Span = Span::millis(3, 30);

/// All controllers; they stop when this is dropped.
#[derive(Debug)]
pub struct Controllers {
    store: Store,
    task: JoinHandle<()>,
}

impl Controllers {
    /// Starts them. Needs a tokio runtime.
    #[must_use]
    pub fn start(store: Store, seed: u64) -> Self {
        Self::start_with(store, seed, LATENCY)
    }

    /// Starts controllers that take `latency` to notice a change. With none at all, Jobs do not
    /// wait a second for more news of their pods either.
    #[must_use]
    pub fn start_with(store: Store, seed: u64, latency: Span) -> Self {
        let task = tokio::spawn(shell::Shell::new(store.clone(), seed, latency).run());
        Self { store, task }
    }

    /// Makes a CronJob start a Job now, as if its time had come; returns the name of the Job.
    ///
    /// The Job is named after the minute, or the next free one. `suspend` and `concurrencyPolicy`
    /// are not asked.
    ///
    /// # Errors
    ///
    /// If there is no such CronJob or the Job cannot be made.
    pub fn fire_cron_job(&self, namespace: &str, name: &str) -> Result<String, StoreError> {
        let cron = self.store.get("cronjobs.batch", namespace, name);
        let cron = cron.ok_or_else(|| StoreError::NotFound {
            resource: "cronjobs.batch".to_owned(),
            name: name.to_owned(),
        })?;
        let last = view::time_of(&cron["status"]["lastScheduleTime"]);
        let last = last.map_or(0, |last| last.as_second() / 60 + 1);
        let mut minute = last.max(self.store.clock().now().as_second() / 60);
        loop {
            let scheduled = Timestamp::from_second(minute * 60).unwrap_or(Timestamp::MAX);
            let job = job::of_cron_job(&cron, &format!("{name}-{minute}"), &time(scheduled));
            match self.store.create(job) {
                Err(StoreError::AlreadyExists { .. }) => minute += 1,
                made => return made.map(|job| job.name().to_owned()),
            }
        }
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.task.abort();
    }
}
