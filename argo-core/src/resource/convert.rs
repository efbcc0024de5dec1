//! Conversions between the slim pod and the whole one of `k8s-openapi`, for tools that
//! watch pods themselves.

use k8s_openapi::api::core::v1;

use super::Pod;

/// A pod that cannot be converted: a value has another type than the API gives it.
#[derive(Debug, thiserror::Error)]
#[error("the pod cannot be converted")]
pub struct ConvertPodError(#[from] serde_json::Error);

impl From<&v1::Pod> for Pod {
    /// Keeps the fields that are read here.
    fn from(pod: &v1::Pod) -> Self {
        let value = serde_json::to_value(pod).unwrap_or_default();
        // The slim type reads whatever it can, so that nothing fails here but the whole.
        serde_json::from_value(value).unwrap_or_default()
    }
}

impl From<v1::Pod> for Pod {
    fn from(pod: v1::Pod) -> Self {
        Self::from(&pod)
    }
}

impl TryFrom<&Pod> for v1::Pod {
    type Error = ConvertPodError;

    /// Leaves the fields empty that the slim pod does not know.
    fn try_from(pod: &Pod) -> Result<Self, ConvertPodError> {
        Ok(serde_json::from_value(serde_json::to_value(pod)?)?)
    }
}

impl TryFrom<Pod> for v1::Pod {
    type Error = ConvertPodError;

    fn try_from(pod: Pod) -> Result<Self, ConvertPodError> {
        Self::try_from(&pod)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_goes_there_and_back() {
        let whole: v1::Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "labels": {"app": "web"}},
            "spec": {"nodeName": "n", "containers": [{"name": "app", "image": "web:1", "args": ["a"]}]},
            "status": {"phase": "Running", "containerStatuses": [{
                "name": "app", "ready": true, "restartCount": 2, "image": "web:1", "imageID": "i",
                "containerID": "containerd://c", "started": true,
                "state": {"running": {"startedAt": "2026-11-24T10:00:00Z"}}
            }]}
        }))
        .unwrap();
        let slim = Pod::from(&whole);
        assert_eq!(slim.metadata.name.as_deref(), Some("web-1"));
        assert_eq!(slim.spec.containers[0].name, "app");
        let back = v1::Pod::try_from(&slim).unwrap();
        assert_eq!(back.metadata.labels, whole.metadata.labels);
        assert_eq!(Pod::from(back), slim, "nothing that is read gets lost");
    }
}
