//! Discovery, version and health.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::{HeaderValue, header};
use serde_json::{Value, json};

use super::accept::aggregated;
use super::reply::{self, Refusal, Reply};
use super::request::Asked;
use super::server::Core;
use crate::store::ResourceType;

const ALL: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// A subresource: name, verbs, and group, version and kind where they are not the resource's own.
type Subresource = (
    &'static str,
    &'static [&'static str],
    Option<[&'static str; 3]>,
);

pub(super) fn answer(core: &Core, asked: &Asked) -> Option<Result<Reply, Refusal>> {
    if asked.method != http::Method::GET && asked.method != http::Method::HEAD {
        return Some(Err(Refusal::method()));
    }
    let parts: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    let types = core.store.resources();
    let types: Vec<&ResourceType> = types.iter().map(AsRef::as_ref).collect();
    let wants_all = aggregated(asked.header(header::ACCEPT));
    Some(Ok(match parts.as_slice() {
        ["api"] if wants_all => all_in_one(asked, &types, |group| group.is_empty()),
        ["apis"] if wants_all => all_in_one(asked, &types, |group| !group.is_empty()),
        ["api"] => reply::json(
            200,
            &json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [{
                    "clientCIDR": "0.0.0.0/0",
                    "serverAddress": core.address(),
                }],
            }),
        ),
        ["apis"] => reply::json(
            200,
            &json!({
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": groups(&types).iter().map(|group| described(group, &types)).collect::<Value>(),
            }),
        ),
        ["apis", group] if groups(&types).contains(group) => {
            let mut group = described(group, &types);
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            reply::json(200, &group)
        }
        ["api", version] => return resources(&types, "", version),
        ["apis", group, version] => return resources(&types, group, version),
        ["version"] => reply::json_bytes(200, version(&core.version).into()),
        ["healthz" | "livez" | "readyz", ..] => reply::text(200, "ok"),
        _ => reply::text(404, "404 page not found\n"),
    }))
}

/// Groups but the core one, in the order of a real server: apps first, custom ones last.
fn groups<'a>(types: &[&'a ResourceType]) -> Vec<&'a str> {
    let mut groups: Vec<&str> = types
        .iter()
        .map(|resource| resource.group.as_str())
        .collect();
    groups.retain(|group| !group.is_empty());
    groups.sort_by_key(|group| (group.contains('.'), *group));
    groups.dedup();
    groups
}

fn versions<'a>(group: &str, types: &[&'a ResourceType]) -> Vec<&'a str> {
    let of = types.iter().filter(|resource| resource.group == group);
    let mut versions: Vec<&str> = of.map(|resource| resource.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

fn described(group: &str, types: &[&ResourceType]) -> Value {
    let version = |version: &str| {
        json!({
            "groupVersion": format!("{group}/{version}"),
            "version": version,
        })
    };
    let versions: Vec<Value> = versions(group, types).into_iter().map(version).collect();
    json!({ "name": group, "versions": versions, "preferredVersion": versions[0] })
}

fn resources(
    types: &[&ResourceType],
    group: &str,
    version: &str,
) -> Option<Result<Reply, Refusal>> {
    let mut entries: Vec<Value> = Vec::new();
    for resource in types {
        if resource.group != group || resource.version != version {
            continue;
        }
        entries.push(entry(resource));
        for (name, verbs, kind) in subresources(resource) {
            let mut sub = json!({
                "name": format!("{}/{name}", resource.plural),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": verbs,
            });
            if let Some([group, version, kind]) = kind {
                sub["group"] = json!(group);
                sub["version"] = json!(version);
                sub["kind"] = json!(kind);
            }
            entries.push(sub);
        }
    }
    if entries.is_empty() {
        let known = types.iter().any(|resource| resource.group == group);
        let unknown = || reply::text(404, "404 page not found\n");
        return Some(if known {
            Err(Refusal::not_served())
        } else {
            Ok(unknown())
        });
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let mut list = json!({
        "kind": "APIResourceList",
        "groupVersion": group_version,
        "resources": entries,
    });
    if !group.is_empty() {
        list["apiVersion"] = json!("v1");
    }
    Some(Ok(reply::json(200, &list)))
}

fn entry(resource: &ResourceType) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs(resource),
    });
    named(&mut entry, resource);
    entry
}

fn named(entry: &mut Value, resource: &ResourceType) {
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
}

fn verbs(resource: &ResourceType) -> Vec<&'static str> {
    let all = ALL.into_iter();
    all.filter(|verb| resource.kind != "Namespace" || *verb != "deletecollection")
        .collect()
}

fn subresources(resource: &ResourceType) -> Vec<Subresource> {
    const WRITE: &[&str] = &["get", "patch", "update"];
    let mut all: Vec<Subresource> = Vec::new();
    if resource.kind == "Namespace" {
        all.push(("finalize", &["update"], None));
    }
    if resource.kind == "Pod" {
        all.push(("log", &["get"], None));
    }
    if resource.scale_subresource {
        all.push(("scale", WRITE, Some(["autoscaling", "v1", "Scale"])));
    }
    if resource.status_subresource {
        all.push(("status", WRITE, None));
    }
    all
}

/// Aggregated discovery: everything in one answer, with an ETag.
fn all_in_one(asked: &Asked, types: &[&ResourceType], wanted: fn(&str) -> bool) -> Reply {
    let all = if wanted("") { vec![""] } else { groups(types) };
    let items: Vec<Value> = all
        .into_iter()
        .map(|group| {
            let metadata = if group.is_empty() {
                json!({})
            } else {
                json!({ "name": group })
            };
            let version = |version: &str| {
                let resources = types
                    .iter()
                    .filter(|one| one.group == group && one.version == version);
                json!({
                    "version": version,
                    "resources": resources.map(|one| aggregate(one)).collect::<Value>(),
                    "freshness": "Current",
                })
            };
            let versions: Value = versions(group, types).into_iter().map(version).collect();
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    });
    let mut hasher = DefaultHasher::new();
    list.to_string().hash(&mut hasher);
    let tag = format!("\"{:0128X}\"", hasher.finish());
    let same = asked.header(header::IF_NONE_MATCH) == Some(tag.as_str());
    let mut answer = if same {
        reply::empty(304)
    } else {
        reply::json(200, &list)
    };
    let headers = answer.headers_mut();
    if !same {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(AGGREGATED));
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    answer
}

fn aggregate(resource: &ResourceType) -> Value {
    let kind = |group: &str, version: &str, kind: &str| {
        json!({
            "group": group,
            "version": version,
            "kind": kind,
        })
    };
    // The group and version of a builtin type are those it stands under, and left empty.
    let (group, version) = if super::list::is_custom(resource) {
        (resource.group.as_str(), resource.version.as_str())
    } else {
        ("", "")
    };
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": kind(group, version, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": verbs(resource),
    });
    named(&mut entry, resource);
    let sub = |(name, verbs, other): Subresource| {
        let kind = match other {
            Some([group, version, other]) => kind(group, version, other),
            None => kind(group, version, &resource.kind),
        };
        json!({ "subresource": name, "responseKind": kind, "verbs": verbs })
    };
    let subs: Vec<Value> = subresources(resource).into_iter().map(sub).collect();
    if !subs.is_empty() {
        entry["subresources"] = json!(subs);
    }
    entry
}

fn version(version: &str) -> String {
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (
        numbers.next().unwrap_or("1"),
        numbers.next().unwrap_or("34"),
    );
    let before = minor
        .parse::<u32>()
        .map_or(0, |minor| minor.saturating_sub(1));
    format!(
        r#"{{
  "major": "{major}",
  "minor": "{minor}",
  "emulationMajor": "{major}",
  "emulationMinor": "{minor}",
  "minCompatibilityMajor": "{major}",
  "minCompatibilityMinor": "{before}",
  "gitVersion": "{version}",
  "gitCommit": "0000000000000000000000000000000000000000",
  "gitTreeState": "clean",
  "buildDate": "2026-01-01T00:00:00Z",
  "goVersion": "go1.26.8",
  "compiler": "gc",
  "platform": "linux/amd64"
}}"#
    )
}
