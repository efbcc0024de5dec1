//! The application that an object belongs to.

use std::{collections::HashMap, sync::Arc};

use argo_core::{ObjectName, TrackEvent};
use argo_workloads::resources::ReadRequest;

/// Finds the application that tracks an object, for the streams that all applications share.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// The applications that track an object now, the first one first.
    trackers: HashMap<Arc<str>, Vec<usize>>,
    /// The application that tracked an object first: its last lines come when it is gone.
    first: HashMap<Arc<str>, usize>,
    /// The applications that asked for a live object.
    asked: HashMap<ObjectName, Vec<usize>>,
    /// The applications whose objects are known.
    synced: usize,
    /// True once the shared streams were told that the objects are known.
    is_synced: bool,
}

impl Routes {
    /// Takes a change of what an application tracks. True if the shared streams are to know of
    /// it: they must see each object once. `apps` is the number of applications.
    pub(super) fn forwards(&mut self, app: usize, event: &TrackEvent, apps: usize) -> bool {
        match event {
            TrackEvent::Applied(tracked) => {
                let uid = &tracked.object.uid;
                let trackers = self.trackers.entry(Arc::clone(uid)).or_default();
                if !trackers.contains(&app) {
                    trackers.push(app);
                    self.first.entry(Arc::clone(uid)).or_insert(app);
                }
                trackers.first() == Some(&app)
            }
            TrackEvent::Removed(object) => {
                let Some(trackers) = self.trackers.get_mut(&object.uid) else {
                    return true;
                };
                trackers.retain(|tracker| *tracker != app);
                let is_gone = trackers.is_empty();
                if is_gone {
                    self.trackers.remove(&object.uid);
                }
                is_gone
            }
            TrackEvent::Synced => {
                self.synced += 1;
                // An application that joins later is not news of its own.
                self.synced >= apps && !std::mem::replace(&mut self.is_synced, true)
            }
            _ => true,
        }
    }

    /// Returns the application that an object belongs or belonged to.
    pub(super) fn app_of(&self, uid: &str) -> Option<usize> {
        let now = self.trackers.get(uid).and_then(|trackers| trackers.first());
        now.or_else(|| self.first.get(uid)).copied()
    }

    /// Records who asked for live objects. Returns the requests that were not asked yet.
    pub(super) fn asks(&mut self, app: usize, requests: Vec<ReadRequest>) -> Vec<ReadRequest> {
        let mut new = Vec::new();
        for request in requests {
            let askers = self.asked.entry(request.name.clone()).or_default();
            if askers.is_empty() {
                new.push(request);
            }
            if !askers.contains(&app) {
                askers.push(app);
            }
        }
        new
    }

    /// Takes those who asked for an object that was read.
    pub(super) fn askers(&mut self, name: &ObjectName) -> Vec<usize> {
        self.asked.remove(name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, ObjectRef, Tracked, TrackedBody};

    use super::*;

    fn object(uid: &str) -> ObjectRef {
        ObjectRef {
            kind: GroupKind::new("", "Pod"),
            namespace: "n".into(),
            name: "p".into(),
            uid: uid.into(),
        }
    }

    fn applied(uid: &str) -> TrackEvent {
        TrackEvent::Applied(Tracked::root(
            object(uid),
            TrackedBody::Other(Arc::default()),
        ))
    }

    #[test]
    fn the_shared_streams_see_an_object_once() {
        let mut routes = Routes::default();
        assert!(routes.forwards(0, &applied("a"), 2));
        assert!(!routes.forwards(1, &applied("a"), 2), "it is known");
        assert!(routes.forwards(1, &applied("b"), 2));
        assert_eq!((routes.app_of("a"), routes.app_of("b")), (Some(0), Some(1)));
        assert!(!routes.forwards(0, &TrackEvent::Removed(object("a")), 2));
        assert_eq!(routes.app_of("a"), Some(1), "the other one tracks it still");
        assert!(routes.forwards(1, &applied("a"), 2));
        assert!(routes.forwards(1, &TrackEvent::Removed(object("a")), 2));
        assert_eq!(
            routes.app_of("a"),
            Some(0),
            "its last lines are still to come"
        );
        assert_eq!(routes.app_of("c"), None);
    }

    #[test]
    fn the_shared_streams_begin_once_all_objects_are_known() {
        let mut routes = Routes::default();
        assert!(!routes.forwards(0, &TrackEvent::Synced, 2));
        assert!(routes.forwards(1, &TrackEvent::Synced, 2));
        assert!(!routes.forwards(2, &TrackEvent::Synced, 3), "it joined");
    }

    #[test]
    fn an_object_is_read_once_for_all_who_ask() {
        let mut routes = Routes::default();
        let request = || ReadRequest {
            name: object("a").name(),
            version: String::new(),
            compare: None,
        };
        assert_eq!(routes.asks(0, vec![request()]).len(), 1);
        assert_eq!(routes.asks(1, vec![request()]).len(), 0);
        assert_eq!(routes.askers(&object("a").name()), [0, 1]);
        assert_eq!(routes.asks(1, vec![request()]).len(), 1);
    }
}
