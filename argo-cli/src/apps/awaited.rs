//! The applications that argocd is to wait for.

use argo_core::AppRef;
use jiff::Timestamp;

use super::{Apps, Member};
use crate::session::Exited;

impl Apps {
    /// Returns the applications that argocd still has to wait for: those that it has not seen
    /// succeed, or all that are not decided if it has seen each of them.
    pub(crate) fn waiting(&mut self) -> Vec<AppRef> {
        let is_new = |member: &Member| {
            let exited = member.session.argocd();
            !member.is_decided && !exited.is_some_and(Exited::is_success)
        };
        let are_new = self.members.iter().any(is_new);
        let members = self.members.iter_mut();
        let waiting = members.filter(|member| match are_new {
            true => is_new(member),
            false => !member.is_decided,
        });
        let apps = waiting.flat_map(|member| {
            member.is_asked = true;
            member.session.awaited_apps()
        });
        apps.collect()
    }

    /// Takes the applications that are to be compared with git before argocd waits for them.
    pub(crate) fn take_stale(&mut self) -> Vec<AppRef> {
        let members = self.members.iter_mut();
        members
            .flat_map(|member| member.session.take_stale())
            .collect()
    }

    /// True while argocd waits for applications that ours deploy.
    pub(crate) fn wait_for_children(&self) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.session.waits_for_children())
    }

    /// True if argocd was not told yet to wait for an application that has joined.
    pub(super) fn has_unasked(&self) -> bool {
        let mut members = self.members.iter();
        let has_argocd = self.config().argocd.is_some();
        has_argocd && members.any(|member| !member.is_asked && !member.is_decided)
    }

    /// True while argocd runs for the applications that it was told of.
    pub(super) fn runs_argocd(&self) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.is_asked && member.session.runs_child())
    }

    /// Records that a command of argocd begins: its time limit counts from here.
    pub(crate) fn argocd_begins(&mut self, now: Timestamp) {
        for member in &mut self.members {
            member.session.argocd_begins(now);
        }
    }
}
