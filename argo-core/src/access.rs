//! Refused access: a 403 in the server's words, the command that grants the missing right,
//! and reports that are given once.

use std::{collections::HashSet, hash::Hash};

use crate::text::listed;

/// The Role, ClusterRole and bindings that the hints create, named as in `docs/rbac.md`.
const ROLE: &str = "argo-assistant";

/// The user name that the API server gives to requests without credentials.
pub const ANONYMOUS: &str = "system:anonymous";
const SEND_CREDENTIALS: &str = "no credentials reached the server, which took us for system:anonymous: give the context's user entry in the kubeconfig a token, a client certificate or an exec plugin (kubectl config view --minify shows the entry)";

/// The parts of a 403 that a hint needs.
///
/// The API server's text reads `pods is forbidden: User "ci" cannot list resource "pods" in
/// API group "" in the namespace "shop"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forbidden {
    /// The user whom the server knows; a service account is `system:serviceaccount:…`.
    pub user: Option<String>,
    /// The verb that is not allowed: `list`, `watch`, `get`.
    pub verb: Option<String>,
    /// The resource with its group: `pods`, `deployments.apps`, `pods/log`.
    pub resource: Option<String>,
}

impl Forbidden {
    /// Reads the message of a 403. Parts that the message does not name are `None`.
    pub fn parse(message: &str) -> Self {
        Self {
            user: quoted_after(message, "User \"").map(str::to_owned),
            verb: verb(message).map(str::to_owned),
            resource: resource(message),
        }
    }
}

fn quoted_after<'a>(message: &'a str, opening: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(opening)?;
    rest.split_once('"').map(|(quoted, _)| quoted)
}

fn verb(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" cannot ")?;
    rest.split_once(" resource ").map(|(verb, _)| verb)
}

fn resource(message: &str) -> Option<String> {
    let resource = quoted_after(message, "resource \"")?;
    let group = quoted_after(message, "API group \"").unwrap_or_default();
    Some(match (group, resource.split_once('/')) {
        ("", _) => resource.to_owned(),
        (group, None) => format!("{resource}.{group}"),
        // kubectl writes the group before the subresource.
        (group, Some((resource, sub))) => format!("{resource}.{group}/{sub}"),
    })
}

/// Returns the commands that allow the verbs on the resources to the user whom the message of
/// a 403 names (`USER` if it names none), in one namespace or in the whole cluster.
///
/// `kubectl auth reconcile` adds to a Role that exists, where `kubectl create` would fail: the
/// hints of several refusals may be run one after the other.
///
/// Nobody should give rights to `system:anonymous`, which is everybody: the advice is to send
/// credentials then.
pub fn grant(namespace: Option<&str>, verbs: &[&str], resources: &[&str], message: &str) -> String {
    let user = Forbidden::parse(message).user;
    if user.as_deref() == Some(ANONYMOUS) {
        return SEND_CREDENTIALS.to_owned();
    }
    let (kind, place) = match namespace {
        Some(namespace) => ("role", format!(" -n {namespace}")),
        None => ("clusterrole", String::new()),
    };
    let (verbs, resources) = (verbs.join(","), resources.join(","));
    let user = user.as_deref().unwrap_or("USER");
    let apply = format!("--dry-run=client -o yaml | kubectl auth reconcile{place} -f -");
    format!(
        "kubectl create {kind} {ROLE}{place} --verb={verbs} --resource={resources} {apply} && \
         kubectl create {kind}binding {ROLE}{place} --{kind}={ROLE} --user={user} {apply}"
    )
}

/// Words a refusal: `cannot list jobs.batch and pods in shop (403 forbidden)`.
pub fn refusal(verb: &str, resources: &[&str], place: &str) -> String {
    format!(
        "cannot {verb} {} in {place} (403 forbidden)",
        listed(resources)
    )
}

/// Remembers which failures were reported, so that each scope is reported once, and once more
/// when it works again.
///
/// A scope is the subject of one report (a namespace); its members fail one by one (a
/// container, a resource). The first member that fails reports the scope, the first that
/// recovers reports its recovery.
#[derive(Clone, Debug)]
pub struct Reported<S, M = ()> {
    scopes: HashSet<S>,
    members: HashSet<(S, M)>,
}

impl<S, M> Default for Reported<S, M> {
    fn default() -> Self {
        Self {
            scopes: HashSet::new(),
            members: HashSet::new(),
        }
    }
}

/// The relation of a recovery to the reports before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The first recovery of a scope whose failure was reported: to be reported too.
    First,
    /// A failed member of a scope whose recovery was already reported.
    Repeated,
    /// The member had not failed.
    Unrelated,
}

impl<S: Clone + Eq + Hash, M: Eq + Hash> Reported<S, M> {
    /// Records that a member of a scope failed. True if the scope is to be reported.
    pub fn failed(&mut self, scope: &S, member: M) -> bool {
        self.members.insert((scope.clone(), member));
        self.scopes.insert(scope.clone())
    }

    /// Records that a member of a scope works.
    pub fn works(&mut self, scope: &S, member: M) -> Recovery {
        if !self.members.remove(&(scope.clone(), member)) {
            Recovery::Unrelated
        } else if self.scopes.remove(scope) {
            Recovery::First
        } else {
            Recovery::Repeated
        }
    }

    /// True while a member is known to fail.
    pub fn is_failing(&self, scope: &S, member: M) -> bool {
        self.members.contains(&(scope.clone(), member))
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
