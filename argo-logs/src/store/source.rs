//! Logs from a store instead of the cluster.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use argo_core::{ObjectRef, resource::Pod};
use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::{LogStore, StoreError, StoreLine, StoreRange, taken::Taken};
use crate::StoreKind;
use crate::{
    AskError, ContainerView, LogBody, LogResponse, LogSource, Lost, OpenError, OpenParams, Refused,
    Run, reader::nanos,
};

/// Time between two questions for new lines.
const POLL: Duration = Duration::from_secs(2);
/// Lines may arrive in the store in another order than they were written, this far apart; the
/// follower remembers lines a little longer.
const DISORDER: i64 = 2_000_000_000;
/// The last lines of a run have arrived by then.
const SETTLED: SignedDuration = SignedDuration::from_secs(3);
/// Lines are looked for this far back if nobody knows when the run began.
const BACK: SignedDuration = SignedDuration::from_hours(1);

/// Logs from a store. Pods are read from another source, which also tells the runs apart; where
/// lines name no run, their times decide, which are known to the second.
#[derive(Clone)]
pub struct StoreLogs {
    store: Arc<dyn LogStore>,
    pods: Arc<dyn LogSource>,
}

impl StoreLogs {
    /// Reads logs from a store, and pods from `pods`.
    pub fn new(store: Arc<dyn LogStore>, pods: Arc<dyn LogSource>) -> Self {
        Self { store, pods }
    }

    fn name(&self) -> String {
        let kind = self.store.kind();
        kind.map_or_else(|| "the log store".to_owned(), |kind| kind.to_string())
    }

    fn refused(&self, error: &StoreError) -> OpenError {
        OpenError::Refused(Refused {
            status: 503,
            message: format!("{} cannot be asked: {error}", self.name()),
            ..Refused::default()
        })
    }
}

#[async_trait]
impl LogSource for StoreLogs {
    async fn open(&self, pod: &ObjectRef, params: &OpenParams) -> Result<LogResponse, OpenError> {
        let found = self.pods.pod(pod).await;
        let found = found.map_err(|error| OpenError::Lost(error.0))?;
        let date = Timestamp::now();
        let plan = Plan::new(found.as_ref(), params, date);
        let range = StoreRange {
            pod: pod.clone(),
            container: Arc::clone(&params.container),
            from: nanos(plan.from),
            until: plan.until.map_or_else(|| nanos(date) + 1, nanos),
        };
        if let Some(wait) = plan.wait {
            sleep(wait).await;
        }
        let mut reading = Reading {
            store: Arc::clone(&self.store),
            run: plan.run,
            until: plan.until.map(nanos),
            follow: params.follow && plan.until.is_none(),
            taken: Taken::default(),
            early: VecDeque::new(),
            next: Some(range.clone()),
            start: range,
        };
        let lines = params
            .tail_lines
            .and_then(|lines| u32::try_from(lines).ok());
        let first = match lines {
            Some(lines) => reading.last(lines).await,
            None => reading.page().await,
        };
        let first = first.map_err(|error| self.refused(&error))?;
        reading.early.push_back(first);
        let body = futures::stream::unfold(reading, |mut reading| async move {
            let piece = reading.next_piece().await?;
            Some((piece, reading))
        });
        Ok(LogResponse::new(Some(date), LogBody::from_stream(body)))
    }

    async fn pod(&self, pod: &ObjectRef) -> Result<Option<Pod>, AskError> {
        self.pods.pod(pod).await
    }

    fn store(&self) -> Option<StoreKind> {
        Some(self.store.kind().unwrap_or(StoreKind::Loki))
    }
}

/// The part of a store's lines that a request means.
struct Plan {
    run: Option<Arc<str>>,
    from: Timestamp,
    /// The end of the run, if it has ended.
    until: Option<Timestamp>,
    /// Time until its last lines have arrived.
    wait: Option<Duration>,
}

impl Plan {
    fn new(pod: Option<&Pod>, params: &OpenParams, now: Timestamp) -> Self {
        let view = pod.map(|pod| ContainerView::new(pod, &params.container));
        let view = view.unwrap_or_else(ContainerView::gone);
        let run = match params.previous {
            true => view.last.as_ref(),
            false => view.current.as_ref().or(view.last.as_ref()),
        };
        let created = pod.and_then(|pod| pod.metadata.creation_timestamp.as_ref());
        let began = run.and_then(|run| run.started_at);
        let began = began.or(created.map(|created| created.0));
        let from = params.since_time.max(began);
        // The end is given in whole seconds, and the last line is stamped a little later.
        let until = run.and_then(ended);
        let left = until.or(pod.is_none().then_some(now)).map(|end| {
            let settled = end.saturating_add(SETTLED).unwrap_or(end);
            now.until(settled).map(SignedDuration::try_from)
        });
        let wait = left.and_then(|left| Duration::try_from(left.ok()?.ok()?).ok());
        Self {
            run: run.map(|run| Arc::clone(&run.id)),
            from: from.unwrap_or_else(|| now.saturating_sub(BACK).unwrap_or(now)),
            until,
            wait: wait.filter(|wait| !wait.is_zero()),
        }
    }
}

fn ended(run: &Run) -> Option<Timestamp> {
    let finished = run.finished_at?;
    finished.checked_add(SignedDuration::from_secs(1)).ok()
}

/// A log that is being read.
struct Reading {
    store: Arc<dyn LogStore>,
    run: Option<Arc<str>>,
    /// The end of the run; `None` while it may write.
    until: Option<i64>,
    follow: bool,
    taken: Taken,
    /// Lines that came before the body was asked for.
    early: VecDeque<Bytes>,
    /// The next page.
    next: Option<StoreRange>,
    start: StoreRange,
}

impl Reading {
    /// Returns the next lines.
    async fn next_piece(&mut self) -> Option<Result<Bytes, Lost>> {
        loop {
            if let Some(piece) = self.early.pop_front().filter(|piece| !piece.is_empty()) {
                return Some(Ok(piece));
            }
            if self.next.is_none() {
                if !self.follow {
                    return None;
                }
                sleep(POLL).await;
                self.read_again();
            }
            match self.page().await {
                Ok(piece) => self.early.push_back(piece),
                Err(error) => {
                    // Nothing is known of the rest: the follower asks again.
                    self.follow = false;
                    self.next = None;
                    return Some(Err(Lost(error.0)));
                }
            }
        }
    }

    fn read_again(&mut self) {
        self.taken.begin();
        let newest = self.taken.newest().map(|newest| newest - DISORDER);
        self.next = Some(StoreRange {
            from: newest.unwrap_or(self.start.from).max(self.start.from),
            until: self.until.unwrap_or_else(|| nanos(Timestamp::now()) + 1),
            ..self.start.clone()
        });
    }

    async fn page(&mut self) -> Result<Bytes, StoreError> {
        let Some(range) = self.next.take() else {
            return Ok(Bytes::new());
        };
        let page = self.store.read(&range).await?;
        self.next = page.next;
        Ok(self.bytes(page.lines))
    }

    async fn last(&mut self, lines: u32) -> Result<Bytes, StoreError> {
        let range = self.next.take();
        let range = range.filter(|_| lines > 0);
        let Some(range) = range else {
            // Nothing old is wanted.
            self.start.from = self.start.until;
            return Ok(Bytes::new());
        };
        let lines = self.store.last(&range, lines).await?;
        self.start.from = lines.first().map_or(range.until, |first| first.time);
        Ok(self.bytes(lines))
    }

    /// Writes lines as a kubelet does.
    fn bytes(&mut self, lines: Vec<StoreLine>) -> Bytes {
        let mut out = BytesMut::new();
        let uid = Arc::clone(&self.start.pod.uid);
        for line in lines {
            let run = self.run.as_deref();
            let is_of_run = run.is_none_or(|run| line.run.may_be_run(run));
            if !is_of_run || !line.run.may_be_of(&uid) || !self.taken.is_new(&line) {
                continue;
            }
            let Ok(time) = Timestamp::from_nanosecond(line.time.into()) else {
                continue;
            };
            let stamp = time.to_string();
            let text = line.text.strip_suffix('\n').unwrap_or(&line.text);
            for text in text.split('\n') {
                out.put_slice(stamp.as_bytes());
                out.put_u8(b' ');
                out.put_slice(text.as_bytes());
                out.put_u8(b'\n');
            }
        }
        out.freeze()
    }
}
