//! The scheduler: one node, no competition for its resources.

use serde_json::{Value, json};

use super::view::condition;
use crate::clock::time;
use crate::kubelet::recorder::{Occurrence, Recorder};
use crate::store::{Object, Store};

/// CPUs of the node.
const CPUS: f64 = 4.0;
const NO_NODES: &str = "no nodes available to schedule pods";

/// Returns the scheduler's message if the pod cannot run on the node.
pub(crate) fn fits(spec: &Value, node: &Object) -> Result<(), String> {
    let selector = spec["nodeSelector"].as_object().into_iter().flatten();
    let labels = &node["metadata"]["labels"];
    let selected = selector
        .clone()
        .all(|(key, value)| labels[key.as_str()] == *value);
    let containers = spec["containers"].as_array().into_iter().flatten();
    let requests = containers.map(|container| cpus(&container["resources"]["requests"]["cpu"]));
    if !selected {
        return Err(unschedulable(
            "node(s) didn't match Pod's node affinity/selector",
        ));
    }
    if requests.sum::<f64>() > CPUS {
        return Err(unschedulable("Insufficient cpu"));
    }
    if node["spec"]["unschedulable"] == true {
        return Err(unschedulable("node(s) were unschedulable"));
    }
    Ok(())
}

fn unschedulable(cause: &str) -> String {
    format!(
        "0/1 nodes are available: 1 {cause}. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
}

fn cpus(value: &Value) -> f64 {
    match value {
        Value::String(text) => match text.strip_suffix('m') {
            Some(millis) => millis.parse::<f64>().unwrap_or(0.0) / 1000.0,
            None => text.parse().unwrap_or(0.0),
        },
        number => number.as_f64().unwrap_or(0.0),
    }
}

/// Binds a pod or says why not.
pub(crate) fn schedule(store: &Store, recorder: &mut Recorder, pod: &Object) {
    let node = store
        .list("nodes", None)
        .ok()
        .and_then(|nodes| nodes.items.first().cloned());
    let fit = match &node {
        None => Err(NO_NODES.to_owned()),
        Some(node) => fits(&pod["spec"], node),
    };
    match (fit, node) {
        (Ok(()), Some(node)) => bind(store, recorder, pod, node.name()),
        (Err(message), _) => refuse(store, recorder, pod, &message),
        (Ok(()), None) => {}
    }
}

fn bind(store: &Store, recorder: &mut Recorder, pod: &Object, node: &str) {
    let mut bound = pod.value().clone();
    bound["spec"]["nodeName"] = json!(node);
    set_scheduled(&mut bound, pod, store, "True", None);
    // A binding is no new generation, which `modify` would count.
    if store.put_raw(bound).is_ok() {
        let message = format!(
            "Successfully assigned {}/{} to {node}",
            pod.namespace(),
            pod.name()
        );
        recorder.record_series(
            store,
            &Occurrence::normal(pod, "Scheduled", message),
            "Binding",
        );
    }
}

fn refuse(store: &Store, recorder: &mut Recorder, pod: &Object, message: &str) {
    let known = condition(pod, "PodScheduled").is_some_and(|known| known["message"] == message);
    if known {
        return;
    }
    let _ = store.modify("pods", pod.namespace(), pod.name(), |new| {
        set_scheduled(new, pod, store, "False", Some(message));
    });
    let occurrence = Occurrence::warning(pod, "FailedScheduling", message.to_owned());
    recorder.record_series(store, &occurrence, "Scheduling");
}

fn set_scheduled(
    new: &mut Value,
    pod: &Object,
    store: &Store,
    status: &str,
    message: Option<&str>,
) {
    let mut scheduled = json!({
        "type": "PodScheduled", "status": status, "lastProbeTime": null,
        "lastTransitionTime": time(store.clock().now()),
        "observedGeneration": pod["metadata"]["generation"],
    });
    if let Some(message) = message {
        scheduled["reason"] = json!("Unschedulable");
        scheduled["message"] = json!(message);
    }
    if new["status"]["phase"].is_null() {
        new["status"]["phase"] = json!("Pending");
    }
    new["status"]["conditions"] = json!([scheduled]);
}
