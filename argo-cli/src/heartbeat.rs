//! A line for those who wait: what is still missing, and why.

use std::time::Duration;

use argo_workloads::diagnosis::Finding;

use crate::summary::Row;

/// Decides when the line is due, and writes it.
#[derive(Debug, Default)]
pub struct Heartbeat {}

impl Heartbeat {
    /// Nothing was said so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// The line, if it is due: `still waiting after 50 s: Deployment/web 2/3 ready — …`.
    /// For a record of kind `status` without a workload.
    pub fn beat(
        &mut self,
        _elapsed: Duration,
        _rows: &[Row],
        _findings: &[Finding],
    ) -> Option<String> {
        None
    }
}
