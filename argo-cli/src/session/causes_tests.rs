// What is said of findings that come, go and come again.

use argo_core::GroupKind;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

/// What is wrong with `Deployment/web` since the start.
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
        new_pods: 1,
        sentence: sentence.to_owned(),
        cause: sentence.to_owned(),
        evidence: vec!["a fact".to_owned()],
        last_lines: Vec::new(),
        error_line: None,
        next: Some("kubectl".to_owned()),
    }
}

fn secret() -> Finding {
    finding(Code::ConfigMissing, "no Secret")
}

fn crash() -> Finding {
    finding(Code::CrashLoop, "it crashes")
}

const SECRET: &str = "Deployment/web: no Secret";

/// Findings that are told at their time, and a workload that goes on as it is told.
struct Story {
    causes: Causes,
    course: Course,
}

impl Story {
    fn new() -> Self {
        let (causes, course) = (Causes::default(), Course::Going);
        Self { causes, course }
    }

    fn records(&mut self, findings: &[Finding], second: i64) -> Vec<Record> {
        let course = |_: &ObjectRef, _: &[String]| self.course;
        self.causes.update(findings.to_vec(), course, at(second))
    }

    fn say(&mut self, findings: &[Finding], second: i64) -> Vec<String> {
        let records = self.records(findings, second);
        records.into_iter().map(|record| record.msg).collect()
    }

    /// Nothing is said while this is wrong.
    fn quiet(&mut self, findings: &[Finding], seconds: std::ops::RangeInclusive<i64>) {
        for second in seconds {
            let said = self.say(findings, second);
            assert!(said.is_empty(), "{second} s: {said:?}");
        }
    }
}

#[test]
fn what_is_over_is_said_once_and_takes_the_finding_back() {
    let mut story = Story::new();
    assert_eq!(story.say(&[secret()], 15), [SECRET]);
    story.quiet(&[secret()], 16..=24);
    story.quiet(&[], 25..=28);
    let records = story.records(&[], 29);
    assert_eq!(records[0].msg, "Deployment/web: over after 24 s: no Secret");
    assert_eq!(records[0].level, Level::Info);
    let Body::Finding(body) = &records[0].body else {
        panic!("{records:?}")
    };
    assert!(body.resolved && !body.doomed && body.evidence.is_empty() && body.next.is_none());
    assert_eq!(
        (&*body.code, &*body.pods),
        ("config-missing", &["web-1".to_owned()][..])
    );
    story.quiet(&[], 30..=200);
    assert!(story.causes.current().is_empty());
}

#[test]
fn a_complete_workload_needs_no_patience() {
    let mut story = Story::new();
    story.say(&[secret()], 15);
    story.course = Course::Complete;
    assert_eq!(
        story.say(&[], 16),
        ["Deployment/web: over after 15 s: no Secret"]
    );
}

#[test]
fn of_a_workload_that_failed_or_is_gone_nothing_is_over() {
    for course in [Course::Failed, Course::Gone, Course::Anew] {
        let mut story = Story::new();
        story.say(&[secret()], 15);
        story.course = course;
        story.quiet(&[], 16..=100);
    }
}

#[test]
fn what_comes_and_goes_is_told_once_a_minute() {
    let mut story = Story::new();
    assert_eq!(story.say(&[secret()], 0).len(), 1);
    assert_eq!(
        story.say(&[], 10),
        ["Deployment/web: over after 0 s: no Secret"]
    );
    for second in (11..68).step_by(8) {
        story.quiet(&[secret()], second..=second);
        story.quiet(&[], second + 1..=second + 7);
    }
    assert_eq!(story.say(&[secret()], 75), [SECRET]);
    story.quiet(&[secret()], 76..=80);
    assert_eq!(story.say(&[], 90).len(), 1);
    assert!(story.say(&[secret()], 95).is_empty());
    story.quiet(&[], 96..=300);
}

#[test]
fn what_takes_its_place_says_enough() {
    let mut story = Story::new();
    story.say(&[secret()], 15);
    story.quiet(&[], 16..=17);
    assert_eq!(story.say(&[crash()], 18), ["Deployment/web: it crashes"]);
    story.quiet(&[crash()], 19..=60);
    story.quiet(&[], 61..=70);
    story.course = Course::Complete;
    assert_eq!(
        story.say(&[], 71),
        ["Deployment/web: over after 1 m 00 s: it crashes"]
    );
    story.quiet(&[], 72..=200);
}

#[test]
fn what_stood_beside_it_does_not_hide_that_it_is_over() {
    let mut story = Story::new();
    story.say(&[secret(), crash()], 15);
    story.quiet(&[crash()], 16..=19);
    assert_eq!(story.say(&[crash()], 20).len(), 1);
}

#[test]
fn a_crash_is_over_when_the_workload_is_complete() {
    let mut story = Story::new();
    story.say(&[crash()], 15);
    story.quiet(&[], 16..=100);
    story.course = Course::Complete;
    assert_eq!(story.say(&[], 101).len(), 1);
}

#[test]
fn what_turns_out_to_be_for_good_is_said_at_once() {
    let mut story = Story::new();
    let unsure = Finding {
        severity: Severity::Suspicious,
        ..secret()
    };
    assert_eq!(story.say(std::slice::from_ref(&unsure), 0), [SECRET]);
    assert_eq!(story.say(&[], 10).len(), 1);
    story.quiet(&[unsure], 11..=12);
    assert_eq!(story.say(&[secret()], 13), [SECRET]);
}
