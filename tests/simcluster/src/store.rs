//! The objects of the cluster, with versions and watches.
//!
//! A [`Store`] is what etcd and the registries are to an API server: objects of registered
//! [`ResourceType`]s as JSON, one counter of resource versions for all, and for each type a window
//! of its latest changes, from which any number of [`Watch`]es read at their own pace.
//!
//! A type is addressed by its full name as kubectl and a CRD write it: `pods`,
//! `deployments.apps`. A cluster-scoped object has the empty namespace.

mod error;
mod lifecycle;
mod merge_patch;
mod names;
mod object;
mod resource_type;
mod table;
mod watch;

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::clock::Clock;
use error::{conflict, unknown};
use names::Names;
use table::{Key, Table};

pub use error::StoreError;
pub use lifecycle::{DeleteOptions, Preconditions};
pub use merge_patch::merge_patch;
pub use object::Object;
pub use resource_type::{ResourceType, builtin};
pub use watch::{Change, ChangeKind, Watch, WatchEnd};

/// Changes kept for each type unless [`Store::set_window`] says else.
const WINDOW: usize = 100_000;

/// Objects of one type and the version at which they were read together.
#[derive(Debug, Clone)]
pub struct List {
    /// Version of the list: a watch from here misses nothing.
    pub resource_version: u64,
    /// Objects by namespace and name.
    pub items: Vec<Arc<Object>>,
}

/// All objects of the cluster; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    resource_version: u64,
    compacted: u64,
    window: usize,
    names: Names,
    tables: BTreeMap<String, Table>,
}

impl Store {
    /// An empty store that knows the [`builtin`] types. The seed decides uids and generated names.
    #[must_use]
    pub fn new(clock: Clock, seed: u64) -> Self {
        let tables = builtin()
            .into_iter()
            .map(|resource| (resource.name(), Table::new(resource)))
            .collect();
        let state = State {
            resource_version: 1000,
            compacted: 0,
            window: WINDOW,
            names: Names::new(seed),
            tables,
        };
        Self {
            inner: Arc::new(Inner {
                clock,
                state: Mutex::new(state),
            }),
        }
    }

    /// The clock that dates the objects.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Serves another type. One of the same name is replaced, its objects dropped.
    pub fn register(&self, resource: ResourceType) {
        let mut state = self.state();
        state.tables.insert(resource.name(), Table::new(resource));
    }

    /// Serves a type no longer, as if its CRD were deleted: objects are dropped, watches end.
    pub fn unregister(&self, resource: &str) -> bool {
        self.state().tables.remove(resource).is_some()
    }

    /// All types, by name.
    #[must_use]
    pub fn resources(&self) -> Vec<Arc<ResourceType>> {
        let state = self.state();
        let types = state.tables.values();
        types.map(|table| Arc::clone(&table.resource)).collect()
    }

    /// One type by its full name.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<Arc<ResourceType>> {
        let state = self.state();
        let table = state.tables.get(name)?;
        Some(Arc::clone(&table.resource))
    }

    /// The type of objects that have this `apiVersion` and `kind`.
    #[must_use]
    pub fn resource_of(&self, object: &Value) -> Option<Arc<ResourceType>> {
        self.state().resource_of(object).ok()
    }

    /// The newest version of the whole store.
    #[must_use]
    pub fn resource_version(&self) -> u64 {
        self.state().resource_version
    }

    /// Adds an object; fills in name (from `generateName`), namespace (`default`), uid,
    /// creation time, generation and version.
    ///
    /// # Errors
    ///
    /// If the type is unknown, the name is missing or taken.
    pub fn create(&self, mut object: Value) -> Result<Arc<Object>, StoreError> {
        let mut state = self.state();
        let resource = state.resource_of(&object)?;
        place(&mut object, &resource);
        lifecycle::create(
            &mut object,
            &resource,
            &mut state.names,
            self.inner.clock.now(),
        );
        let key = key_of(&object)?;
        let table = state.table(&resource.name())?;
        if table.objects.contains_key(&key) {
            return Err(StoreError::AlreadyExists {
                resource: resource.name(),
                name: key.1,
            });
        }
        state.put(&resource.name(), key, object)
    }

    /// Replaces an object, but keeps its status where the status is written apart.
    ///
    /// # Errors
    ///
    /// If it does not exist, or if the given version or uid is not the present one.
    pub fn update(&self, object: Value) -> Result<Arc<Object>, StoreError> {
        self.replace(object, |old, new, resource| {
            if resource.status_subresource {
                lifecycle::keep("status", old, new);
            }
        })
    }

    /// Applies a JSON merge patch to an object, but not to its status where that is written apart.
    ///
    /// # Errors
    ///
    /// If the object does not exist, or if the patch names a version or uid that is not the
    /// present one.
    pub fn merge_patch(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Arc<Object>, StoreError> {
        self.write(resource, namespace, name, |old, resource| {
            let mut new = old.clone();
            merge_patch(&mut new, patch);
            check_identity(old, patch, resource)?;
            if resource.status_subresource {
                lifecycle::keep("status", old, &mut new);
            }
            Ok(new)
        })
    }

    /// Applies the `status` of a JSON merge patch to an object and nothing else.
    ///
    /// # Errors
    ///
    /// As [`Store::merge_patch`].
    pub fn merge_patch_status(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Arc<Object>, StoreError> {
        self.write(resource, namespace, name, |old, resource| {
            check_identity(old, patch, resource)?;
            let mut new = old.clone();
            if let Some(status) = patch.get("status") {
                merge_patch(&mut new["status"], status);
            }
            Ok(new)
        })
    }

    /// Changes any part of an object in one step, status included. A change of what is wanted
    /// counts in the generation; no change at all makes no new version. The store is locked
    /// meanwhile: do not use it in `change`.
    ///
    /// # Errors
    ///
    /// If the object does not exist.
    pub fn modify(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Object>, StoreError> {
        self.write(resource, namespace, name, |old, _| {
            let mut new = old.clone();
            change(&mut new);
            Ok(new)
        })
    }

    /// Writes an object exactly as it is, new or not, under a version of this store: what a
    /// player of recordings needs.
    ///
    /// # Errors
    ///
    /// If the type is unknown or the name is missing.
    pub fn put_raw(&self, mut object: Value) -> Result<Arc<Object>, StoreError> {
        let mut state = self.state();
        let resource = state.resource_of(&object)?;
        place(&mut object, &resource);
        let key = key_of(&object)?;
        state.put(&resource.name(), key, object)
    }

    /// Removes an object at once, whatever holds it.
    ///
    /// # Errors
    ///
    /// If it does not exist.
    pub fn delete(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<Object>, StoreError> {
        let mut state = self.state();
        let (key, old) = state.find(resource, namespace, name)?;
        state.remove(resource, &key, old.value().clone())
    }

    /// Deletes as the API does: a pod on a node is marked and waits for its kubelet, which
    /// deletes it with a grace period of 0; finalizers hold any object.
    ///
    /// # Errors
    ///
    /// If it does not exist or a precondition does not hold.
    pub fn delete_gracefully(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Arc<Object>, StoreError> {
        let mut state = self.state();
        let (key, old) = state.find(resource, namespace, name)?;
        let holds = |preconditions: &Preconditions| preconditions.hold(&old);
        if !options.preconditions.as_ref().is_none_or(holds) {
            return Err(conflict(resource, name, "the preconditions do not hold"));
        }
        match lifecycle::begin_deletion(&old, options, self.inner.clock.now()) {
            None => state.remove(resource, &key, old.value().clone()),
            Some(marked) if marked == *old.value() => Ok(old),
            Some(marked) => state.put(resource, key, marked),
        }
    }

    /// One object.
    #[must_use]
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let state = self.state();
        state
            .find(resource, namespace, name)
            .ok()
            .map(|(_, object)| object)
    }

    /// The objects of a type, in all namespaces if none is given.
    ///
    /// # Errors
    ///
    /// If the type is unknown.
    pub fn list(&self, resource: &str, namespace: Option<&str>) -> Result<List, StoreError> {
        let state = self.state();
        let table = state.tables.get(resource);
        let table = table.ok_or_else(|| unknown(resource))?;
        let items = match namespace {
            None => table.objects.values().cloned().collect(),
            Some(namespace) => table
                .objects
                .range((namespace.to_owned(), String::new())..)
                .take_while(|(key, _)| key.0 == namespace)
                .map(|(_, object)| Arc::clone(object))
                .collect(),
        };
        Ok(List {
            resource_version: state.resource_version,
            items,
        })
    }

    /// The changes of a type after a version, in all namespaces.
    ///
    /// # Errors
    ///
    /// If the type is unknown or the version is too old.
    pub fn watch(&self, resource: &str, from: u64) -> Result<Watch, StoreError> {
        let state = self.state();
        let table = state.tables.get(resource);
        let table = table.ok_or_else(|| unknown(resource))?;
        let oldest = state.compacted.max(table.dropped);
        if from < oldest {
            return Err(StoreError::Expired {
                requested: from,
                oldest,
            });
        }
        let changed = table.changed.subscribe();
        let store = Arc::downgrade(&self.inner);
        Ok(Watch::new(store, resource.to_owned(), from, changed))
    }

    /// Drops the history: watches can start from the present version on only, and watches that
    /// are behind expire.
    pub fn compact(&self) {
        let mut state = self.state();
        state.compacted = state.resource_version;
        for table in state.tables.values_mut() {
            table.forget(0);
        }
    }

    /// Sets the number of changes of each type that are kept.
    pub fn set_window(&self, window: usize) {
        let mut state = self.state();
        state.window = window;
        for table in state.tables.values_mut() {
            table.forget(window);
        }
    }

    fn replace(
        &self,
        object: Value,
        adjust: impl FnOnce(&Value, &mut Value, &ResourceType),
    ) -> Result<Arc<Object>, StoreError> {
        let resource = self.state().resource_of(&object)?;
        let mut object = object;
        place(&mut object, &resource);
        let (namespace, name) = key_of(&object)?;
        self.write(&resource.name(), &namespace, &name, |old, resource| {
            check_identity(old, &object, resource)?;
            adjust(old, &mut object, resource);
            Ok(object)
        })
    }

    /// Every change of a present object but `put_raw` and deletions goes through here.
    fn write(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&Value, &ResourceType) -> Result<Value, StoreError>,
    ) -> Result<Arc<Object>, StoreError> {
        let mut state = self.state();
        let (key, old) = state.find(resource, namespace, name)?;
        let types = Arc::clone(&state.table(resource)?.resource);
        let mut new = change(&old, &types)?;
        lifecycle::update(&old, &mut new, &types);
        if new == *old.value() {
            return Ok(old);
        }
        if lifecycle::may_go(&new) {
            return state.remove(resource, &key, new);
        }
        state.put(resource, key, new)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.inner.state)
    }
}

impl State {
    fn resource_of(&self, object: &Value) -> Result<Arc<ResourceType>, StoreError> {
        let (api_version, kind) = (&object["apiVersion"], &object["kind"]);
        let api_version = api_version.as_str().unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let same = |resource: &ResourceType| {
            *kind == *resource.kind && resource.group == group && resource.version == version
        };
        let table = self.tables.values().find(|table| same(&table.resource));
        let table = table.ok_or_else(|| unknown(&format!("{api_version} {kind}")))?;
        Ok(Arc::clone(&table.resource))
    }

    fn table(&mut self, resource: &str) -> Result<&mut Table, StoreError> {
        self.tables
            .get_mut(resource)
            .ok_or_else(|| unknown(resource))
    }

    fn find(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Result<(Key, Arc<Object>), StoreError> {
        let table = self.tables.get(resource);
        let table = table.ok_or_else(|| unknown(resource))?;
        let key = (namespace.to_owned(), name.to_owned());
        match table.objects.get(&key) {
            Some(object) => Ok((key, Arc::clone(object))),
            None => Err(StoreError::NotFound {
                resource: resource.to_owned(),
                name: key.1,
            }),
        }
    }

    fn put(&mut self, resource: &str, key: Key, value: Value) -> Result<Arc<Object>, StoreError> {
        let (object, window) = (self.version(value), self.window);
        self.table(resource)?.put(key, Arc::clone(&object), window);
        Ok(object)
    }

    fn remove(
        &mut self,
        resource: &str,
        key: &Key,
        value: Value,
    ) -> Result<Arc<Object>, StoreError> {
        let (object, window) = (self.version(value), self.window);
        self.table(resource)?
            .remove(key, Arc::clone(&object), window);
        Ok(object)
    }

    fn version(&mut self, value: Value) -> Arc<Object> {
        self.resource_version += 1;
        Arc::new(Object::new(value, self.resource_version))
    }
}

/// Gives an object the namespace that its type asks for.
fn place(object: &mut Value, resource: &ResourceType) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    let metadata = fields
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    let Some(metadata) = metadata.as_object_mut() else {
        return;
    };
    if resource.namespaced {
        metadata
            .entry("namespace")
            .or_insert_with(|| Value::from("default"));
    } else {
        metadata.remove("namespace");
    }
}

fn key_of(object: &Value) -> Result<Key, StoreError> {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    match text("name") {
        "" => Err(StoreError::Invalid(
            "name or generateName is required".to_owned(),
        )),
        name => Ok((text("namespace").to_owned(), name.to_owned())),
    }
}

/// A writer may say which version and which uid it means.
fn check_identity(old: &Value, given: &Value, resource: &ResourceType) -> Result<(), StoreError> {
    let name = old["metadata"]["name"].as_str().unwrap_or_default();
    let differs = |field: &str| {
        let given = given["metadata"][field]
            .as_str()
            .filter(|text| !text.is_empty());
        given.is_some_and(|given| old["metadata"][field] != given)
    };
    if differs("uid") {
        let cause = format!(
            "Precondition failed: UID in precondition: {}, UID in object meta: {}",
            given["metadata"]["uid"].as_str().unwrap_or_default(),
            old["metadata"]["uid"].as_str().unwrap_or_default()
        );
        return Err(conflict(&resource.name(), name, &cause));
    }
    if differs("resourceVersion") {
        let cause = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(conflict(&resource.name(), name, cause));
    }
    Ok(())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
