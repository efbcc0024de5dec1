//! Compares a cluster with the one that an application deploys to.

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

/// The answer to whether a cluster is the one that the application deploys to.
pub(super) enum Match {
    /// Nothing speaks against it.
    Same,
    /// The reason for which the cluster is of no use.
    Other(String),
}

/// Looks for objects of Argo CD's tree on the cluster, and asks for pods in their namespace.
pub(super) async fn compare(connection: &Connection, api: &Api, client: &Client) -> Match {
    let Some(app) = api.apps.first() else {
        return Match::Same;
    };
    let Ok(Ok(tree)) = timeout(ANSWER, client.tree(app)).await else {
        return Match::Same;
    };
    let known = lasting(&tree.nodes);
    let Some((first, _)) = known.first() else {
        return Match::Same;
    };
    if let Some(why) = contradiction(connection, &known).await {
        return Match::Other(why);
    }
    let namespace = &first.object.namespace;
    let pods = format!("/api/v1/namespaces/{namespace}/pods?limit=1");
    match get(connection, &pods).await {
        Err(code @ (401 | 403)) => Match::Other(format!(
            "{} may not list pods in {namespace} ({code})",
            connection.described
        )),
        _ => Match::Same,
    }
}

/// Returns a few objects with their paths, those that last first: pods and Jobs come and go, and
/// what stands in git stays.
fn lasting(nodes: &[Node]) -> Vec<(&Node, String)> {
    let known = nodes.iter().filter_map(|node| Some((node, path(node)?)));
    let mut known: Vec<_> = known.collect();
    let is_job = |node: &Node| {
        let kind = GroupKind::new(&node.object.group, &node.object.kind);
        Job.names().is(&kind)
    };
    known.sort_by_key(|(node, _)| (!node.parent_refs.is_empty(), is_job(node)));
    known.truncate(OBJECTS);
    known
}

/// Returns the first thing that speaks against the cluster, unless an object is found on it.
async fn contradiction(connection: &Connection, known: &[(&Node, String)]) -> Option<String> {
    let described = &connection.described;
    let mut first = None;
    for (node, path) in known {
        let object = &node.object;
        let (kind, name) = (&object.kind, &object.name);
        let why = match get(connection, path).await {
            Ok(uid) if uid == object.uid => return None,
            Ok(_) => format!(
                "{kind}/{name} on the cluster of {described} is not the object that Argo CD manages"
            ),
            Err(404) => {
                format!("{kind}/{name} of the application is not on the cluster of {described}")
            }
            // A refusal or a silence proves nothing: the right for this kind may be missing.
            Err(_) => continue,
        };
        first.get_or_insert(why);
    }
    first
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
