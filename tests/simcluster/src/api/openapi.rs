//! As much of OpenAPI as `kubectl apply` asks for: which kinds take `fieldValidation`.

use serde_json::{Map, Value, json};

use super::reply::{self, Refusal, Reply};
use super::request::Asked;
use super::server::Core;
use crate::store::ResourceType;

pub(super) fn answer(core: &Core, asked: &Asked) -> Option<Result<Reply, Refusal>> {
    let path = asked.path.strip_prefix("/openapi/")?;
    let types = core.store.resources();
    let of = |resource: &ResourceType| match resource.group.as_str() {
        "" => format!("api/{}", resource.version),
        group => format!("apis/{group}/{}", resource.version),
    };
    if path == "v3" {
        let mut paths = Map::new();
        for resource in &types {
            let at = of(resource);
            let url = format!("/openapi/v3/{at}?hash={:X}", resource.group.len());
            paths.insert(at, json!({ "serverRelativeURL": url }));
        }
        return Some(Ok(reply::json(200, &json!({ "paths": paths }))));
    }
    let wanted = path.strip_prefix("v3/")?;
    let mut paths = Map::new();
    for resource in types.iter().filter(|resource| of(resource) == wanted) {
        let scope = if resource.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let path = format!("/{wanted}{scope}/{}/{{name}}", resource.plural);
        paths.insert(path, operations(resource));
    }
    if paths.is_empty() {
        return Some(Ok(reply::text(404, "404 page not found\n")));
    }
    Some(Ok(reply::json(
        200,
        &json!({
            "openapi": "3.0.0",
            "info": { "title": "Kubernetes", "version": core.version },
            "paths": paths,
            "components": { "schemas": {} },
        }),
    )))
}

fn operations(resource: &ResourceType) -> Value {
    json!({
        "patch": {
            "parameters": [{ "name": "fieldValidation", "in": "query", "schema": { "type": "string" } }],
            "responses": {},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": {
                "group": resource.group,
                "version": resource.version,
                "kind": resource.kind,
            },
        },
    })
}
