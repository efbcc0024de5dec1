//! The calls to a store.

use std::{
    collections::BTreeSet,
    fmt,
    sync::atomic::{AtomicI64, AtomicU32, Ordering},
    time::Duration,
};

use argo_core::text::{chain, redacted};
use async_trait::async_trait;
use bytes::BytesMut;
use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use reqwest::Response;
use tokio::{
    sync::{OnceCell, Semaphore},
    time::timeout,
};

use super::{
    LabelNames, LogStore, StoreError, StoreLine, StoreOptions, StoreOptionsError, StorePage,
    StoreQuery, StoreRange, StoreUrl,
    cursor::{self, MOST, Next},
    loki::{self, Direction},
    victorialogs,
};
use crate::StoreKind;
use crate::reader::nanos;

/// An answer is given up after this.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Requests at one time.
const AT_ONCE: usize = 4;
/// Lines of a page from Loki; servers allow 5,000 if nothing else is set.
const PAGE: u32 = 2000;
/// Lines of a page from VictoriaLogs.
const SLICE: usize = 10_000;
/// Bytes of an answer; a longer one is refused.
const MOST_BYTES: usize = 32 << 20;
/// Bytes of a refusal that are read.
const REFUSAL: usize = 4096;
/// Characters of a refusal that are shown.
const SHOWN: usize = 200;
/// The labels of the last hours are looked at, in nanoseconds.
const LATELY: i64 = 6 * 3_600_000_000_000;

/// A client of one Loki or VictoriaLogs.
pub struct StoreClient {
    url: StoreUrl,
    kind: Option<StoreKind>,
    labels: Option<LabelNames>,
    headers: HeaderMap,
    http: reqwest::Client,
    slots: Semaphore,
    found: OnceCell<StoreQuery>,
    /// Lines that the server allows in an answer.
    limit: AtomicU32,
    /// Nanoseconds of log time that fitted in the last page of VictoriaLogs.
    width: AtomicI64,
}

type Call<'a> = (&'a str, Vec<(&'static str, String)>);

/// An answer that is no success.
#[derive(Debug)]
enum Failure {
    Refused(StatusCode, String),
    TooLong,
    Other(String),
}

impl StoreClient {
    /// Makes a client; asks the store nothing yet.
    ///
    /// # Errors
    ///
    /// When the options cannot be used.
    pub fn new(options: &StoreOptions) -> Result<Self, StoreOptionsError> {
        let headers = options.header_map()?;
        let http = argo_core::web::client(&options.url.uri(), &options.proxies)
            .map_err(StoreOptionsError::Connection)?;
        Ok(Self {
            url: options.url.clone(),
            kind: options.kind,
            labels: options.labels.clone(),
            headers,
            http,
            slots: Semaphore::new(AT_ONCE),
            found: OnceCell::new(),
            limit: AtomicU32::new(PAGE),
            width: AtomicI64::new(i64::MAX),
        })
    }

    /// Finds out the kind of store and the labels of its lines, unless that is known.
    ///
    /// # Errors
    ///
    /// If the store does not answer, or keeps no logs of containers.
    pub async fn discover(&self) -> Result<&StoreQuery, StoreError> {
        self.found.get_or_try_init(|| self.look()).await
    }

    async fn look(&self) -> Result<StoreQuery, StoreError> {
        match self.kind {
            Some(StoreKind::Loki) => self.loki().await,
            Some(StoreKind::VictoriaLogs) => self.victorialogs().await,
            None => {
                let loki = match self.loki().await {
                    Ok(found) => return Ok(found),
                    Err(error) => error,
                };
                match self.victorialogs().await {
                    Ok(found) => Ok(found),
                    Err(error) if error == loki => Err(loki),
                    Err(error) => Err(StoreError(format!(
                        "{} is neither Loki ({loki}) nor VictoriaLogs ({error})",
                        self.url
                    ))),
                }
            }
        }
    }

    async fn loki(&self) -> Result<StoreQuery, StoreError> {
        let body = self.get(loki::labels(lately())).await;
        let body = body.map_err(|failure| self.error(failure))?;
        let indexed = loki::read_labels(&body).map_err(StoreError)?;
        let names = self.labels.clone();
        let names = names.or_else(|| LabelNames::choose(&indexed));
        // An OpenTelemetry collector may leave Loki one label.
        let has_service = indexed.contains("service_name");
        let names = names.or_else(|| has_service.then(LabelNames::opentelemetry));
        let names = names.ok_or_else(|| no_names("labels", &indexed))?;
        Ok(StoreQuery::new(StoreKind::Loki, names, indexed))
    }

    async fn victorialogs(&self) -> Result<StoreQuery, StoreError> {
        let indexed = self.names(victorialogs::stream_names(lately())).await?;
        let names = self.labels.clone();
        if let Some(names) = names.or_else(|| LabelNames::choose(&indexed)) {
            return Ok(StoreQuery::new(StoreKind::VictoriaLogs, names, indexed));
        }
        let fields = self.names(victorialogs::field_names(lately())).await?;
        let names = LabelNames::choose(&fields).ok_or_else(|| no_names("fields", &fields))?;
        Ok(StoreQuery::new(StoreKind::VictoriaLogs, names, indexed))
    }

    async fn names(&self, call: Call<'_>) -> Result<BTreeSet<String>, StoreError> {
        let body = self
            .get(call)
            .await
            .map_err(|failure| self.error(failure))?;
        victorialogs::read_names(&body).map_err(StoreError)
    }

    async fn read_loki(&self, query: &str, range: &StoreRange) -> Result<StorePage, StoreError> {
        let mut limit = self.limit.load(Ordering::Relaxed);
        loop {
            let times = (range.from, range.until);
            let call = loki::query_range(query, times, limit, Direction::Forward);
            let body = match self.get(call).await {
                Ok(body) => body,
                Err(failure) => match self.fewer(&failure, limit) {
                    Some(fewer) => {
                        limit = fewer;
                        continue;
                    }
                    None => return Err(self.error(failure)),
                },
            };
            let lines = loki::read_lines(&body, Direction::Forward).map_err(StoreError)?;
            match cursor::limited(lines, limit, range) {
                Next::Page(page) => return Ok(page),
                Next::Again(more) => limit = more,
            }
        }
    }

    /// Returns a smaller limit after a refusal that asks for one, or an answer that was too long.
    fn fewer(&self, failure: &Failure, limit: u32) -> Option<u32> {
        let fewer = match failure {
            Failure::Refused(_, text) => loki::allowed_lines(text)?,
            Failure::TooLong => limit / 4,
            Failure::Other(_) => return None,
        };
        let fewer = fewer.min(limit.saturating_sub(1));
        if fewer == 0 {
            return None;
        }
        self.limit.fetch_min(fewer, Ordering::Relaxed);
        Some(fewer)
    }

    async fn read_victorialogs(
        &self,
        query: &StoreQuery,
        text: &str,
        range: &StoreRange,
    ) -> Result<StorePage, StoreError> {
        let width = self.width.load(Ordering::Relaxed);
        let mut until = range.until.min(range.from.saturating_add(width));
        loop {
            let call = victorialogs::query(text, (range.from, until));
            let half = cursor::half(range.from, until);
            let most = half.map_or(MOST as usize, |_| SLICE);
            match self.lines(call, query.names(), most).await {
                Ok(mut lines) => {
                    self.width
                        .store(wider(until - range.from, lines.len()), Ordering::Relaxed);
                    lines.sort_by_key(|line| line.time);
                    return Ok(cursor::page(lines, range, until));
                }
                Err(Failure::TooLong) => match half {
                    Some(half) => until = half,
                    // All these lines have one time.
                    None => {
                        return Ok(StorePage {
                            is_cut: true,
                            ..cursor::page(Vec::new(), range, until)
                        });
                    }
                },
                Err(failure) => return Err(self.error(failure)),
            }
        }
    }

    /// Reads an answer line by line; more than `most` lines are too long.
    async fn lines(
        &self,
        call: Call<'_>,
        names: &LabelNames,
        most: usize,
    ) -> Result<Vec<StoreLine>, Failure> {
        let mut lines = Vec::new();
        self.each_line(call, |line| {
            if lines.len() >= most {
                return Err(Failure::TooLong);
            }
            lines.push(victorialogs::read_line(line, names).map_err(Failure::Other)?);
            Ok(())
        })
        .await?;
        Ok(lines)
    }

    async fn each_line(
        &self,
        call: Call<'_>,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let body = self.get(call).await?;
        let lines = <[u8]>::split(&body, |byte| *byte == b'\n');
        lines
            .filter(|line| !line.is_empty())
            .try_for_each(&mut take)
    }

    async fn last_victorialogs(
        &self,
        query: &StoreQuery,
        text: &str,
        range: &StoreRange,
        count: u32,
    ) -> Result<Vec<StoreLine>, StoreError> {
        let mut first = None;
        let call = victorialogs::newest(text, (range.from, range.until), count);
        let read = self.each_line(call, |line| {
            let time = victorialogs::read_time(line).map_err(Failure::Other)?;
            first = Some(first.map_or(time, |first: i64| first.min(time)));
            Ok(())
        });
        read.await.map_err(|failure| self.error(failure))?;
        let Some(first) = first else {
            return Ok(Vec::new());
        };
        let mut next = Some(StoreRange {
            from: first,
            ..range.clone()
        });
        let mut lines = Vec::new();
        while let Some(range) = next {
            let page = self.read_victorialogs(query, text, &range).await?;
            lines.extend(page.lines);
            next = page.next;
        }
        Ok(lines)
    }

    async fn get(&self, (path, parameters): Call<'_>) -> Result<BytesMut, Failure> {
        let url = format!("{}?{}", self.url.join(path), encoded(&parameters));
        let _slot = self.slots.acquire().await;
        let answer = async {
            let request = self.http.get(url).headers(self.headers.clone());
            let response = request.send().await.map_err(|error| lost(&error))?;
            if response.status() == StatusCode::OK {
                return body(response, MOST_BYTES).await;
            }
            let status = response.status();
            let said = match body(response, REFUSAL).await {
                Ok(said) => String::from_utf8_lossy(&said).trim().to_owned(),
                Err(_) => String::new(),
            };
            Err(Failure::Refused(status, said))
        };
        match timeout(ANSWER_WITHIN, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Other(format!(
                "no answer within {ANSWER_WITHIN:?}"
            ))),
        }
    }

    /// Puts a failure into words, without anything secret.
    fn error(&self, failure: Failure) -> StoreError {
        let text = match failure {
            Failure::TooLong => format!("an answer is longer than {} MiB", MOST_BYTES >> 20),
            Failure::Other(text) => text,
            Failure::Refused(status, text) => {
                let hint = match status {
                    StatusCode::UNAUTHORIZED => ": the credentials are missing or wrong",
                    StatusCode::FORBIDDEN => ": the credentials do not allow it",
                    status if status.is_redirection() => ": it redirects, perhaps to a login",
                    _ => "",
                };
                // A page of a proxy says less than its status.
                let shown: String = match text.starts_with('<') {
                    true => String::new(),
                    false => text.chars().take(SHOWN).collect(),
                };
                let between = if shown.is_empty() { "" } else { ": " };
                format!("{status}{hint}{between}{shown}")
            }
        };
        StoreError(redacted(&text).into_owned())
    }
}

#[async_trait]
impl LogStore for StoreClient {
    fn kind(&self) -> Option<StoreKind> {
        let found = self.found.get().map(StoreQuery::kind);
        found.or(self.kind)
    }

    async fn read(&self, range: &StoreRange) -> Result<StorePage, StoreError> {
        let query = self.discover().await?;
        let text = text(query, range);
        match query.kind() {
            StoreKind::Loki => self.read_loki(&text, range).await,
            StoreKind::VictoriaLogs => self.read_victorialogs(query, &text, range).await,
        }
    }

    async fn last(&self, range: &StoreRange, count: u32) -> Result<Vec<StoreLine>, StoreError> {
        let query = self.discover().await?;
        let text = text(query, range);
        let mut lines = match query.kind() {
            StoreKind::VictoriaLogs => self.last_victorialogs(query, &text, range, count).await?,
            StoreKind::Loki => {
                let times = (range.from, range.until);
                let count = count.min(self.limit.load(Ordering::Relaxed));
                let call = loki::query_range(&text, times, count, Direction::Backward);
                let body = self
                    .get(call)
                    .await
                    .map_err(|failure| self.error(failure))?;
                loki::read_lines(&body, Direction::Backward).map_err(StoreError)?
            }
        };
        let over = lines.len().saturating_sub(count as usize);
        lines.drain(..over);
        Ok(lines)
    }

    async fn describe(&self) -> Result<String, StoreError> {
        let query = self.discover().await?;
        Ok(format!("{self} (by {})", query.names().all().join(", ")))
    }

    fn query(&self) -> Option<StoreQuery> {
        self.found.get().cloned()
    }
}

impl fmt::Debug for StoreClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreClient")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for StoreClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Some(kind) => write!(f, "{kind} at {}", self.url),
            None => write!(f, "the log store at {}", self.url),
        }
    }
}

fn text(query: &StoreQuery, range: &StoreRange) -> String {
    query.container(&range.pod.namespace, &range.pod.name, &range.container)
}

/// Returns the next width: pages that were far from full may cover more time.
fn wider(width: i64, lines: usize) -> i64 {
    if lines < SLICE / 4 {
        width.saturating_mul(2)
    } else {
        width
    }
}

fn no_names(what: &str, found: &BTreeSet<String>) -> StoreError {
    let some: Vec<&str> = found.iter().map(String::as_str).take(12).collect();
    let some = match some[..] {
        [] => "there are none of the last hours".to_owned(),
        _ => format!("there are {}", some.join(", ")),
    };
    StoreError(format!(
        "none of its {what} names a pod ({some}); name them: --log-store-labels NAMESPACE,POD,CONTAINER"
    ))
}

fn lately() -> (i64, i64) {
    let now = nanos(Timestamp::now());
    (now - LATELY, now)
}

async fn body(response: Response, most: usize) -> Result<BytesMut, Failure> {
    let mut whole = BytesMut::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| lost(&error))?;
        if whole.len() + piece.len() > most {
            return Err(Failure::TooLong);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// The URL is left out: the address is known, and its query is long.
fn lost(error: &reqwest::Error) -> Failure {
    let mut text = chain(error);
    if let Some(url) = error.url() {
        text = text.replace(&format!(" for url ({url})"), "");
    }
    Failure::Other(text)
}

fn encoded(parameters: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (name, value) in parameters {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(byte.into());
                }
                _ => {
                    use fmt::Write;
                    let _ = write!(out, "%{byte:02X}");
                }
            }
        }
    }
    out
}
