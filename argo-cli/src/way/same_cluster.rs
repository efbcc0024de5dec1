//! Whether a cluster is the one that an application deploys to.

use std::time::Duration;

use argo_core::{
    GroupKind,
    argocd::{Client, Node},
    client::Connection,
};
use argo_workloads::workload::{Job, Workload};
use tokio::time::timeout;

use super::Api;

/// Objects and logs wait for the answers. Argo CD makes the tree of a new application first,
/// which takes its time.
const ANSWER: Duration = Duration::from_secs(2);

/// Objects that are looked up before the cluster is taken for another one: one may have been
/// replaced a moment ago.
const OBJECTS: usize = 4;

/// Whether the objects of the application are on the cluster, and may be read there.
pub(super) enum Match {
    /// Nothing speaks against it.
    Same,
    /// The reason for which the cluster is of no use.
    Other(String),
}

/// Looks for an object of Argo CD's tree on the cluster, and asks for pods in its namespace.
pub(super) async fn compare(connection: &Connection, api: &Api, client: &Client) -> Match {
    let Some(app) = api.apps.first() else {
        return Match::Same;
    };
    let Ok(Ok(tree)) = timeout(ANSWER, client.tree(app)).await else {
        return Match::Same;
    };
    let known = tree
        .nodes
        .iter()
        .filter_map(|node| Some((node, path(node)?)));
    let mut known: Vec<_> = known.collect();
    // Pods and Jobs come and go; what stands in git stays.
    let is_job = |node: &Node| {
        let kind = GroupKind::new(&node.object.group, &node.object.kind);
        Job.names().is(&kind)
    };
    known.sort_by_key(|(node, _)| (!node.parent_refs.is_empty(), is_job(node)));
    known.truncate(OBJECTS);
    let Some(((first, _), described)) = known.first().zip(Some(&connection.described)) else {
        return Match::Same;
    };
    let namespace = &first.object.namespace;
    let mut contradiction = None;
    for (node, path) in &known {
        let object = &node.object;
        match get(connection, path).await {
            Ok(uid) if uid == object.uid => {
                contradiction = None;
                break;
            }
            Ok(_) => {
                contradiction.get_or_insert_with(|| format!(
                    "{}/{} on the cluster of {described} is not the object that Argo CD manages",
                    object.kind, object.name
                ));
            }
            Err(404) => {
                contradiction.get_or_insert_with(|| {
                    format!(
                        "{}/{} of the application is not on the cluster of {described}",
                        object.kind, object.name
                    )
                });
            }
            Err(_) => {}
        }
    }
    if let Some(why) = contradiction {
        return Match::Other(why);
    }
    match get(
        connection,
        &format!("/api/v1/namespaces/{namespace}/pods?limit=1"),
    )
    .await
    {
        Err(code @ (401 | 403)) => Match::Other(format!(
            "{described} may not list pods in {namespace} ({code})"
        )),
        _ => Match::Same,
    }
}

/// Returns the path of an object whose plural is known.
fn path(node: &Node) -> Option<String> {
    let object = &node.object;
    let (root, plural) = match (object.group.as_str(), object.kind.as_str()) {
        ("apps", "Deployment") => ("/apis/apps/v1", "deployments"),
        ("apps", "StatefulSet") => ("/apis/apps/v1", "statefulsets"),
        ("apps", "DaemonSet") => ("/apis/apps/v1", "daemonsets"),
        ("batch", "Job") => ("/apis/batch/v1", "jobs"),
        ("batch", "CronJob") => ("/apis/batch/v1", "cronjobs"),
        ("", "Pod") => ("/api/v1", "pods"),
        ("", "Service") => ("/api/v1", "services"),
        ("", "ConfigMap") => ("/api/v1", "configmaps"),
        _ => return None,
    };
    let exists = !object.uid.is_empty() && !object.namespace.is_empty();
    exists.then(|| {
        format!(
            "{root}/namespaces/{}/{plural}/{}",
            object.namespace, object.name
        )
    })
}

/// Returns the uid of an object (empty for a list), or the status of the refusal.
async fn get(connection: &Connection, path: &str) -> Result<String, u16> {
    let request = http::Request::get(path)
        .body(Vec::new())
        .map_err(|_| 0_u16)?;
    let answer = connection.client.request::<serde_json::Value>(request);
    match timeout(ANSWER, answer).await {
        Ok(Ok(found)) => Ok(found["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned()),
        Ok(Err(kube::Error::Api(status))) => Err(status.code),
        _ => Err(0),
    }
}
