//! Analyses of Argo Rollouts that failed, by the metric that failed.
//!
//! The Rollout's own message says which metric failed, never its value. Runs of past revisions
//! stay for ever, so only a run of the newest revision counts, and only while the Rollout has
//! failed, or is paused, because of one.

use argo_core::{
    resource::{CurrentRun, MetricResult, WorkloadObject},
    text::cap,
};
use jiff::Timestamp;

use super::{crashes::exit, job};
use crate::message::without_credentials;
use crate::{
    diagnosis::{
        context::WorkloadView,
        facts::{Line, WorkloadFact},
        observation::{Observation, rollouts},
        span::{age, secs},
    },
    rollout::revision,
    workload::{AnalysisRun, Workload},
};

/// The most characters of a measured value.
const VALUE: usize = 60;
/// A run that ended longer before an abort than this did not cause it.
const BEFORE: i64 = 120;

/// Whether a failed metric has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measured {
    /// A value that is not good, or a Job that ran and failed.
    Yes,
    /// Nothing: the provider could not be asked, the Job did not start.
    No,
}

/// An analysis that failed or is inconclusive.
pub(super) struct Described<'a> {
    /// The metric, and what is wrong with it.
    pub(super) words: String,
    pub(super) measured: Measured,
    /// The last lines of the Job that measured.
    pub(super) lines: &'a [Line],
    /// The metrics, without their values.
    key: String,
    /// The place of the analysis: `analysis at step 2/2`.
    what: String,
    ended: Option<Timestamp>,
}

/// Finds the analysis because of which a Rollout has failed.
pub(super) fn failed(view: WorkloadView<'_>) -> Option<Observation> {
    if !view.fact.is_rollout() || view.state.complete || view.state.waits_for_a_person() {
        return None;
    }
    let found = of_failure(view)?;
    let since = found.ended.unwrap_or(view.context.now);
    let cause = format!("{} failed: {}", found.what, found.words);
    let next = rollouts(&view.fact.object, &["get", "rollout"]);
    let observation = Observation::doomed(since, cause)
        .key(format!("analysis {}", found.key))
        .last_log(found.lines)
        .next(next);
    Some(observation.of_release(view))
}

/// Returns the analysis because of which a Rollout is paused.
pub(super) fn of_pause<'a>(view: WorkloadView<'a>) -> Option<Described<'a>> {
    let run = runs(view, &["Inconclusive"]).max_by_key(|run| ended(run));
    if let Some(run) = run {
        return Some(described(view, run));
    }
    let mut current = current(view).filter(|run| run.status == "Inconclusive");
    current.next().map(from_status)
}

fn of_failure<'a>(view: WorkloadView<'a>) -> Option<Described<'a>> {
    let failed = view.state.failed.as_deref();
    let aborted = view.fact.workload.status.aborted_at.as_ref();
    let caused = |run: &&WorkloadFact| {
        let far = aborted.zip(ended(run));
        far.is_none_or(|(aborted, ended)| age(aborted.0, ended) <= secs(BEFORE))
    };
    let names_it = |run: &&WorkloadFact| {
        let message = run.workload.status.message.as_deref().unwrap_or_default();
        failed.is_some_and(|failed| !message.is_empty() && failed.contains(message))
    };
    let bad = || runs(view, &["Failed", "Error"]);
    let named = bad().filter(names_it).max_by_key(|run| ended(run));
    let is_of_analysis =
        failed.is_some_and(|failed| failed.contains("Metric \"") || failed.contains("nalysis"));
    let latest = || {
        let run = bad().filter(caused).max_by_key(|run| ended(run));
        run.filter(|_| is_of_analysis)
    };
    if let Some(run) = named.or_else(latest) {
        return Some(described(view, run));
    }
    let mut current = current(view).filter(|run| ["Failed", "Error"].contains(&&*run.status));
    if let Some(run) = current.next() {
        return Some(from_status(run));
    }
    // The run cannot be read: the Rollout's message has the metric.
    let failed = failed?;
    let at = failed.find("Metric \"")?;
    let name = failed[at + 8..].split('"').next().unwrap_or_default();
    Some(Described {
        words: without_credentials(&failed[at..])
            .trim_end_matches('.')
            .to_owned(),
        measured: Measured::No,
        lines: &[],
        key: name.to_owned(),
        what: "analysis".to_owned(),
        ended: aborted.map(|time| time.0),
    })
}

/// Returns the runs of the newest revision in one of some phases.
fn runs<'a>(
    view: WorkloadView<'a>,
    phases: &'a [&str],
) -> impl Iterator<Item = &'a WorkloadFact> + 'a {
    let newest = revision(&view.fact.workload);
    let own = view.context.facts.workloads.values().filter(move |fact| {
        let is_run = AnalysisRun.names().is(&fact.object.kind);
        is_run && fact.root.uid == view.fact.object.uid
    });
    own.filter(move |fact| {
        let phase = fact.workload.status.phase.as_deref().unwrap_or_default();
        let of = revision(&fact.workload).or_else(|| {
            let owner = view
                .context
                .facts
                .workloads
                .get(&fact.owner.as_ref()?.uid)?;
            revision(&owner.workload)
        });
        phases.contains(&phase) && of == newest
    })
}

fn current<'a>(view: WorkloadView<'a>) -> impl Iterator<Item = &'a CurrentRun> {
    let status = &view.fact.workload.status;
    status.canary.analyses().chain(status.blue_green.analyses())
}

fn ended(run: &WorkloadFact) -> Option<Timestamp> {
    run.workload.status.completed_at.as_ref().map(|time| time.0)
}

fn from_status<'a>(run: &CurrentRun) -> Described<'a> {
    Described {
        words: format!("{}: {}", run.name, without_credentials(&run.message)),
        measured: Measured::No,
        lines: &[],
        key: run.name.clone(),
        what: "analysis".to_owned(),
        ended: None,
    }
}

fn described<'a>(view: WorkloadView<'a>, run: &'a WorkloadFact) -> Described<'a> {
    let status = &run.workload.status;
    let phase = status.phase.as_deref().unwrap_or_default();
    let results = status.metric_results.iter();
    let bad: Vec<_> = results
        .filter(|result| result.phase == phase && !result.dry_run)
        .collect();
    let Some(first) = bad.first() else {
        let message = status.message.as_deref().unwrap_or(phase);
        return Described {
            words: without_credentials(message),
            measured: Measured::No,
            lines: &[],
            key: run.object.name.to_string(),
            what: what(view, run),
            ended: ended(run),
        };
    };
    let (words, measured, lines) = metric(view, run, first);
    let more = match bad.len() - 1 {
        0 => String::new(),
        1 => " (and 1 more metric)".to_owned(),
        more => format!(" (and {more} more metrics)"),
    };
    let names: Vec<&str> = bad.iter().map(|result| result.name.as_str()).collect();
    Described {
        words: format!("{words}{more}"),
        measured,
        lines,
        key: names.join(", "),
        what: what(view, run),
        ended: ended(run),
    }
}

/// Says what is wrong with a metric, and returns the lines of the Job that measured it.
fn metric<'a>(
    view: WorkloadView<'a>,
    run: &'a WorkloadFact,
    result: &MetricResult,
) -> (String, Measured, &'a [Line]) {
    let name = without_credentials(&result.name);
    let mut last = result.measurements.iter().rev();
    let last = last.find(|measurement| measurement.phase == result.phase);
    if let Some(value) = last.and_then(|last| last.value.as_deref()) {
        let value = cap(&without_credentials(value), VALUE);
        let wanted = wanted(&run.workload, &result.name, &result.phase);
        let words = format!("metric {name} is {value}{wanted}{}", counts(result));
        return (words, Measured::Yes, &[]);
    }
    if let Some((words, lines)) = of_job(view, run, &result.name) {
        return (format!("metric {name}: {words}"), Measured::Yes, lines);
    }
    let message = last.and_then(|last| last.message.as_deref());
    let message = message.or(result.message.as_deref()).unwrap_or_default();
    let why = match without_credentials(message).trim_end_matches('.') {
        "" => String::new(),
        message => format!(": {message}"),
    };
    let words = match result.phase.as_str() {
        "Failed" => format!("metric {name} failed{why}"),
        "Error" => format!("metric {name} could not be measured{why}"),
        _ => format!("metric {name} has no clear result{why}"),
    };
    (words, Measured::No, &[])
}

/// Returns the condition that a value does not meet, in words.
fn wanted(run: &WorkloadObject, name: &str, phase: &str) -> String {
    let metric = run.spec.metrics.iter().find(|metric| metric.name == name);
    let condition = |text: Option<&String>| {
        let text = cap(&without_credentials(text?.trim()), 2 * VALUE);
        (!text.is_empty()).then_some(text)
    };
    let success = condition(metric.and_then(|metric| metric.success_condition.as_ref()));
    let failure = condition(metric.and_then(|metric| metric.failure_condition.as_ref()));
    match (phase, success, failure) {
        ("Failed", _, Some(failure)) => format!(" (failureCondition {failure})"),
        ("Failed", Some(success), None) => format!(" (successCondition {success})"),
        (_, Some(success), Some(failure)) => {
            format!(" (neither successCondition {success} nor failureCondition {failure} holds)")
        }
        _ => String::new(),
    }
}

/// `, 3 of 5 measurements`
fn counts(result: &MetricResult) -> String {
    match (result.failed, result.count) {
        (Some(failed), Some(count)) if count > 1 => {
            format!(", {failed} of {count} measurements failed")
        }
        _ => String::new(),
    }
}

/// Returns how the Job of a metric failed, with its last lines.
fn of_job<'a>(
    view: WorkloadView<'a>,
    run: &WorkloadFact,
    metric: &str,
) -> Option<(String, &'a [Line])> {
    let facts = view.context.facts;
    let jobs = facts.workloads.values().filter(|fact| {
        let owner = fact.owner.as_ref();
        owner.is_some_and(|owner| owner.uid == run.object.uid) && fact.metric() == Some(metric)
    });
    let created = |fact: &&WorkloadFact| {
        let time = fact.workload.metadata.creation_timestamp.as_ref();
        time.map(|time| time.0)
    };
    let job = jobs.max_by_key(created)?;
    let pod = job::last_failed_pod(facts, job)?;
    let (container, end, _) = job::failure(pod)?;
    let words = format!("container {container} of its Job failed ({})", exit(end));
    Some((words, facts.lines_of(pod, container)))
}

/// Names the analysis by its place in the rollout.
fn what(view: WorkloadView<'_>, run: &WorkloadFact) -> String {
    let labels = run.workload.metadata.labels.as_ref();
    let label = |key: &str| {
        labels
            .and_then(|labels| labels.get(key))
            .map(String::as_str)
    };
    match label("rollout-type") {
        Some("Background") => "background analysis".to_owned(),
        Some("PrePromotion") => "analysis before the promotion".to_owned(),
        Some("PostPromotion") => "analysis after the promotion".to_owned(),
        _ => {
            let index = label("step-index").and_then(|index| index.parse::<usize>().ok());
            let canary = view.fact.workload.spec.strategy.canary.as_ref();
            match index.zip(canary) {
                Some((index, canary)) if index < canary.steps.len() => {
                    format!("analysis at step {}/{}", index + 1, canary.steps.len())
                }
                _ => "analysis".to_owned(),
            }
        }
    }
}
