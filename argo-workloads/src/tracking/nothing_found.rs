//! The notice that nothing of an application was found, with the likely reason.

use std::collections::{BTreeMap, BTreeSet};

use argo_core::{AppRef, Level, Notice, NoticeCode, resource::Application, text::counted};

use super::{index::Node, selectors::Selectors};
use crate::Membership;

/// The facts that may explain why nothing was found.
pub(crate) struct NothingFound<'a> {
    pub(crate) app: &'a AppRef,
    pub(crate) application: Option<&'a Application>,
    /// The cluster that the Application deploys to and the one that is read, if their names
    /// differ.
    pub(crate) elsewhere: Option<(&'a str, &'a str)>,
    pub(crate) namespaces: &'a BTreeSet<String>,
    pub(crate) selectors: &'a Selectors,
    /// Seconds waited so far; absent for one look.
    pub(crate) seconds: Option<u64>,
}

#[derive(Default)]
struct Seen {
    others: BTreeMap<String, usize>,
    installations: BTreeMap<String, usize>,
    labelled: usize,
    unmarked: usize,
}

impl NothingFound<'_> {
    /// Writes the notice, with the most likely reason.
    pub(crate) fn notice<'a>(&self, nodes: impl Iterator<Item = &'a Node>) -> Notice {
        let seen = self.count(nodes);
        let namespaces: Vec<_> = self.namespaces.iter().map(String::as_str).collect();
        let place = match namespaces[..] {
            [] => "any namespace".to_owned(),
            _ => namespaces.join(", "),
        };
        let mut message = format!(
            "nothing of application {} found in {place}{}{}",
            self.app.name,
            self.seconds
                .map_or(String::new(), |seconds| format!(" after {seconds} s")),
            seen.sentence(),
        );
        if self
            .application
            .is_some_and(|app| app.status.resources.is_empty())
        {
            message.push_str("; the Application lists no objects yet: it may not have been synced");
        }
        if let Some((cluster, watched)) = self.elsewhere {
            message.push_str(&format!(
                "; the Application deploys to cluster \"{cluster}\", and the one that is read is {watched}"
            ));
        }
        let notice = Notice::new(NoticeCode::NothingFound, Level::Warning, message);
        match self.hint(&seen) {
            Some(hint) => notice.hint(hint),
            None => notice,
        }
    }

    /// Counts the objects without an owner by their marks.
    fn count<'a>(&self, nodes: impl Iterator<Item = &'a Node>) -> Seen {
        let mut seen = Seen::default();
        for node in nodes.filter(|node| node.owners.is_empty()) {
            match self
                .selectors
                .membership(&node.object.kind, &node.metadata())
            {
                Membership::Other(name) => *seen.others.entry(name).or_default() += 1,
                Membership::OtherInstallation(id) => {
                    let id = id.unwrap_or_else(|| "none".to_owned());
                    *seen.installations.entry(id).or_default() += 1;
                }
                Membership::LabelOnly => seen.labelled += 1,
                Membership::Copied(_) | Membership::None => seen.unmarked += 1,
                Membership::Own => {}
            }
        }
        seen
    }

    fn hint(&self, seen: &Seen) -> Option<String> {
        if let Some(id) = seen.installations.keys().next() {
            return Some(format!(
                "there the installation id is \"{id}\": check --installation-id"
            ));
        }
        if seen.labelled > 0 {
            return Some("try --tracking label".to_owned());
        }
        if let Some((cluster, _)) = self.elsewhere {
            return Some(format!(
                "if \"{cluster}\" is this cluster, name the namespaces of the objects with -n; \
                 otherwise name that cluster with --context, and the Application's own with \
                 --app-context"
            ));
        }
        if self.application.is_none() {
            return Some(format!(
                "the Application was not read, so {} is a guess: name the namespaces with -n",
                self.app.namespace
            ));
        }
        None
    }
}

impl Seen {
    fn sentence(&self) -> String {
        let mut parts = Vec::new();
        for (name, count) in self.others.iter().take(3) {
            parts.push(format!("{} of \"{name}\"", counted(*count, "object")));
        }
        for (id, count) in self.installations.iter().take(3) {
            parts.push(format!(
                "{} of an Argo CD with installation id \"{id}\"",
                counted(*count, "object")
            ));
        }
        if self.labelled > 0 {
            parts.push(format!(
                "{} with its label but no tracking id",
                counted(self.labelled, "object")
            ));
        }
        if self.unmarked > 0 {
            parts.push(format!(
                "{} without a mark",
                counted(self.unmarked, "object")
            ));
        }
        if parts.is_empty() {
            return ": no workload is there".to_owned();
        }
        format!(": found there: {}", parts.join(", "))
    }
}
