//! `list` and `get`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::header;
use serde_json::{Value, json};

use super::accept::{Form, form};
use super::continuation::Continuation;
use super::fields::{Fields, go_quoted};
use super::reply::{self, Refusal, Reply};
use super::request::{Asked, Target};
use super::selector::Selector;
use super::server::Core;
use super::table;
use crate::store::{List, Object, ResourceType, Store};

/// Selects the objects of a type that a request asks for.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    namespace: Option<String>,
    labels: Selector,
    fields: Fields,
}

impl Selection {
    pub(super) fn new(
        asked: &Asked,
        target: &Target,
        resource: &ResourceType,
    ) -> Result<Self, Refusal> {
        let text = |name: &str| asked.query.get(name).unwrap_or_default();
        let labels = Selector::parse(text("labelSelector")).map_err(Refusal::bad_request)?;
        let mut fields =
            Fields::parse(text("fieldSelector"), resource).map_err(Refusal::bad_request)?;
        if let Some(name) = &target.name {
            fields = fields.and_name(name);
        }
        Ok(Self {
            namespace: target.namespace.clone(),
            labels,
            fields,
        })
    }

    pub(super) fn matches(&self, object: &Object) -> bool {
        let here = self
            .namespace
            .as_deref()
            .is_none_or(|namespace| namespace == object.namespace());
        here && self.labels.matches(object) && self.fields.matches(object)
    }
}

/// The type a target names, if it is served in that version and that scope.
pub(super) fn resolve(store: &Store, target: &Target) -> Result<Arc<ResourceType>, Refusal> {
    let resource = store.resource(&target.qualified());
    let resource = resource.filter(|resource| {
        let scope = match (&target.namespace, &target.name) {
            (Some(_), _) => resource.namespaced,
            (None, Some(_)) => !resource.namespaced || target.verb == "watch",
            (None, None) => true,
        };
        resource.version == target.version && scope && serves(resource, target)
    });
    resource.ok_or_else(Refusal::not_served)
}

fn serves(resource: &ResourceType, target: &Target) -> bool {
    match target.subresource.as_deref() {
        None => true,
        Some("status") => resource.status_subresource,
        Some("log") => resource.kind == "Pod",
        Some(_) => false,
    }
}

/// The form the client accepts.
pub(super) fn form_of(asked: &Asked) -> Result<Form, Refusal> {
    form(asked.header(header::ACCEPT)).ok_or_else(Refusal::not_acceptable)
}

/// One object.
pub(super) fn one(core: &Core, asked: &Asked, target: &Target) -> Result<Reply, Refusal> {
    let form = form_of(asked)?;
    let resource = resolve(&core.store, target)?;
    let object = find(core, target)?;
    Ok(rendered(200, core, asked, &resource, form, &object))
}

pub(super) fn find(core: &Core, target: &Target) -> Result<Arc<Object>, Refusal> {
    let namespace = target.namespace.as_deref().unwrap_or_default();
    let name = target.name.as_deref().unwrap_or_default();
    let object = core.store.get(&target.qualified(), namespace, name);
    object.ok_or_else(|| Refusal::not_found(&target.group, &target.resource, name))
}

/// One object in the form that is wanted.
pub(super) fn rendered(
    code: u16,
    core: &Core,
    asked: &Asked,
    resource: &ResourceType,
    form: Form,
    object: &Arc<Object>,
) -> Reply {
    let line = |bytes: Bytes| {
        let mut line = BytesMut::from(bytes.as_ref());
        line.put_u8(b'\n');
        line.freeze()
    };
    match form {
        Form::Whole if asked.query.flag("pretty") => {
            let pretty = serde_json::to_string_pretty(object.value()).unwrap_or_default();
            reply::json_bytes(code, Bytes::from(pretty))
        }
        Form::Whole => reply::json_bytes(code, line(object.json())),
        Form::Partial => reply::json_bytes(code, line(object.partial_json())),
        Form::Table => {
            let now = core.store.clock().now();
            let meta = json!({ "resourceVersion": object.resource_version().to_string() });
            let include = asked.query.get("includeObject");
            let objects = [object.value()];
            reply::json(
                code,
                &table::table(resource, &meta, objects, include, true, now),
            )
        }
    }
}

/// A page of objects.
pub(super) fn answer(core: &Core, asked: &Asked, target: &Target) -> Result<Reply, Refusal> {
    let form = form_of(asked)?;
    let resource = resolve(&core.store, target)?;
    let selection = Selection::new(asked, target, &resource)?;
    let page = page(core, asked, &resource, &selection)?;
    let mut meta = json!({ "resourceVersion": page.version.to_string() });
    if let Some((token, remaining)) = &page.next {
        meta["continue"] = json!(token);
        if let Some(remaining) = remaining {
            meta["remainingItemCount"] = json!(remaining);
        }
    }
    if form == Form::Table {
        let now = core.store.clock().now();
        let include = asked.query.get("includeObject");
        let objects = page.items.iter().map(|object| object.value());
        let table = table::table(&resource, &meta, objects, include, true, now);
        return Ok(reply::json(200, &table));
    }
    Ok(reply::json_bytes(
        200,
        written(&resource, form, &meta, &page.items),
    ))
}

/// One page of a list.
struct Page {
    version: u64,
    items: Vec<Arc<Object>>,
    /// Token of the next page, and how many objects are left where that is known.
    next: Option<(String, Option<usize>)>,
}

fn page(
    core: &Core,
    asked: &Asked,
    resource: &ResourceType,
    selection: &Selection,
) -> Result<Page, Refusal> {
    let limit = limit(asked)?;
    let version = version(asked)?;
    let token = asked
        .query
        .get("continue")
        .map(Continuation::decode)
        .transpose();
    let token = token.map_err(Refusal::bad_request)?;
    let wide = selection.namespace.is_none() && resource.namespaced;
    let all = match &token {
        Some(token) => continued(core, resource, token)?,
        None => first(core, asked, resource, version)?,
    };
    let mut items = all.items;
    items.retain(|object| selection.matches(object));
    if let Some(token) = &token {
        // Objects have the order of the store: namespace, then name.
        let (namespace, name) = token.after.split_once('/').unwrap_or(("", &token.after));
        let key = |object: &Object| {
            let namespace = if wide { object.namespace() } else { "" };
            (namespace.to_owned(), object.name().to_owned())
        };
        let after = (namespace.to_owned(), name.to_owned());
        let seen = items.partition_point(|object| key(object) <= after);
        items.drain(..seen);
    }
    // A list at "any version" comes from the watch cache, whole (recording 14).
    let limit = limit.filter(|_| version != Some(0) || token.is_some());
    let next = limit.filter(|limit| items.len() > *limit).map(|limit| {
        let remaining = (selection.labels == Selector::default()
            && selection.fields == Fields::default())
        .then_some(items.len() - limit);
        items.truncate(limit);
        let after = items.last().map(|object| match wide {
            true => format!("{}/{}", object.namespace(), object.name()),
            false => object.name().to_owned(),
        });
        let after = after.unwrap_or_default();
        let version = Some(all.resource_version);
        (Continuation { version, after }.encode(), remaining)
    });
    Ok(Page {
        version: all.resource_version,
        items,
        next,
    })
}

fn limit(asked: &Asked) -> Result<Option<usize>, Refusal> {
    let Some(text) = asked.query.get("limit") else {
        return Ok(None);
    };
    let limit: i64 = text.parse().map_err(|_| {
        let quoted = go_quoted(text);
        Refusal::bad_request(format!(
            "strconv.ParseInt: parsing {quoted}: invalid syntax"
        ))
    })?;
    Ok(usize::try_from(limit).ok().filter(|limit| *limit > 0))
}

fn version(asked: &Asked) -> Result<Option<u64>, Refusal> {
    let Some(text) = asked.query.get("resourceVersion") else {
        return Ok(None);
    };
    let version = text.parse().map_err(|_| {
        Refusal::bad_request(format!(
            "invalid resource version: {}",
            invalid_version(text)
        ))
    })?;
    Ok(Some(version))
}

pub(super) fn invalid_version(text: &str) -> String {
    let quoted = go_quoted(text);
    format!(
        "resourceVersion: Invalid value: {quoted}: strconv.ParseUint: parsing {quoted}: invalid syntax"
    )
}

fn first(
    core: &Core,
    asked: &Asked,
    resource: &ResourceType,
    version: Option<u64>,
) -> Result<List, Refusal> {
    let name = resource.name();
    let list = core.store.list(&name, None)?;
    let current = list.resource_version;
    let Some(version) = version else {
        return Ok(list);
    };
    if version > current {
        let message = format!("Timeout: Too large resource version: {version}, current: {current}");
        let causes = json!([{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }]);
        return Err(Refusal::new(504, message)
            .details(json!({ "causes": causes }))
            .retry_after(Some(1)));
    }
    if asked.query.get("resourceVersionMatch") != Some("Exact") {
        return Ok(list);
    }
    at(&core.store, &name, list, version)
        .ok_or_else(|| Refusal::expired("The resourceVersion for the provided list is too old."))
}

fn continued(core: &Core, resource: &ResourceType, token: &Continuation) -> Result<List, Refusal> {
    let name = resource.name();
    let list = core.store.list(&name, None)?;
    let Some(version) = token.version else {
        return Ok(list);
    };
    at(&core.store, &name, list, version).ok_or_else(|| {
        let resume = Continuation { version: None, after: token.after.clone() };
        Refusal::expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.")
            .resume(resume.encode())
    })
}

/// The objects as they were at an earlier version: today's, with every change since undone.
fn at(store: &Store, resource: &str, now: List, version: u64) -> Option<List> {
    let mut watch = store.watch(resource, version).ok()?;
    let key = |object: &Object| (object.namespace().to_owned(), object.name().to_owned());
    let mut before: BTreeMap<_, Option<Arc<Object>>> = BTreeMap::new();
    while let Some(change) = watch.try_next().ok()? {
        if change.object.resource_version() > now.resource_version {
            break;
        }
        before
            .entry(key(&change.object))
            .or_insert_with(|| change.previous.clone());
    }
    if before.is_empty() {
        return Some(List {
            resource_version: version,
            items: now.items,
        });
    }
    let mut objects: BTreeMap<_, Arc<Object>> = now
        .items
        .into_iter()
        .map(|object| (key(&object), object))
        .collect();
    for (key, object) in before {
        match object {
            Some(object) => objects.insert(key, object),
            None => objects.remove(&key),
        };
    }
    Some(List {
        resource_version: version,
        items: objects.into_values().collect(),
    })
}

/// The JSON of a list, pieced together from the JSON that the objects keep.
fn written(resource: &ResourceType, form: Form, meta: &Value, items: &[Arc<Object>]) -> Bytes {
    let (kind, api_version) = match form {
        Form::Partial => (
            "PartialObjectMetadataList".to_owned(),
            "meta.k8s.io/v1".to_owned(),
        ),
        _ => (format!("{}List", resource.kind), resource.api_version()),
    };
    let mut out = BytesMut::new();
    let head = format!(
        "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{meta},\"items\":[",
        Value::from(kind),
        Value::from(api_version)
    );
    out.put_slice(head.as_bytes());
    for (index, object) in items.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        match form {
            Form::Partial => out.put_slice(&object.partial_json()),
            _ => put_item(&mut out, resource, object),
        }
    }
    out.put_slice(b"]}\n");
    out.freeze()
}

/// An item of a list of a builtin type has neither kind nor version; one of a custom type has.
fn put_item(out: &mut BytesMut, resource: &ResourceType, object: &Object) {
    let json = object.json();
    if is_custom(resource) {
        return out.put_slice(&json);
    }
    let head = format!(
        "{{\"apiVersion\":{},\"kind\":{},",
        Value::from(resource.api_version()),
        Value::from(resource.kind.as_str())
    );
    match json.strip_prefix(head.as_bytes()) {
        Some(rest) => {
            out.put_u8(b'{');
            out.put_slice(rest);
        }
        None => {
            let mut value = object.value().clone();
            if let Some(fields) = value.as_object_mut() {
                fields.remove("apiVersion");
                fields.remove("kind");
            }
            out.put_slice(value.to_string().as_bytes());
        }
    }
}

/// Returns true for a type of a custom resource definition: its group is somebody's domain.
pub(super) fn is_custom(resource: &ResourceType) -> bool {
    resource.group.contains('.') && !resource.group.ends_with(".k8s.io")
}
