//! `pods/log`.

use jiff::Timestamp;

use super::fields::go_quoted;
use super::reply::{self, Refusal, Reply};
use super::request::{Asked, Target, details};
use super::server::Core;
use crate::logs::{Answer, ReadOptions};

pub(super) fn answer(core: &Core, asked: &Asked, target: &Target) -> Result<Reply, Refusal> {
    if target.qualified() != "pods" || target.version != "v1" {
        return Err(Refusal::not_served());
    }
    let (namespace, name) = (
        target.namespace.as_deref().unwrap_or_default(),
        target.name.as_deref().unwrap_or_default(),
    );
    let options = options(core, asked, name)?;
    let pod = core.store.get("pods", namespace, name);
    let pod = pod.ok_or_else(|| Refusal::not_found("", "pods", name))?;
    let container = asked.query.get("container");
    let previous = asked.query.flag("previous");
    let at_kubelet = kubelet_path(asked, &pod, container);
    match core
        .logs
        .open(&pod, container, previous, options, &at_kubelet)
    {
        Answer::Body(body) => Ok(reply::stream(
            "text/plain",
            futures::stream::unfold(body, |mut body| async move {
                let chunk = body.next().await?;
                Some((chunk, body))
            }),
        )),
        Answer::NoContent => Ok(reply::empty(204)),
        Answer::Refused {
            code,
            message,
            details: named,
            ..
        } => {
            let refusal = Refusal::new(code, message);
            Err(if named {
                refusal.details(details(Some(name), "", "pods/log"))
            } else {
                refusal
            })
        }
    }
}

/// Returns the path of the request to the kubelet, as a connection error shows it: the
/// options in alphabetical order.
fn kubelet_path(asked: &Asked, pod: &serde_json::Value, container: Option<&str>) -> String {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let container = container.map_or_else(
        || text(&pod["spec"]["containers"][0]["name"]),
        str::to_owned,
    );
    let mut options: Vec<String> = Vec::new();
    for name in [
        "follow",
        "limitBytes",
        "previous",
        "sinceSeconds",
        "sinceTime",
        "tailLines",
        "timestamps",
    ] {
        match (name, asked.query.get(name)) {
            ("follow" | "previous" | "timestamps", _) if asked.query.flag(name) => {
                options.push(format!("{name}=true"));
            }
            ("follow" | "previous" | "timestamps", _) | (_, None) => {}
            (_, Some(value)) => options.push(format!("{name}={value}")),
        }
    }
    let mut path = format!(
        "{}/{}/{container}",
        text(&pod["metadata"]["namespace"]),
        text(&pod["metadata"]["name"])
    );
    if !options.is_empty() {
        path = format!("{path}?{}", options.join("&"));
    }
    path
}

fn options(core: &Core, asked: &Asked, pod: &str) -> Result<ReadOptions, Refusal> {
    let invalid = |field: &str, value: i64, rule: &str| {
        let text = format!("Invalid value: {value}: must be {rule} 0");
        Refusal::invalid("", "PodLogOptions", pod, field, ("FieldValueInvalid", text))
    };
    let number = |field: &str| asked.query.get(field).map(integer).transpose();
    let tail = number("tailLines")?;
    if let Some(tail) = tail.filter(|tail| *tail < 0) {
        return Err(invalid("tailLines", tail, "greater than or equal to"));
    }
    let (limit, seconds) = (number("limitBytes")?, number("sinceSeconds")?);
    for (field, value) in [("limitBytes", limit), ("sinceSeconds", seconds)] {
        if let Some(value) = value.filter(|value| *value <= 0) {
            return Err(invalid(field, value, "greater than"));
        }
    }
    let time = asked.query.get("sinceTime").map(time).transpose()?;
    if seconds.is_some() && time.is_some() {
        let text = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified";
        let cause = ("FieldValueForbidden", text.to_owned());
        return Err(Refusal::invalid("", "PodLogOptions", pod, "[]", cause));
    }
    if let Some(stream) = asked.query.get("stream").filter(|stream| *stream != "All") {
        let text = format!("Forbidden: may not be specified: {stream}");
        let cause = ("FieldValueForbidden", text);
        return Err(Refusal::invalid("", "PodLogOptions", pod, "stream", cause));
    }
    let now = core.store.clock().now().as_nanosecond();
    let ago = seconds.map(|seconds| now - i128::from(seconds) * 1_000_000_000);
    let since = time
        .or(ago)
        .map(|since| i64::try_from(since).unwrap_or(i64::MAX));
    Ok(ReadOptions {
        follow: asked.query.flag("follow"),
        timestamps: asked.query.flag("timestamps"),
        tail: tail.and_then(|tail| u64::try_from(tail).ok()),
        limit: limit.and_then(|limit| u64::try_from(limit).ok()),
        since,
    })
}

fn integer(text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| {
        let quoted = go_quoted(text);
        Refusal::bad_request(format!(
            "strconv.ParseInt: parsing {quoted}: invalid syntax"
        ))
    })
}

/// A time, its fraction of a second cut: what the API server hands on to the kubelet.
fn time(text: &str) -> Result<i128, Refusal> {
    let time: Timestamp = text.parse().map_err(|_| {
        let quoted = go_quoted(text);
        Refusal::bad_request(format!(
            "parsing time {quoted} as \"2006-01-02T15:04:05Z07:00\": cannot parse {quoted} as \"2006\""
        ))
    })?;
    Ok(time.as_nanosecond().div_euclid(1_000_000_000) * 1_000_000_000)
}
