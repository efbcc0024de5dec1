//! Puts the changes among the findings into words.

use argo_core::text::duration::{self, in_words};
use argo_core::{
    Level, Record,
    record::{self, Body},
};
use argo_workloads::diagnosis::{Finding, FindingEvent};
use jiff::Timestamp;

/// Puts a change of the findings into words.
pub(super) fn record(event: &FindingEvent, now: Timestamp) -> Option<Record> {
    match event {
        FindingEvent::Found(finding) | FindingEvent::Worse(finding) => Some(found(finding, now)),
        FindingEvent::Resolved { finding, until } => Some(resolved(finding, *until, now)),
        _ => None,
    }
}

fn found(finding: &Finding, now: Timestamp) -> Record {
    let level = if finding.is_doomed() {
        Level::Error
    } else {
        Level::Warning
    };
    let msg = format!("{}: {}", finding.workload, finding.sentence);
    Record::at(now, level, msg, Body::Finding(finding.into()))
}

/// `Deployment/web: resolved after 24 s: Secret "token" does not exist`
fn resolved(finding: &Finding, until: Timestamp, now: Timestamp) -> Record {
    let lasted = in_words(duration::between(finding.since, until));
    let body = record::Finding {
        doomed: false,
        resolved: true,
        evidence: Vec::new(),
        lines: Vec::new(),
        next: None,
        ..record::Finding::from(finding)
    };
    let (workload, sentence) = (&finding.workload, &finding.sentence);
    let msg = format!("{workload}: resolved after {lasted}: {sentence}");
    Record::at(now, Level::Info, msg, Body::Finding(body))
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, ObjectRef};
    use argo_workloads::diagnosis::{Code, NewPods, Severity};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn finding() -> Finding {
        Finding {
            code: Code::ConfigMissing,
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
            sentence: "no Secret".to_owned(),
            cause: "no Secret".to_owned(),
            evidence: vec!["a fact".to_owned()],
            last_lines: Vec::new(),
            next: Some("kubectl".to_owned()),
        }
    }

    #[test]
    fn a_finding_names_its_workload() {
        let found = record(&FindingEvent::Found(finding()), at(1)).unwrap();
        assert_eq!(found.msg, "Deployment/web: no Secret");
        assert_eq!(found.level, Level::Error);
    }

    #[test]
    fn a_resolved_finding_is_taken_back() {
        let (finding, until) = (finding(), at(24));
        let record = record(&FindingEvent::Resolved { finding, until }, at(29)).unwrap();
        assert_eq!(record.msg, "Deployment/web: resolved after 24 s: no Secret");
        assert_eq!(record.level, Level::Info);
        let Body::Finding(body) = &record.body else {
            panic!("{record:?}")
        };
        assert!(body.resolved && !body.doomed && body.evidence.is_empty() && body.next.is_none());
        assert_eq!(
            (&*body.code, &*body.pods),
            ("config-missing", &["web-1".to_owned()][..])
        );
    }
}
