//! Lines about resources without pods that argocd waits for.

use std::{collections::BTreeMap, time::Duration};

use argo_core::text::duration::{between, in_words};
use argo_core::{
    Level, ObjectName, ObjectRef, Record,
    record::{Body, Status},
};
use argo_workloads::resources::Wait;
use jiff::Timestamp;

/// The time for which a resource must be waited for before it gets a line.
const FIRST: Duration = Duration::from_secs(5);
/// The most resources that have a line at one time; the heartbeat counts the rest.
const NAMES: usize = 5;

/// The lines that were said about resources.
#[derive(Debug, Default)]
pub(super) struct WaitLines(BTreeMap<ObjectName, Said>);

/// A resource that is waited for.
#[derive(Debug)]
struct Said {
    object: ObjectRef,
    seen: Timestamp,
    /// The last line without its duration; absent if there was none.
    state: Option<String>,
}

impl WaitLines {
    /// Takes in the resources that are waited for now, and returns the lines that are news.
    pub(super) fn update(&mut self, waits: &[Wait], now: Timestamp) -> Vec<Record> {
        let mut records = self.over(waits, now);
        for wait in waits {
            let said = self.0.entry(wait.object.name()).or_insert_with(|| Said {
                object: wait.object.clone(),
                seen: now,
                state: None,
            });
            let state = wait.state();
            let is_early = between(said.seen, now) < FIRST;
            if is_early || said.state.as_ref() == Some(&state) {
                continue;
            }
            said.state = Some(state);
            let named = self.0.values().filter(|said| said.state.is_some()).count();
            if named <= NAMES {
                let msg = format!("waiting for {}", wait.sentence(now));
                records.push(record(&wait.object, false, msg, now));
            } else if let Some(said) = self.0.get_mut(&wait.object.name()) {
                said.state = None;
            }
        }
        records
    }

    /// Returns a line for each resource that is not waited for any more.
    fn over(&mut self, waits: &[Wait], now: Timestamp) -> Vec<Record> {
        let mut records = Vec::new();
        self.0.retain(|name, said| {
            let waits = waits.iter().any(|wait| wait.object.name() == *name);
            if !waits && said.state.is_some() {
                let took = in_words(between(said.seen, now));
                let msg = format!("{} is not waited for any more, after {took}", said.object);
                records.push(record(&said.object, true, msg, now));
            }
            waits
        });
        records
    }
}

fn record(object: &ObjectRef, complete: bool, msg: String, now: Timestamp) -> Record {
    let status = Status {
        namespace: object.namespace.to_string(),
        workload: object.to_string(),
        complete,
        ..Status::default()
    };
    Record::at(now, Level::Info, msg, Body::Status(status))
}

#[cfg(test)]
mod tests {
    use argo_core::GroupKind;
    use argo_workloads::resources::Health;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn wait(name: &str, words: &str) -> Wait {
        Wait {
            object: ObjectRef {
                kind: GroupKind::new("networking.k8s.io", "Ingress"),
                namespace: "shop".into(),
                name: name.into(),
                uid: "".into(),
            },
            health: Health::Progressing,
            words: words.to_owned(),
            since: at(0),
        }
    }

    fn said(lines: &mut WaitLines, waits: &[Wait], second: i64) -> Vec<String> {
        let records = lines.update(waits, at(second));
        records.into_iter().map(|record| record.msg).collect()
    }

    #[test]
    fn a_wait_is_said_once_and_again_when_its_reason_changes() {
        let mut lines = WaitLines::default();
        assert!(said(&mut lines, &[wait("web", "")], 0).is_empty());
        assert_eq!(
            said(&mut lines, &[wait("web", "")], 5),
            ["waiting for Ingress/web: Progressing (5 s)"]
        );
        assert!(said(&mut lines, &[wait("web", "")], 30).is_empty());
        let known = [wait("web", "no address yet")];
        assert_eq!(
            said(&mut lines, &known, 120),
            ["waiting for Ingress/web: Progressing, no address yet (2 m)"]
        );
        assert_eq!(
            said(&mut lines, &[], 130),
            ["Ingress/web is not waited for any more, after 2 m 10 s"]
        );
    }

    #[test]
    fn many_resources_get_a_few_lines() {
        let mut lines = WaitLines::default();
        let many: Vec<Wait> = (0..20)
            .map(|number| wait(&number.to_string(), ""))
            .collect();
        said(&mut lines, &many, 0);
        assert_eq!(said(&mut lines, &many, 9).len(), NAMES);
        assert!(said(&mut lines, &many, 10).is_empty());
        assert_eq!(said(&mut lines, &[], 11).len(), NAMES);
    }
}
