//! The way from observations to findings: those within their grace time and symptoms are
//! dropped, and those with one cause are merged.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::{
    ObjectName,
    text::{cap, similar::without_numbers},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    code::Code,
    context::Context,
    finding::{Finding, NewPods, Severity},
    observation::Observation,
    rules::Rule,
};

mod docs;
mod pages;

pub use docs::findings_page;

/// Pods, facts and lines that a finding shows at most; further ones are dropped.
const PODS: usize = 100;
const EVIDENCE: usize = 6;
const LINES: usize = 10;
/// Findings that are returned in all, the worst ones, and characters of a sentence.
const FINDINGS: usize = 200;
const SENTENCE: usize = 500;

/// An observation with the code of its rule, and whether it has held for the grace time.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) code: Code,
    pub(super) observation: Observation,
    pub(super) is_past_grace: bool,
}

impl Candidate {
    /// Returns the observations of a rule.
    pub(super) fn of<'a>(
        rule: &'a Rule,
        context: &'a Context<'_>,
    ) -> impl Iterator<Item = Self> + 'a {
        rule.observations(context)
            .into_iter()
            .map(move |mut observation| {
                // The clock of the cluster may be ahead of ours.
                observation.since = observation.since.min(context.now);
                let own = observation.grace.unwrap_or(rule.grace);
                let grace = context.thresholds.grace.unwrap_or(own);
                // A time ahead of ours (the cluster's clock is fast) counts as now.
                let age = context
                    .now
                    .duration_since(observation.since)
                    .max(SignedDuration::ZERO);
                let is_past_grace = age >= grace;
                Self {
                    code: rule.code,
                    observation,
                    is_past_grace,
                }
            })
    }

    fn is_of_application(&self, context: &Context<'_>) -> bool {
        let workload = self.observation.place.workload.as_ref();
        workload.is_some_and(|workload| context.is_application(&workload.uid))
    }

    /// Returns the name of the workload. An Application knows its hooks by name, not by uid.
    fn name(&self) -> Option<ObjectName> {
        Some(self.observation.place.workload.as_ref()?.name())
    }
}

/// Turns observations into findings, the worst and oldest first.
pub(super) fn findings(mut observations: Vec<Candidate>, context: &Context<'_>) -> Vec<Finding> {
    promote(&mut observations);
    observations.retain(|candidate| candidate.is_past_grace);
    drop_symptoms(&mut observations, context);
    let mut groups: BTreeMap<(ObjectName, Code, String), Vec<Observation>> = BTreeMap::new();
    for candidate in observations {
        let Some(name) = candidate.name() else {
            continue;
        };
        // Both the Job of a hook and the Application report its failure: one cause.
        let key = match candidate.code {
            Code::HookFailed => String::new(),
            _ => cap(&candidate.observation.key, 300),
        };
        groups
            .entry((name, candidate.code, key))
            .or_default()
            .push(candidate.observation);
    }
    let mut findings: Vec<Finding> = groups
        .into_iter()
        .filter_map(|((_, code, cause), observations)| finding(code, cause, observations, context))
        .collect();
    findings.sort_by(|a, b| {
        let worst = b.severity.cmp(&a.severity);
        // argocd gives up on a Degraded resource, and waits for any other.
        let is_degraded = |finding: &Finding| finding.code == Code::DegradedResource;
        worst
            .then(is_degraded(b).cmp(&is_degraded(a)))
            .then(a.since.cmp(&b.since))
            .then(a.code.cmp(&b.code))
    });
    findings.truncate(FINDINGS);
    findings
}

/// Waives the grace time of a workload and dooms it once its controller has given up: the rollout
/// no longer waits for anything to pass.
fn promote(observations: &mut [Candidate]) {
    let given_up: BTreeMap<ObjectName, Timestamp> = observations
        .iter()
        .filter(|candidate| gave_up(candidate.code) && candidate.is_past_grace)
        .filter(|candidate| candidate.observation.severity == Severity::Doomed)
        .filter_map(|candidate| Some((candidate.name()?, candidate.observation.since)))
        .collect();
    for candidate in observations {
        let deadline = candidate
            .name()
            .and_then(|name| given_up.get(&name).copied());
        // Trouble that began after the controller gave up was not the reason.
        if deadline.is_some_and(|deadline| candidate.observation.since <= deadline) {
            candidate.is_past_grace = true;
            candidate.observation.severity = Severity::Doomed;
        }
    }
}

/// Adds the controller's own verdict to the facts that prove its cause.
fn add_deadlines(observations: &mut [Candidate]) {
    let given_up: BTreeMap<ObjectName, String> = observations
        .iter()
        .filter(|candidate| gave_up(candidate.code))
        .filter_map(|candidate| Some((candidate.name()?, candidate.observation.cause.clone())))
        .collect();
    for candidate in observations {
        let is_deadline = gave_up(candidate.code);
        let name = candidate.name().filter(|_| !is_deadline);
        if let Some(told) = name.and_then(|name| given_up.get(&name)) {
            candidate.observation.evidence.push(told.clone());
        }
    }
}

/// Drops the observations that another one of the same workload explains.
fn drop_symptoms(observations: &mut Vec<Candidate>, context: &Context<'_>) {
    let mut codes: BTreeMap<ObjectName, BTreeSet<Code>> = BTreeMap::new();
    let mut all = BTreeSet::new();
    add_deadlines(observations);
    // An Application is suspended because one of its workloads is.
    let is_workload_paused = observations.iter().any(|candidate| {
        let is_paused = [Code::AppSuspended, Code::RolloutPaused].contains(&candidate.code);
        is_paused && !candidate.is_of_application(context)
    });
    for candidate in observations.iter() {
        all.insert(candidate.code);
        if let Some(name) = candidate.name() {
            codes.entry(name).or_default().insert(candidate.code);
        }
    }
    observations.retain(|candidate| {
        let name = candidate.name();
        let own = name
            .and_then(|name| codes.get(&name).cloned())
            .unwrap_or_default();
        let is_explained = candidate.code == Code::AppSuspended
            && is_workload_paused
            && candidate.is_of_application(context);
        !is_explained && !is_symptom(candidate.code, &own, &all)
    });
}

/// True if the code says no more than that the controller gave up.
fn gave_up(code: Code) -> bool {
    matches!(code, Code::ProgressDeadline | Code::RolloutAborted)
}

fn is_symptom(code: Code, own: &BTreeSet<Code>, all: &BTreeSet<Code>) -> bool {
    let has = |codes: &[Code]| codes.iter().any(|code| own.contains(code));
    let crashes = [
        Code::CrashLoop,
        Code::OomKilled,
        Code::InitFailed,
        Code::StartFailed,
        Code::ExecFormat,
        Code::PermissionDenied,
        Code::PodRejected,
        Code::JobHeld,
    ];
    match code {
        // The deadline passed because of the other cause.
        code if gave_up(code) => own.len() > 1,
        // The Job says how it ended; its pods said so before.
        code if crashes.contains(&code) => {
            has(&[Code::JobFailed, Code::DeadlineExceeded, Code::HookFailed])
        }
        Code::ContainerEnded => has(&[
            Code::OomKilled,
            Code::StartFailed,
            Code::ExecFormat,
            Code::PermissionDenied,
        ]),
        // Any other cause says more about the application.
        Code::AlreadyDegraded | Code::WaveBlocked => all.len() > 1,
        // The sync that would end it has failed, or may not begin.
        Code::OutOfSync => [
            Code::SyncFailed,
            Code::HookFailed,
            Code::ComparisonError,
            Code::SharedResource,
            Code::SyncWindow,
            Code::ApplicationDeleted,
        ]
        .iter()
        .any(|code| all.contains(code)),
        _ => false,
    }
}

fn finding(
    code: Code,
    cause: String,
    mut observations: Vec<Observation>,
    context: &Context<'_>,
) -> Option<Finding> {
    // The first observation gives the sentence and the lines: one with lines says most.
    observations.sort_by_key(|observation| {
        std::cmp::Reverse((!observation.lines.is_empty(), observation.weight))
    });
    let first = observations.first()?;
    let workload = first.place.workload.clone()?;
    let names = |name: fn(&Observation) -> Option<&String>| {
        let names: BTreeSet<&String> = observations.iter().filter_map(name).collect();
        names
            .into_iter()
            .take(PODS)
            .map(|name| cap(name, 253))
            .collect::<Vec<_>>()
    };
    let pods = names(|observation| observation.place.pod.as_ref());
    let containers = names(|observation| observation.place.container.as_ref());
    let traits = context.traits(&workload.uid);
    let new_pods = NewPods {
        count: context.new_pods(&workload.uid),
        any_dooms: traits.is_some_and(|traits| traits.any_pod_dooms),
    };
    let keeps_names = traits.is_some_and(|traits| traits.keeps_pod_names);
    let is_itself = pods.first().is_some_and(|pod| **pod == *workload.name);
    let is_named = !is_itself && (keeps_names || new_pods.count > 1);
    let lines = first.lines.iter().rev().take(LINES).rev();
    Some(Finding {
        code,
        severity: observations
            .iter()
            .map(|observation| observation.severity)
            .max()?,
        since: observations
            .iter()
            .map(|observation| observation.since)
            .min()?,
        sentence: sentence(first, &pods, is_named, new_pods.count),
        workload,
        pods,
        containers,
        new_pods,
        cause,
        evidence: evidence(&observations),
        last_lines: lines.map(|line| (line.time, line.text.clone())).collect(),
        next: first.next.clone(),
    })
}

/// Writes the sentence of a finding: `db-1: container postgres crashes on start (exit 1, 3
/// times in 55 s): FATAL…`, `container app … (exit 1; 3 of 3 new pods): …`. A single pod is
/// named if `is_named`.
fn sentence(observation: &Observation, pods: &[String], is_named: bool, new_pods: usize) -> String {
    let (prefix, suffix) = match pods {
        [pod] if is_named => (format!("{pod}: "), String::new()),
        [] | [_] => (String::new(), String::new()),
        many => {
            let of = new_pods.max(many.len());
            (String::new(), format!("{} of {of} new pods", many.len()))
        }
    };
    let error = observation.error_line.as_ref();
    let last = observation.last_line.as_ref();
    let last = last.map(|line| format!("; last line: {line}"));
    let error = error.map(|line| format!(": {line}"));
    let error = error.or(last).unwrap_or_default();
    // One pair of parentheses reads better than two.
    let cause = match (suffix.is_empty(), observation.cause.strip_suffix(')')) {
        (true, _) => observation.cause.clone(),
        (false, Some(open)) => format!("{open}; {suffix})"),
        (false, None) => format!("{} ({suffix})", observation.cause),
    };
    let sentence = format!("{prefix}{cause}{error}{}", observation.consequence);
    cap(sentence.trim_end_matches('.'), SENTENCE)
}

/// Returns the facts of all pods, each once, those of the sentence's pod first.
fn evidence(observations: &[Observation]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let facts = observations
        .iter()
        .flat_map(|observation| &observation.evidence);
    facts
        .filter(|fact| seen.insert(without_numbers(fact)))
        .take(EVIDENCE)
        .cloned()
        .collect()
}
