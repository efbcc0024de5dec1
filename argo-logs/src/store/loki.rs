//! Requests to Loki and its answers, as its HTTP documentation has them.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, de::IgnoredAny};

use super::{StoreLine, StoreRun};

/// The order of the lines in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// Returns path and parameters for the lines of a query. `start` counts, `end` does not.
pub(super) fn query_range(
    query: &str,
    (start, end): (i64, i64),
    limit: u32,
    direction: Direction,
) -> (&'static str, Vec<(&'static str, String)>) {
    let direction = match direction {
        Direction::Forward => "forward",
        Direction::Backward => "backward",
    };
    let parameters = vec![
        ("query", query.to_owned()),
        ("start", start.to_string()),
        ("end", end.to_string()),
        ("limit", limit.to_string()),
        ("direction", direction.to_owned()),
    ];
    ("/loki/api/v1/query_range", parameters)
}

/// Returns path and parameters for the names of labels.
pub(super) fn labels((start, end): (i64, i64)) -> (&'static str, Vec<(&'static str, String)>) {
    let parameters = vec![("start", start.to_string()), ("end", end.to_string())];
    ("/loki/api/v1/labels", parameters)
}

#[derive(Deserialize)]
struct Answer<T> {
    status: String,
    data: Option<T>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    #[serde(default)]
    result: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    stream: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    values: Vec<Entry>,
}

/// Time, text, and what else the store keeps of a line.
#[derive(Deserialize)]
struct Entry(
    String,
    String,
    #[serde(default)]
    #[expect(dead_code, reason = "a pair may have a third part")]
    Option<IgnoredAny>,
);

/// Reads the names of labels.
pub(super) fn read_labels(body: &[u8]) -> Result<BTreeSet<String>, String> {
    let answer: Answer<BTreeSet<String>> = read(body)?;
    Ok(answer.data.unwrap_or_default())
}

/// Reads lines, those of all streams in the order of their times. Lines of one time stay in the
/// order in which they came.
pub(super) fn read_lines(body: &[u8], direction: Direction) -> Result<Vec<StoreLine>, String> {
    let data = read::<Data>(body)?.data.ok_or("the answer has no data")?;
    if data.result_type != "streams" {
        return Err(format!("the answer holds {}, no lines", data.result_type));
    }
    let mut lines = Vec::new();
    for stream in data.result {
        let run = run(&stream.stream);
        let of_stream = stream.values.into_iter().map(|Entry(time, text, _)| {
            let time = time.parse().map_err(|_| "a time is no number")?;
            let run = run.clone();
            Ok(StoreLine { time, text, run })
        });
        let of_stream: Result<Vec<_>, String> = of_stream.collect();
        let mut of_stream = of_stream?;
        if direction == Direction::Backward {
            of_stream.reverse();
        }
        lines.append(&mut of_stream);
    }
    lines.sort_by_key(|line| line.time);
    Ok(lines)
}

/// Reads the number of lines that a server allows in an answer from its refusal: `max entries
/// limit per query exceeded, limit > max_entries_limit (5000 > 1000)`.
pub(super) fn allowed_lines(refusal: &str) -> Option<u32> {
    if !refusal.contains("max_entries_limit") && !refusal.contains("max entries limit") {
        return None;
    }
    let (_, allowed) = refusal.rsplit_once("> ")?;
    let digits: String = allowed.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<Answer<T>, String> {
    let answer: Answer<T> = serde_json::from_slice(body)
        .map_err(|error| format!("the answer is no Loki's: {error}"))?;
    match answer.status.as_str() {
        "success" => Ok(answer),
        other => Err(format!("the answer has the status {other}")),
    }
}

/// Reads the run from the labels of a stream. promtail and Alloy name the file:
/// `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<restarts>.log`.
fn run(labels: &serde_json::Map<String, serde_json::Value>) -> StoreRun {
    let label = |names: &[&str]| {
        let mut found = names.iter().filter_map(|name| labels.get(*name)?.as_str());
        found.find(|value| !value.is_empty()).map(Arc::from)
    };
    let file = label(&["filename", "log_file_path"]);
    let (uid, restart) = file.as_deref().map(of_file).unwrap_or_default();
    let named = label(&[
        "pod_uid",
        "k8s_pod_uid",
        "uid",
        "kubernetes_pod_uid",
        "kubernetes_pod_id",
    ]);
    StoreRun {
        uid: uid.map(Arc::from).or(named),
        container_id: label(&[
            "container_id",
            "kubernetes_docker_id",
            "kubernetes_container_id",
        ]),
        restart,
    }
}

pub(super) fn of_file(file: &str) -> (Option<&str>, Option<i32>) {
    let mut parts = file.rsplit('/');
    let (name, pod) = (parts.next(), parts.nth(1));
    let uid = pod.and_then(|pod| pod.splitn(3, '_').nth(2));
    let uid = uid.filter(|uid| uid.len() == 36);
    let restart = name.and_then(|name| name.split('.').next()?.parse().ok());
    (uid, restart.filter(|_| uid.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0b1f2c3d-1111-2222-3333-444455556666";

    #[test]
    fn lines_of_all_streams_are_in_the_order_of_their_times() {
        let body = serde_json::json!({ "status": "success", "data": {
            "resultType": "streams",
            "result": [
                { "stream": { "stream": "stdout", "filename": format!("/var/log/pods/shop_web-1_{UID}/app/2.log") },
                  "values": [["1700000000000000001", "a"], ["1700000000000000003", "c"]] },
                { "stream": { "stream": "stderr" },
                  "values": [["1700000000000000002", "b", { "trace_id": "1" }], ["1700000000000000003", "d"]] },
            ],
            "stats": {},
        }});
        let lines = read_lines(body.to_string().as_bytes(), Direction::Forward).unwrap();
        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["a", "b", "c", "d"]);
        assert_eq!(lines[0].run.uid.as_deref(), Some(UID));
        assert_eq!(lines[0].run.restart, Some(2));
        assert_eq!(lines[1].run, StoreRun::default());
    }

    #[test]
    fn the_last_lines_come_last_first() {
        let body = br#"{"status":"success","data":{"resultType":"streams","result":[
            {"stream":{},"values":[["5","second"],["5","first"],["4","zero"]]}]}}"#;
        let lines = read_lines(body, Direction::Backward).unwrap();
        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["zero", "first", "second"]);
    }

    #[test]
    fn other_answers_are_no_lines() {
        for body in [
            &b"<html>login</html>"[..],
            br#"{"status":"error","errorType":"x"}"#,
            br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
            br#"{"status":"success"}"#,
        ] {
            assert!(read_lines(body, Direction::Forward).is_err());
        }
        let none = br#"{"status":"success","data":{"resultType":"streams","result":[]}}"#;
        assert!(read_lines(none, Direction::Forward).unwrap().is_empty());
    }

    #[test]
    fn a_smaller_limit_is_read_from_the_refusal() {
        let text = "max entries limit per query exceeded, limit > max_entries_limit (5000 > 1000)";
        assert_eq!(allowed_lines(text), Some(1000));
        assert_eq!(allowed_lines("parse error : 5 > 3"), None);
    }

    #[test]
    fn a_file_names_pod_and_run() {
        let file = format!("/var/log/pods/n_s_p_{UID}/c/0.log");
        assert_eq!(of_file(&file), (None, None), "a name with an underscore");
        let file = format!("/var/log/pods/ns_p.x_{UID}/c/10.log.20260101-000000");
        assert_eq!(of_file(&file), (Some(UID), Some(10)));
        assert_eq!(of_file("/var/log/containers/p_ns_c-0123.log"), (None, None));
        assert_eq!(of_file("app.log"), (None, None));
    }
}
