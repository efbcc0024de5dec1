//! A server that answers like Loki or VictoriaLogs, from a list of lines.
//!
//! Loki: as its HTTP documentation has it (`start` counts, `end` does not, `limit`, `direction`,
//! a maximum of lines an answer). VictoriaLogs: as 1.52.1 answers (not sorted, `limit` means the
//! newest, an empty message becomes a sentence).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fake_argocd::{FakeArgocd, Request, Step, answer};

/// The most lines that the fake Loki has in an answer.
pub const MOST: usize = 1000;

/// The kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Loki.
    Loki,
    /// VictoriaLogs.
    VictoriaLogs,
}

/// A line of a store.
#[derive(Clone, Debug)]
pub struct StoredLine {
    /// Names and values.
    pub labels: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub time: i64,
    /// The text.
    pub text: String,
}

/// A running store. It stops when it is dropped.
pub struct FakeStore {
    server: FakeArgocd,
    state: Arc<State>,
}

struct State {
    kind: Kind,
    lines: Mutex<Vec<StoredLine>>,
    is_down: AtomicBool,
}

impl FakeStore {
    /// Starts a store.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub async fn start(kind: Kind) -> io::Result<Self> {
        let state = Arc::new(State {
            kind,
            lines: Mutex::default(),
            is_down: AtomicBool::new(false),
        });
        let answering = Arc::clone(&state);
        let server = FakeArgocd::start(move |request, _| answering.answer(request)).await?;
        Ok(Self { server, state })
    }

    /// Returns the address, as a flag takes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Adds a line with the labels that a usual collector gives it.
    pub fn add(&self, (namespace, pod, container): (&str, &str, &str), time: i64, text: &str) {
        let names = match self.state.kind {
            Kind::Loki => ["namespace", "pod", "container"],
            Kind::VictoriaLogs => [
                "kubernetes.pod_namespace",
                "kubernetes.pod_name",
                "kubernetes.container_name",
            ],
        };
        let values = [namespace, pod, container].map(str::to_owned);
        self.lines().push(StoredLine {
            labels: names.map(str::to_owned).into_iter().zip(values).collect(),
            time,
            text: text.to_owned(),
        });
    }

    /// Lets the store refuse everything, or work again.
    pub fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// The lines, to be changed.
    pub fn lines(&self) -> MutexGuard<'_, Vec<StoredLine>> {
        self.state.lines()
    }
}

impl State {
    fn lines(&self) -> MutexGuard<'_, Vec<StoredLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request) -> Vec<Step> {
        if self.is_down.load(Ordering::Relaxed) {
            return answer(503, "too many outstanding requests");
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parameters: BTreeMap<String, String> = query.split('&').filter_map(pair).collect();
        match (self.kind, path) {
            (Kind::Loki, "/loki/api/v1/labels") => answer(
                200,
                &json!({"status": "success", "data": self.names()}).to_string(),
            ),
            (Kind::Loki, "/loki/api/v1/query_range") => self.loki(&parameters),
            (Kind::Loki, _) => answer(404, "404 page not found"),
            (
                Kind::VictoriaLogs,
                "/select/logsql/stream_field_names" | "/select/logsql/field_names",
            ) => {
                let names = self.names().into_iter();
                let values: Vec<_> = names
                    .map(|name| json!({"value": name, "hits": 1}))
                    .collect();
                answer(200, &json!({ "values": values }).to_string())
            }
            (Kind::VictoriaLogs, "/select/logsql/query") => self.victorialogs(&parameters),
            (Kind::VictoriaLogs, _) => answer(400, "unsupported path requested"),
        }
    }

    fn names(&self) -> BTreeSet<String> {
        let lines = self.lines();
        lines
            .iter()
            .flat_map(|line| line.labels.keys().cloned())
            .collect()
    }

    /// The lines that a query wants, in the order in which they were added.
    fn wanted(&self, parameters: &BTreeMap<String, String>) -> Vec<StoredLine> {
        let number = |name: &str| parameters.get(name)?.parse::<i64>().ok();
        let (start, end) = (
            number("start").unwrap_or(0),
            number("end").unwrap_or(i64::MAX),
        );
        let matchers = matchers(parameters.get("query").map_or("", String::as_str));
        let lines = self.lines();
        let wanted = lines.iter().filter(|line| {
            let matches = |(name, value): &(String, String)| line.labels.get(name) == Some(value);
            (start..end).contains(&line.time) && matchers.iter().all(matches)
        });
        wanted.cloned().collect()
    }

    fn loki(&self, parameters: &BTreeMap<String, String>) -> Vec<Step> {
        let limit = parameters.get("limit").and_then(|limit| limit.parse().ok());
        let limit: usize = limit.unwrap_or(100);
        if limit > MOST {
            let text = format!(
                "max entries limit per query exceeded, limit > max_entries_limit ({limit} > {MOST})"
            );
            return answer(400, &text);
        }
        let mut lines = self.wanted(parameters);
        lines.sort_by_key(|line| line.time);
        if parameters
            .get("direction")
            .is_none_or(|way| way != "forward")
        {
            lines.reverse();
        }
        lines.truncate(limit);
        let mut streams: Vec<(BTreeMap<String, String>, Vec<Value>)> = Vec::new();
        for line in lines {
            let value = json!([line.time.to_string(), line.text]);
            match streams
                .iter_mut()
                .find(|(labels, _)| *labels == line.labels)
            {
                Some((_, values)) => values.push(value),
                None => streams.push((line.labels, vec![value])),
            }
        }
        let streams = streams.into_iter();
        let result: Vec<_> = streams
            .map(|(labels, values)| json!({"stream": labels, "values": values}))
            .collect();
        let data = json!({"resultType": "streams", "result": result, "stats": {}});
        answer(200, &json!({"status": "success", "data": data}).to_string())
    }

    fn victorialogs(&self, parameters: &BTreeMap<String, String>) -> Vec<Step> {
        let mut lines = self.wanted(parameters);
        // Lines of one block keep their order; blocks come in any.
        lines.sort_by_key(|line| std::cmp::Reverse(line.time));
        if let Some(limit) = parameters.get("limit").and_then(|limit| limit.parse().ok()) {
            lines.truncate(limit);
        }
        let mut body = String::new();
        for line in lines {
            let time = Timestamp::from_nanosecond(line.time.into()).unwrap_or_default();
            let mut fields = json!(line.labels);
            fields["_time"] = time.to_string().into();
            fields["_msg"] = match line.text.as_str() {
                "" => "missing _msg field; see https://docs.victoriametrics.com/".into(),
                text => text.into(),
            };
            let _ = writeln!(body, "{fields}");
        }
        answer(200, &body)
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_owned(), unescaped(value)))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) if byte == b'%' => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The comparisons `name="value"` of a query. Others are left out, as if they held.
fn matchers(query: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find("=\"") {
        let name = rest[..at].trim_end_matches(':');
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let start = name.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        let name = name[start..].to_owned();
        let mut value = String::new();
        let mut chars = rest[at + 2..].char_indices();
        let mut end = rest.len();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    end = at + 2 + offset + 1;
                    break;
                }
                '\\' => value.extend(chars.next().map(|(_, c)| c)),
                c => value.push(c),
            }
        }
        found.push((name, value));
        rest = &rest[end..];
    }
    found
}
