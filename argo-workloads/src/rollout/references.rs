//! Rollouts that use the pod template of another workload (`spec.workloadRef`).
//!
//! A new template changes that workload alone, not the Rollout: Argo CD calls the Rollout
//! Healthy until its controller has looked. And once the Rollout runs the pods, the workload is
//! scaled to 0 and is no more than the template's place.

use std::{collections::BTreeMap, sync::Arc};

use argo_core::{GroupKind, ObjectName, ObjectRef, Tracked, TrackedBody, resource::WorkloadObject};

/// The workloads that Rollouts refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct References {
    /// Generations by name, of every workload that may be referred to.
    generations: BTreeMap<ObjectName, i64>,
    /// Rollouts by uid.
    rollouts: BTreeMap<Arc<str>, Reference>,
}

#[derive(Clone, Debug)]
struct Reference {
    rollout: ObjectRef,
    to: ObjectName,
    observed: Option<i64>,
}

impl References {
    /// Takes in a workload.
    pub(crate) fn track(&mut self, tracked: &Tracked) {
        let TrackedBody::Workload(object) = &tracked.body else {
            return;
        };
        let rollout = &tracked.object;
        match reference(rollout, object) {
            Some(reference) => {
                self.rollouts.insert(Arc::clone(&rollout.uid), reference);
            }
            None if tracked.object.uid == tracked.root.uid => {
                let generation = object.metadata.generation.unwrap_or(0);
                self.generations.insert(rollout.name(), generation);
            }
            None => {}
        }
    }

    /// Forgets an object.
    pub(crate) fn remove(&mut self, object: &ObjectRef) {
        self.rollouts.remove(&object.uid);
        self.generations.remove(&object.name());
    }

    /// True if the controller has not seen the newest template that a Rollout refers to.
    pub(crate) fn is_behind(&self, uid: &str) -> bool {
        self.rollouts.get(uid).is_some_and(|reference| {
            let wanted = self.generations.get(&reference.to).copied();
            reference
                .observed
                .is_some_and(|seen| wanted.is_some_and(|wanted| seen < wanted))
        })
    }

    /// Returns the uids of the Rollouts that refer to an object.
    pub(crate) fn referring_to(&self, object: &ObjectRef) -> Vec<Arc<str>> {
        let name = object.name();
        let referring = self.rollouts.iter().filter(|(_, it)| it.to == name);
        referring.map(|(uid, _)| Arc::clone(uid)).collect()
    }

    /// Returns the name of the object that a Rollout refers to.
    pub(crate) fn target_of(&self, uid: &str) -> Option<&ObjectName> {
        Some(&self.rollouts.get(uid)?.to)
    }

    /// Returns the Rollout that refers to an object.
    pub(crate) fn rollout_of(&self, object: &ObjectRef) -> Option<&ObjectRef> {
        let name = object.name();
        let mut all = self.rollouts.values();
        all.find(|it| it.to == name).map(|it| &it.rollout)
    }
}

fn reference(rollout: &ObjectRef, object: &WorkloadObject) -> Option<Reference> {
    let to = object.spec.workload_ref.as_ref()?;
    Some(Reference {
        rollout: rollout.clone(),
        to: ObjectName {
            kind: GroupKind::from_api_version(&to.api_version, &to.kind),
            namespace: Arc::clone(&rollout.namespace),
            name: to.name.as_str().into(),
        },
        observed: object.status.workload_observed_generation,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn tracked(group: &str, kind: &str, value: Value) -> Tracked {
        let object = ObjectRef {
            kind: GroupKind::new(group, kind),
            namespace: "n".into(),
            name: "web".into(),
            uid: kind.into(),
        };
        Tracked {
            is_new: false,
            ..Tracked::root(
                object,
                TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap())),
            )
        }
    }

    #[test]
    fn a_new_template_is_seen_once_the_controller_says_so() {
        let mut references = References::default();
        let rollout = |seen: &str| {
            tracked(
                "argoproj.io",
                "Rollout",
                json!({"spec": {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
                "status": {"phase": "Healthy", "workloadObservedGeneration": seen}}),
            )
        };
        let deployment = |generation| {
            tracked(
                "apps",
                "Deployment",
                json!({"metadata": {"generation": generation}}),
            )
        };
        references.track(&rollout("3"));
        assert!(!references.is_behind("Rollout"), "nothing to compare with");
        references.track(&deployment(3));
        assert!(!references.is_behind("Rollout"));
        references.track(&deployment(4));
        assert!(references.is_behind("Rollout"));
        let object = deployment(4).object;
        assert_eq!(
            &*references.rollout_of(&object).unwrap().kind.kind,
            "Rollout"
        );
        references.track(&rollout("4"));
        assert!(!references.is_behind("Rollout"));
    }
}
