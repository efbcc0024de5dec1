//! One HTML page that needs nothing else: the facts as JSON in a page written by hand.
//!
//! Nothing in it comes from the network, and nothing that a cluster wrote is ever markup: the
//! JSON holds no `<`, and the page's script only sets text.

use std::collections::BTreeMap;

use argo_core::{
    Level,
    text::{cap, duration},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{LogTail, Moment, RunKey, Story, markdown::counted};
use crate::render::json;
use crate::{
    recording::{ContainerFact, Operation, PodFact, since},
    sanitize::printable,
    settings::Settings,
    summary::{Outcome, Row, Summary},
    verdict::{self, Failure},
};

const PAGE: &str = include_str!("page.html");
/// The most bytes of log lines on the page.
const LOGS: usize = 800_000;
/// The most bytes of events and other moments.
const MOMENTS: usize = 700_000;
/// The most characters of a moment's text.
const TEXT: usize = 300;
/// The most failures that have a card.
const CAUSES: usize = 20;

/// Returns the page.
pub fn html(story: &Story) -> String {
    let (state, word) = outcome(story.summary.as_ref());
    let app = match &story.summary {
        Some(summary) if story.is_about_several() => counted(summary),
        _ => printable(&story.header.app),
    };
    let cause = match &story.summary {
        Some(summary) => verdict::sentence(summary),
        None => "The recording was cut off before the end of the run.".to_owned(),
    };
    let took = duration::in_words(duration::between(story.header.started, story.ended));
    let parts = [
        (
            "<!--TITLE-->",
            escaped(&format!("{app}: {word} after {took}")),
        ),
        ("<!--STATE-->", state.to_owned()),
        ("<!--KICKER-->", escaped(&kicker(story))),
        ("<!--WORD-->", escaped(word)),
        ("<!--APP-->", escaped(&app)),
        ("<!--TOOK-->", escaped(&took)),
        ("<!--CAUSE-->", escaped(&cause)),
        ("<!--VERDICT-->", escaped(&block(story.summary.as_ref()))),
        ("<!--DATA-->", data(story)),
    ];
    let mut page = String::new();
    let mut rest = PAGE;
    for (mark, text) in parts {
        // The marks stand in this order, and text that was put in is not searched again.
        while let Some(at) = rest.find(mark) {
            page.push_str(&rest[..at]);
            page.push_str(&text);
            rest = &rest[at + mark.len()..];
        }
    }
    page.push_str(rest);
    page
}

/// Returns the line above the title: it names the applications if there are several.
fn kicker(story: &Story) -> String {
    let names: Vec<String> = story.apps().iter().map(|app| printable(&app.app)).collect();
    match story.is_about_several() {
        true if !names.is_empty() => cap(&format!("Rollout of {}", names.join(", ")), TEXT),
        true => "Rollout of Argo CD applications".to_owned(),
        false => "Rollout of an Argo CD application".to_owned(),
    }
}

fn outcome(summary: Option<&Summary>) -> (&'static str, &'static str) {
    let is_complete = |summary: &Summary| summary.workloads.iter().all(|row| row.complete);
    let is_complete = summary.is_none_or(is_complete);
    match summary.map(|summary| summary.outcome) {
        Some(Outcome::Paused) => ("open", "paused"),
        Some(Outcome::Succeeded) if !is_complete => ("open", "argocd succeeded"),
        Some(Outcome::Succeeded) => ("good", "rolled out"),
        Some(Outcome::Failed) => ("bad", "failed"),
        Some(Outcome::TimedOut) => ("bad", "timed out"),
        Some(Outcome::Interrupted) => ("open", "interrupted"),
        Some(_) => ("open", "not complete"),
        None => ("open", "cut off"),
    }
}

/// Returns the verdict as the terminal shows it, without colours.
fn block(summary: Option<&Summary>) -> String {
    let Some(summary) = summary else {
        return String::new();
    };
    let mut settings = Settings::of_pipe(&|_| None).0;
    settings.zone = TimeZone::UTC;
    verdict::text(summary, &settings)
}

/// Escapes text for HTML.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Returns the facts as JSON that can stand in a script element: `<` is escaped, so that no
/// text in it ends the element.
fn data(story: &Story) -> String {
    let tails = Tails::of(story);
    let start = story.header.started;
    let facts = json!({
        "started": start.as_millisecond(),
        "ended": since(start, story.ended),
        "program": story.header.program,
        "namespace": story.header.namespace,
        "lines": story.lines,
        "workloads": workloads(story),
        "pods": story.pods.iter().map(|pod| of_pod(story, pod, &tails)).collect::<Vec<_>>(),
        "causes": causes(story),
        "apps": apps(story),
        "operations": operations(story),
        "moments": moments(story),
    });
    let mut text = Vec::new();
    json::append(&facts, &mut text);
    let text = String::from_utf8_lossy(&text);
    text.trim_end()
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Milliseconds after the start; things from before it are negative.
fn millis(story: &Story, time: Timestamp) -> i64 {
    time.as_millisecond() - story.header.started.as_millisecond()
}

/// Returns what failed, each with the facts that prove it.
fn causes(story: &Story) -> Vec<Value> {
    let failures = story.summary.as_ref().map(verdict::failures);
    let capped =
        |texts: &[String]| -> Vec<String> { texts.iter().map(|it| cap(it, TEXT)).collect() };
    let cause = |own: &Failure| {
        json!({
            "app": own.app, "workload": own.workload, "code": own.code, "sentence": own.sentence,
            "evidence": capped(&own.evidence), "lines": capped(&own.last_lines), "next": own.next,
        })
    };
    let failures = failures.unwrap_or_default();
    failures.iter().take(CAUSES).map(cause).collect()
}

/// Returns the end of each application, if the run is about several.
fn apps(story: &Story) -> Vec<Value> {
    let apps = story.apps().iter().filter(|_| story.is_about_several());
    let mut apps: Vec<&Summary> = apps.collect();
    // What failed comes first.
    apps.sort_by_key(|app| app.outcome == Outcome::Succeeded);
    let app = |app: &Summary| {
        let (state, word) = outcome(Some(app));
        let (name, sentence) = (printable(&app.app), verdict::sentence(app));
        let own = sentence.strip_prefix(&format!("{name}: "));
        json!({
            "name": name, "state": state, "word": word,
            "sentence": cap(own.unwrap_or(&sentence), TEXT),
        })
    };
    apps.into_iter().map(app).collect()
}

fn workloads(story: &Story) -> Vec<Value> {
    if story.apps().is_empty() {
        return story
            .rows
            .iter()
            .map(|row| of_row(story, row, None, None))
            .collect();
    }
    let of_app = |app: &Summary| -> Vec<Value> {
        let failures = verdict::failures(app);
        let name = story.is_about_several().then(|| printable(&app.app));
        let rows = app.workloads.iter().map(|row| {
            let own = failures.iter().find(|failure| failure.is_of(row));
            of_row(story, row, own, name.as_deref())
        });
        rows.collect()
    };
    story.apps().iter().flat_map(of_app).collect()
}

fn of_row(story: &Story, row: &Row, own: Option<&Failure>, app: Option<&str>) -> Value {
    let (name, namespace) = (row.object.to_string(), &*row.object.namespace);
    json!({
        "name": name, "ns": namespace, "app": app, "wave": story.wave(&name, namespace),
        "ready": row.ready, "desired": row.desired, "restarts": row.restarts,
        "seconds": row.seconds, "state": row.state, "complete": row.complete,
        "failed": own.is_some() || row.failed.is_some(),
        "waiting": row.waiting_for,
        "code": own.map(|own| &own.code), "cause": own.map(|own| &own.sentence),
        "next": own.and_then(|own| own.next.as_ref()),
    })
}

fn of_pod(story: &Story, pod: &PodFact, tails: &Tails<'_>) -> Value {
    let at = |time: Option<Timestamp>| time.map(|time| millis(story, time));
    let condition = |name: &str| {
        let mut held = pod.conditions.iter().filter(|(own, _)| own == name);
        held.next().and_then(|(_, since)| at(*since))
    };
    json!({
        "name": pod.name, "ns": pod.namespace, "workload": pod.workload, "new": pod.new,
        "created": at(pod.created), "gone": at(story.gone.get(&pod.uid).copied()),
        "phase": pod.phase, "reason": pod.reason, "node": pod.node,
        "ready": condition("Ready"), "scheduled": condition("PodScheduled"),
        "containers": pod.containers.iter()
            .map(|container| of_container(story, pod, container, tails)).collect::<Vec<_>>(),
    })
}

fn of_container(
    story: &Story,
    pod: &PodFact,
    container: &ContainerFact,
    tails: &Tails<'_>,
) -> Value {
    let at = |time: Option<Timestamp>| time.map(|time| millis(story, time));
    let runs = container.runs.iter().map(|run| {
        json!({
            "n": run.restart, "s": at(run.started), "f": at(run.finished), "exit": run.exit,
            "reason": run.reason,
        })
    });
    json!({
        "name": container.name, "init": container.init, "image": container.image,
        "probes": container.probes, "restarts": container.restarts, "ready": container.ready,
        "waiting": container.waiting, "runs": runs.collect::<Vec<_>>(),
        "logs": tails.of_container(story, pod, &container.name),
    })
}

fn operations(story: &Story) -> Vec<Value> {
    let operations = story.operations.iter();
    operations.map(|own| operation(story, own)).collect()
}

fn operation(story: &Story, operation: &Operation) -> Value {
    let at = |time: Option<Timestamp>| time.map(|time| millis(story, time));
    let objects = operation.objects.iter().map(|object| {
        json!({
            "name": object.object, "ns": object.namespace, "phase": object.phase,
            "state": object.state, "wave": story.wave(&object.object, &object.namespace),
        })
    });
    json!({
        "app": story.app_of(operation), "phase": operation.phase,
        "s": at(operation.started), "f": at(operation.finished),
        "revision": operation.revision, "health": operation.health,
        "objects": objects.collect::<Vec<_>>(),
    })
}

/// Returns as many moments as fit: warnings and findings first, then the newest.
fn moments(story: &Story) -> Value {
    let matters = |moment: &&Moment| moment.level <= Level::Warning || moment.kind == "finding";
    // argocd's own table says what the statuses say.
    let told = |moment: &&Moment| moment.kind != "argo" || moment.level <= Level::Warning;
    let all = || story.moments.iter().filter(told);
    let important = all().filter(matters).rev();
    let others = all().filter(|moment| !matters(moment)).rev();
    let mut room = MOMENTS;
    let mut kept: Vec<&Moment> = Vec::new();
    for moment in important.chain(others) {
        let size = moment.text.len().min(TEXT) + moment.subject.len() + 60;
        if size > room {
            break;
        }
        room -= size;
        kept.push(moment);
    }
    kept.sort_by_key(|moment| moment.time);
    let left_out = story.left_out + all().count() - kept.len();
    let list = kept.iter().map(|moment| {
        json!([
            millis(story, moment.time),
            moment.level.name(),
            moment.kind,
            moment.subject,
            moment.namespace,
            moment.reason,
            cap(&moment.text, TEXT),
        ])
    });
    json!({"list": list.collect::<Vec<_>>(), "leftOut": left_out})
}

/// The last lines of the containers, as many as fit.
struct Tails<'a> {
    tails: &'a BTreeMap<RunKey, LogTail>,
    /// The most lines of a run.
    most: usize,
}

impl<'a> Tails<'a> {
    fn of(story: &'a Story) -> Self {
        let tails = &story.tails;
        let size = |most: usize| -> usize {
            let of_tail = |tail: &LogTail| -> usize {
                let shown = tail.tail.iter().rev().take(most);
                shown.map(|(_, text)| text.len() + 16).sum()
            };
            tails.values().map(of_tail).sum()
        };
        let mut most = 100;
        while most > 1 && size(most) > LOGS {
            most = most * 3 / 4;
        }
        Self { tails, most }
    }

    fn of_container(&self, story: &Story, pod: &PodFact, container: &str) -> Vec<Value> {
        let key = |restart| RunKey {
            pod: pod.uid.clone(),
            container: container.to_owned(),
            restart,
        };
        let runs = self.tails.range(key(0)..=key(u32::MAX));
        runs.map(|(run, tail)| {
            let skipped = tail.tail.len().saturating_sub(self.most);
            let shown = tail.tail.iter().skip(skipped);
            let lines: Vec<_> = shown
                .map(|(time, text)| json!([millis(story, *time), printable(text)]))
                .collect();
            json!({"n": run.restart, "lines": tail.lines, "tail": lines})
        })
        .collect()
    }
}
