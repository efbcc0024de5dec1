//! Tracked objects and the scopes in which their events lie.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use argo_core::{ObjectRef, Tracked};

use crate::EventScope;

/// A tracked object, kept for as long as events of it may arrive.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) object: ObjectRef,
    pub(crate) root: ObjectRef,
    gone_at: Option<Duration>,
}

/// The tracked objects by uid. A removed object is kept for a while, because the last
/// events of a pod arrive after it is gone.
#[derive(Debug)]
pub(crate) struct Objects {
    linger: Duration,
    is_split: bool,
    known: HashMap<Arc<str>, Known>,
    gone: VecDeque<(Duration, Arc<str>)>,
    namespaces: BTreeMap<Arc<str>, Namespace>,
}

/// The tracked objects of a namespace.
#[derive(Debug, Default)]
struct Namespace {
    applications: BTreeMap<Arc<str>, usize>,
    others: usize,
}

impl Objects {
    /// Keeps removed objects for `linger`. `is_split` is true if Applications live on
    /// another cluster than the objects that they deploy.
    pub(crate) fn new(linger: Duration, is_split: bool) -> Self {
        Self {
            linger,
            is_split,
            known: HashMap::new(),
            gone: VecDeque::new(),
            namespaces: BTreeMap::new(),
        }
    }

    /// Adds or updates an object. Returns true if it is new.
    pub(crate) fn applied(&mut self, tracked: &Tracked) -> bool {
        let known = Known {
            object: tracked.object.clone(),
            root: tracked.root.clone(),
            gone_at: None,
        };
        let before = self.known.insert(Arc::clone(&tracked.object.uid), known);
        if before.is_none() {
            self.count(&tracked.object);
        }
        before.is_none()
    }

    pub(crate) fn removed(&mut self, object: &ObjectRef, now: Duration) {
        if let Some(known) = self.known.get_mut(&object.uid) {
            known.gone_at = Some(now);
            self.gone.push_back((now, Arc::clone(&object.uid)));
        }
    }

    pub(crate) fn get(&self, uid: &str) -> Option<&Known> {
        self.known.get(uid)
    }

    /// Returns the next time at which [`expire`](Self::expire) forgets an object.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.gone.front().map(|(gone_at, _)| *gone_at + self.linger)
    }

    /// Forgets the objects that were removed long enough ago. Returns their uids.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<Arc<str>> {
        let mut expired = Vec::new();
        while self.next_expiry().is_some_and(|expiry| expiry <= now) {
            let Some((gone_at, uid)) = self.gone.pop_front() else {
                break;
            };
            // Skip an object that came back, or was removed a second time since.
            if self
                .known
                .get(&uid)
                .is_some_and(|known| known.gone_at == Some(gone_at))
                && let Some(known) = self.known.remove(&uid)
            {
                self.discount(&known.object);
                expired.push(uid);
            }
        }
        expired
    }

    /// Returns the scopes to watch.
    pub(crate) fn scopes(&self) -> BTreeSet<EventScope> {
        let mut scopes = BTreeSet::new();
        for (name, namespace) in &self.namespaces {
            // One watch of the whole namespace shows the Applications too, unless they are
            // on another cluster.
            let mixed = namespace.others > 0 && !self.is_split;
            if !namespace.applications.is_empty() && !mixed {
                scopes.insert(EventScope {
                    namespace: Arc::clone(name),
                    applications: true,
                    fields: Some(fields(&namespace.applications)),
                });
            }
            if namespace.others > 0 {
                scopes.insert(EventScope {
                    namespace: Arc::clone(name),
                    applications: false,
                    fields: None,
                });
            }
        }
        scopes
    }

    fn count(&mut self, object: &ObjectRef) {
        // Events of cluster-scoped objects lie in `default`, among those of everybody.
        if object.namespace.is_empty() {
            return;
        }
        let namespace = self
            .namespaces
            .entry(Arc::clone(&object.namespace))
            .or_default();
        if object.is_application() {
            *namespace
                .applications
                .entry(Arc::clone(&object.name))
                .or_default() += 1;
        } else {
            namespace.others += 1;
        }
    }

    fn discount(&mut self, object: &ObjectRef) {
        let Some(namespace) = self.namespaces.get_mut(&object.namespace) else {
            return;
        };
        if !object.is_application() {
            namespace.others -= 1;
        } else if let Some(count) = namespace.applications.get_mut(&object.name) {
            *count -= 1;
            if *count == 0 {
                namespace.applications.remove(&object.name);
            }
        }
        if namespace.others == 0 && namespace.applications.is_empty() {
            self.namespaces.remove(&object.namespace);
        }
    }
}

/// Returns the field selector for the followed Applications: their namespace holds the events
/// of every Application.
fn fields(applications: &BTreeMap<Arc<str>, usize>) -> Arc<str> {
    let mut names = applications.keys();
    match (names.next(), names.next()) {
        (Some(name), None) => {
            format!("involvedObject.kind=Application,involvedObject.name={name}").into()
        }
        _ => "involvedObject.kind=Application".into(),
    }
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, TrackedBody};

    use super::*;

    fn tracked(kind: GroupKind, namespace: &str, name: &str, uid: &str) -> Tracked {
        let object = ObjectRef {
            kind,
            namespace: namespace.into(),
            name: name.into(),
            uid: uid.into(),
        };
        Tracked::root(object, TrackedBody::Other(Arc::default()))
    }

    fn pod(namespace: &str, uid: &str) -> Tracked {
        tracked(GroupKind::new("", "Pod"), namespace, uid, uid)
    }

    fn application(namespace: &str, name: &str) -> Tracked {
        tracked(
            GroupKind::new("argoproj.io", "Application"),
            namespace,
            name,
            name,
        )
    }

    fn shown(objects: &Objects) -> Vec<String> {
        let scopes = objects.scopes();
        scopes
            .iter()
            .map(|s| {
                format!(
                    "{} {} {}",
                    s.namespace,
                    s.applications,
                    s.fields.as_deref().unwrap_or("-")
                )
            })
            .collect()
    }

    #[test]
    fn namespaces_come_and_go_with_their_objects() {
        let mut objects = Objects::new(Duration::from_secs(30), false);
        assert!(objects.applied(&pod("a", "1")));
        assert!(!objects.applied(&pod("a", "1")));
        objects.applied(&pod("b", "2"));
        objects.applied(&tracked(GroupKind::new("", "Namespace"), "", "a", "3"));
        assert_eq!(shown(&objects), ["a false -", "b false -"]);
        objects.removed(&pod("a", "1").object, Duration::from_secs(5));
        assert!(objects.expire(Duration::from_secs(34)).is_empty());
        assert_eq!(shown(&objects), ["a false -", "b false -"]);
        assert_eq!(objects.expire(Duration::from_secs(35)), ["1".into()]);
        assert_eq!(shown(&objects), ["b false -"]);
    }

    #[test]
    fn an_object_that_comes_back_stays() {
        let mut objects = Objects::new(Duration::from_secs(30), false);
        objects.applied(&pod("a", "1"));
        objects.removed(&pod("a", "1").object, Duration::from_secs(5));
        objects.applied(&pod("a", "1"));
        assert!(objects.expire(Duration::from_secs(60)).is_empty());
        assert!(objects.get("1").is_some());
    }

    #[test]
    fn where_only_applications_are_only_theirs_are_read() {
        let mut objects = Objects::new(Duration::ZERO, false);
        objects.applied(&application("argocd", "shop"));
        let one = "argocd true involvedObject.kind=Application,involvedObject.name=shop";
        assert_eq!(shown(&objects), [one]);
        objects.applied(&application("argocd", "cart"));
        assert_eq!(
            shown(&objects),
            ["argocd true involvedObject.kind=Application"]
        );
        objects.applied(&pod("argocd", "1"));
        assert_eq!(shown(&objects), ["argocd false -"]);
        let mut apart = Objects::new(Duration::ZERO, true);
        apart.applied(&application("argocd", "shop"));
        apart.applied(&pod("argocd", "1"));
        assert_eq!(shown(&apart), ["argocd false -", one]);
    }
}
