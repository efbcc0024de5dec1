//! An Application that the application deploys, and whether it is worth a wait.

use argo_core::{
    AppRef,
    resource::{Application, OperationState, Source},
};
use jiff::Timestamp;

/// The annotation by which Argo CD orders the objects of a sync.
const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// An Application that the application deploys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its name.
    pub app: AppRef,
    /// Its wave among the objects of its parent.
    pub wave: i64,
    /// Its state.
    pub state: ChildState,
    /// True if it is Degraded.
    pub is_degraded: bool,
}

/// The state of a [`Child`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// Argo CD has not compared it with its present source: whatever it says is old.
    NotCompared,
    /// A sync runs, or Argo CD will begin one by itself.
    Syncing,
    /// It is synced and not healthy.
    Unhealthy,
    /// It is synced and healthy.
    Done,
    /// Nothing will change it: a wait for it would have no end.
    Stuck(Stuck),
}

/// The reason for which nothing will change a [`Child`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// It differs from git, and nobody syncs it.
    OutOfSync,
    /// It was Degraded before, and no sync has touched it since.
    Degraded,
}

impl ChildState {
    /// True until its sync is over.
    pub fn is_syncing(self) -> bool {
        matches!(self, Self::NotCompared | Self::Syncing)
    }

    /// True until it is synced and healthy, unless that will never be.
    pub fn is_waited_for(self) -> bool {
        self.is_syncing() || self == Self::Unhealthy
    }
}

impl Stuck {
    /// Returns the reason as the end of a sentence about an Application.
    pub fn words(self) -> &'static str {
        match self {
            Self::OutOfSync => "is OutOfSync, and nobody syncs it",
            Self::Degraded => "was Degraded before this sync",
        }
    }
}

impl Child {
    pub(super) fn of(application: &Application, started: Timestamp) -> Self {
        let meta = &application.metadata;
        let name = meta.name.clone().unwrap_or_default();
        let annotations = meta.annotations.as_ref();
        let wave = annotations.and_then(|all| all.get(WAVE));
        Self {
            app: AppRef::new(name, meta.namespace.clone().unwrap_or_default()),
            wave: wave.and_then(|wave| wave.parse().ok()).unwrap_or(0),
            state: state(application, started),
            is_degraded: application.status.health.status.as_deref() == Some("Degraded"),
        }
    }
}

/// Returns the Applications among the objects of an Application.
pub(super) fn listed(application: &Application) -> impl Iterator<Item = AppRef> + '_ {
    let home = application
        .metadata
        .namespace
        .as_deref()
        .unwrap_or_default();
    let resources = application.status.resources.iter();
    let children =
        resources.filter(|it| it.group == "argoproj.io" && it.kind == "Application" && !it.hook);
    children.map(move |child| match child.namespace.as_str() {
        "" => AppRef::new(&child.name, home),
        namespace => AppRef::new(&child.name, namespace),
    })
}

fn state(application: &Application, started: Timestamp) -> ChildState {
    let status = &application.status;
    let operation = status.operation_state.as_ref();
    let policy = &application.spec.sync_policy;
    let sync = status.sync.status.as_deref().unwrap_or_default();
    if sync.is_empty() || is_stale(application) {
        return ChildState::NotCompared;
    }
    if application.operation || operation.is_some_and(OperationState::is_running) {
        return ChildState::Syncing;
    }
    if sync == "OutOfSync" {
        let begins = policy.is_automated() && (policy.heals() || !is_applied(application));
        return match begins {
            true => ChildState::Syncing,
            false => ChildState::Stuck(Stuck::OutOfSync),
        };
    }
    let ended = operation.and_then(|operation| operation.finished_at.as_ref());
    let changed = status.health.last_transition_time.as_ref();
    let is_old = ended.is_none_or(|ended| ended.0 < started)
        && changed.is_none_or(|changed| changed.0 < started);
    match status.health.status.as_deref() {
        Some("Healthy") => ChildState::Done,
        Some("Degraded") if is_old => ChildState::Stuck(Stuck::Degraded),
        _ => ChildState::Unhealthy,
    }
}

/// True if the last comparison was with another source than the present one: the parent's sync has
/// changed it a moment ago. Sources that Argo CD does not tell are taken for the present ones.
fn is_stale(application: &Application) -> bool {
    let spec = &application.spec;
    let compared = &application.status.sync.compared_to;
    if spec.is_hydrated {
        return false;
    }
    let wanted = sources(&spec.sources, spec.source.as_ref());
    let compared = sources(&compared.sources, compared.source.as_ref());
    !compared.is_empty() && wanted != compared
}

fn sources<'a>(several: &'a [Source], one: Option<&'a Source>) -> Vec<&'a Source> {
    match several {
        [] => one.into_iter().collect(),
        several => several.iter().collect(),
    }
}

/// True if the last sync applied the revision that is compared with: auto-sync does not do so twice.
fn is_applied(application: &Application) -> bool {
    let compared = &application.status.sync;
    let operation = application.status.operation_state.as_ref();
    operation.is_some_and(|operation| {
        let result = &operation.sync_result;
        result.revision == compared.revision && result.revisions == compared.revisions
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> String {
        Timestamp::from_second(1_800_000_000 + second)
            .unwrap()
            .to_string()
    }

    fn of(spec: &Value, status: &Value) -> ChildState {
        let mut spec = spec.clone();
        spec["source"] = json!({"targetRevision": "v2", "path": "cart"});
        let application = serde_json::from_value(json!({
            "metadata": {"name": "cart", "namespace": "argocd", "annotations": {WAVE: "-2"}},
            "spec": spec, "status": status,
        }));
        let child = Child::of(&application.unwrap(), at(0).parse().unwrap());
        assert_eq!(
            (child.app.to_string().as_str(), child.wave),
            ("argocd/cart", -2)
        );
        child.state
    }

    fn synced(health: &Value, finished: i64) -> Value {
        json!({"sync": {"status": "Synced", "revision": "abc"}, "health": health,
            "operationState": {"phase": "Succeeded", "finishedAt": at(finished),
                "syncResult": {"revision": "abc"}}})
    }

    #[test]
    fn a_child_is_waited_for_while_something_will_change_it() {
        let (manual, automated, heals) = (
            json!({}),
            json!({"syncPolicy": {"automated": {}}}),
            json!({"syncPolicy": {"automated": {"selfHeal": true}}}),
        );
        let healthy = json!({"status": "Healthy"});
        let degraded = |since: i64| json!({"status": "Degraded", "lastTransitionTime": at(since)});
        let differs = |applied: &str| {
            json!({"sync": {"status": "OutOfSync", "revision": "abc"}, "health": healthy,
                "operationState": {"phase": "Succeeded", "syncResult": {"revision": applied}}})
        };
        let mut running = synced(&healthy, -9);
        running["operationState"]["phase"] = "Running".into();
        for (policy, status, state) in [
            (&automated, json!({}), ChildState::NotCompared),
            (&manual, synced(&healthy, -90), ChildState::Done),
            (&manual, running, ChildState::Syncing),
            (&manual, differs("abc"), ChildState::Stuck(Stuck::OutOfSync)),
            (&manual, differs("old"), ChildState::Stuck(Stuck::OutOfSync)),
            (&automated, differs("old"), ChildState::Syncing),
            (
                &automated,
                differs("abc"),
                ChildState::Stuck(Stuck::OutOfSync),
            ),
            (&heals, differs("abc"), ChildState::Syncing),
            (
                &manual,
                synced(&json!({"status": "Progressing"}), 5),
                ChildState::Unhealthy,
            ),
            (&manual, synced(&json!({}), 5), ChildState::Unhealthy),
            (
                &manual,
                synced(&degraded(-9), -90),
                ChildState::Stuck(Stuck::Degraded),
            ),
            (&manual, synced(&degraded(9), -90), ChildState::Unhealthy),
            (&manual, synced(&degraded(-9), 5), ChildState::Unhealthy),
        ] {
            assert_eq!(of(policy, &status), state, "{policy} {status}");
        }
    }

    #[test]
    fn a_comparison_with_another_source_is_old() {
        let compared = |source: Value| {
            let mut status = synced(&json!({"status": "Healthy"}), -90);
            status["sync"]["comparedTo"] = source;
            of(&json!({}), &status)
        };
        let source =
            |revision: &str| json!({"repoURL": "r", "targetRevision": revision, "path": "cart"});
        assert_eq!(compared(json!({"source": source("v2")})), ChildState::Done);
        assert_eq!(
            compared(json!({"source": source("v1")})),
            ChildState::NotCompared
        );
        assert_eq!(
            compared(json!({"source": {"repoURL": ""}, "sources": [source("v2")]})),
            ChildState::Done
        );
        assert_eq!(compared(json!({})), ChildState::Done);
    }
}
