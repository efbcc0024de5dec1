//! The Application, and the Applications that it deploys.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use argo_core::{AppRef, GroupKind, ObjectRef, resource::Application};

use super::{TrackConfig, application, local_cluster::LocalCluster, watches::WatchSpec};
use crate::AppSelector;

/// At most this many namespaces of children are watched on the mere chance that their cluster
/// is this one under another name.
const GUESSED: usize = 20;

/// Namespace and name.
type Name = (String, String);

/// The followed Applications by namespace and name.
#[derive(Debug)]
pub(crate) struct Applications {
    root: AppRef,
    /// Levels below the root that are followed.
    depth: usize,
    /// Applications below the root that others follow.
    apart: Vec<AppRef>,
    entries: BTreeMap<Name, Entry>,
    /// Names that an unfinished list has shown so far.
    listed: BTreeMap<WatchSpec, BTreeSet<Name>>,
    /// Namespaces whose Applications may only be read by name.
    by_name: BTreeSet<String>,
    local: LocalCluster,
    /// True once [`first_root`](Self::first_root) has returned the root.
    is_root_known: bool,
}

#[derive(Debug)]
struct Entry {
    app: AppRef,
    level: usize,
    parent: Option<ObjectRef>,
    found: Option<Arc<Application>>,
}

/// A followed Application that is new or has changed.
pub(crate) struct Followed {
    pub(crate) object: ObjectRef,
    pub(crate) parent: Option<ObjectRef>,
}

/// The followed Applications that a complete list did not show.
#[derive(Default)]
pub(crate) struct Missing {
    /// The Applications that were there before.
    pub(crate) gone: Vec<ObjectRef>,
    pub(crate) apps: Vec<AppRef>,
}

impl Applications {
    pub(crate) fn new(root: AppRef, config: &TrackConfig, local: LocalCluster) -> Self {
        let entry = Entry {
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
            entries: BTreeMap::from([(name(&root), entry)]),
            root,
            depth,
            apart: config.apart.clone(),
            listed: BTreeMap::new(),
            by_name: BTreeSet::new(),
            local,
            is_root_known: false,
        }
    }

    /// Returns the name of the Application at the top.
    pub(crate) fn root(&self) -> &AppRef {
        &self.root
    }

    /// Returns the Application at the top, if it was read.
    pub(crate) fn found_root(&self) -> Option<&Application> {
        self.entries.get(&name(&self.root))?.found.as_deref()
    }

    /// Returns the Application at the top once: after it was read for the first time.
    pub(crate) fn first_root(&mut self) -> Option<&Application> {
        let root = self.entries.get(&name(&self.root))?.found.as_deref()?;
        let is_first = !std::mem::replace(&mut self.is_root_known, true);
        is_first.then_some(root)
    }

    pub(crate) fn cluster(&self) -> &str {
        &self.local.described
    }

    /// Returns the watches: one for each namespace, of the one Application there or of all.
    /// Gives each Application a watch of its own if listing is not allowed.
    pub(crate) fn watches(&self) -> BTreeSet<WatchSpec> {
        let names = self.entries.keys();
        let watches = names.map(|(namespace, name)| {
            let others = self.entries.keys().filter(|(other, _)| other == namespace);
            // A watch by name asks for less: a role may allow one Application alone
            // (`resourceNames`).
            let alone = self.by_name.contains(namespace) || others.count() == 1;
            WatchSpec::Applications {
                namespace: namespace.as_str().into(),
                name: alone.then(|| name.as_str().into()),
            }
        });
        watches.collect()
    }

    /// Records that the Applications of a namespace may not be listed. True if that was
    /// not known before.
    pub(crate) fn only_by_name(&mut self, namespace: &str) -> bool {
        self.by_name.insert(namespace.to_owned())
    }

    /// Takes an Application from a watch. Returns it if it is followed and has changed.
    pub(crate) fn applied(
        &mut self,
        spec: &WatchSpec,
        found: &Arc<Application>,
    ) -> Option<Followed> {
        let key = key(found);
        if let Some(listed) = self.listed.get_mut(spec) {
            listed.insert(key.clone());
        }
        let entry = self.entries.get_mut(&key)?;
        let version = &found.metadata.resource_version;
        let known = entry.found.replace(Arc::clone(found));
        if known
            .is_some_and(|known| version.is_some() && known.metadata.resource_version == *version)
        {
            // Another list delivered the same version.
            return None;
        }
        let object = object(found);
        let (level, parent) = (entry.level, entry.parent.clone());
        if level < self.depth {
            let children = application::children(found).into_iter();
            for child in children.filter(|child| !self.apart.contains(child)) {
                self.entries.entry(name(&child)).or_insert(Entry {
                    app: child,
                    level: level + 1,
                    parent: Some(object.clone()),
                    found: None,
                });
            }
        }
        Some(Followed { object, parent })
    }

    /// Takes a deleted Application. Returns it if it was followed.
    pub(crate) fn deleted(&mut self, gone: &Application) -> Option<ObjectRef> {
        let found = self.entries.get_mut(&key(gone))?.found.take()?;
        Some(object(&found))
    }

    pub(crate) fn begin_list(&mut self, spec: &WatchSpec) {
        self.listed.insert(spec.clone(), BTreeSet::new());
    }

    /// Ends a list. Followed Applications that it did not show are gone.
    pub(crate) fn end_list(&mut self, spec: &WatchSpec) -> Missing {
        let mut missing = Missing::default();
        let Some(listed) = self.listed.remove(spec) else {
            return missing;
        };
        for (key, entry) in &mut self.entries {
            if !covers(spec, key) || listed.contains(key) {
                continue;
            }
            missing
                .gone
                .extend(entry.found.take().map(|found| object(&found)));
            missing.apps.push(entry.app.clone());
        }
        missing
    }

    /// True if an Application is followed that is not there.
    pub(crate) fn lacks(&self, app: &AppRef) -> bool {
        let mut entries = self.entries.values();
        entries.any(|entry| entry.app == *app && entry.found.is_none())
    }

    /// Returns every namespace that an Application names whose objects are, or may be, on this
    /// cluster.
    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        let found = |entry: &Entry| {
            let found = entry.found.as_ref()?;
            Some((entry.level, Arc::clone(found)))
        };
        let found = self.entries.values().filter_map(found);
        let (here, maybe): (Vec<_>, Vec<_>) = found.partition(|(level, app)| {
            // The root is on the cluster that we were given, whatever name Argo CD has for it.
            *level == 0 || self.local.is_destination(&app.spec.destination)
        });
        let named = |(_, app): (usize, Arc<Application>)| application::namespaces(&app);
        let mut all: BTreeSet<_> = here.into_iter().flat_map(named).collect();
        let guessed: BTreeSet<_> = maybe.into_iter().flat_map(named).collect();
        all.extend(guessed.into_iter().take(GUESSED));
        all
    }

    /// Returns a selector for each Application, the root first.
    pub(crate) fn selectors(&self, config: &TrackConfig) -> Vec<AppSelector> {
        let mut entries: Vec<_> = self.entries.values().collect();
        entries.sort_by_key(|entry| entry.level);
        entries.into_iter().map(|e| e.selector(config)).collect()
    }

    /// Returns the children that deploy to another cluster by its name or URL, with their
    /// selectors.
    pub(crate) fn children_elsewhere(
        &self,
        config: &TrackConfig,
    ) -> Vec<(Arc<Application>, AppSelector)> {
        let children = self.entries.values().filter(|entry| entry.level > 0);
        let elsewhere = children.filter_map(|entry| {
            let found = entry.found.as_ref()?;
            self.other_cluster(found)?;
            Some((Arc::clone(found), entry.selector(config)))
        });
        elsewhere.collect()
    }

    /// Returns the name of the cluster that the root deploys to and that of the watched one,
    /// if they differ.
    pub(crate) fn root_elsewhere(&self) -> Option<(&str, &str)> {
        let cluster = self.other_cluster(self.found_root()?)?;
        Some((cluster, &self.local.described))
    }

    /// Returns the cluster that an Application deploys to, if that is another one than the
    /// watched cluster by its name or URL.
    pub(crate) fn other_cluster<'a>(&self, found: &'a Application) -> Option<&'a str> {
        let destination = &found.spec.destination;
        let is_here = self.local.is_destination(destination);
        (!is_here).then(|| application::cluster_name(destination))
    }
}

impl Entry {
    fn selector(&self, config: &TrackConfig) -> AppSelector {
        let found = self.found.as_ref();
        let controller = found.and_then(|found| found.status.controller_namespace.clone());
        config
            .selector(self.app.clone())
            .controller_namespace(controller)
    }
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

fn covers(spec: &WatchSpec, (of, app): &Name) -> bool {
    match spec {
        WatchSpec::Applications { namespace, name } => {
            **namespace == **of && name.as_deref().is_none_or(|name| name == app)
        }
        _ => false,
    }
}
