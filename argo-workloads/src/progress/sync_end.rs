//! The end of the last sync, which is seen before what it has changed.

use std::time::Duration;

use argo_core::{resource::Application, text::duration::between};
use jiff::Timestamp;

/// Objects show within this time what a sync has changed. The Application and its objects come by
/// ways of their own, and over Argo CD's API the objects take seconds.
const OBJECTS_FOLLOW: Duration = Duration::from_secs(4);

/// The end of the last sync.
#[derive(Debug, Default)]
pub(super) struct SyncEnd {
    finished: Option<Timestamp>,
    /// The time at which it was seen.
    seen: Option<Timestamp>,
}

impl SyncEnd {
    /// Takes the Application that is followed. The first one may have been synced long ago.
    pub(super) fn application(
        &mut self,
        application: &Application,
        is_first: bool,
        now: Timestamp,
    ) {
        let operation = application.status.operation_state.as_ref();
        let finished = operation.and_then(|operation| operation.finished_at.as_ref());
        let Some(finished) = finished.map(|time| time.0) else {
            return;
        };
        if self.finished.replace(finished) != Some(finished) {
            self.seen = Some(if is_first { finished.min(now) } else { now });
        }
    }

    /// True once the objects show what the sync has changed.
    pub(super) fn is_shown(&self, now: Timestamp) -> bool {
        self.seen
            .is_none_or(|seen| between(seen, now) >= OBJECTS_FOLLOW)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn synced(second: i64) -> Application {
        let value = json!({"metadata": {}, "status": {"operationState":
            {"phase": "Succeeded", "startedAt": at(second).to_string(), "finishedAt": at(second).to_string()}}});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_a_sync_has_changed_is_seen_some_seconds_after_its_end() {
        let mut end = SyncEnd::default();
        assert!(end.is_shown(at(0)));
        end.application(&synced(-100), true, at(0));
        assert!(end.is_shown(at(0)), "it was long ago");
        end.application(&synced(-100), false, at(5));
        assert!(end.is_shown(at(5)), "it is the same");
        end.application(&synced(9), false, at(10));
        assert!(!end.is_shown(at(13)));
        assert!(end.is_shown(at(14)));
        let mut end = SyncEnd::default();
        end.application(&synced(99), true, at(0));
        assert!(!end.is_shown(at(3)), "clocks differ");
        assert!(end.is_shown(at(4)));
    }
}
