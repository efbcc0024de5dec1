//! What cannot be read, in as few notices as possible.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use argo_core::{Degraded, DegradedReason, Level, Notice, NoticeCode, access, text::listed};

use crate::Scope;

/// What may not be read in one namespace comes up within moments, kind by kind; it is
/// told together.
const GATHER: Duration = Duration::from_secs(1);

/// Gathers what cannot be read, by resource (`pods`, `deployments.apps`) and scope.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    forbidden: BTreeMap<Scope, Gathered>,
    told: BTreeSet<(Scope, String)>,
    due: Option<Duration>,
    unreachable: BTreeSet<(Scope, String)>,
    said_unreachable: bool,
}

#[derive(Debug, Default)]
struct Gathered {
    resources: BTreeSet<String>,
    matters: bool,
    watch_only: bool,
    /// True if what they own cannot be told for whose it is.
    owners: bool,
    said: String,
}

impl Trouble {
    /// Something may not be read.
    pub(crate) fn forbidden(
        &mut self,
        scope: &Scope,
        resource: &str,
        matters: bool,
        message: &str,
        now: Duration,
    ) {
        if !self.told.insert((scope.clone(), resource.to_owned())) {
            return;
        }
        let watch_only = message.contains("cannot watch");
        let gathered = self.forbidden.entry(scope.clone()).or_insert(Gathered {
            watch_only: true,
            ..Gathered::default()
        });
        gathered.resources.insert(resource.to_owned());
        gathered.matters |= matters;
        gathered.watch_only &= watch_only;
        message.clone_into(&mut gathered.said);
        self.due.get_or_insert(now + GATHER);
    }

    /// Owners of a kind may not be read one by one either; true if the notice of that kind
    /// says so, or has said it.
    pub(crate) fn owners(&mut self, scope: &Scope, resource: &str) -> bool {
        let gathered = self.forbidden.get_mut(scope);
        if let Some(gathered) = gathered.filter(|some| some.resources.contains(resource)) {
            gathered.owners = true;
        }
        self.told.contains(&(scope.clone(), resource.to_owned()))
    }

    /// There is no answer, or the credentials are refused: one notice for all of it.
    pub(crate) fn unreachable(
        &mut self,
        scope: &Scope,
        resource: &str,
        degraded: &Degraded,
        cluster: &str,
    ) -> Option<Notice> {
        self.unreachable
            .insert((scope.clone(), resource.to_owned()));
        if std::mem::replace(&mut self.said_unreachable, true) {
            return None;
        }
        let message = if degraded.reason == DegradedReason::Unauthorized {
            format!(
                "the cluster refuses the credentials ({cluster}): {}",
                degraded.message
            )
        } else {
            format!(
                "the cluster cannot be reached ({cluster}): {}",
                degraded.message
            )
        };
        Some(Notice::new(
            NoticeCode::Unreachable,
            Level::Warning,
            message,
        ))
    }

    /// Something works again.
    pub(crate) fn restored(&mut self, scope: &Scope, resource: &str) -> Option<Notice> {
        let key = (scope.clone(), resource.to_owned());
        let was_unreachable = self.unreachable.remove(&key);
        let was_forbidden = self.told.remove(&key);
        if let Some(gathered) = self.forbidden.get_mut(scope) {
            gathered.resources.remove(resource);
        }
        let message = if was_forbidden {
            format!("{resource} can be read again in {scope}")
        } else if was_unreachable && self.said_unreachable {
            // Of a kind in which nothing changes it is never known that it works again.
            self.unreachable.clear();
            self.said_unreachable = false;
            "the cluster can be reached again".to_owned()
        } else {
            return None;
        };
        Some(Notice::new(NoticeCode::Restored, Level::Info, message))
    }

    /// When [`gathered`](Self::gathered) has something to tell.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// What may not be read, one notice a namespace.
    pub(crate) fn gathered(&mut self) -> Vec<Notice> {
        self.due = None;
        let gathered = std::mem::take(&mut self.forbidden);
        let some = gathered
            .iter()
            .filter(|(_, gathered)| !gathered.resources.is_empty());
        some.map(|(scope, gathered)| notice(scope, gathered))
            .collect()
    }
}

fn notice(scope: &Scope, gathered: &Gathered) -> Notice {
    let resources: Vec<_> = gathered.resources.iter().map(String::as_str).collect();
    let verb = if gathered.watch_only { "watch" } else { "list" };
    let lost = if gathered.resources.contains("pods") {
        "pods and their logs"
    } else if gathered.owners {
        "the pods that they own, their status and events"
    } else {
        "their status and events"
    };
    let message = format!(
        "may not {verb} {} in {scope} (403): {lost} are missing",
        listed(&resources)
    );
    let level = if gathered.matters {
        Level::Warning
    } else {
        Level::Info
    };
    Notice::new(NoticeCode::Forbidden, level, message).hint(grant(
        scope,
        &resources,
        &gathered.said,
    ))
}

/// Returns the commands that allow reading the resources to the user whom a 403 names.
pub(crate) fn grant(scope: &Scope, resources: &[&str], said: &str) -> String {
    let namespace = match scope {
        Scope::Cluster => None,
        Scope::Namespace(namespace) => Some(&**namespace),
    };
    access::grant(namespace, &["get", "list", "watch"], resources, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn shop() -> Scope {
        Scope::Namespace("shop".into())
    }

    #[test]
    fn what_is_forbidden_in_a_namespace_is_one_notice_with_the_rule() {
        let mut trouble = Trouble::default();
        let said = r#"jobs.batch is forbidden: User "ci" cannot list resource "jobs" in API group "batch""#;
        for resource in ["replicasets.apps", "jobs.batch", "jobs.batch"] {
            trouble.forbidden(&shop(), resource, true, said, Duration::ZERO);
        }
        assert_eq!(trouble.due(), Some(SECOND));
        let notices = trouble.gathered();
        let [notice] = &notices[..] else {
            panic!("{notices:?}")
        };
        assert_eq!(
            notice.message,
            "may not list jobs.batch and replicasets.apps in shop (403): their status and events are missing"
        );
        assert_eq!(
            notice.hint.as_deref(),
            Some(
                "kubectl create role argo-assistant -n shop --verb=get,list,watch --resource=jobs.batch,replicasets.apps --dry-run=client -o yaml | kubectl auth reconcile -n shop -f - && kubectl create rolebinding argo-assistant -n shop --role=argo-assistant --user=ci --dry-run=client -o yaml | kubectl auth reconcile -n shop -f -"
            )
        );
        trouble.forbidden(&shop(), "jobs.batch", true, said, SECOND);
        assert!(trouble.due().is_none() && trouble.gathered().is_empty());
        assert!(trouble.restored(&shop(), "jobs.batch").is_some());
        trouble.forbidden(&shop(), "jobs.batch", true, said, SECOND);
        assert_eq!(trouble.gathered().len(), 1);
    }

    #[test]
    fn a_cluster_that_is_away_is_one_notice_and_one_more_when_it_is_back() {
        let mut trouble = Trouble::default();
        let degraded = Degraded {
            reason: DegradedReason::Unreachable,
            message: "refused".into(),
        };
        assert!(
            trouble
                .unreachable(&shop(), "pods", &degraded, "c")
                .is_some()
        );
        assert!(
            trouble
                .unreachable(&shop(), "jobs.batch", &degraded, "c")
                .is_none()
        );
        assert!(trouble.restored(&shop(), "pods").is_some());
        assert!(trouble.restored(&shop(), "jobs.batch").is_none());
        assert!(
            trouble
                .unreachable(&shop(), "pods", &degraded, "c")
                .is_some()
        );
    }
}
