//! End of a pod: TERM, KILL, cleaning up, the final status.

use jiff::Timestamp;

use super::{Effect, Ending, PodMachine, Work};
use crate::kubelet::container::{Container, Role};
use crate::kubelet::process::later;

impl PodMachine {
    /// Returns true if no container of the pod runs or will run again.
    pub(super) fn finished(&self) -> bool {
        let over = |container: &Container| {
            container.ended_with().is_some() && !container.restarts(self.policy())
        };
        let of = |role: Role| {
            self.containers
                .iter()
                .filter(move |container| container.role == role)
        };
        let failed_init = of(Role::Init).any(|init| over(init) && init.ended_with() != Some(0));
        failed_init || of(Role::Main).all(over)
    }

    pub(super) fn go_on_killing(&mut self, at: Timestamp) {
        let alive = |sidecar: bool, machine: &Self| -> Vec<usize> {
            let of = machine.containers.iter().enumerate();
            let alive = of.filter(|(_, c)| c.alive() && (c.role == Role::Sidecar) == sidecar);
            alive.map(|(index, _)| index).collect()
        };
        let unasked = |machine: &Self, list: &[usize]| -> Vec<usize> {
            let of = list.iter().copied();
            of.filter(|index| machine.containers[*index].kill_at.is_none())
                .collect()
        };
        let mut left = alive(false, self);
        if left.is_empty() {
            left = alive(true, self);
            self.sidecars_killed |= !left.is_empty();
        }
        if left.is_empty() {
            return self.all_ended(at);
        }
        let unasked = unasked(self, &left);
        for index in &unasked {
            let name = &self.containers[*index].name;
            self.event_at(
                *index,
                false,
                "Killing",
                format!("Stopping container {name}"),
            );
        }
        for index in unasked {
            self.terminate(index, at);
        }
    }

    pub(super) fn all_ended(&mut self, at: Timestamp) {
        if self.ending != Ending::Killing {
            return;
        }
        self.ending = Ending::Cleaning;
        self.relist(at);
        (self.sync_at, self.relist_at) = (None, None);
        self.sandbox = false;
        for container in &mut self.containers {
            (container.reason, container.probes.next) = (None, None);
        }
        if self.deleted() {
            self.final_status(at);
        } else if self.sidecars_killed {
            self.write_status(at);
        }
        let span = self.timing.cleanup.draw(&mut self.random);
        self.work = Some((later(at, span), Work::Cleanup));
    }

    pub(super) fn over(&mut self, at: Timestamp) {
        self.final_status(at);
        self.ending = Ending::Over;
        if self.deleted() {
            self.effects.push(Effect::Delete);
        }
    }

    pub(super) fn final_status(&mut self, at: Timestamp) {
        let before = std::mem::replace(&mut self.ending, Ending::Over);
        self.write_status(at);
        self.ending = before;
    }
}
