//! Watches that are refused, fail or work again.

use super::*;

impl Tracker {
    pub(super) fn degraded(&mut self, spec: &WatchSpec, degraded: &Degraded) {
        match degraded.reason {
            // A right that is missing is missing for everything, and may be granted soon.
            DegradedReason::Forbidden if self.refuses_everything(spec) => {
                return self.unreachable(spec, degraded);
            }
            DegradedReason::Forbidden => self.forbidden(spec, &degraded.message),
            DegradedReason::NotServed => self.not_served(spec),
            DegradedReason::Unauthorized | DegradedReason::Unreachable => {
                // These may pass soon, so the first list is still awaited.
                return self.unreachable(spec, degraded);
            }
        }
        // Waiting for a list that never comes would hold up the start.
        self.plan.answered(spec);
        if let WatchSpec::Applications { .. } = spec {
            self.watch_everything();
            return;
        }
        let changes = self.index.uncover(&spec.kind(&self.kinds), &spec.scope());
        self.report(changes);
    }

    /// True if a refusal is one of Argo CD's API, which refuses an application and not a kind.
    fn refuses_everything(&self, spec: &WatchSpec) -> bool {
        let is_list = matches!(spec, WatchSpec::Applications { name: None, .. });
        is_argocd(self.applications.cluster()) && !is_list
    }

    pub(super) fn forbidden(&mut self, spec: &WatchSpec, message: &str) {
        if let WatchSpec::Applications { namespace, name } = spec {
            // A role with `resourceNames` allows the read of one Application.
            if name.is_none() && self.applications.only_by_name(namespace) {
                return self.replan();
            }
            return self.applications_forbidden(spec, namespace, message);
        }
        // A role may allow in each namespace a kind that it does not allow in the whole
        // cluster.
        if self.plan.try_each_namespace(spec) {
            return self.replan();
        }
        let resource = spec.resource(&self.kinds);
        let matters = spec.matters(&self.kinds);
        let access = &mut self.notices.access;
        access.forbidden(&spec.scope(), &resource, matters, message, self.now);
    }

    pub(super) fn applications_forbidden(
        &mut self,
        spec: &WatchSpec,
        namespace: &str,
        message: &str,
    ) {
        let fallback = self.fallback(self.applications.root());
        let resource = spec.resource(&self.kinds);
        let notice = notices::applications_forbidden(
            namespace,
            &fallback,
            &spec.scope(),
            &resource,
            message,
        );
        self.once(NoticeKey::Forbidden(namespace.to_owned()), notice);
    }

    pub(super) fn not_served(&mut self, spec: &WatchSpec) {
        if let WatchSpec::Applications { .. } = spec {
            let fallback = self.fallback(self.applications.root());
            let notice = notices::applications_not_served(&fallback);
            return self.once(NoticeKey::NotInstalled, notice);
        }
        let resource = spec.resource(&self.kinds);
        if is_part_of_kubernetes(&spec.kind(&self.kinds)) {
            let notice = notices::not_served(&resource);
            self.once(NoticeKey::NotServed(resource), notice);
        } else {
            // A custom kind that is not installed is nothing to report.
            log::debug!("the cluster does not serve {resource}");
        }
    }

    pub(super) fn unreachable(&mut self, spec: &WatchSpec, degraded: &Degraded) {
        let resource = spec.resource(&self.kinds);
        let cluster = self.applications.cluster();
        let access = &mut self.notices.access;
        let notice = access.unreachable(&spec.scope(), &resource, degraded, cluster);
        self.notify(notice);
    }

    pub(super) fn restored(&mut self, spec: &WatchSpec) {
        let (scope, resource) = (spec.scope(), spec.resource(&self.kinds));
        self.index.cover(&spec.kind(&self.kinds), &scope);
        let notice = self.notices.access.restored(&scope, &resource);
        self.notify(notice);
    }
}
