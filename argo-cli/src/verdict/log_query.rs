//! The query for the log store that finds the lines of a cause.

use argo_workloads::diagnosis::Finding;

use crate::summary::Summary;

/// The most pods that are named in a query.
const PODS: usize = 5;

/// Returns the query for the lines of a finding's pods, if a log store is asked and the finding
/// has pods.
pub(super) fn of(summary: &Summary, finding: &Finding) -> Option<String> {
    let store = summary.log_store.as_ref()?;
    if finding.pods.is_empty() {
        return None;
    }
    let pods = finding.pods.iter().take(PODS).map(String::as_str);
    Some(store.pods(&finding.workload.namespace, pods))
}

/// Returns the line of the verdict's block with the query.
pub(super) fn line(summary: &Summary, finding: &Finding) -> Option<String> {
    let query = of(summary, finding)?;
    let language = summary.log_store.as_ref()?.language();
    Some(format!(
        "  Logs ({language}): {}",
        super::prose::printable(&query)
    ))
}
