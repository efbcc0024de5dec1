//! Requests to VictoriaLogs and its answers. Seen with VictoriaLogs 1.52.1.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LabelNames, StoreLine, StoreRun, loki::of_file};
use crate::reader::nanos;

/// The text in the place of an empty message.
const NO_MESSAGE: &str = "missing _msg field";

type Request = (&'static str, Vec<(&'static str, String)>);

/// Returns path and parameters for all lines of a query, in the order in which the store has
/// them. `start` counts, `end` does not.
///
/// Sorted by the server, lines of one time would come in any order: so the client sorts.
pub(super) fn query(query: &str, (start, end): (i64, i64)) -> Request {
    let parameters = vec![
        ("query", query.to_owned()),
        ("start", start.to_string()),
        ("end", end.to_string()),
    ];
    ("/select/logsql/query", parameters)
}

/// Returns path and parameters for the times of the newest lines.
pub(super) fn newest(text: &str, range: (i64, i64), lines: u32) -> Request {
    let (path, mut parameters) = query(&format!("{text} | fields _time"), range);
    parameters.push(("limit", lines.to_string()));
    (path, parameters)
}

/// Returns path and parameters for the names of the labels of streams.
pub(super) fn stream_names((start, end): (i64, i64)) -> Request {
    let (_, parameters) = query("*", (start, end));
    ("/select/logsql/stream_field_names", parameters)
}

/// Returns path and parameters for the names of all fields.
pub(super) fn field_names((start, end): (i64, i64)) -> Request {
    let (_, parameters) = query("*", (start, end));
    ("/select/logsql/field_names", parameters)
}

#[derive(Deserialize)]
struct Names {
    values: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    value: String,
}

/// Reads names of labels or fields.
pub(super) fn read_names(body: &[u8]) -> Result<BTreeSet<String>, String> {
    let names: Names = serde_json::from_slice(body)
        .map_err(|error| format!("the answer is no VictoriaLogs': {error}"))?;
    Ok(names.values.into_iter().map(|name| name.value).collect())
}

/// Reads one line of an answer.
pub(super) fn read_line(line: &[u8], names: &LabelNames) -> Result<StoreLine, String> {
    let mut fields: Map<String, Value> = serde_json::from_slice(line)
        .map_err(|error| format!("a line of the answer is no object: {error}"))?;
    let time = time(&fields).ok_or("a line of the answer has no time")?;
    let run = run(&fields);
    let text = match fields.remove("_msg") {
        Some(Value::String(text)) if !text.starts_with(NO_MESSAGE) => text,
        _ => without_message(fields, names),
    };
    Ok(StoreLine { time, text, run })
}

/// Reads the time of a line.
pub(super) fn read_time(line: &[u8]) -> Result<i64, String> {
    let fields: Map<String, Value> = serde_json::from_slice(line)
        .map_err(|error| format!("a line of the answer is no object: {error}"))?;
    time(&fields).ok_or_else(|| "a line of the answer has no time".to_owned())
}

fn time(fields: &Map<String, Value>) -> Option<i64> {
    let time: Timestamp = fields.get("_time")?.as_str()?.parse().ok()?;
    Some(nanos(time))
}

/// A collector takes the JSON of a log line apart. Without a message its other fields are the
/// line; without those the line is empty.
fn without_message(mut fields: Map<String, Value>, names: &LabelNames) -> String {
    let prefixes = ["_", "kubernetes", "k8s"];
    fields.retain(|name, _| {
        let is_of_pod = prefixes.iter().any(|prefix| name.starts_with(prefix));
        let is_label = names.all().contains(&name.as_str());
        !is_of_pod && !is_label && !matches!(name.as_str(), "stream" | "file" | "source_type")
    });
    match fields.is_empty() {
        true => String::new(),
        false => Value::Object(fields).to_string(),
    }
}

fn run(fields: &Map<String, Value>) -> StoreRun {
    let field = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| fields.get(*name)?.as_str());
        found.find(|value| !value.is_empty()).map(Arc::from)
    };
    let file: Option<Arc<str>> = field(&["file", "filename", "log.file.path"]);
    let (uid, restart) = file.as_deref().map(of_file).unwrap_or_default();
    let named = field(&[
        "kubernetes.pod_uid",
        "kubernetes.pod_id",
        "kubernetes.pod.uid",
        "k8s.pod.uid",
        "pod_uid",
    ]);
    StoreRun {
        uid: uid.map(Arc::from).or(named),
        container_id: field(&[
            "kubernetes.container_id",
            "kubernetes.docker_id",
            "container.id",
            "container_id",
        ]),
        restart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> StoreLine {
        let names = LabelNames::new("namespace", "pod", "container");
        read_line(line.as_bytes(), &names).unwrap()
    }

    #[test]
    fn a_line_as_vlagent_sends_it() {
        let line = read(
            r#"{"_msg":"hello","_stream":"{}","_stream_id":"0","_time":"2026-11-28T16:09:13.000000002Z",
                "kubernetes.container_id":"containerd://abc","kubernetes.pod_name":"web-1"}"#,
        );
        assert_eq!(
            (line.text.as_str(), line.time % 1_000_000_000),
            ("hello", 2)
        );
        assert!(line.run.may_be_run("containerd://abc") && !line.run.may_be_run("containerd://b"));
    }

    #[test]
    fn an_empty_line_is_empty_and_fields_are_a_line() {
        let empty = r#"{"_msg":"missing _msg field; see https://docs.victoriametrics.com/x",
            "_time":"2026-11-28T16:09:13Z","_stream":"{}","pod":"web-1"}"#;
        assert_eq!(read(empty).text, "");
        let fields = r#"{"_time":"2026-11-28T16:09:13Z","level":"info","user":"7","namespace":"n",
            "kubernetes.pod_labels.app":"web"}"#;
        assert_eq!(read(fields).text, r#"{"level":"info","user":"7"}"#);
    }

    #[test]
    fn vector_names_the_file_and_with_it_the_run() {
        let uid = "0b1f2c3d-1111-2222-3333-444455556666";
        let line = read(&format!(
            r#"{{"_msg":"x","_time":"2026-11-28T16:09:13Z","file":"/var/log/pods/n_p_{uid}/c/3.log"}}"#
        ));
        assert_eq!(line.run.restart, Some(3));
        assert!(line.run.may_be_of(uid) && !line.run.may_be_of("other"));
    }

    #[test]
    fn other_answers_are_refused() {
        let names = LabelNames::opentelemetry();
        assert!(read_line(b"<html>", &names).is_err());
        assert!(read_line(br#"{"_msg":"no time"}"#, &names).is_err());
        assert!(read_names(b"{}").is_err());
        let found = read_names(br#"{"values":[{"value":"pod","hits":3}]}"#).unwrap();
        assert!(found.contains("pod"));
    }
}
