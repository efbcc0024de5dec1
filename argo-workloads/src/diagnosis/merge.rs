//! From hits to findings: what is ripe, what is a symptom, and what has one cause.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::ObjectRef;
use jiff::{SignedDuration, Timestamp};

use super::{
    code::Code,
    finding::{Finding, Severity},
    hit::Hit,
    redact,
    rule::Rule,
    scene::Scene,
};

/// Pods, facts and lines that a finding shows.
const PODS: usize = 100;
const EVIDENCE: usize = 6;
const LINES: usize = 10;
/// Findings that are told in all, and characters of a sentence.
const FINDINGS: usize = 200;
const SENTENCE: usize = 500;

/// A hit with the code of its rule.
pub(super) struct Coded {
    code: Code,
    hit: Hit,
    is_ripe: bool,
}

/// Kind, namespace and name: hooks are known to the Application by these, not by uid.
type Name = (String, String, String);

impl Coded {
    /// The hits of a rule. They are ripe once they have held for the grace time.
    pub(super) fn of<'a>(rule: &'a Rule, scene: &'a Scene<'_>) -> impl Iterator<Item = Self> + 'a {
        rule.hits(scene).into_iter().map(move |mut hit| {
            // The clock of the cluster may be ahead of ours.
            hit.since = hit.since.min(scene.now);
            let own = hit.grace.unwrap_or(rule.grace);
            let grace = scene.thresholds.grace.unwrap_or(own);
            // What lies ahead (the cluster's clock is fast) is as good as now.
            let age = scene
                .now
                .duration_since(hit.since)
                .max(SignedDuration::ZERO);
            let is_ripe = age >= grace;
            Self {
                code: rule.code,
                hit,
                is_ripe,
            }
        })
    }

    fn is_application(&self) -> bool {
        let workload = self.hit.place.workload.as_ref();
        workload.is_some_and(|workload| &*workload.kind.kind == "Application")
    }

    fn name(&self) -> Option<Name> {
        let workload = self.hit.place.workload.as_ref()?;
        Some((
            workload.kind.kind.to_string(),
            workload.namespace.to_string(),
            workload.name.to_string(),
        ))
    }
}

/// Findings, the worst and oldest first.
pub(super) fn findings(mut hits: Vec<Coded>, scene: &Scene<'_>) -> Vec<Finding> {
    promote(&mut hits);
    hits.retain(|coded| coded.is_ripe);
    drop_symptoms(&mut hits);
    let mut groups: BTreeMap<(Name, Code, String), Vec<Hit>> = BTreeMap::new();
    for coded in hits {
        let Some(name) = coded.name() else { continue };
        // A hook is told by its Job and by the Application: one cause.
        let key = match coded.code {
            Code::HookFailed => String::new(),
            _ => redact::cap(&coded.hit.key, 300),
        };
        groups
            .entry((name, coded.code, key))
            .or_default()
            .push(coded.hit);
    }
    let mut findings: Vec<Finding> = groups
        .into_iter()
        .filter_map(|((_, code, cause), hits)| finding(code, cause, hits, scene))
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
fn promote(hits: &mut [Coded]) {
    let given_up: BTreeMap<Name, Timestamp> = hits
        .iter()
        .filter(|coded| coded.code == Code::ProgressDeadline && coded.is_ripe)
        .filter_map(|coded| Some((coded.name()?, coded.hit.since)))
        .collect();
    for coded in hits {
        let deadline = coded.name().and_then(|name| given_up.get(&name).copied());
        if deadline.is_some_and(|deadline| coded.hit.since <= deadline) {
            coded.is_ripe = true;
            coded.hit.severity = Severity::Doomed;
        }
    }
}

/// What another finding of the same workload explains is left out.
fn drop_symptoms(hits: &mut Vec<Coded>) {
    let mut codes: BTreeMap<Name, BTreeSet<Code>> = BTreeMap::new();
    let mut all = BTreeSet::new();
    // An Application is suspended because something of it is.
    let paused = |coded: &Coded| coded.code == Code::AppSuspended && !coded.is_application();
    let paused = hits.iter().any(paused);
    for coded in hits.iter() {
        all.insert(coded.code);
        if let Some(name) = coded.name() {
            codes.entry(name).or_default().insert(coded.code);
        }
    }
    hits.retain(|coded| {
        let name = coded.name();
        let own = name
            .and_then(|name| codes.get(&name).cloned())
            .unwrap_or_default();
        let explained = coded.is_application() && coded.code == Code::AppSuspended && paused;
        !explained && !is_symptom(coded.code, &own, &all)
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

fn finding(code: Code, cause: String, mut hits: Vec<Hit>, scene: &Scene<'_>) -> Option<Finding> {
    hits.sort_by_key(|hit| std::cmp::Reverse((!hit.lines.is_empty(), hit.weight)));
    let first = hits.first()?;
    let workload = first.place.workload.clone()?;
    let names = |name: fn(&Hit) -> Option<&String>| {
        let names: BTreeSet<&String> = hits.iter().filter_map(name).collect();
        names
            .into_iter()
            .take(PODS)
            .map(|name| redact::cap(name, 253))
            .collect::<Vec<_>>()
    };
    let pods = names(|hit| hit.place.pod.as_ref());
    let containers = names(|hit| hit.place.container.as_ref());
    let new_pods = scene.new_pods(&workload.uid);
    let lines = first.lines.iter().rev().take(LINES).rev();
    Some(Finding {
        code,
        severity: hits.iter().map(|hit| hit.severity).max()?,
        since: hits.iter().map(|hit| hit.since).min()?,
        sentence: sentence(first, &workload, &pods, new_pods),
        workload,
        pods,
        containers,
        new_pods,
        cause,
        evidence: evidence(&hits),
        last_lines: lines.map(|line| (line.time, line.text.clone())).collect(),
        error_line: first.error_line.clone(),
        next: first.next.clone(),
    })
}

/// `db-1: container postgres crashes on start (exit 1, 3 times in 55 s): FATAL…`,
/// `container app … (exit 1; 3 of 3 new pods): …`
fn sentence(hit: &Hit, workload: &ObjectRef, pods: &[String], new_pods: usize) -> String {
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
    let error = hit.error_line.as_ref();
    let error = error.map_or(String::new(), |line| format!(": {line}"));
    // One pair of parentheses reads better than two.
    let cause = match (suffix.is_empty(), hit.cause.strip_suffix(')')) {
        (true, _) => hit.cause.clone(),
        (false, Some(open)) => format!("{open}; {suffix})"),
        (false, None) => format!("{} ({suffix})", hit.cause),
    };
    let sentence = format!("{prefix}{cause}{error}{}", hit.aftermath);
    redact::cap(sentence.trim_end_matches('.'), SENTENCE)
}

/// The facts of all pods, each once, those of the sentence's pod first.
fn evidence(hits: &[Hit]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let facts = hits.iter().flat_map(|hit| &hit.evidence);
    facts
        .filter(|fact| seen.insert(super::events::normal(fact)))
        .take(EVIDENCE)
        .cloned()
        .collect()
}
