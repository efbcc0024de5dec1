//! The marks of pods, of which those of one workload have the same.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use argo_core::ObjectRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The prefix of the annotations by which Argo CD marks objects.
const ARGOCD: &str = "argocd.argoproj.io/";

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

    /// Returns the metadata of an object with these marks.
    pub(super) fn metadata(&self, object: &ObjectRef) -> ObjectMeta {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ObjectMeta {
            name: some(&object.name),
            namespace: some(&object.namespace),
            uid: some(&object.uid),
            generate_name: self.generate_name.clone(),
            labels: self.labels.clone(),
            annotations: Some(self.annotations.clone()),
            ..ObjectMeta::default()
        }
    }
}

/// All marks that pods have, each once.
#[derive(Debug, Default)]
pub(super) struct KnownMarks(HashSet<Arc<Marks>>);

impl KnownMarks {
    pub(super) fn of(&mut self, meta: &ObjectMeta) -> Arc<Marks> {
        let marks = Marks::of(meta);
        if let Some(known) = self.0.get(&marks) {
            return Arc::clone(known);
        }
        let marks = Arc::new(marks);
        self.0.insert(Arc::clone(&marks));
        marks
    }

    /// Forgets marks that no pod has any more.
    pub(super) fn shrink(&mut self) {
        self.0.retain(|marks| Arc::strong_count(marks) > 1);
    }
}
