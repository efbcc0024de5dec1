//! The marks of pods, of which those of one workload have the same.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use argo_core::ObjectRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::UnknownOwner;

/// The prefix of the annotations by which Argo CD marks objects.
const ARGOCD: &str = "argocd.argoproj.io/";
/// Marks below which none are forgotten.
const FEW: usize = 64;

/// The metadata by which an object may belong to an application.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Marks {
    generate_name: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: BTreeMap<String, String>,
}

impl Marks {
    fn of(meta: &ObjectMeta) -> Self {
        let annotations = meta.annotations.iter().flatten();
        let of_argocd = annotations.filter(|(key, _)| key.starts_with(ARGOCD));
        Self {
            generate_name: meta.generate_name.clone(),
            labels: meta.labels.clone(),
            annotations: of_argocd
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        }
    }

    /// Returns the metadata of an object with these marks. The owners are part of them: a label
    /// is that of the object itself only where there are none.
    pub(super) fn metadata(&self, object: &ObjectRef, owners: &[UnknownOwner]) -> ObjectMeta {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let owners: Vec<_> = owners.iter().map(reference).collect();
        ObjectMeta {
            name: some(&object.name),
            namespace: some(&object.namespace),
            uid: some(&object.uid),
            generate_name: self.generate_name.clone(),
            owner_references: (!owners.is_empty()).then_some(owners),
            labels: self.labels.clone(),
            annotations: Some(self.annotations.clone()),
            ..ObjectMeta::default()
        }
    }
}

fn reference(owner: &UnknownOwner) -> OwnerReference {
    let UnknownOwner { owner, api_version } = owner;
    OwnerReference {
        api_version: api_version.to_string(),
        kind: owner.kind.kind.to_string(),
        name: owner.name.to_string(),
        uid: owner.uid.to_string(),
        ..OwnerReference::default()
    }
}

/// All marks that pods have, each once.
#[derive(Debug, Default)]
pub(super) struct KnownMarks {
    all: HashSet<Arc<Marks>>,
    /// The number of marks that pods had when some were last forgotten.
    kept: usize,
}

impl KnownMarks {
    pub(super) fn of(&mut self, meta: &ObjectMeta) -> Arc<Marks> {
        let marks = Marks::of(meta);
        if let Some(known) = self.all.get(&marks) {
            return Arc::clone(known);
        }
        let marks = Arc::new(marks);
        self.all.insert(Arc::clone(&marks));
        // Pods come and go for as long as a watch lasts, and there may be no other list.
        if self.all.len() > 2 * self.kept.max(FEW) {
            self.shrink();
        }
        marks
    }

    /// Forgets marks that no pod has any more.
    pub(super) fn shrink(&mut self) {
        self.all.retain(|marks| Arc::strong_count(marks) > 1);
        self.kept = self.all.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(name: usize) -> ObjectMeta {
        ObjectMeta {
            generate_name: Some(format!("job-{name}-")),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn marks_of_pods_that_are_gone_are_forgotten_without_a_list() {
        let mut known = KnownMarks::default();
        let stays = known.of(&generated(0));
        for job in 1..10_000 {
            known.of(&generated(job));
            assert!(known.all.len() <= 2 * FEW, "{job}");
        }
        assert!(Arc::ptr_eq(&stays, &known.of(&generated(0))));
    }
}
