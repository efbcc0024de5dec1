//! Observations: the result of one rule at one pod, container, workload or Application.

use argo_core::text::{cap, similar::without_numbers};
use argo_core::{ObjectRef, resource::Terminated};
use jiff::{SignedDuration, Timestamp};

use super::{
    context::{ApplicationView, ContainerView, PodView, WorkloadView},
    facts::Line,
    finding::Severity,
};
use crate::message::{log_line, without_credentials};

mod error_line;

/// The result of one rule at one place. The rule gives the cause; [`Observation::at_pod`] and
/// its siblings fill in the place.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub(super) severity: Severity,
    pub(super) since: Timestamp,
    /// The cause with its numbers.
    pub(super) cause: String,
    /// The cause without numbers: observations with equal keys have one cause.
    pub(super) key: String,
    /// The rank among observations with one cause: the heaviest one gives the sentence.
    pub(super) weight: i64,
    /// The grace time of this observation, where the rule's own does not fit.
    pub(super) grace: Option<SignedDuration>,
    pub(super) evidence: Vec<String>,
    pub(super) next: Option<String>,
    pub(super) lines: Vec<Line>,
    pub(super) error_line: Option<String>,
    /// The last line, where none looks like the error.
    pub(super) last_line: Option<String>,
    /// The consequence of the cause, at the end of the sentence.
    pub(super) consequence: &'static str,
    pub(super) place: Place,
}

/// The place of an observation.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) workload: Option<ObjectRef>,
    pub(super) pod: Option<String>,
    pub(super) container: Option<String>,
}

impl Observation {
    pub(super) fn new(severity: Severity, since: Timestamp, cause: impl Into<String>) -> Self {
        let cause = cause.into();
        Self {
            severity,
            since,
            key: without_numbers(&cause),
            cause,
            weight: 0,
            grace: None,
            evidence: Vec::new(),
            next: None,
            lines: Vec::new(),
            error_line: None,
            last_line: None,
            consequence: "",
            place: Place::default(),
        }
    }

    /// Creates an observation of a failure that cannot pass without a change.
    pub(super) fn doomed(since: Timestamp, cause: impl Into<String>) -> Self {
        Self::new(Severity::Doomed, since, cause)
    }

    /// Creates an observation of trouble that holds the rollout up and may pass.
    pub(super) fn suspicious(since: Timestamp, cause: impl Into<String>) -> Self {
        Self::new(Severity::Suspicious, since, cause)
    }

    /// Sets the key of the cause: observations with equal keys have one cause, whatever
    /// their words.
    pub(super) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    pub(super) fn weight(mut self, weight: i64) -> Self {
        self.weight = weight;
        self
    }

    pub(super) fn grace(mut self, grace: SignedDuration) -> Self {
        self.grace = Some(grace);
        self
    }

    pub(super) fn evidence(mut self, fact: impl AsRef<str>) -> Self {
        let fact = without_credentials(fact.as_ref());
        if !fact.is_empty() && !self.evidence.contains(&fact) {
            self.evidence.push(fact);
        }
        self
    }

    pub(super) fn next(mut self, command: impl Into<String>) -> Self {
        self.next = Some(command.into());
        self
    }

    pub(super) fn consequence(mut self, text: &'static str) -> Self {
        self.consequence = text;
        self
    }

    /// Adds the last lines of the container, and the one that looks like the error, or else the
    /// last one.
    pub(super) fn last_log(self, lines: &[Line]) -> Self {
        let last = lines.iter().rev().map(|line| line.text.trim());
        let last = last.map(|text| cap(&without_credentials(text), 200));
        let last = last.into_iter().find(|text| !text.is_empty());
        let mut observation = self.log(lines);
        observation.error_line = observation.error_line.or(last);
        observation
    }

    /// Adds the last lines of the container, and the one that looks like the error.
    pub(super) fn log(mut self, lines: &[Line]) -> Self {
        self.error_line = error_line::error_line(lines);
        self.lines = lines.to_vec();
        self
    }

    /// Adds the reason that the program wrote into its termination message, where no line of
    /// its log looks like the error.
    pub(super) fn own_words(mut self, end: &Terminated) -> Self {
        let message = end.message.as_deref().unwrap_or_default();
        if self.error_line.is_none() && !message.trim().is_empty() {
            let lines: Vec<Line> = message
                .lines()
                .map(|text| Line {
                    time: self.since,
                    text: log_line(text),
                })
                .collect();
            let found = error_line::error_line(&lines);
            self.error_line = found.or_else(|| error_line::last_line(&lines));
        }
        self
    }

    /// Adds the last words of a program that ended by itself, where no line looks like the
    /// error.
    pub(super) fn last_words(mut self) -> Self {
        if self.error_line.is_none() {
            self.last_line = error_line::last_line(&self.lines);
        }
        self
    }

    pub(super) fn at_container(mut self, view: &ContainerView<'_>) -> Self {
        self.place.container = Some(view.name().to_owned());
        self.at_pod(view.pod)
    }

    pub(super) fn at_pod(mut self, view: PodView<'_>) -> Self {
        self.place.pod = Some(view.name().to_owned());
        self.place.workload = Some(view.fact.root.clone());
        if let Some(metric) = view.metric() {
            // The name of the pod is that of its Job, which is a uid.
            self.place.pod = None;
            self.cause = format!("analysis of {metric}: {}", self.cause);
            self.key = format!("analysis of {metric}: {}", self.key);
            // The Rollout waits for a person by now, not for the measurement.
            if view.is_measured_in_vain() {
                self.severity = self.severity.min(Severity::Suspicious);
            }
        }
        if view.was_so_before(self.since) {
            self.consequence = "; already so before this sync";
            if view.may_be_replaced() || view.context.is_inherited(&view.fact.root.uid) {
                self.severity = self.severity.min(Severity::Suspicious);
            }
        }
        self
    }

    /// Says that a failure is that of the last release, which judges nothing yet, if it is. It
    /// is told once the next release has had the time to come.
    pub(super) fn of_release(mut self, view: WorkloadView<'_>) -> Self {
        if view.is_inherited() {
            let before = super::span::age(view.context.facts.started, self.since);
            self.grace = Some(before.saturating_add(super::span::secs(5)));
            self.severity = self.severity.min(Severity::Suspicious);
            self.consequence = "; already so before this sync";
        }
        self
    }

    pub(super) fn at_workload(mut self, view: WorkloadView<'_>) -> Self {
        self.place.workload.get_or_insert(view.fact.root.clone());
        self
    }

    pub(super) fn at_application(mut self, view: &ApplicationView<'_>) -> Self {
        self.place.workload.get_or_insert_with(|| view.object());
        self
    }

    /// Makes the observation one about `object` rather than about the object that the rule looked at.
    pub(super) fn about(mut self, object: ObjectRef) -> Self {
        self.place.workload = Some(object);
        self
    }
}

/// Formats a kubectl command that a person can paste.
pub(super) fn kubectl(namespace: &str, arguments: &[&str]) -> String {
    let mut command = String::from("kubectl");
    if !namespace.is_empty() {
        command.push_str(" -n ");
        command.push_str(&quoted(namespace));
    }
    for argument in arguments {
        command.push(' ');
        command.push_str(&quoted(argument));
    }
    command
}

/// Formats a command of Argo Rollouts' kubectl plugin. Its flags come last: kubectl takes none
/// before the name of a plugin.
pub(super) fn rollouts(object: &ObjectRef, arguments: &[&str]) -> String {
    let mut command = String::from("kubectl argo rollouts");
    for argument in arguments.iter().chain([&&*object.name]) {
        command.push(' ');
        command.push_str(&quoted(argument));
    }
    format!("{command} -n {}", quoted(&object.namespace))
}

/// Quotes a word for a shell. Names of the cluster are data, never commands.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let printable: String = word.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", cap(&printable, 253).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_safe_to_paste() {
        assert_eq!(
            kubectl("shop", &["logs", "db-1", "-c", "postgres", "--previous"]),
            "kubectl -n shop logs db-1 -c postgres --previous"
        );
        assert_eq!(
            kubectl("", &["get", "node", "a; rm -rf '/'"]),
            "kubectl get node 'a; rm -rf '\\''/'\\'''"
        );
    }
}
