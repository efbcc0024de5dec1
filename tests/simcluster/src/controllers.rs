//! The controllers and the scheduler of the cluster.

use crate::store::{Store, StoreError};

/// All controllers; they stop when this is dropped.
#[derive(Debug)]
pub struct Controllers {
    store: Store,
}

impl Controllers {
    /// Starts them. Needs a tokio runtime.
    #[must_use]
    pub fn start(store: Store, seed: u64) -> Self {
        let _ = seed;
        Self { store }
    }

    /// Makes a CronJob start a Job now, as if its time had come; returns the name of the Job.
    ///
    /// # Errors
    ///
    /// If there is no such CronJob or the Job cannot be made.
    pub fn fire_cron_job(&self, namespace: &str, name: &str) -> Result<String, StoreError> {
        let _ = (namespace, name, &self.store);
        Err(StoreError::Invalid("not yet".to_owned()))
    }
}
