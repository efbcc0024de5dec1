//! Failures in a cluster and the findings of the session: `tests/matrix/*.yaml`.
//!
//! Each scenario must bring exactly the findings that it names. Run with `--nocapture` for
//! the figures, and for the time from the first moment at which an object showed the cause.

use std::time::Duration;

use argo_assistant::summary::Outcome;
use argo_core::Level;
use serde::Deserialize;
use serde_json::{Value, json};
use simcluster::scenario::Scenario;

use super::{
    stage::{self, Said, Stage},
    workload::{Workload, manifests},
};

const FILES: [&str; 3] = ["failing", "healthy", "recorded"];

/// One scenario of the matrix.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Workloads that run before.
    #[serde(default)]
    before: Vec<Workload>,
    /// Workloads that are synced after a second.
    #[serde(default)]
    sync: Vec<Workload>,
    /// Other manifests that exist at the start.
    #[serde(default)]
    objects: String,
    /// Whatever else happens, as in a scenario.
    #[serde(default)]
    steps: Vec<Value>,
    /// Recording to play.
    #[serde(default)]
    recording: Option<String>,
    /// Seconds that it takes.
    seconds: u64,
    /// Text in the API as soon as the cause exists.
    #[serde(default)]
    shows: Option<String>,
    /// `<Kind>/<name> <code>`.
    #[serde(default)]
    expect: Vec<String>,
    /// Findings from before the sync, allowed as warnings until the rollout mends them.
    #[serde(default)]
    was_so: Vec<String>,
    /// Findings that are reported as resolved.
    #[serde(default)]
    over: Vec<String>,
    /// Findings of one look at the end, if they differ from `expect`.
    #[serde(default)]
    at_the_end: Option<Vec<String>>,
}

impl Case {
    pub(crate) fn find(name: &str) -> Self {
        let mut cases = cases().into_iter().map(|(_, case)| case);
        cases.find(|case| case.name == name).unwrap()
    }

    pub(crate) fn scenario(&self) -> Scenario {
        let mut steps = self.steps.clone();
        if !self.sync.is_empty() {
            let sync = json!({"manifests": manifests(&self.sync), "user": "ci"});
            steps.insert(0, json!({"at": "1s", "sync": sync}));
        }
        if let Some(recording) = &self.recording {
            let recording = json!({"name": recording, "application": "shop"});
            steps.push(json!({"at": "1s", "recording": recording}));
        }
        let application = json!({"name": "shop", "destination": "shop-prod", "deployed": manifests(&self.before)});
        let scenario = json!({"name": self.name, "seed": 7, "application": application, "objects": self.objects, "steps": steps});
        let text = serde_yaml_ng::to_string(&scenario).unwrap();
        Scenario::parse(&self.name, &text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Plays it to its end.
    pub(crate) async fn play(&self) -> Stage {
        let mut stage = Stage::open(&self.scenario(), stage::config()).await;
        stage.awaited = self.shows.clone().map(|shows| (shows, None));
        stage.play(Duration::from_secs(self.seconds)).await;
        stage
    }

    /// True if it is expected, or nothing but a warning of what was so before.
    fn may_bring(&self, stage: &Stage, finding: &str) -> bool {
        let mut said = stage
            .said
            .iter()
            .filter(|said| said.finding().as_deref() == Some(finding));
        let is_warning = |said: &stage::Said| {
            said.record.level == Level::Warning
                && said.record.msg.ends_with("already so before this sync")
        };
        let was_so = self.was_so.iter().any(|known| known == finding);
        self.expect.iter().any(|expected| expected == finding) || (was_so && said.all(is_warning))
    }

    /// Returns the time at which others notice: `kubectl rollout status` and Argo CD's health wait for
    /// the deadline of a Deployment, and for nothing else.
    fn others(&self) -> String {
        let first = self.expect.first().map_or("", String::as_str);
        let name = first.split([' ', '/']).nth(1).unwrap_or_default();
        let workload = self.sync.iter().find(|workload| workload.name == name);
        let deadline = workload.and_then(|it| it.spec["progressDeadlineSeconds"].as_u64());
        match first.split('/').next().unwrap_or_default() {
            "Deployment" => {
                let deadline = deadline.unwrap_or(600);
                format!("{deadline} s | {deadline} s")
            }
            "StatefulSet" | "DaemonSet" => "never | never".to_owned(),
            "Job" => "– | when the Job failed".to_owned(),
            "Pod" => "– | at once".to_owned(),
            _ => "– | –".to_owned(),
        }
    }
}

pub(crate) fn cases() -> Vec<(&'static str, Case)> {
    let read = |file: &'static str| {
        let path = format!("{}/matrix/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let cases: Vec<Case> =
            serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        cases.into_iter().map(move |case| (file, case))
    };
    FILES.into_iter().flat_map(read).collect()
}

#[tokio::test(start_paused = true)]
async fn every_scenario_brings_its_findings_and_nothing_else() {
    let only = std::env::var("MATRIX").ok();
    let (mut right, mut missed, mut wrong) = (0, Vec::new(), Vec::new());
    let mut scenarios = 0;
    println!("scenario | finding | cause shown | after that | rollout status | Argo CD");
    for (file, case) in cases() {
        if only.as_ref().is_some_and(|only| !case.name.contains(only)) {
            continue;
        }
        scenarios += 1;
        let stage = case.play().await;
        let mut found: Vec<(String, Duration)> = Vec::new();
        for said in &stage.said {
            if let Some(finding) = said.finding()
                && !found.iter().any(|(known, _)| *known == finding)
            {
                found.push((finding, said.after));
            }
        }
        for expected in &case.expect {
            match found.iter().find(|(finding, _)| finding == expected) {
                Some((_, at)) => {
                    right += 1;
                    println!(
                        "{} | {expected} | {} | {}",
                        case.name,
                        times(&stage, *at),
                        case.others()
                    );
                }
                None => missed.push(format!("{} {expected}", case.name)),
            }
        }
        let over: Vec<String> = stage.said.iter().filter_map(Said::resolved).collect();
        if over != case.over {
            wrong.push(format!("{}: over {over:?}", case.name));
        }
        if file == "healthy" {
            println!("{} | nothing, as it should be", case.name);
        }
        let unexpected = found
            .iter()
            .filter(|(finding, _)| !case.may_bring(&stage, finding));
        wrong.extend(
            unexpected.map(|(finding, at)| format!("{} {finding} after {at:?}", case.name)),
        );
        if only.is_some() {
            println!("{}", String::from_utf8_lossy(&stage.text));
        }
    }
    println!(
        "{scenarios} scenarios: right {right}, missed {}, false {}",
        missed.len(),
        wrong.len()
    );
    assert!(
        missed.is_empty() && wrong.is_empty(),
        "missed {missed:#?}, false {wrong:#?}"
    );
}

fn times(stage: &Stage, at: Duration) -> String {
    match &stage.awaited {
        Some((_, Some(shown))) => {
            let later = at.as_secs_f64() - shown.as_secs_f64();
            format!("{:.1} s | {later:.1} s", shown.as_secs_f64())
        }
        Some((text, None)) => format!("nothing showed {text:?} |"),
        None => format!("– | (at {:.1} s)", at.as_secs_f64()),
    }
}

#[tokio::test(start_paused = true)]
async fn one_look_at_the_end_finds_the_same() {
    let only = std::env::var("MATRIX").ok();
    let mut wrong = Vec::new();
    for (file, case) in cases() {
        if only.as_ref().is_some_and(|only| !case.name.contains(only)) {
            continue;
        }
        let (_, summary) = Stage::one_look(case.play().await.cluster);
        let mut found: Vec<String> = summary
            .findings
            .iter()
            .map(|finding| format!("{} {}", finding.workload, finding.code))
            .collect();
        found.sort();
        found.dedup();
        let mut expected = case.at_the_end.clone().unwrap_or(case.expect.clone());
        expected.sort();
        if found != expected {
            wrong.push(format!("{}: {found:?}, not {expected:?}", case.name));
        }
        if file == "healthy" && summary.outcome != Outcome::Succeeded {
            wrong.push(format!("{}: {:?}", case.name, summary.outcome));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
