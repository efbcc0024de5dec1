//! Decides about which objects events are asked, and when. No clock, no client.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use argo_core::{
    AppRef, ObjectRef,
    argocd::{Node, ResourceTree},
};

use crate::EventScope;

/// Events of a change come with it or a moment later.
const AFTER_CHANGE: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];
/// An object that is not healthy may get events without a change of its own: it is asked about
/// each time that a quarter of its wait has passed again, within these limits.
const UNHEALTHY: [Duration; 2] = [Duration::from_secs(6), Duration::from_secs(30)];
/// The application itself.
const APPLICATION: Duration = Duration::from_secs(10);
/// Up to twice as many applications are each asked about at that interval.
const CROWD: usize = 10;

/// An object to ask about.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) app: AppRef,
    /// Absent for the application itself.
    pub(super) object: Option<ObjectRef>,
}

impl Due {
    /// True if the events belong to the scope.
    pub(super) fn is_in(&self, scope: &EventScope) -> bool {
        match &self.object {
            Some(object) => !scope.applications && object.namespace == scope.namespace,
            None => scope.applications && *scope.namespace == *self.app.namespace,
        }
    }
}

/// The objects that may be asked about, by uid.
#[derive(Debug, Default)]
pub(super) struct Polling {
    objects: HashMap<String, Object>,
    generation: u64,
    /// Applications whose tree was taken: what is healthy at the start has nothing to tell.
    begun: BTreeSet<String>,
}

#[derive(Debug)]
struct Object {
    app: AppRef,
    /// Absent for the application itself.
    reference: Option<ObjectRef>,
    version: String,
    changed: Duration,
    is_healthy: bool,
    /// The times at which it is to be asked about, the next one last.
    times: Vec<Duration>,
    is_pod: bool,
    seen: u64,
}

impl Polling {
    /// Takes the tree of an application, with the objects about which nobody asks yet: they are
    /// not new once somebody does.
    pub(super) fn tree(&mut self, app: &AppRef, tree: &ResourceTree, now: Duration) {
        self.generation += 1;
        let is_first = self.begun.insert(app.to_string());
        for node in &tree.nodes {
            if !node.object.uid.is_empty() {
                self.node(app, node, is_first, now);
            }
        }
        let generation = self.generation;
        // The last events of an object are asked about no more: the server refuses to tell.
        self.objects.retain(|_, object| {
            object.app != *app || object.reference.is_none() || object.seen == generation
        });
    }

    fn node(&mut self, app: &AppRef, node: &Node, is_first: bool, now: Duration) {
        let generation = self.generation;
        let is_healthy = is_healthy(node);
        let uid = &node.object.uid;
        let object = self.objects.entry(uid.clone()).or_insert_with(|| Object {
            app: app.clone(),
            reference: Some(ObjectRef {
                kind: node.object.group_kind(),
                namespace: node.object.namespace.as_str().into(),
                name: node.object.name.as_str().into(),
                uid: uid.as_str().into(),
            }),
            // Of a healthy object at the start nothing is asked.
            version: if is_first && is_healthy {
                node.resource_version.clone()
            } else {
                String::new()
            },
            changed: now,
            is_healthy,
            times: Vec::new(),
            is_pod: node.object.group.is_empty() && node.object.kind == "Pod",
            seen: 0,
        });
        object.seen = generation;
        object.is_healthy = is_healthy;
        if object.version != node.resource_version {
            object.version.clone_from(&node.resource_version);
            object.changed = now;
            object.times = AFTER_CHANGE
                .iter()
                .rev()
                .map(|after| now + *after)
                .collect();
        }
    }

    /// Takes an application, about which is asked all the time, and the less often the more there
    /// are.
    pub(super) fn application(&mut self, app: &AppRef, apps: usize, now: Duration) {
        let object = self
            .objects
            .entry(app.to_string())
            .or_insert_with(|| Object {
                app: app.clone(),
                reference: None,
                version: String::new(),
                changed: now,
                is_healthy: true,
                times: vec![now],
                is_pod: false,
                seen: 0,
            });
        if object.times.is_empty() {
            let crowd = u32::try_from(apps / CROWD).unwrap_or(u32::MAX).max(1);
            object.times.push(now + APPLICATION * crowd);
        }
    }

    /// Takes the objects to ask about now, at most `most` of those that are wanted: pods first,
    /// then those that wait longest.
    pub(super) fn due(
        &mut self,
        now: Duration,
        most: usize,
        is_wanted: impl Fn(&Due) -> bool,
    ) -> Vec<Due> {
        let is_due = |object: &&mut Object| {
            object.times.last().is_some_and(|time| *time <= now) && is_wanted(&object.due())
        };
        let mut due: Vec<&mut Object> = self.objects.values_mut().filter(is_due).collect();
        due.sort_by_key(|object| (!object.is_pod, object.times.last().copied()));
        due.truncate(most);
        due.into_iter().map(|object| object.asked(now)).collect()
    }
}

impl Object {
    fn asked(&mut self, now: Duration) -> Due {
        self.times.retain(|time| *time > now);
        if self.times.is_empty() && !self.is_healthy {
            let [least, most] = UNHEALTHY;
            let waited = now.saturating_sub(self.changed);
            self.times.push(now + (waited / 4).clamp(least, most));
        }
        self.due()
    }

    fn due(&self) -> Due {
        Due {
            app: self.app.clone(),
            object: self.reference.clone(),
        }
    }
}

/// Objects without a health of their own (ConfigMaps) count as healthy.
fn is_healthy(node: &Node) -> bool {
    let status = node
        .health
        .as_ref()
        .and_then(|health| health.status.as_deref());
    matches!(status, None | Some("Healthy" | "Suspended"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn tree(pods: &[(&str, &str, &str)]) -> ResourceTree {
        let nodes: Vec<_> = pods
            .iter()
            .map(|(uid, version, health)| {
                json!({"version": "v1", "kind": "Pod", "namespace": "n", "name": uid, "uid": uid, "resourceVersion": version, "health": {"status": health}})
            })
            .collect();
        serde_json::from_value(json!({ "nodes": nodes })).unwrap()
    }

    fn asked(polling: &mut Polling, now: u64) -> Vec<String> {
        let due = polling.due(at(now), 10, |_| true);
        let mut names: Vec<_> = due
            .into_iter()
            .map(|due| {
                due.object
                    .map_or(due.app.name, |object| object.name.to_string())
            })
            .collect();
        names.sort();
        names
    }

    fn app() -> AppRef {
        AppRef::new("shop", "argocd")
    }

    #[test]
    fn only_what_is_new_has_changed_or_is_not_healthy_is_asked_about() {
        let mut polling = Polling::default();
        let take = |polling: &mut Polling, pods: &[(&str, &str, &str)], now| {
            polling.tree(&app(), &tree(pods), at(now));
        };
        let old = [("old", "1", "Healthy"), ("bad", "1", "Degraded")];
        take(&mut polling, &old, 0);
        assert_eq!(asked(&mut polling, 1), ["bad"]);
        assert_eq!(asked(&mut polling, 2), [""; 0]);
        assert_eq!(asked(&mut polling, 5), ["bad"], "events come late");
        assert_eq!(asked(&mut polling, 11), ["bad"], "it is still not healthy");
        let new = [
            ("old", "2", "Healthy"),
            ("bad", "1", "Healthy"),
            ("new", "1", "Healthy"),
        ];
        take(&mut polling, &new, 12);
        assert_eq!(asked(&mut polling, 13), ["new", "old"]);
        assert_eq!(asked(&mut polling, 17), ["bad", "new", "old"]);
        assert_eq!(asked(&mut polling, 60), [""; 0], "all is said");
        take(&mut polling, &[("new", "2", "Healthy")], 61);
        take(&mut polling, &[], 61);
        assert_eq!(
            asked(&mut polling, 62),
            [""; 0],
            "what is gone cannot be asked about"
        );
    }

    #[test]
    fn the_application_is_asked_about_every_ten_seconds() {
        let mut polling = Polling::default();
        polling.application(&app(), 1, at(0));
        assert_eq!(asked(&mut polling, 0), ["shop"]);
        polling.application(&app(), 1, at(1));
        assert_eq!(asked(&mut polling, 2), [""; 0]);
        assert_eq!(asked(&mut polling, 11), ["shop"]);
    }

    #[test]
    fn a_crowd_is_asked_about_in_turns() {
        let pods: Vec<String> = (0..20).map(|n| format!("p{n:02}")).collect();
        let pods: Vec<_> = pods
            .iter()
            .map(|name| (name.as_str(), "1", "Progressing"))
            .collect();
        let mut polling = Polling::default();
        polling.tree(&app(), &tree(&pods), at(0));
        let mut seen = std::collections::BTreeSet::new();
        for now in [1, 1, 1, 1] {
            let due = polling.due(at(now), 6, |_| true);
            assert!(due.len() <= 6);
            seen.extend(
                due.into_iter()
                    .filter_map(|due| due.object)
                    .map(|object| object.name),
            );
        }
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn what_is_healthy_when_somebody_begins_to_listen_is_not_new() {
        let mut polling = Polling::default();
        let pods = [("bad", "1", "Degraded"), ("good", "1", "Healthy")];
        polling.tree(&app(), &tree(&pods), at(0));
        assert!(polling.due(at(1), 10, |_| false).is_empty());
        polling.tree(&app(), &tree(&pods), at(9));
        assert_eq!(asked(&mut polling, 10), ["bad"]);
        assert_eq!(asked(&mut polling, 15), [""; 0]);
    }

    #[test]
    fn what_stays_unhealthy_is_asked_about_less_often() {
        let mut polling = Polling::default();
        let minute = |polling: &mut Polling, version: &str, from: u64| {
            polling.tree(&app(), &tree(&[("bad", version, "Degraded")]), at(from));
            let times = (from..from + 60).map(|now| asked(polling, now).len());
            times.sum::<usize>()
        };
        assert_eq!(minute(&mut polling, "1", 0), 9);
        assert_eq!(minute(&mut polling, "1", 60), 3);
        assert_eq!(minute(&mut polling, "1", 120), 2);
        assert_eq!(minute(&mut polling, "2", 180), 9, "it has changed");
    }

    #[test]
    fn many_applications_are_asked_about_less_often() {
        let mut polling = Polling::default();
        polling.application(&app(), 50, at(0));
        assert_eq!(asked(&mut polling, 0), ["shop"]);
        polling.application(&app(), 50, at(1));
        assert_eq!(asked(&mut polling, 40), [""; 0]);
        assert_eq!(asked(&mut polling, 51), ["shop"]);
    }
}
