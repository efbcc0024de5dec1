//! Services and Ingresses: whether something gave them an address.

use serde_json::Value;

use super::{Assessment, text};

/// A Service of type LoadBalancer needs an address, any other one needs nothing.
pub(super) fn service(object: &Value) -> Assessment {
    if text(object, "/spec/type") != "LoadBalancer" || has_address(object) {
        return Assessment::healthy();
    }
    let assessment = Assessment::progressing("no load balancer address yet");
    match text(object, "/spec/loadBalancerClass") {
        "" => assessment.note("the cluster's load balancer controller has given it no address; a cluster without one never will"),
        class => assessment.note(format!("the controller of loadBalancerClass {class} has given it no address")),
    }
}

/// An Ingress needs an address from its controller.
pub(super) fn ingress(object: &Value) -> Assessment {
    if has_address(object) {
        return Assessment::healthy();
    }
    let annotations = &object["metadata"]["annotations"];
    let annotation = annotations["kubernetes.io/ingress.class"].as_str();
    let class = match text(object, "/spec/ingressClassName") {
        "" => annotation.unwrap_or_default(),
        class => class,
    };
    let assessment = Assessment::progressing("no address yet");
    match class {
        "" => assessment
            .note("it names no ingressClassName: only a controller of the default class takes it"),
        class => assessment.note(format!(
            "no controller of the ingress class {class} has given it an address"
        )),
    }
}

fn has_address(object: &Value) -> bool {
    let addresses = &object["status"]["loadBalancer"]["ingress"];
    addresses
        .as_array()
        .is_some_and(|addresses| !addresses.is_empty())
}
