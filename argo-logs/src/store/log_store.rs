//! A log store, the ranges that it is asked for, and its answers.

use std::{fmt, sync::Arc};

use argo_core::ObjectRef;
use async_trait::async_trait;

use super::query::StoreQuery;
use crate::StoreKind;

/// The lines that are wanted from a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRange {
    /// The pod. Lines that name another uid are left out.
    pub pod: ObjectRef,
    /// The container.
    pub container: Arc<str>,
    /// Time of the first wanted line, in nanoseconds since 1970.
    pub from: i64,
    /// The first time that is not wanted.
    pub until: i64,
}

/// A line as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLine {
    /// Time in nanoseconds since 1970.
    pub time: i64,
    /// The text, which may hold line ends.
    pub text: String,
    /// Facts about the run that wrote the line, as far as the store has them.
    pub run: StoreRun,
}

/// The run that wrote a line, as far as a store tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreRun {
    /// Uid of the pod.
    pub uid: Option<Arc<str>>,
    /// The container id, with or without the name of the runtime.
    pub container_id: Option<Arc<str>>,
    /// Number of runs before it.
    pub restart: Option<i32>,
}

/// One answer of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorePage {
    /// Lines in the order of their times.
    pub lines: Vec<StoreLine>,
    /// The range from which the next page is to be read; `None` if this was the last one.
    pub next: Option<StoreRange>,
    /// True if lines were left out because too many have one time.
    pub is_cut: bool,
}

/// The reason why a store did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// A place where a collector keeps log lines.
#[async_trait]
pub trait LogStore: fmt::Debug + Send + Sync {
    /// Returns the kind of store, once that is known.
    fn kind(&self) -> Option<StoreKind>;

    /// Reads the first lines of a range, as many as fit in one answer.
    ///
    /// # Errors
    ///
    /// If the store does not answer, refuses, or keeps no logs of containers.
    async fn read(&self, range: &StoreRange) -> Result<StorePage, StoreError>;

    /// Reads the last `lines` lines of a range.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    async fn last(&self, range: &StoreRange, lines: u32) -> Result<Vec<StoreLine>, StoreError>;

    /// Looks for the store and returns a sentence's part about it: its kind, its place, and the
    /// labels by which containers are found.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    async fn describe(&self) -> Result<String, StoreError>;

    /// Returns the way to ask this store by hand, once its kind and labels are known.
    fn query(&self) -> Option<StoreQuery>;
}

impl StoreRun {
    /// True unless the line names another pod than the one with this uid.
    pub(crate) fn may_be_of(&self, uid: &str) -> bool {
        uid.is_empty() || self.uid.as_deref().is_none_or(|found| found == uid)
    }

    /// True unless the line names another container id than this one (`<runtime>://<id>`).
    pub(crate) fn may_be_run(&self, id: &str) -> bool {
        let bare = |id: &str| id.rsplit("://").next().unwrap_or_default().to_owned();
        let found = self.container_id.as_deref().map(bare);
        found.is_none_or(|found| found.is_empty() || found == bare(id))
    }
}
