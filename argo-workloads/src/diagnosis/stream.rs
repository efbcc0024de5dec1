//! Findings as a stream, for who does not want to keep a [`Facts`] of their own.

use std::{pin::pin, sync::Arc, time::Duration};

use argo_core::TrackEvent;
use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{EventFact, Facts, Finding, Line, Thresholds, examine};

/// How often the rules look.
const LOOK: Duration = Duration::from_millis(500);

/// What is fed to [`findings`].
#[derive(Clone, Debug)]
pub enum Fact {
    /// The tracker says this.
    Track(TrackEvent),
    /// An event of the application happened.
    Event(EventFact),
    /// The last lines of a container.
    Lines {
        /// Uid of its pod.
        pod_uid: Arc<str>,
        /// Its name.
        container: String,
        /// The lines, oldest first.
        lines: Vec<Line>,
    },
}

/// What is wrong with an application, told anew whenever it changes, the worst first.
///
/// The rules look twice a second, since many of them wait for a grace time. The stream ends
/// when `inputs` ends, after a last look. For one look at what is known use [`examine`].
pub fn findings(
    inputs: impl Stream<Item = Fact> + Send + 'static,
    thresholds: Thresholds,
) -> impl Stream<Item = Vec<Finding>> + Send {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = Looking {
        inputs: inputs.boxed(),
        looks,
        facts: Facts::new(Timestamp::now()),
        thresholds,
        told: Vec::new(),
        ended: false,
    };
    stream::unfold(looking, |mut looking| async move {
        let findings = looking.next().await?;
        Some((findings, looking))
    })
}

struct Looking {
    inputs: stream::BoxStream<'static, Fact>,
    looks: Interval,
    facts: Facts,
    thresholds: Thresholds,
    told: Vec<Finding>,
    ended: bool,
}

impl Looking {
    async fn next(&mut self) -> Option<Vec<Finding>> {
        while !self.ended {
            let look = tokio::select! {
                fact = self.inputs.next() => self.take(fact),
                _ = pin!(self.looks.tick()) => true,
            };
            if look && let Some(findings) = self.look() {
                return Some(findings);
            }
        }
        None
    }

    /// True if it is time to look: nothing more comes.
    fn take(&mut self, fact: Option<Fact>) -> bool {
        let now = Timestamp::now();
        match fact {
            Some(Fact::Track(TrackEvent::Applied(tracked))) => self.facts.apply(&tracked, now),
            Some(Fact::Track(TrackEvent::Removed(object))) => self.facts.remove(&object),
            Some(Fact::Track(TrackEvent::Application(application))) => {
                self.facts.application(&application);
            }
            Some(Fact::Track(_)) => {}
            Some(Fact::Event(event)) => self.facts.event(event),
            Some(Fact::Lines {
                pod_uid,
                container,
                lines,
            }) => self.facts.last_lines(&pod_uid, &container, lines),
            None => self.ended = true,
        }
        self.ended
    }

    /// What is wrong, if that is news.
    fn look(&mut self) -> Option<Vec<Finding>> {
        let findings = examine(&self.facts, &self.thresholds, Timestamp::now());
        let news = findings != self.told;
        self.told.clone_from(&findings);
        news.then_some(findings)
    }
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, KindTraits, ObjectRef, Tracked, TrackedBody};
    use serde_json::json;

    use super::*;
    use crate::diagnosis::Code;

    fn pod(state: &serde_json::Value) -> Fact {
        let value = json!({"spec": {"containers": [{"name": "app", "image": "shop/web:2"}]},
            "status": {"phase": "Pending", "containerStatuses": [{"name": "app", "state": state}]}});
        let object = ObjectRef {
            kind: GroupKind::new("", "Pod"),
            namespace: "n".into(),
            name: "web".into(),
            uid: "u".into(),
        };
        Fact::Track(TrackEvent::Applied(Tracked {
            root: object.clone(),
            object,
            owner: None,
            hook: None,
            is_new: true,
            rollout: None,
            traits: KindTraits::default(),
            body: TrackedBody::Pod(Arc::new(serde_json::from_value(value).unwrap())),
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_told_when_it_changes() {
        let missing =
            json!({"waiting": {"reason": "ErrImagePull", "message": "shop/web:2: not found"}});
        let (sender, facts) = tokio::sync::mpsc::unbounded_channel();
        let facts = tokio_stream::wrappers::UnboundedReceiverStream::new(facts);
        let mut told = Box::pin(findings(facts, Thresholds::default()));
        sender.send(pod(&missing)).unwrap();
        let first = told.next().await.unwrap();
        assert_eq!(first[0].code, Code::ImagePull);
        sender.send(pod(&json!({"running": {}}))).unwrap();
        assert_eq!(told.next().await.unwrap(), []);
        drop(sender);
        assert!(told.next().await.is_none());
    }
}
