//! From hits to findings: what is ripe, what is a symptom, and what has one cause.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::ObjectRef;
use argo_core::text::{cap, similar::without_numbers};
use jiff::{SignedDuration, Timestamp};

use super::{
    code::Code,
    context::Context,
    finding::{Finding, Severity},
    observation::Observation,
    rules::Rule,
};

mod docs;

pub use docs::findings_page;

/// Pods, facts and lines that a finding shows.
const PODS: usize = 100;
const EVIDENCE: usize = 6;
const LINES: usize = 10;
/// Findings that are told in all, and characters of a sentence.
const FINDINGS: usize = 200;
const SENTENCE: usize = 500;

/// A hit with the code of its rule.
pub(super) struct Candidate {
    code: Code,
    observation: Observation,
    is_past_grace: bool,
}

/// Kind, namespace and name: hooks are known to the Application by these, not by uid.
type Name = (String, String, String);

impl Candidate {
    /// The hits of a rule. They are ripe once they have held for the grace time.
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
                // What lies ahead (the cluster's clock is fast) is as good as now.
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

    fn is_application(&self) -> bool {
        let workload = self.observation.place.workload.as_ref();
        workload.is_some_and(|workload| &*workload.kind.kind == "Application")
    }

    fn name(&self) -> Option<Name> {
        let workload = self.observation.place.workload.as_ref()?;
        Some((
            workload.kind.kind.to_string(),
            workload.namespace.to_string(),
            workload.name.to_string(),
        ))
    }
}

/// Findings, the worst and oldest first.
pub(super) fn findings(mut observations: Vec<Candidate>, context: &Context<'_>) -> Vec<Finding> {
    promote(&mut observations);
    observations.retain(|candidate| candidate.is_past_grace);
    drop_symptoms(&mut observations);
    let mut groups: BTreeMap<(Name, Code, String), Vec<Observation>> = BTreeMap::new();
    for candidate in observations {
        let Some(name) = candidate.name() else {
            continue;
        };
        // A hook is told by its Job and by the Application: one cause.
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
        worst.then(a.since.cmp(&b.since)).then(a.code.cmp(&b.code))
    });
    findings.truncate(FINDINGS);
    findings
}

/// Where the controller has given up, what holds the rollout up need not ripen: nobody
/// waits for it any more.
fn promote(observations: &mut [Candidate]) {
    let given_up: BTreeMap<Name, Timestamp> = observations
        .iter()
        .filter(|candidate| candidate.code == Code::ProgressDeadline && candidate.is_past_grace)
        .filter_map(|candidate| Some((candidate.name()?, candidate.observation.since)))
        .collect();
    for candidate in observations {
        let deadline = candidate
            .name()
            .and_then(|name| given_up.get(&name).copied());
        if deadline.is_some_and(|deadline| candidate.observation.since <= deadline) {
            candidate.is_past_grace = true;
            candidate.observation.severity = Severity::Doomed;
        }
    }
}

/// What another finding of the same workload explains is left out.
fn drop_symptoms(observations: &mut Vec<Candidate>) {
    let mut codes: BTreeMap<Name, BTreeSet<Code>> = BTreeMap::new();
    let mut all = BTreeSet::new();
    // An Application is suspended because something of it is.
    let paused =
        |candidate: &Candidate| candidate.code == Code::AppSuspended && !candidate.is_application();
    let paused = observations.iter().any(paused);
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
        let explained =
            candidate.is_application() && candidate.code == Code::AppSuspended && paused;
        !explained && !is_symptom(candidate.code, &own, &all)
    });
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
    ];
    match code {
        Code::ProgressDeadline => own.len() > 1,
        // The Job says how it ended; its pods said so before.
        code if crashes.contains(&code) => {
            has(&[Code::JobFailed, Code::DeadlineExceeded, Code::HookFailed])
        }
        Code::AlreadyDegraded => all.len() > 1,
        _ => false,
    }
}

fn finding(
    code: Code,
    cause: String,
    mut observations: Vec<Observation>,
    context: &Context<'_>,
) -> Option<Finding> {
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
    let new_pods = context.new_pods(&workload.uid);
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
        sentence: sentence(first, &workload, &pods, new_pods),
        workload,
        pods,
        containers,
        new_pods,
        cause,
        evidence: evidence(&observations),
        last_lines: lines.map(|line| (line.time, line.text.clone())).collect(),
        error_line: first.error_line.clone(),
        next: first.next.clone(),
    })
}

/// `db-1: container postgres crashes on start (exit 1, 3 times in 55 s): FATAL…`,
/// `container app … (exit 1; 3 of 3 new pods): …`
fn sentence(
    observation: &Observation,
    workload: &ObjectRef,
    pods: &[String],
    new_pods: usize,
) -> String {
    let is_itself = pods.first().is_some_and(|pod| **pod == *workload.name);
    let keeps_names = &*workload.kind.kind == "StatefulSet";
    let (prefix, suffix) = match pods {
        [pod] if !is_itself && (keeps_names || new_pods > 1) => (format!("{pod}: "), String::new()),
        [] | [_] => (String::new(), String::new()),
        many => {
            let of = new_pods.max(many.len());
            (String::new(), format!("{} of {of} new pods", many.len()))
        }
    };
    let error = observation.error_line.as_ref();
    let error = error.map_or(String::new(), |line| format!(": {line}"));
    // One pair of parentheses reads better than two.
    let cause = match (suffix.is_empty(), observation.cause.strip_suffix(')')) {
        (true, _) => observation.cause.clone(),
        (false, Some(open)) => format!("{open}; {suffix})"),
        (false, None) => format!("{} ({suffix})", observation.cause),
    };
    let sentence = format!("{prefix}{cause}{error}{}", observation.consequence);
    cap(sentence.trim_end_matches('.'), SENTENCE)
}

/// The facts of all pods, each once, those of the sentence's pod first.
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
