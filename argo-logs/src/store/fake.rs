//! A store for tests: a list of lines.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;

use super::{LogStore, StoreError, StoreLine, StorePage, StoreQuery, StoreRange, StoreRun};
use crate::StoreKind;

/// A store that has lines of one container.
#[derive(Debug, Default)]
pub(crate) struct FakeStore {
    pub(crate) lines: Mutex<Vec<StoreLine>>,
    pub(crate) failure: Mutex<Option<String>>,
    pub(crate) asked: AtomicUsize,
}

impl FakeStore {
    pub(crate) fn with(lines: impl IntoIterator<Item = (i64, &'static str)>) -> Self {
        let store = Self::default();
        store.add(lines);
        store
    }

    pub(crate) fn add(&self, lines: impl IntoIterator<Item = (i64, &'static str)>) {
        let lines = lines.into_iter().map(|(time, text)| StoreLine {
            time,
            text: text.to_owned(),
            run: StoreRun::default(),
        });
        self.lines.lock().unwrap().extend(lines);
    }

    pub(crate) fn fail(&self, why: Option<&str>) {
        *self.failure.lock().unwrap() = why.map(str::to_owned);
    }
}

#[async_trait]
impl LogStore for FakeStore {
    fn kind(&self) -> Option<StoreKind> {
        Some(StoreKind::VictoriaLogs)
    }

    async fn read(&self, range: &StoreRange) -> Result<StorePage, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(why) = &*self.failure.lock().unwrap() {
            return Err(StoreError(why.clone()));
        }
        let lines = self.lines.lock().unwrap();
        let within = |line: &&StoreLine| (range.from..range.until).contains(&line.time);
        let mut lines: Vec<_> = lines.iter().filter(within).cloned().collect();
        lines.sort_by_key(|line| line.time);
        Ok(StorePage {
            lines,
            ..StorePage::default()
        })
    }

    async fn last(&self, range: &StoreRange, count: u32) -> Result<Vec<StoreLine>, StoreError> {
        let mut lines = self.read(range).await?.lines;
        let over = lines.len().saturating_sub(count as usize);
        lines.drain(..over);
        Ok(lines)
    }

    async fn describe(&self) -> Result<String, StoreError> {
        match &*self.failure.lock().unwrap() {
            Some(why) => Err(StoreError(why.clone())),
            None => Ok("VictoriaLogs at http://fake (by pod)".to_owned()),
        }
    }

    fn query(&self) -> Option<StoreQuery> {
        None
    }
}
