//! The Application, and the Applications that it deploys.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use argo_core::{
    AppRef, GroupKind, ObjectRef,
    resource::{Application, Destination},
};

use crate::{AppSelector, TrackConfig, application, source::Source};

/// Namespace and name.
type Name = (String, String);

/// The followed Applications by namespace and name, with what is known of each.
#[derive(Debug)]
pub(crate) struct Family {
    root: AppRef,
    /// Levels below the root that are followed.
    depth: usize,
    members: BTreeMap<Name, Member>,
    /// What a list has shown that is being read.
    listed: BTreeMap<Source, BTreeSet<Name>>,
    /// Namespaces whose Applications may only be read by name.
    by_name: BTreeSet<String>,
    here: Here,
}

/// Which destinations are the cluster that is watched.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    /// True if Applications live on another cluster than what they deploy: then which
    /// destination is ours cannot be told.
    pub(crate) apart: bool,
    /// The URL by which the cluster is reached.
    pub(crate) url: String,
}

impl Here {
    pub(crate) fn is(&self, destination: &Destination) -> bool {
        let server = destination.server.as_deref().unwrap_or_default();
        let same =
            !server.is_empty() && server.trim_end_matches('/') == self.url.trim_end_matches('/');
        self.apart || destination.is_in_cluster() || same
    }
}

#[derive(Debug)]
struct Member {
    app: AppRef,
    level: usize,
    parent: Option<ObjectRef>,
    found: Option<Arc<Application>>,
}

impl Family {
    pub(crate) fn new(root: AppRef, config: &TrackConfig, here: Here) -> Self {
        let member = Member {
            app: root.clone(),
            level: 0,
            parent: None,
            found: None,
        };
        let depth = if config.children {
            config.children_depth
        } else {
            0
        };
        Self {
            members: BTreeMap::from([(name(&root), member)]),
            root,
            depth,
            listed: BTreeMap::new(),
            by_name: BTreeSet::new(),
            here,
        }
    }

    /// The Application itself, if it was read.
    pub(crate) fn root(&self) -> Option<&Arc<Application>> {
        self.members.get(&name(&self.root))?.found.as_ref()
    }

    /// One watch a namespace: of the one Application there, or of all. Where that is not
    /// allowed it is one for each.
    pub(crate) fn sources(&self) -> BTreeSet<Source> {
        let source = |(namespace, name): &Name| {
            let others = self.members.keys().filter(|(other, _)| other == namespace);
            let alone = self.by_name.contains(namespace) || others.count() == 1;
            let name = alone.then(|| name.as_str().into());
            Source::Applications(namespace.as_str().into(), name)
        };
        self.members.keys().map(source).collect()
    }

    /// All Applications of a namespace may not be listed; true if that is news.
    pub(crate) fn only_by_name(&mut self, namespace: &str) -> bool {
        self.by_name.insert(namespace.to_owned())
    }

    /// An Application is there or changed; who it is, if it is followed and that
    /// is news.
    pub(crate) fn applied(&mut self, source: &Source, found: &Arc<Application>) -> Option<Kin> {
        let key = key(found);
        if let Some(listed) = self.listed.get_mut(source) {
            listed.insert(key.clone());
        }
        let member = self.members.get_mut(&key)?;
        let version = &found.metadata.resource_version;
        let known = member.found.replace(Arc::clone(found));
        if known
            .is_some_and(|known| version.is_some() && known.metadata.resource_version == *version)
        {
            // Another list showed it again.
            return None;
        }
        let object = object(found);
        let (level, parent) = (member.level, member.parent.clone());
        if level < self.depth {
            for child in application::children(found) {
                self.members.entry(name(&child)).or_insert(Member {
                    app: child,
                    level: level + 1,
                    parent: Some(object.clone()),
                    found: None,
                });
            }
        }
        Some(Kin { object, parent })
    }

    /// An Application is gone; which one, if it was followed.
    pub(crate) fn deleted(&mut self, gone: &Application) -> Option<ObjectRef> {
        let found = self.members.get_mut(&key(gone))?.found.take()?;
        Some(object(&found))
    }

    pub(crate) fn begin_list(&mut self, source: &Source) {
        self.listed.insert(source.clone(), BTreeSet::new());
    }

    /// What is no longer there, and whom the list did not show.
    pub(crate) fn end_list(&mut self, source: &Source) -> Missing {
        let mut missing = Missing::default();
        let Some(listed) = self.listed.remove(source) else {
            return missing;
        };
        for (key, member) in &mut self.members {
            if !covers(source, key) || listed.contains(key) {
                continue;
            }
            missing
                .gone
                .extend(member.found.take().map(|found| object(&found)));
            missing.apps.push(member.app.clone());
        }
        missing
    }

    /// Every namespace that an Application names whose objects are on this cluster.
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        let found = self
            .members
            .values()
            .filter_map(|member| member.found.as_ref());
        let here = found.filter(|app| self.here.is(&app.spec.destination));
        here.flat_map(|app| application::namespaces(app)).collect()
    }

    /// A selector for each Application whose objects may be on this cluster.
    pub(crate) fn selectors(&self, config: &TrackConfig) -> Vec<AppSelector> {
        let here = |member: &&Member| {
            let destination = member.found.as_ref().map(|found| &found.spec.destination);
            member.level == 0 || destination.is_none_or(|destination| self.here.is(destination))
        };
        let selector = |member: &Member| {
            let found = member.found.as_ref();
            let controller = found.and_then(|found| found.status.controller_namespace.clone());
            config
                .selector(member.app.clone())
                .controller_namespace(controller)
        };
        let mut members: Vec<_> = self.members.values().filter(here).collect();
        members.sort_by_key(|member| member.level);
        members.into_iter().map(selector).collect()
    }

    /// The cluster that an Application deploys to, if that is another.
    pub(crate) fn elsewhere<'a>(&self, found: &'a Application) -> Option<&'a str> {
        let destination = &found.spec.destination;
        (!self.here.is(destination)).then(|| application::cluster_name(destination))
    }
}

/// A followed Application.
pub(crate) struct Kin {
    pub(crate) object: ObjectRef,
    pub(crate) parent: Option<ObjectRef>,
}

/// What a list did not show.
#[derive(Default)]
pub(crate) struct Missing {
    pub(crate) gone: Vec<ObjectRef>,
    pub(crate) apps: Vec<AppRef>,
}

fn name(app: &AppRef) -> Name {
    (app.namespace.clone(), app.name.clone())
}

fn key(found: &Application) -> Name {
    let meta = &found.metadata;
    let namespace = meta.namespace.clone().unwrap_or_default();
    (namespace, meta.name.clone().unwrap_or_default())
}

fn object(found: &Application) -> ObjectRef {
    let kind = GroupKind::new("argoproj.io", "Application");
    ObjectRef::from_meta(kind, &found.metadata)
}

fn covers(source: &Source, (namespace, name): &Name) -> bool {
    match source {
        Source::Applications(of, one) => {
            **of == **namespace && one.as_deref().is_none_or(|one| one == name)
        }
        _ => false,
    }
}
