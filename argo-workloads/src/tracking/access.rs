//! Resources that cannot be read, in as few notices as possible.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use argo_core::{
    Degraded, DegradedReason, Level, Notice, NoticeCode,
    access::{grant, refusal},
};

use crate::workload::Scope;

/// The time for which refusals are gathered: those of one namespace arrive within moments,
/// kind by kind, and make one notice.
const GATHER: Duration = Duration::from_secs(1);

/// Gathers the resources (`pods`, `deployments.apps`) that cannot be read in a scope.
#[derive(Debug, Default)]
pub(crate) struct RefusedAccess {
    forbidden: BTreeMap<Scope, Gathered>,
    reported: BTreeSet<(Scope, String)>,
    due: Option<Duration>,
    unreachable: BTreeSet<(Scope, String)>,
    is_away: bool,
    /// True if the objects come from Argo CD's API.
    is_argocd: bool,
}

/// The beginning of the name of a source that is no cluster but Argo CD's API.
pub(crate) const ARGOCD: &str = "Argo CD ";

pub(crate) fn is_argocd(described: &str) -> bool {
    described.starts_with(ARGOCD)
}

#[derive(Debug, Default)]
struct Gathered {
    resources: BTreeSet<String>,
    matters: bool,
    watch_only: bool,
    /// True if their pods may belong to the application without a way to tell.
    owners: bool,
    /// The server's answer.
    answer: String,
}

impl RefusedAccess {
    /// Takes a 403.
    pub(crate) fn forbidden(
        &mut self,
        scope: &Scope,
        resource: &str,
        matters: bool,
        message: &str,
        now: Duration,
    ) {
        if !self.reported.insert((scope.clone(), resource.to_owned())) {
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
        message.clone_into(&mut gathered.answer);
        self.due.get_or_insert(now + GATHER);
    }

    /// Adds that owners of a resource may not be read one by one either. True if the notice
    /// of that resource says so, or has said it.
    pub(crate) fn cover_owners(&mut self, scope: &Scope, resource: &str) -> bool {
        let gathered = self.forbidden.get_mut(scope);
        if let Some(gathered) = gathered.filter(|some| some.resources.contains(resource)) {
            gathered.owners = true;
        }
        self.reported
            .contains(&(scope.clone(), resource.to_owned()))
    }

    /// Takes a failed connection or refused credentials. Returns a notice for the first
    /// resource.
    pub(crate) fn unreachable(
        &mut self,
        scope: &Scope,
        resource: &str,
        degraded: &Degraded,
        cluster: &str,
    ) -> Option<Notice> {
        self.unreachable
            .insert((scope.clone(), resource.to_owned()));
        if std::mem::replace(&mut self.is_away, true) {
            return None;
        }
        self.is_argocd = is_argocd(cluster);
        let failure = match degraded.reason {
            DegradedReason::Unauthorized if self.is_argocd => "does not accept the token any more",
            DegradedReason::Unauthorized => "refuses the credentials",
            DegradedReason::Forbidden => "does not show the application any more",
            _ => "cannot be reached",
        };
        let message = if self.is_argocd {
            format!("{cluster} {failure}: {}", degraded.message)
        } else {
            format!("the cluster {failure} ({cluster}): {}", degraded.message)
        };
        let (code, hint) = match degraded.reason {
            DegradedReason::Unauthorized if self.is_argocd => (
                NoticeCode::Unreachable,
                "set ARGOCD_AUTH_TOKEN to a new token, or log in again with argocd relogin",
            ),
            DegradedReason::Forbidden => (
                NoticeCode::Forbidden,
                "the policy of the account needs: applications, get, PROJECT/APP, allow",
            ),
            _ => (NoticeCode::Unreachable, ""),
        };
        let notice = Notice::new(code, Level::Warning, message);
        Some(if hint.is_empty() {
            notice
        } else {
            notice.hint(hint)
        })
    }

    /// Takes a success. Returns a notice if a failure was reported before.
    pub(crate) fn restored(&mut self, scope: &Scope, resource: &str) -> Option<Notice> {
        let key = (scope.clone(), resource.to_owned());
        let was_unreachable = self.unreachable.remove(&key);
        let was_forbidden = self.reported.remove(&key);
        if let Some(gathered) = self.forbidden.get_mut(scope) {
            gathered.resources.remove(resource);
        }
        let message = if was_forbidden {
            format!("{resource} can be read again in {scope}")
        } else if was_unreachable && self.is_away {
            // A kind in which nothing changes never reports that it works again.
            self.unreachable.clear();
            self.is_away = false;
            let server = if self.is_argocd {
                "Argo CD"
            } else {
                "the cluster"
            };
            format!("{server} can be reached again")
        } else {
            return None;
        };
        Some(Notice::new(NoticeCode::Restored, Level::Info, message))
    }

    /// Returns the time at which [`gathered`](Self::gathered) has notices.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Takes the notices about refused resources, one for each namespace.
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
    let refusal = refusal(verb, &resources, &scope.to_string());
    let level = if gathered.matters {
        Level::Warning
    } else {
        Level::Info
    };
    let message = format!("{refusal}: {lost} are missing");
    Notice::new(NoticeCode::Forbidden, level, message).hint(rule(
        scope,
        &resources,
        &gathered.answer,
    ))
}

/// Returns the commands that allow reading the resources to the user whom the server's answer
/// names.
pub(crate) fn rule(scope: &Scope, resources: &[&str], answer: &str) -> String {
    let namespace = match scope {
        Scope::Cluster => None,
        Scope::Namespace(namespace) => Some(&**namespace),
    };
    grant(namespace, &["get", "list", "watch"], resources, answer)
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
        let mut access = RefusedAccess::default();
        let said = r#"jobs.batch is forbidden: User "ci" cannot list resource "jobs" in API group "batch""#;
        for resource in ["replicasets.apps", "jobs.batch", "jobs.batch"] {
            access.forbidden(&shop(), resource, true, said, Duration::ZERO);
        }
        assert_eq!(access.due(), Some(SECOND));
        let notices = access.gathered();
        let [notice] = &notices[..] else {
            panic!("{notices:?}")
        };
        assert_eq!(
            notice.message,
            "cannot list jobs.batch and replicasets.apps in shop (403 forbidden): their status and events are missing"
        );
        assert_eq!(
            notice.hint.as_deref(),
            Some(
                "kubectl create role argo-assistant -n shop --verb=get,list,watch --resource=jobs.batch,replicasets.apps --dry-run=client -o yaml | kubectl auth reconcile -n shop -f - && kubectl create rolebinding argo-assistant -n shop --role=argo-assistant --user=ci --dry-run=client -o yaml | kubectl auth reconcile -n shop -f -"
            )
        );
        access.forbidden(&shop(), "jobs.batch", true, said, SECOND);
        assert!(access.due().is_none() && access.gathered().is_empty());
        assert!(access.restored(&shop(), "jobs.batch").is_some());
        access.forbidden(&shop(), "jobs.batch", true, said, SECOND);
        assert_eq!(access.gathered().len(), 1);
    }

    #[test]
    fn a_cluster_that_is_away_is_one_notice_and_one_more_when_it_is_back() {
        let mut access = RefusedAccess::default();
        let degraded = Degraded {
            reason: DegradedReason::Unreachable,
            message: "refused".into(),
        };
        assert!(
            access
                .unreachable(&shop(), "pods", &degraded, "c")
                .is_some()
        );
        assert!(
            access
                .unreachable(&shop(), "jobs.batch", &degraded, "c")
                .is_none()
        );
        assert!(access.restored(&shop(), "pods").is_some());
        assert!(access.restored(&shop(), "jobs.batch").is_none());
        assert!(
            access
                .unreachable(&shop(), "pods", &degraded, "c")
                .is_some()
        );
    }
}
