//! `create`, `update`, `patch`, `delete` and `deletecollection`.

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use serde_json::{Value, json};

use super::accept::Form;
use super::defaults;
use super::list::{Selection, find, form_of, rendered, resolve};
use super::patch::PatchKind;
use super::protobuf;
use super::reply::{self, Refusal, Reply};
use super::request::{Asked, Target};
use super::scale;
use super::server::Core;
use crate::store::{DeleteOptions, Object, ResourceType, StoreError};

/// How often a patch is tried again that others overtook, as often as a real server does.
const PATCH_TRIES: usize = 5;

pub(super) fn answer(
    core: &Core,
    asked: &Asked,
    target: &Target,
    body: &Bytes,
) -> Result<Reply, Refusal> {
    let resource = resolve(&core.store, target)?;
    if asked.query.get("dryRun").is_some() {
        return Err(Refusal::bad_request(
            "dryRun is not supported by this server",
        ));
    }
    let request = Write {
        core,
        asked,
        target,
        resource,
        body,
    };
    match (target.verb, target.subresource.as_deref()) {
        ("create", None) => request.create(),
        ("create", Some("eviction")) => request.evict(),
        ("update", Some("scale")) => request.rescale(&request.parsed()?),
        ("patch", Some("scale")) => request.patch_scale(),
        ("update", None | Some("status" | "finalize")) => request.update(),
        ("patch", None | Some("status" | "ephemeralcontainers")) => request.patch(),
        ("delete", None) => request.delete(),
        ("deletecollection", None) => request.delete_collection(),
        _ => Err(Refusal::method()),
    }
}

/// One request to change something.
struct Write<'a> {
    core: &'a Core,
    asked: &'a Asked,
    target: &'a Target,
    resource: Arc<ResourceType>,
    body: &'a Bytes,
}

impl Write<'_> {
    fn create(&self) -> Result<Reply, Refusal> {
        if self.target.name.is_some() || self.resource.namespaced != self.target.namespace.is_some()
        {
            return Err(Refusal::method());
        }
        let mut object = self.parsed()?;
        self.settle(&mut object)?;
        self.created(object)
    }

    fn created(&self, mut object: Value) -> Result<Reply, Refusal> {
        self.check_namespace()?;
        defaults::complete(&mut object, &self.resource);
        let object = self.core.store.create(object)?;
        self.rendered(201, &object)
    }

    fn update(&self) -> Result<Reply, Refusal> {
        let mut object = self.parsed()?;
        self.settle(&mut object)?;
        let given = object["metadata"]["name"].as_str().unwrap_or_default();
        let wanted = self.name();
        if given != wanted {
            return Err(Refusal::bad_request(format!(
                "the name of the object ({given}) does not match the name on the URL ({wanted})"
            )));
        }
        let object = self.stored(object)?;
        self.rendered(200, &object)
    }

    fn patch(&self) -> Result<Reply, Refusal> {
        let content_type = self.asked.header(header::CONTENT_TYPE);
        let kind = PatchKind::of(content_type, &self.resource)?;
        let patch = self.parsed()?;
        for _ in 1..PATCH_TRIES {
            match self.patched(kind, &patch) {
                Err(Attempt::Overtaken) => {}
                Err(Attempt::Missing) => return self.apply_new(kind, patch),
                Err(Attempt::Refused(refusal)) => return Err(refusal),
                Ok(object) => return self.rendered(200, &object),
            }
        }
        match self.patched(kind, &patch) {
            Ok(object) => self.rendered(200, &object),
            Err(Attempt::Refused(refusal)) => Err(refusal),
            Err(_) => Err(Refusal::new(
                409,
                "the object was changed too often meanwhile",
            )),
        }
    }

    fn patched(&self, kind: PatchKind, patch: &Value) -> Result<Arc<Object>, Attempt> {
        let old = find(self.core, self.target).map_err(|_| Attempt::Missing)?;
        let new = kind.apply(old.value(), patch, &self.resource)?;
        let same_version = new["metadata"]["resourceVersion"] == old["metadata"]["resourceVersion"];
        match self.write(new) {
            Ok(object) => Ok(object),
            Err(StoreError::Conflict { .. }) if same_version => Err(Attempt::Overtaken),
            Err(StoreError::NotFound { .. }) => Err(Attempt::Missing),
            Err(error) => Err(Attempt::Refused(error.into())),
        }
    }

    /// Server-side apply makes what is not there; any other patch finds nothing.
    fn apply_new(&self, kind: PatchKind, mut object: Value) -> Result<Reply, Refusal> {
        if kind != PatchKind::Apply || self.target.subresource.is_some() {
            let name = self.name();
            return Err(Refusal::not_found(
                &self.target.group,
                &self.target.resource,
                name,
            ));
        }
        self.settle(&mut object)?;
        object["metadata"]["name"] = json!(self.name());
        self.created(object)
    }

    fn write(&self, object: Value) -> Result<Arc<Object>, StoreError> {
        if self.target.subresource.as_deref() == Some("status") {
            self.core.store.update_status(object)
        } else {
            self.core.store.update(object)
        }
    }

    fn stored(&self, object: Value) -> Result<Arc<Object>, Refusal> {
        Ok(self.write(object)?)
    }

    fn delete(&self) -> Result<Reply, Refusal> {
        let options = self.delete_options()?;
        let (namespace, name) = (self.namespace(), self.name());
        let full = self.resource.name();
        let object = self
            .core
            .store
            .delete_gracefully(&full, namespace, name, &options)?;
        // Pods come back themselves, and so does what is still held by a finalizer.
        let is_left = self.core.store.get(&full, namespace, name).is_some();
        if is_left || self.resource.kind == "Pod" {
            return self.rendered(200, &object);
        }
        let mut details = self.target.details();
        details["uid"] = json!(object.uid());
        Ok(success(200, &details))
    }

    fn delete_collection(&self) -> Result<Reply, Refusal> {
        let options = self.delete_options()?;
        let selection = Selection::new(self.asked, self.target, &self.resource)?;
        let full = self.resource.name();
        let list = self.core.store.list(&full, None)?;
        let mut deleted = Vec::new();
        for object in list.items.iter().filter(|object| selection.matches(object)) {
            let (namespace, name) = (object.namespace(), object.name());
            match self
                .core
                .store
                .delete_gracefully(&full, namespace, name, &options)
            {
                Ok(object) => deleted.push(object.value().clone()),
                // Somebody else was faster.
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(reply::json(
            200,
            &json!({
                "kind": format!("{}List", self.resource.kind),
                "apiVersion": self.resource.api_version(),
                "metadata": { "resourceVersion": self.core.store.resource_version().to_string() },
                "items": deleted,
            }),
        ))
    }

    fn evict(&self) -> Result<Reply, Refusal> {
        let options: DeleteOptions = options_of(&self.parsed()?["deleteOptions"])?;
        let full = self.resource.name();
        self.core
            .store
            .delete_gracefully(&full, self.namespace(), self.name(), &options)?;
        Ok(success(201, &Value::Null))
    }

    fn rescale(&self, wanted: &Value) -> Result<Reply, Refusal> {
        let patch = json!({
            "metadata": { "resourceVersion": wanted["metadata"]["resourceVersion"] },
            "spec": { "replicas": wanted["spec"]["replicas"].as_u64().unwrap_or(0) },
        });
        let full = self.resource.name();
        let object = self
            .core
            .store
            .merge_patch(&full, self.namespace(), self.name(), &patch)?;
        Ok(reply::json(200, &scale::scale(object.value())))
    }

    fn patch_scale(&self) -> Result<Reply, Refusal> {
        let content_type = self.asked.header(header::CONTENT_TYPE);
        let kind = PatchKind::of(content_type, &self.resource)?;
        let mut old = scale::scale(find(self.core, self.target)?.value());
        // Without a version in the patch it holds whatever others did meanwhile.
        old["metadata"]["resourceVersion"] = Value::Null;
        self.rescale(&kind.apply(&old, &self.parsed()?, &self.resource)?)
    }

    fn delete_options(&self) -> Result<DeleteOptions, Refusal> {
        let mut options = if self.body.is_empty() {
            Value::Null
        } else {
            self.parsed()?
        };
        if let Some(seconds) = self.asked.query.get("gracePeriodSeconds") {
            let seconds: u64 = seconds.parse().map_err(|_| {
                Refusal::bad_request(format!("invalid gracePeriodSeconds: {seconds}"))
            })?;
            options["gracePeriodSeconds"] = json!(seconds);
        }
        options_of(&options)
    }

    fn parsed(&self) -> Result<Value, Refusal> {
        parsed(self.asked, self.body)
    }

    /// Checks kind and namespace of an object and fills them in where they are missing.
    fn settle(&self, object: &mut Value) -> Result<(), Refusal> {
        if !object.is_object() || object.get("metadata").is_some_and(|meta| !meta.is_object()) {
            return Err(Refusal::bad_request("the body of the request is no object"));
        }
        let api_version = self.resource.api_version();
        for (field, wanted) in [("kind", &self.resource.kind), ("apiVersion", &api_version)] {
            match object[field].as_str() {
                None | Some("") => object[field] = json!(wanted),
                Some(given) if given == wanted => {}
                Some(_) => {
                    return Err(Refusal::bad_request(format!(
                        "{kind} in version {version} cannot be handled as a {wanted}",
                        kind = object["kind"],
                        version = object["apiVersion"],
                        wanted = self.resource.kind,
                    )));
                }
            }
        }
        let Some(namespace) = &self.target.namespace else {
            return Ok(());
        };
        match object["metadata"]["namespace"].as_str() {
            None | Some("") => object["metadata"]["namespace"] = json!(namespace),
            Some(given) if given == namespace => {}
            Some(_) => {
                return Err(Refusal::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
        }
        Ok(())
    }

    /// Nothing is created in a namespace that is not there. A store without any namespace does
    /// not model them, and `default` is there without being stored.
    fn check_namespace(&self) -> Result<(), Refusal> {
        let namespace = self.namespace();
        if namespace.is_empty() || namespace == "default" {
            return Ok(());
        }
        let namespaces = self.core.store.list("namespaces", None)?;
        let known = |object: &Arc<Object>| object.name() == namespace;
        if namespaces.items.is_empty() || namespaces.items.iter().any(known) {
            return Ok(());
        }
        Err(Refusal::not_found("", "namespaces", namespace))
    }

    fn rendered(&self, code: u16, object: &Arc<Object>) -> Result<Reply, Refusal> {
        let form = form_of(self.asked).unwrap_or(Form::Whole);
        Ok(rendered(
            code,
            self.core,
            self.asked,
            &self.resource,
            form,
            object,
        ))
    }

    fn namespace(&self) -> &str {
        self.target.namespace.as_deref().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.target.name.as_deref().unwrap_or_default()
    }
}

/// Why one try of a patch did not work.
enum Attempt {
    /// Another writer was faster.
    Overtaken,
    /// There is nothing to patch.
    Missing,
    Refused(Refusal),
}

impl From<Refusal> for Attempt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The body as JSON, whatever it was written in.
pub(super) fn parsed(asked: &Asked, body: &Bytes) -> Result<Value, Refusal> {
    let content_type = asked.header(header::CONTENT_TYPE).unwrap_or_default();
    if content_type.contains("protobuf") {
        return protobuf::decode(body).ok_or_else(|| {
            let message = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml";
            Refusal::new(415, message)
        });
    }
    let parsed = if content_type.contains("yaml") {
        serde_yaml_ng::from_slice(body).map_err(|error| error.to_string())
    } else {
        serde_json::from_slice(body).map_err(|error| error.to_string())
    };
    parsed.map_err(|error| {
        Refusal::bad_request(format!("unable to decode the body of the request: {error}"))
    })
}

fn options_of(options: &Value) -> Result<DeleteOptions, Refusal> {
    if options.is_null() {
        return Ok(DeleteOptions::default());
    }
    serde_json::from_value(options.clone())
        .map_err(|error| Refusal::bad_request(format!("invalid DeleteOptions: {error}")))
}

fn success(code: u16, details: &Value) -> Reply {
    let mut status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
    });
    if !details.is_null() {
        status["details"] = details.clone();
    }
    reply::json(code, &status)
}
