//! Errors of a sync, taken apart: what each means, and the next step.
//!
//! The texts are those of the API server (apimachinery `pkg/util/validation`, `pkg/api/errors`),
//! of kubectl's apply and of Argo CD (`controller/sync.go`, `controller/appcontroller.go`).

/// The meaning of an error of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// The meaning of the message.
    pub(super) meaning: &'static str,
    /// A step that helps.
    pub(super) next: &'static str,
}

/// A kind of error: all of these texts stand in the message.
struct Kind {
    texts: &'static [&'static str],
    meaning: &'static str,
    next: &'static str,
}

const fn kind(texts: &'static [&'static str], meaning: &'static str, next: &'static str) -> Kind {
    Kind {
        texts,
        meaning,
        next,
    }
}

/// The kinds of errors; the first one that fits counts.
const KINDS: &[Kind] = &[
    kind(
        &["namespaces \"", "\" not found"],
        "the target namespace does not exist",
        "create the namespace, or set the sync option CreateNamespace=true",
    ),
    kind(
        &["metadata.annotations: Too long"],
        "kubectl's last-applied annotation does not fit into 256 KiB",
        "set the sync option ServerSideApply=true for this resource: it writes no such annotation",
    ),
    kind(
        &["must be no more than 63 "],
        "a label or name is longer than Kubernetes allows (63)",
        "shorten it; with label tracking the name of the Application is a label, too",
    ),
    kind(
        &["failed calling webhook"],
        "an admission webhook does not answer; the object itself was not judged",
        "look at the pods and the Service behind that webhook, and at its certificate",
    ),
    kind(
        &["admission webhook", "denied the request"],
        "an admission webhook refuses the object",
        "the message is the webhook's own; change the manifest or the policy",
    ),
    kind(
        &["ValidatingAdmissionPolicy"],
        "an admission policy refuses the object",
        "change the manifest or the policy that the message names",
    ),
    kind(
        &["is forbidden: User \"system:serviceaccount:", "cannot "],
        "Argo CD's own account may not do this in the target cluster",
        "extend the role of that service account (or of the impersonated account of the project)",
    ),
    kind(
        &["is forbidden: exceeded quota"],
        "a ResourceQuota of the namespace is used up",
        "raise the quota or lower what the manifests ask for",
    ),
    kind(
        &["is not permitted in project"],
        "the AppProject does not allow this",
        "add the kind, namespace or repository to the AppProject",
    ),
    kind(
        &["field is immutable"],
        "a field changed that cannot be changed in place",
        "delete the object, or sync it with the options Replace=true,Force=true (it is recreated)",
    ),
    kind(
        &["updates to statefulset spec for fields other than"],
        "a field of the StatefulSet changed that cannot be changed in place",
        "delete the StatefulSet with --cascade=orphan and sync again",
    ),
    kind(
        &["Apply failed with", "conflict"],
        "another field manager owns a field that server-side apply wants to set",
        "take the field out of git, or let the other manager give it up",
    ),
    kind(
        &["the object has been modified"],
        "somebody else changed the object in the same moment",
        "sync again; if it comes back, find the other controller that writes it",
    ),
    kind(
        &["already exists"],
        "an object of this name exists already",
        "find out who made it (kubectl get --show-managed-fields); delete or adopt it",
    ),
    kind(
        &["CRD is installed on the destination cluster"],
        "the kind is not known to the target cluster",
        "install its CRD first: an earlier sync wave, or the option SkipDryRunOnMissingResource=true",
    ),
    kind(
        &["no matches for kind"],
        "the kind is not known to the target cluster",
        "install its CRD first: an earlier sync wave, or the option SkipDryRunOnMissingResource=true",
    ),
    kind(
        &["the server could not find the requested resource"],
        "the kind or its version is not known to the target cluster",
        "install its CRD first, or name a version that the cluster serves",
    ),
    kind(
        &["auto-sync will wipe out all resources"],
        "git renders no manifests at all, and Argo CD does not delete everything by itself",
        "look at the path and revision of the source; if it is meant so, sync by hand or set automated.allowEmpty",
    ),
    kind(
        &["another operation is already in progress"],
        "another sync of the application runs",
        "wait for it, or end it: argocd app terminate-op",
    ),
    kind(
        &["there are no clusters with this name"],
        "Argo CD does not know the destination cluster",
        "argocd cluster list; compare it with spec.destination",
    ),
    kind(
        &["the server has asked for the client to provide credentials"],
        "the destination cluster does not accept Argo CD's credentials",
        "renew them: argocd cluster add, or the cluster Secret",
    ),
    kind(
        &["dial tcp"],
        "Argo CD cannot reach the destination cluster",
        "argocd cluster get; look at the network between them",
    ),
    kind(
        &["is invalid:"],
        "the API server refuses the manifest",
        "correct the field that the message names",
    ),
];

/// Returns what a message means, if it is of a known kind.
pub(super) fn advice(message: &str) -> Option<Advice> {
    let kind = KINDS
        .iter()
        .find(|kind| kind.texts.iter().all(|text| message.contains(text)))?;
    Some(Advice {
        meaning: kind.meaning,
        next: kind.next,
    })
}

/// Returns how often the sync was retried before Argo CD gave up (`(retried 5 times)`).
pub(super) fn retries(message: &str) -> Option<u32> {
    let (_, rest) = message.rsplit_once("(retried ")?;
    rest.split_once(" times")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_meaning() {
        for (message, meaning) in [
            ("namespaces \"shop-prod\" not found", "target namespace"),
            (
                "CustomResourceDefinition.apiextensions.k8s.io \"x\" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes",
                "256 KiB",
            ),
            (
                "Deployment.apps \"x\" is invalid: metadata.labels: Invalid value: \"aaa\": must be no more than 63 characters",
                "63",
            ),
            (
                "Internal error occurred: failed calling webhook \"v.kyverno.svc\": failed to call webhook: Post \"https://kyverno\": dial tcp 10.0.0.1:443: connect: connection refused",
                "does not answer",
            ),
            (
                "admission webhook \"validate.kyverno.svc\" denied the request: no latest",
                "refuses the object",
            ),
            (
                "deployments.apps is forbidden: User \"system:serviceaccount:argocd:argocd-application-controller\" cannot create resource \"deployments\"",
                "own account",
            ),
            (
                "Job.batch \"seed\" is invalid: spec.template: Invalid value: {}: field is immutable",
                "in place",
            ),
            (
                "StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
                "StatefulSet",
            ),
            (
                "Apply failed with 1 conflict: conflict with \"kubectl\" using apps/v1: .spec.replicas",
                "field manager",
            ),
            (
                "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply",
                "same moment",
            ),
            ("services \"web\" already exists", "exists already"),
            (
                "The Kubernetes API could not find monitoring.coreos.com/ServiceMonitor for requested resource n/x. Make sure the \"ServiceMonitor\" CRD is installed on the destination cluster.",
                "not known",
            ),
            (
                "Skipping sync attempt to abc: auto-sync will wipe out all resources",
                "no manifests",
            ),
            (
                "error getting cluster: there are no clusters with this name: prod",
                "does not know",
            ),
            (
                "Get \"https://10.1.1.1:6443/api\": dial tcp 10.1.1.1:6443: i/o timeout",
                "cannot reach",
            ),
            (
                "resource batch:Job is not permitted in project shop",
                "AppProject",
            ),
        ] {
            let advice = advice(message).unwrap_or_else(|| panic!("{message}"));
            assert!(
                advice.meaning.contains(meaning),
                "{message}: {}",
                advice.meaning
            );
        }
        assert_eq!(
            advice("one or more synchronization tasks are not valid"),
            None
        );
    }

    #[test]
    fn retries_are_counted() {
        assert_eq!(
            retries("one or more objects failed to apply (retried 5 times)."),
            Some(5)
        );
        assert_eq!(retries("one or more objects failed to apply"), None);
    }
}
