//! The events of one response.

use std::{io, pin::Pin, time::Duration};

use futures::AsyncBufReadExt;
use kube::core::{Status, WatchEvent};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    Bystanders, WatchConfig,
    failure::{Failure, is_cut},
    lines::Lines,
    requests::Body,
};

/// The time by which the end of a watch may be late before its connection counts as dead.
const LATE: Duration = Duration::from_secs(5);

/// An open watch.
pub(super) struct Changes {
    body: Body,
    lines: Lines,
    bystanders: Option<Bystanders>,
    /// The version up to which everything was read.
    pub(super) version: String,
    silence: Duration,
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
    /// True once a change that was left out has told that the watch works.
    is_told: bool,
}

impl Changes {
    pub(super) fn new(body: Body, version: String, config: &WatchConfig) -> Self {
        let silence = Duration::from_secs(config.timeout.into()) + LATE;
        let heard = Instant::now();
        Self {
            body,
            lines: Lines::default(),
            bystanders: config.bystanders.clone(),
            version,
            silence,
            heard,
            alarm: Box::pin(sleep_until(heard + silence)),
            is_told: false,
        }
    }

    /// Returns the next event, or nothing once the response has ended or its connection is dead.
    ///
    /// The first change that is left out, and the first one after an error, counts as `Ok(None)`:
    /// it shows that the watch works, and there may be no other for long.
    pub(super) async fn next<K: DeserializeOwned>(
        &mut self,
    ) -> Option<Result<Option<WatchEvent<K>>, Failure>> {
        loop {
            while let Some(line) = self.lines.next() {
                let bystanders = self.bystanders.as_ref();
                if let Some(version) = bystanders.and_then(|pods| pods.left_out(line)) {
                    self.version = version;
                    if !std::mem::replace(&mut self.is_told, true) {
                        return Some(Ok(None));
                    }
                } else if !line.is_empty() {
                    let event = event(line);
                    self.is_told &= !matches!(event, Err(_) | Ok(WatchEvent::Error(_)));
                    return Some(event.map(Some));
                }
            }
            match self.read().await {
                Some(Ok(true)) => {}
                // A last line without its end may be cut in the middle.
                Some(Ok(false)) => return event(self.lines.rest()).ok().map(|it| Ok(Some(it))),
                Some(Err(error)) if is_cut(&error) => return None,
                Some(Err(error)) => return Some(Err(kube::Error::ReadEvents(error).into())),
                None => return None,
            }
        }
    }

    /// Reads what is there. Returns false at the end, and nothing if the server is silent for
    /// longer than a watch may last.
    async fn read(&mut self) -> Option<io::Result<bool>> {
        let piece = tokio::select! {
            biased;
            piece = self.body.fill_buf() => piece,
            () = silent(&mut self.alarm, self.heard, self.silence) => return None,
        };
        let length = match piece {
            Ok(piece) => {
                self.lines.push(piece);
                piece.len()
            }
            Err(error) => return Some(Err(error)),
        };
        self.body.consume_unpin(length);
        self.heard = Instant::now();
        Some(Ok(length > 0))
    }
}

/// Waits until nothing was heard for long. The alarm is set anew only when it goes off, not at
/// every event.
async fn silent(alarm: &mut Pin<Box<Sleep>>, heard: Instant, silence: Duration) {
    loop {
        alarm.as_mut().await;
        if heard + silence <= Instant::now() {
            return;
        }
        alarm.as_mut().reset(heard + silence);
    }
}

fn event<K: DeserializeOwned>(line: &[u8]) -> Result<WatchEvent<K>, Failure> {
    serde_json::from_slice(line).map_err(|error| {
        let status = serde_json::from_slice::<Status>(line).ok();
        let status = status.filter(|status| status.code != 0);
        match status {
            Some(status) => kube::Error::Api(Box::new(status)).into(),
            None => kube::Error::SerdeError(error).into(),
        }
    })
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
