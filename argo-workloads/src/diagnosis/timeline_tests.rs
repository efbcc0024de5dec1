// Findings that come, go, and come again.

use argo_core::GroupKind;

use super::*;
use crate::diagnosis::NewPods;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// The findings of `Deployment/web` since the start.
fn finding(code: Code, sentence: &str) -> Finding {
    Finding {
        code,
        severity: Severity::Doomed,
        since: at(0),
        workload: ObjectRef {
            kind: GroupKind::new("apps", "Deployment"),
            namespace: "shop".into(),
            name: "web".into(),
            uid: "u".into(),
        },
        pods: vec!["web-1".to_owned()],
        containers: Vec::new(),
        new_pods: NewPods {
            count: 1,
            any_dooms: false,
        },
        sentence: sentence.to_owned(),
        cause: sentence.to_owned(),
        evidence: vec!["a fact".to_owned()],
        last_lines: Vec::new(),
        next: Some("kubectl".to_owned()),
    }
}

fn secret() -> Finding {
    finding(Code::ConfigMissing, "no Secret")
}

fn crash() -> Finding {
    finding(Code::CrashLoop, "it crashes")
}

fn found(finding: Finding) -> Vec<FindingEvent> {
    vec![FindingEvent::Found(finding)]
}

fn resolved(finding: Finding, until: i64) -> Vec<FindingEvent> {
    let until = at(until);
    vec![FindingEvent::Resolved { finding, until }]
}

/// Looks at given times, at a workload whose state is given.
struct Story {
    timeline: Timeline,
    subject: SubjectState,
}

impl Story {
    fn new() -> Self {
        Self {
            timeline: Timeline::default(),
            subject: SubjectState::InProgress,
        }
    }

    fn look(&mut self, findings: &[Finding], second: i64) -> Vec<FindingEvent> {
        let subject = |_: &Finding| self.subject;
        self.timeline
            .update_with(findings.to_vec(), subject, at(second))
    }

    /// Nothing is reported while this is wrong.
    fn quiet(&mut self, findings: &[Finding], seconds: std::ops::RangeInclusive<i64>) {
        for second in seconds {
            let events = self.look(findings, second);
            assert!(events.is_empty(), "{second} s: {events:?}");
        }
    }
}

#[test]
fn a_resolved_finding_is_reported_once() {
    let mut story = Story::new();
    assert_eq!(story.look(&[secret()], 15), found(secret()));
    story.quiet(&[secret()], 16..=24);
    story.quiet(&[], 25..=28);
    assert_eq!(story.look(&[], 29), resolved(secret(), 24));
    story.quiet(&[], 30..=200);
    assert!(story.timeline.current().is_empty());
}

#[test]
fn a_complete_workload_needs_no_patience() {
    let mut story = Story::new();
    story.look(&[secret()], 15);
    story.subject = SubjectState::Complete;
    assert_eq!(story.look(&[], 16), resolved(secret(), 15));
}

#[test]
fn nothing_is_resolved_of_a_workload_that_failed_or_is_gone() {
    let states = [
        SubjectState::Failed,
        SubjectState::Gone,
        SubjectState::PodsReplaced,
    ];
    for subject in states {
        let mut story = Story::new();
        story.look(&[secret()], 15);
        story.subject = subject;
        story.quiet(&[], 16..=100);
    }
}

#[test]
fn a_finding_that_comes_and_goes_is_reported_once_a_minute() {
    let mut story = Story::new();
    assert_eq!(story.look(&[secret()], 0), found(secret()));
    assert_eq!(story.look(&[], 10), resolved(secret(), 0));
    for second in (11..68).step_by(8) {
        story.quiet(&[secret()], second..=second);
        story.quiet(&[], second + 1..=second + 7);
    }
    assert_eq!(story.look(&[secret()], 75), found(secret()));
    story.quiet(&[secret()], 76..=80);
    assert_eq!(story.look(&[], 90), resolved(secret(), 80));
    story.quiet(&[secret()], 95..=95);
    story.quiet(&[], 96..=300);
}

#[test]
fn a_finding_that_takes_its_place_says_enough() {
    let mut story = Story::new();
    story.look(&[secret()], 15);
    story.quiet(&[], 16..=17);
    assert_eq!(story.look(&[crash()], 18), found(crash()));
    story.quiet(&[crash()], 19..=60);
    story.quiet(&[], 61..=70);
    story.subject = SubjectState::Complete;
    assert_eq!(story.look(&[], 71), resolved(crash(), 60));
    story.quiet(&[], 72..=200);
}

#[test]
fn a_finding_beside_it_does_not_hide_that_it_is_resolved() {
    let mut story = Story::new();
    story.look(&[secret(), crash()], 15);
    story.quiet(&[crash()], 16..=19);
    assert_eq!(story.look(&[crash()], 20), resolved(secret(), 15));
}

#[test]
fn a_crash_is_resolved_once_the_workload_is_complete() {
    let mut story = Story::new();
    story.look(&[crash()], 15);
    story.quiet(&[], 16..=100);
    story.subject = SubjectState::Complete;
    assert_eq!(story.look(&[], 101), resolved(crash(), 15));
}

#[test]
fn a_finding_that_turns_out_to_be_for_good_is_reported_at_once() {
    let mut story = Story::new();
    let unsure = Finding {
        severity: Severity::Suspicious,
        ..secret()
    };
    let found_unsure = found(unsure.clone());
    assert_eq!(story.look(std::slice::from_ref(&unsure), 0), found_unsure);
    assert_eq!(story.look(&[], 10).len(), 1);
    story.quiet(&[unsure], 11..=12);
    assert_eq!(story.look(&[secret()], 13), [FindingEvent::Worse(secret())]);
}
