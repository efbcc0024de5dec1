//! The questions that the rules ask about a resource of any kind.

use argo_core::resource::Application;

use super::ResourceView;
use crate::diagnosis::facts::WorkloadFact;

impl<'a> ResourceView<'a> {
    /// Returns the followed workload of this name: its own rules say more.
    pub(crate) fn workload(self) -> Option<&'a WorkloadFact> {
        let name = &self.resource.name;
        let mut workloads = self.context.facts.workloads.values();
        workloads.find(|fact| {
            fact.object.kind == name.kind
                && fact.object.name == name.name
                && fact.object.namespace == name.namespace
                && !fact.is_gone
        })
    }

    /// True if it is a workload whose own progress is followed. A CronJob has none.
    pub(crate) fn is_followed(self) -> bool {
        let pod = self.resource.name.kind.is("", "Pod");
        pod || self
            .workload()
            .is_some_and(|fact| fact.traits.runs != argo_core::Runs::OnSchedule)
    }

    /// Returns the Application that lists it.
    pub(crate) fn application(self) -> Option<&'a Application> {
        let name = &self.resource.name;
        let mut applications = self.context.applications().map(|view| view.application);
        applications.find(|application| {
            application.status.resources.iter().any(|listed| {
                name.kind.is(&listed.group, &listed.kind)
                    && *listed.name == *name.name
                    && *listed.namespace == *name.namespace
            })
        })
    }
}
