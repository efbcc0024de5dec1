//! ConfigMaps and Secrets that a pod needs and the cluster does not have.

use std::sync::Arc;

use serde_json::Value;

use crate::store::Object;

/// Finds an object of the pod's namespace by type and name.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str, &str) -> Option<Arc<Object>>;

/// The first volume that cannot be mounted, as `FailedMount` says it.
pub(crate) fn missing_volume(spec: &Value, lookup: Lookup<'_>) -> Option<String> {
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    let mut missing = volumes.filter_map(|volume| {
        let (config_map, secret) = (&volume["configMap"], &volume["secret"]);
        let cause = missing("configmap", config_map, "name", lookup)
            .or_else(|| missing("secret", secret, "secretName", lookup))?;
        let name = volume["name"].as_str().unwrap_or_default();
        Some(format!(
            "MountVolume.SetUp failed for volume \"{name}\" : {cause}"
        ))
    });
    missing.next()
}

/// Returns the error of making a container's environment, if there is one.
pub(crate) fn missing_env(
    container: &Value,
    namespace: &str,
    lookup: Lookup<'_>,
) -> Option<String> {
    let sources = container["envFrom"].as_array().into_iter().flatten();
    let whole = sources.filter_map(|source| {
        missing("configmap", &source["configMapRef"], "name", lookup)
            .or_else(|| missing("secret", &source["secretRef"], "name", lookup))
    });
    let variables = container["env"].as_array().into_iter().flatten();
    let single = variables.filter_map(|variable| {
        let from = &variable["valueFrom"];
        missing_key("configmap", &from["configMapKeyRef"], namespace, lookup)
            .or_else(|| missing_key("secret", &from["secretKeyRef"], namespace, lookup))
    });
    whole.chain(single).next()
}

fn missing(kind: &str, reference: &Value, field: &str, lookup: Lookup<'_>) -> Option<String> {
    let name = reference[field].as_str()?;
    let wanted = reference["optional"] != true;
    let absent = lookup(&format!("{kind}s"), name).is_none();
    (wanted && absent).then(|| format!("{kind} \"{name}\" not found"))
}

fn missing_key(
    kind: &str,
    reference: &Value,
    namespace: &str,
    lookup: Lookup<'_>,
) -> Option<String> {
    let (name, key) = (reference["name"].as_str()?, reference["key"].as_str()?);
    if reference["optional"] == true {
        return None;
    }
    let Some(object) = lookup(&format!("{kind}s"), name) else {
        return missing(kind, reference, "name", lookup);
    };
    let held = ["data", "stringData", "binaryData"]
        .iter()
        .any(|field| !object[field][key].is_null());
    let kind = if kind == "secret" {
        "Secret"
    } else {
        "ConfigMap"
    };
    (!held).then(|| format!("couldn't find key {key} in {kind} {namespace}/{name}"))
}
