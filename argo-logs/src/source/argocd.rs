//! Logs over Argo CD's API.
//!
//! Exact to the line, not to the byte: the server cuts white space at the end of a line, makes
//! several lines of one that holds carriage returns, and writes U+FFFD for what is no UTF-8
//! (argo-cd `server/application/logs.go`). The text is compared as it was received, so a line is
//! still printed once.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use argo_core::{
    AppRef, Backoff, ObjectRef,
    argocd::{ApiStream, Error, LogEntry, LogQuery, ResourceQuery, StreamItem, Trees},
    backoff::seed,
    resource::Pod,
};
use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::{
    ASK_WITHIN, AskError, LogBody, LogResponse, LogSource, Lost, OpenError, OpenParams, Refused,
};

/// Seconds that are added to the age of the first wanted line: the age is told by the server's
/// clock, to the second. Lines before the wanted time are dropped here.
const MARGIN: u64 = 4;
/// The server sends no header before the first line: a quiet log that is followed counts as open
/// after this. Any other log ends, so its answer is awaited.
const QUIET: Duration = Duration::from_millis(1500);
/// The longest pause before a quiet log is asked for again. The same last lines are asked for, so
/// more of them may come in a pause than are shown; the server may also have been slow.
const PAUSE: Duration = Duration::from_secs(5);
/// The difference of the clocks before the server has told its time.
const UNKNOWN: i64 = i64::MIN;
/// Bytes of lines that make one piece.
const PIECE: usize = 64 * 1024;

/// The logs of pods over Argo CD's API.
#[derive(Debug)]
pub struct ArgocdLogs {
    trees: Arc<Trees>,
    clocks: Arc<Clocks>,
}

/// The clocks of the server and of the nodes, in milliseconds.
#[derive(Debug)]
struct Clocks {
    /// The server's clock is ahead of ours by this, or [`UNKNOWN`].
    server: AtomicI64,
    /// Some node's clock is ahead of the server's by at least this: it has written a line in
    /// the server's future. Ages are counted on the node.
    node: AtomicI64,
}

impl ArgocdLogs {
    /// Reads the logs of the pods in these trees.
    pub fn new(trees: Arc<Trees>) -> Self {
        Self {
            trees,
            clocks: Arc::new(Clocks {
                server: AtomicI64::new(UNKNOWN),
                node: AtomicI64::new(0),
            }),
        }
    }

    fn app(&self, pod: &ObjectRef) -> AppRef {
        let app = self.trees.app_of(&pod.uid);
        app.unwrap_or_else(|| AppRef::new("", &*pod.namespace))
    }
}

#[async_trait]
impl LogSource for ArgocdLogs {
    async fn open(&self, pod: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError> {
        let requested = Timestamp::now();
        let mut reading = Reading {
            trees: Arc::clone(&self.trees),
            app: self.app(pod),
            pod: Arc::clone(&pod.uid),
            query: query(pod, params),
            since: params.since_time,
            clocks: Arc::clone(&self.clocks),
            backoff: Backoff::new(Duration::from_secs(1), PAUSE, seed(pod)),
            stream: None,
            phase: Phase::Quiet,
            early: VecDeque::new(),
        };
        // The server takes no lines for all lines.
        if params.tail_lines == Some(0) && reading.since.is_none() {
            reading.since = Some(reading.server_time(requested).unwrap_or(requested));
        }
        let may_be_quiet = params.follow && !params.previous;
        let patience = if may_be_quiet { QUIET } else { ASK_WITHIN };
        match timeout(patience, reading.first()).await {
            // Still quiet: what was begun goes on in the body.
            Err(_) => {}
            Ok(first) => reading.early.extend(first?),
        }
        let date = reading.server_time(requested);
        let body = futures::stream::unfold(reading, |mut reading| async move {
            let piece = reading.next().await?;
            Some((piece, reading))
        });
        Ok(LogResponse::new(date, LogBody::from_stream(body)))
    }

    async fn pod(&self, pod: &ObjectRef) -> Result<Option<Pod>, AskError> {
        let query = ResourceQuery {
            group: String::new(),
            version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: pod.namespace.to_string(),
            name: pod.name.to_string(),
        };
        let app = self.app(pod);
        let answer = self.trees.client().resource::<Pod>(&app, &query);
        match timeout(ASK_WITHIN, answer).await {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(error)) if is_gone(&error) => Ok(None),
            Ok(Err(error)) => Err(AskError(error.to_string())),
            Err(_) => Err(AskError(format!("no answer within {ASK_WITHIN:?}"))),
        }
    }
}

/// True if the pod does not exist: it is not in the tree any more (400), or the cluster says so.
fn is_gone(error: &Error) -> bool {
    error.refused().is_some_and(|refused| {
        let left_the_tree = refused.message.contains("not found as part of application");
        refused.is_not_found() || left_the_tree || refused.message.contains("\" not found")
    })
}

fn query(pod: &ObjectRef, params: &OpenParams) -> LogQuery {
    LogQuery {
        namespace: pod.namespace.to_string(),
        pod: pod.name.to_string(),
        container: params.container.to_string(),
        follow: params.follow,
        previous: params.previous,
        since_seconds: None,
        tail_lines: params
            .tail_lines
            .and_then(|lines| u64::try_from(lines).ok())
            .filter(|lines| *lines > 0),
    }
}

/// A log that is being read.
struct Reading {
    trees: Arc<Trees>,
    app: AppRef,
    /// The uid of the pod.
    pod: Arc<str>,
    query: LogQuery,
    since: Option<Timestamp>,
    clocks: Arc<Clocks>,
    backoff: Backoff,
    stream: Option<ApiStream<LogEntry>>,
    phase: Phase,
    /// Lines that came before the body was asked for.
    early: VecDeque<Bytes>,
}

#[derive(Clone, PartialEq, Eq)]
enum Phase {
    /// The server has sent nothing yet.
    Quiet,
    /// The server has sent something.
    Begun,
    /// The connection broke, which is still to be told.
    Broken(String),
    /// Nothing follows.
    Over,
}

/// A part of the answer.
enum Part {
    Line(Bytes),
    /// An answer of the cluster in the place of a line.
    Refused(Refused),
    /// The end that the server tells.
    End,
}

impl Reading {
    /// Waits for the first line or the end.
    async fn first(&mut self) -> Result<Option<Bytes>, OpenError> {
        match self.part().await {
            Ok(Part::Line(line)) => Ok(Some(line)),
            Ok(Part::End) => {
                self.phase = Phase::Over;
                Ok(None)
            }
            Ok(Part::Refused(refused)) => Err(OpenError::Refused(refused)),
            Err(Error::Refused(refused)) => Err(OpenError::Refused(translated(&refused))),
            Err(error) => Err(OpenError::Lost(error.to_string())),
        }
    }

    /// Returns the next lines: all that are ready.
    async fn next(&mut self) -> Option<Result<Bytes, Lost>> {
        let mut piece = BytesMut::new();
        piece.extend(self.early.drain(..).flatten());
        while self.is_open() && piece.len() < PIECE {
            let part = if piece.is_empty() {
                self.part().await
            } else {
                match self.part().now_or_never() {
                    Some(part) => part,
                    None => break,
                }
            };
            match part {
                Ok(Part::Line(line)) => piece.extend_from_slice(&line),
                Ok(Part::End) => self.phase = Phase::Over,
                Ok(Part::Refused(refused)) => self.phase = Phase::Broken(refused.message),
                Err(error) => self.phase = Phase::Broken(error.to_string()),
            }
        }
        if !piece.is_empty() {
            return Some(Ok(piece.freeze()));
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Broken(why) => Some(Err(Lost(why))),
            _ => None,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Quiet | Phase::Begun)
    }

    async fn part(&mut self) -> Result<Part, Error> {
        loop {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let query = self.query_now();
                    let stream = self.trees.client().logs(&self.app, &query);
                    self.stream.insert(stream)
                }
            };
            match stream.next().await {
                Some(Ok(StreamItem::Message(entry))) => {
                    self.phase = Phase::Begun;
                    if let Some(part) = self.entry(&entry) {
                        return Ok(part);
                    }
                }
                Some(Ok(StreamItem::Opened { date })) => {
                    if let Some(date) = date {
                        let ahead = date.as_millisecond() - Timestamp::now().as_millisecond();
                        self.clocks.server.store(ahead, Ordering::Relaxed);
                    }
                }
                Some(Ok(StreamItem::KeepAlive)) => {}
                // A proxy gave up waiting for the header of a quiet log: no news.
                Some(Err(error))
                    if self.phase == Phase::Quiet && self.query.follow && is_no_news(&error) =>
                {
                    self.stream = None;
                    sleep(self.backoff.next_delay()).await;
                }
                Some(Err(error)) => return Err(error),
                // No such pod: 200 and nothing. A server that stops answers the same for every
                // log (`PodLogs` returns nil when its context is closed); a log that has ended,
                // however empty, says `last`.
                None if self.phase == Phase::Quiet && !self.trees.holds(&self.pod) => {
                    return Ok(Part::End);
                }
                None => return Err(Error::Unreachable("the log was cut off".to_owned())),
            }
        }
    }

    fn entry(&self, entry: &LogEntry) -> Option<Part> {
        if entry.is_answer() {
            return Some(Part::Refused(refusal(&entry.content)));
        }
        if entry.last {
            // No proof of anything; the follower asks the pod.
            return Some(Part::End);
        }
        let time: Option<Timestamp> = entry.time_stamp_str.parse().ok();
        if let Some(time) = time {
            let now = self.server_time(Timestamp::now());
            if let Some(now) = now {
                let ahead = time.as_millisecond() - now.as_millisecond();
                self.clocks.node.fetch_max(ahead, Ordering::Relaxed);
            }
        }
        let is_early = time
            .zip(self.since)
            .is_some_and(|(time, since)| time < since);
        (!is_early).then(|| Part::Line(line(entry)))
    }

    /// Returns the query with the age of the first wanted line as of now.
    fn query_now(&self) -> LogQuery {
        let node = self.clocks.node.load(Ordering::Relaxed);
        let now = Timestamp::now();
        let now = self.server_time(now).unwrap_or(now);
        let since_seconds = self.since.map(|since| age(since, now, node));
        LogQuery {
            since_seconds,
            ..self.query.clone()
        }
    }

    /// Returns a time of our clock by the server's; nothing before the server has told its own.
    fn server_time(&self, ours: Timestamp) -> Option<Timestamp> {
        let ahead = self.clocks.server.load(Ordering::Relaxed);
        if ahead == UNKNOWN {
            return None;
        }
        ours.checked_add(jiff::SignedDuration::from_millis(ahead))
            .ok()
    }
}

/// A 504 of a proxy, or a connection that broke. A server that cannot be reached at all is news.
fn is_no_news(error: &Error) -> bool {
    match error {
        Error::Refused(refused) => matches!(refused.http_code, 408 | 504),
        Error::Silent(_) => true,
        _ => false,
    }
}

/// Returns the age of the first wanted line in seconds, by the clock of its node or a little
/// more.
fn age(since: Timestamp, server: Timestamp, node_ahead: i64) -> u64 {
    let age = server.as_millisecond() + node_ahead.max(0) - since.as_millisecond();
    u64::try_from(age.max(0)).unwrap_or_default().div_ceil(1000) + MARGIN
}

fn line(entry: &LogEntry) -> Bytes {
    let mut line = BytesMut::with_capacity(entry.time_stamp_str.len() + entry.content.len() + 2);
    line.put_slice(entry.time_stamp_str.as_bytes());
    line.put_u8(b' ');
    line.put_slice(entry.content.as_bytes());
    line.put_u8(b'\n');
    line.freeze()
}

/// Gives an answer of the cluster, which came as a line, its status back.
fn refusal(message: &str) -> Refused {
    let is_of_pod = message.starts_with("pods \"");
    let status = match is_of_pod {
        true if message.ends_with("not found") => 404,
        // With impersonation the service account of the project reads.
        true if message.contains("\" is forbidden: ") => 403,
        _ => 400,
    };
    Refused {
        status,
        kind: if status == 404 {
            "pods".to_owned()
        } else {
            String::new()
        },
        message: message.to_owned(),
        ..Refused::default()
    }
}

/// Translates a refusal of Argo CD into one of the cluster.
fn translated(refused: &argo_core::argocd::Refused) -> Refused {
    let message = &refused.message;
    // The server takes the kubelet's text for a line with a time and passes on its first word
    // (argo-cd issues 11750, 21286): `unable to retrieve container logs for containerd://…` is
    // for good, `failed to create fsnotify watcher` and its like pass.
    if message.starts_with("parsing time \"unable\"") {
        return refusal("unable to retrieve container logs");
    }
    if message.starts_with("parsing time \"") {
        return Refused {
            status: 503,
            message: "the node cannot read the log at the moment".to_owned(),
            ..Refused::default()
        };
    }
    Refused {
        // A status of 200 came before the error: the code is the one that the error names.
        status: if refused.http_code == 0 {
            500
        } else {
            refused.http_code
        },
        message: message.clone(),
        ..Refused::default()
    }
}

#[cfg(test)]
#[path = "argocd_tests.rs"]
mod tests;
