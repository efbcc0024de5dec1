//! A trace in Chrome's JSON format, which Perfetto opens too: workloads are processes, pods and
//! containers are threads.

use argo_core::Level;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Story;
use crate::recording::{Operation, PodFact, RunFact};
use crate::render::json;

/// Returns the trace.
pub fn trace(story: &Story) -> String {
    let mut events = Vec::new();
    let title = match &story.summary {
        Some(summary) if story.is_about_several() => &summary.app,
        _ => &story.header.app,
    };
    let mut processes: Vec<String> = vec![format!("application {title}")];
    events.push(name("process_name", 0, 0, &processes[0]));
    // Threads of their own, far from those of the pods.
    let numbers = std::iter::once(0).chain(1_000_000..);
    let operations = numbers.zip(&story.operations);
    events.extend(operations.filter_map(|(thread, own)| operation(story, thread, own)));
    for (number, pod) in story.pods.iter().enumerate() {
        let owner = format!("{} ({})", pod.workload, pod.namespace);
        let process = processes.iter().position(|own| *own == owner);
        let process = process.unwrap_or_else(|| {
            processes.push(owner.clone());
            let process = processes.len() - 1;
            events.push(name("process_name", process, 0, &owner));
            process
        });
        // Perfetto joins threads of one number, also across processes: each pod has a hundred.
        events.extend(threads(story, process, number * 100 + 1, pod));
    }
    let moments = story.moments.iter().filter(|m| m.kind != "argo");
    for moment in moments {
        let scope = match moment.level {
            Level::Error => "g",
            _ => "p",
        };
        let text = match moment.reason.as_str() {
            "" => moment.text.clone(),
            reason => format!("{reason}: {}", moment.text),
        };
        events.push(json!({
            "name": text, "cat": moment.kind, "ph": "i", "s": scope, "pid": 0, "tid": 0,
            "ts": micros(story, moment.time), "args": {"object": moment.subject},
        }));
    }
    let trace = json!({"displayTimeUnit": "ms", "traceEvents": events});
    let mut text = Vec::new();
    json::append(&trace, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn operation(story: &Story, thread: usize, operation: &Operation) -> Option<Value> {
    let started = operation.started?;
    let finished = operation.finished.unwrap_or(story.ended);
    let text = match story.app_of(operation) {
        Some(app) => format!("sync operation of {app} {}", operation.phase),
        None => format!("sync operation {}", operation.phase),
    };
    Some(span(
        story,
        &text,
        "sync",
        0,
        thread,
        (started, finished),
        &json!({
            "revision": operation.revision,
        }),
    ))
}

fn threads(story: &Story, process: usize, first: usize, pod: &PodFact) -> Vec<Value> {
    let mut events = Vec::new();
    let thread = &pod.name;
    events.push(name("thread_name", process, first, thread));
    let end = story.gone.get(&pod.uid).copied().unwrap_or(story.ended);
    if let Some(created) = pod.created {
        let args = json!({"phase": pod.phase, "node": pod.node, "reason": pod.reason});
        events.push(span(
            story,
            &pod.name,
            "pod",
            process,
            first,
            (created, end),
            &args,
        ));
    }
    for (number, container) in pod.containers.iter().enumerate() {
        let thread = first + number + 1;
        let title = format!("{}/{}", pod.name, container.name);
        events.push(name("thread_name", process, thread, &title));
        for run in &container.runs {
            events.extend(run_span(story, &container.name, process, thread, run, end));
        }
    }
    events
}

fn run_span(
    story: &Story,
    container: &str,
    process: usize,
    thread: usize,
    run: &RunFact,
    end: Timestamp,
) -> Option<Value> {
    let started = run.started?;
    let finished = run.finished.unwrap_or(end);
    let text = match run.exit {
        Some(exit) => format!("{container} exit {exit}"),
        None => container.to_owned(),
    };
    let args = json!({"restart": run.restart, "exit": run.exit, "reason": run.reason});
    Some(span(
        story,
        &text,
        "container",
        process,
        thread,
        (started, finished),
        &args,
    ))
}

fn span(
    story: &Story,
    text: &str,
    category: &str,
    process: usize,
    thread: usize,
    (start, end): (Timestamp, Timestamp),
    args: &Value,
) -> Value {
    let start = micros(story, start);
    let duration = (micros(story, end) - start).max(0);
    json!({
        "name": text, "cat": category, "ph": "X", "ts": start, "dur": duration,
        "pid": process, "tid": thread, "args": args,
    })
}

fn name(kind: &str, process: usize, thread: usize, text: &str) -> Value {
    json!({"name": kind, "ph": "M", "pid": process, "tid": thread, "args": {"name": text}})
}

/// Microseconds after the start; things from before it are negative.
fn micros(story: &Story, time: Timestamp) -> i64 {
    let micros = (time.as_nanosecond() - story.header.started.as_nanosecond()) / 1000;
    i64::try_from(micros).unwrap_or(0)
}
