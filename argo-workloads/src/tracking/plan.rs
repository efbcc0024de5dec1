//! The plan of watches: which kinds in which namespaces, and which of them have answered.

use std::collections::BTreeSet;

use argo_core::{GroupKind, resource::Application};

use super::{TrackConfig, application, watches::WatchSpec};
use crate::workload::Scope;

/// Decides which watches are open.
#[derive(Debug, Default)]
pub(crate) struct WatchPlan {
    /// Namespaces that are watched. They only join: objects that an application leaves
    /// behind in one are still of interest.
    namespaces: BTreeSet<String>,
    /// Kinds that may not be watched in the whole cluster.
    not_cluster_wide: BTreeSet<WatchSpec>,
    /// Kinds that the application has objects of, as far as others are watched beside them.
    found: BTreeSet<GroupKind>,
    watches: BTreeSet<WatchSpec>,
    /// Watches that have delivered their first list, or failed for good.
    answered: BTreeSet<WatchSpec>,
}

/// The difference between two plans.
#[derive(Debug, Default)]
pub(crate) struct Replanned {
    pub(crate) opened: Vec<WatchSpec>,
    pub(crate) closed: Vec<WatchSpec>,
}

impl WatchPlan {
    pub(crate) fn watches(&self) -> &BTreeSet<WatchSpec> {
        &self.watches
    }

    pub(crate) fn namespaces(&self) -> &BTreeSet<String> {
        &self.namespaces
    }

    pub(crate) fn join(&mut self, namespaces: impl IntoIterator<Item = String>) {
        self.namespaces.extend(namespaces);
    }

    /// Replaces the plan by the watches of Applications alone, as before the Application
    /// has answered.
    pub(crate) fn applications_only(&mut self, applications: BTreeSet<WatchSpec>) -> Replanned {
        self.replace(applications)
    }

    /// Replaces the plan by all watches of the namespaces.
    pub(crate) fn everything(
        &mut self,
        applications: BTreeSet<WatchSpec>,
        config: &TrackConfig,
    ) -> Replanned {
        let mut watches = applications;
        let kinds = config.kinds.iter().enumerate();
        let needed = kinds.filter(|(_, kind)| {
            let beside = kind.beside();
            beside.is_none_or(|beside| self.found.contains(&beside))
        });
        let kinds = needed.map(|(place, _)| WatchSpec::Kind(place, Scope::Cluster));
        let others = [
            WatchSpec::Pods(Scope::Cluster),
            WatchSpec::Claims(Scope::Cluster),
            WatchSpec::Autoscalers(Scope::Cluster),
        ];
        for kind in kinds.chain(others) {
            self.add(&kind, config, &mut watches);
        }
        self.replace(watches)
    }

    /// Records that the application has an object of a kind. True if more watches are needed
    /// for it.
    pub(crate) fn found(&mut self, kind: &GroupKind, config: &TrackConfig) -> bool {
        if self.found.contains(kind) {
            return false;
        }
        let mut kinds = config.kinds.iter();
        let is_needed = kinds.any(|other| other.beside().as_ref() == Some(kind));
        is_needed && self.found.insert(kind.clone())
    }

    /// Records the kinds that an Application lists: a workload may have no object that leads to
    /// it, for example because its pods are refused. The next plan has their watches.
    pub(crate) fn found_listed(&mut self, application: &Application, config: &TrackConfig) {
        let kinds = config.kinds.iter().filter_map(|kind| kind.beside());
        let listed = kinds.filter(|kind| application::lists_kind(application, kind));
        self.found.extend(listed);
    }

    /// Adds one watch of the whole cluster or one for each namespace.
    fn add(&self, kind: &WatchSpec, config: &TrackConfig, watches: &mut BTreeSet<WatchSpec>) {
        let wide = config.all_namespaces || self.namespaces.len() > config.namespace_limit;
        if wide && !self.not_cluster_wide.contains(kind) {
            watches.insert(kind.clone());
            return;
        }
        for namespace in &self.namespaces {
            watches.insert(kind.within(Scope::Namespace(namespace.as_str().into())));
        }
    }

    fn replace(&mut self, watches: BTreeSet<WatchSpec>) -> Replanned {
        let before = std::mem::replace(&mut self.watches, watches);
        let replanned = Replanned {
            opened: self.watches.difference(&before).cloned().collect(),
            closed: before.difference(&self.watches).cloned().collect(),
        };
        // Opened once more, a watch has a first list before it again.
        for spec in &replanned.closed {
            self.answered.remove(spec);
        }
        replanned
    }

    /// Records that a kind may not be watched in the whole cluster. True if it may be
    /// allowed in each namespace, and that was not known before.
    pub(crate) fn try_each_namespace(&mut self, refused: &WatchSpec) -> bool {
        let is_wide = refused.scope() == Scope::Cluster;
        is_wide && self.not_cluster_wide.insert(refused.clone()) && !self.namespaces.is_empty()
    }

    pub(crate) fn answered(&mut self, spec: &WatchSpec) {
        self.answered.insert(spec.clone());
    }

    /// True once every watch has answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.watches.is_subset(&self.answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(limit: usize) -> TrackConfig {
        TrackConfig {
            namespace_limit: limit,
            ..TrackConfig::default()
        }
    }

    fn pods(plan: &WatchPlan) -> Vec<String> {
        let watches = plan.watches().iter();
        let pods = watches.filter(|spec| matches!(spec, WatchSpec::Pods(_)));
        pods.map(|spec| spec.scope().to_string()).collect()
    }

    #[test]
    fn many_namespaces_are_one_watch_of_the_cluster_where_that_is_allowed() {
        let mut plan = WatchPlan::default();
        plan.join(["a".to_owned(), "b".to_owned()]);
        plan.everything(BTreeSet::new(), &config(2));
        assert_eq!(pods(&plan), ["a", "b"]);
        plan.join(["c".to_owned()]);
        let replanned = plan.everything(BTreeSet::new(), &config(2));
        assert_eq!(pods(&plan), ["all namespaces"]);
        assert!(
            replanned
                .closed
                .contains(&WatchSpec::Pods(Scope::Namespace("a".into())))
        );
        let wide = WatchSpec::Pods(Scope::Cluster);
        assert!(
            plan.try_each_namespace(&wide),
            "each namespace may be allowed"
        );
        assert!(!plan.try_each_namespace(&wide), "that is known by now");
        plan.everything(BTreeSet::new(), &config(2));
        assert_eq!(pods(&plan), ["a", "b", "c"]);
    }

    #[test]
    fn analyses_are_watched_only_beside_a_rollout() {
        let analyses = |plan: &WatchPlan, config: &TrackConfig| {
            let watches = plan.watches().iter();
            let watched = watches.filter(|spec| match spec {
                WatchSpec::Kind(place, _) => config.kinds[*place].beside().is_some(),
                _ => false,
            });
            watched.count()
        };
        let (mut plan, config) = (WatchPlan::default(), config(2));
        plan.join(["a".to_owned()]);
        plan.everything(BTreeSet::new(), &config);
        assert_eq!(analyses(&plan, &config), 0);
        let kind = |group, kind| GroupKind::new(group, kind);
        assert!(!plan.found(&kind("apps", "Deployment"), &config));
        assert!(plan.found(&kind("argoproj.io", "Rollout"), &config));
        assert!(!plan.found(&kind("argoproj.io", "Rollout"), &config));
        plan.everything(BTreeSet::new(), &config);
        assert_eq!(analyses(&plan, &config), 2);
    }

    #[test]
    fn a_kind_beside_itself_is_watched_once_the_application_lists_it() {
        let (mut plan, config) = (WatchPlan::default(), config(2));
        let place = config.kinds.iter().position(|kind| {
            let names = kind.names();
            names.resource() == "replicationcontrollers"
        });
        let spec = WatchSpec::Kind(place.unwrap(), Scope::Namespace("a".into()));
        plan.join(["a".to_owned()]);
        plan.everything(BTreeSet::new(), &config);
        assert!(!plan.watches().contains(&spec));
        let listed = serde_json::json!({"metadata": {}, "status": {"resources": [
            {"kind": "ReplicationController", "name": "old", "namespace": "a"}]}});
        plan.found_listed(&serde_json::from_value(listed).unwrap(), &config);
        plan.everything(BTreeSet::new(), &config);
        assert!(plan.watches().contains(&spec));
    }

    #[test]
    fn a_plan_is_answered_once_each_of_its_watches_is() {
        let mut plan = WatchPlan::default();
        plan.join(["a".to_owned()]);
        plan.everything(BTreeSet::new(), &config(2));
        let watches = plan.watches().clone();
        let (last, first) = watches.iter().next_back().zip(Some(&watches)).unwrap();
        first
            .iter()
            .filter(|spec| *spec != last)
            .for_each(|spec| plan.answered(spec));
        assert!(!plan.is_answered());
        plan.answered(last);
        assert!(plan.is_answered());
        plan.join(["b".to_owned()]);
        plan.everything(BTreeSet::new(), &config(2));
        assert!(!plan.is_answered(), "a namespace joined");
    }
}
