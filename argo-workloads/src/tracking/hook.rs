//! Sync phases of hooks.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::selector::annotation;

const ARGO: &str = "argocd.argoproj.io/hook";
const HELM: &str = "helm.sh/hook";

/// Returns the phase in which Argo CD runs an object, if the object is a hook.
///
/// Argo's own annotation wins over Helm's, as in gitops-engine `pkg/sync/hook`. A hook of
/// several phases counts as one of the first.
pub fn hook_phase(meta: &ObjectMeta) -> Option<Arc<str>> {
    if let Some(value) = annotation(meta, ARGO) {
        return first(value, argo);
    }
    first(annotation(meta, HELM)?, helm)
}

fn first(value: &str, phase: fn(&str) -> Option<&'static str>) -> Option<Arc<str>> {
    value
        .split(',')
        .find_map(|part| phase(part.trim()))
        .map(Arc::from)
}

/// Returns the phase that an annotation of Argo CD names. `Skip` is no phase: such an object
/// is never applied.
fn argo(name: &str) -> Option<&'static str> {
    let phases = [
        "PreSync",
        "Sync",
        "PostSync",
        "SyncFail",
        "PreDelete",
        "PostDelete",
    ];
    phases.into_iter().find(|phase| *phase == name)
}

fn helm(name: &str) -> Option<&'static str> {
    match name {
        "crd-install" | "pre-install" | "pre-upgrade" => Some("PreSync"),
        "post-install" | "post-upgrade" => Some("PostSync"),
        "pre-delete" => Some("PreDelete"),
        "post-delete" => Some("PostDelete"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(annotations: &[(&str, &str)]) -> Option<String> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let meta = ObjectMeta {
            annotations: Some(annotations.iter().map(own).collect()),
            ..ObjectMeta::default()
        };
        hook_phase(&meta).as_deref().map(str::to_owned)
    }

    #[test]
    fn phases_of_argo_and_helm() {
        assert_eq!(phase(&[]), None);
        assert_eq!(phase(&[(ARGO, "PreSync")]).as_deref(), Some("PreSync"));
        assert_eq!(phase(&[(ARGO, "Skip")]), None);
        assert_eq!(
            phase(&[(ARGO, "Skip, SyncFail")]).as_deref(),
            Some("SyncFail")
        );
        let both = [(HELM, "pre-install"), (ARGO, "PostSync")];
        assert_eq!(phase(&both).as_deref(), Some("PostSync"));
        let upgrade = phase(&[(HELM, "test,post-install,post-upgrade")]);
        assert_eq!(upgrade.as_deref(), Some("PostSync"));
        assert_eq!(phase(&[(HELM, "test")]), None);
    }
}
