//! Chooses the run of a container that a `pods/log` request means.
//!
//! The API server's part is `pkg/registry/core/pod/strategy.go` (`LogLocation`), the kubelet's is
//! `pkg/kubelet/kubelet_pods.go` (`validateContainerLogStatus`). Both look at the pod's status, so
//! everything that comes from a status that lags (the ended run replayed, `ContainerCreating` for
//! a container that already runs) comes by itself.

use serde_json::Value;

/// The answer to "which log".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The run with this `containerd://…` id.
    Run {
        /// Name of the container, given or the only one.
        container: String,
        /// Its container id.
        id: String,
    },
    /// The pod has no node yet: 204 without a body (recording 15).
    NoNode,
    /// The API server's own 400 with this message.
    Refused(String),
    /// The kubelet's 400 with this message.
    NotReady(String),
}

/// Chooses the run that `container` (or the pod's only container) and `previous` mean.
#[must_use]
pub fn choose(pod: &Value, container: Option<&str>, previous: bool) -> Choice {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let name = match container_name(pod, pod_name, container) {
        Ok(name) => name,
        Err(message) => return Choice::Refused(message),
    };
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return Choice::NoNode;
    }
    match run_id(pod, &name, previous) {
        Ok(id) => Choice::Run {
            container: name,
            id,
        },
        Err(reason) if reason == "previous" => Choice::NotReady(format!(
            "previous terminated container \"{name}\" in pod \"{pod_name}\" not found"
        )),
        Err(reason) => Choice::NotReady(format!(
            "container \"{name}\" in pod \"{pod_name}\" is {reason}"
        )),
    }
}

/// Init containers first, then regular ones, as the message of the API server lists them.
fn container_name(pod: &Value, pod_name: &str, wanted: Option<&str>) -> Result<String, String> {
    let names = |list: &str| -> Vec<&str> {
        let containers = pod["spec"][list]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        containers
            .iter()
            .filter_map(|container| container["name"].as_str())
            .collect()
    };
    let (init, regular) = (names("initContainers"), names("containers"));
    if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
        let known = [&init, &regular, &names("ephemeralContainers")]
            .iter()
            .any(|list| list.contains(&wanted));
        return if known {
            Ok(wanted.to_owned())
        } else {
            Err(format!(
                "container {wanted} is not valid for pod {pod_name}"
            ))
        };
    }
    match regular.as_slice() {
        [only] => Ok((*only).to_owned()),
        _ => {
            let all = [init, regular].concat().join(" ");
            Err(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{all}]"
            ))
        }
    }
}

fn run_id(pod: &Value, name: &str, previous: bool) -> Result<String, String> {
    let status = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ]
    .iter()
    .filter_map(|list| pod["status"][list].as_array())
    .flatten()
    .find(|status| status["name"] == name);
    let Some(status) = status else {
        // A pod that the kubelet has not seen yet: its status names no container.
        return Err(if previous {
            "previous".to_owned()
        } else {
            "not available".to_owned()
        });
    };
    let id = |value: &Value| {
        value["containerID"]
            .as_str()
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
    };
    let (state, last) = (&status["state"], &status["lastState"]["terminated"]);
    if previous {
        return id(last).ok_or_else(|| "previous".to_owned());
    }
    if state["running"].is_object() {
        return id(status).ok_or_else(|| "waiting to start - no logs yet".to_owned());
    }
    if state["terminated"].is_object() {
        return id(&state["terminated"])
            .or_else(|| id(last))
            .ok_or_else(|| "terminated".to_owned());
    }
    if last.is_object() {
        return id(last).ok_or_else(|| "terminated".to_owned());
    }
    Err(match state["waiting"]["reason"].as_str() {
        Some("ErrImagePull") => "waiting to start: image can't be pulled".to_owned(),
        Some("ImagePullBackOff") => "waiting to start: trying and failing to pull image".to_owned(),
        Some(reason) => format!("waiting to start: {reason}"),
        None => "waiting to start - no logs yet".to_owned(),
    })
}
