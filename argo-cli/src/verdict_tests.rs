use argo_workloads::diagnosis::{Code, Severity};

use super::*;

#[path = "verdict_tests/blocks.rs"]
mod blocks;
#[path = "verdict_tests/sentences.rs"]
mod sentences;
#[path = "verdict_tests/summaries.rs"]
mod summaries;

use self::summaries::*;

#[test]
fn hostile_text_obeys_nobody() {
    let mut summary = crash_loop();
    summary.app = "shop\u{1b}]0;owned\u{7}".to_owned();
    summary.argocd = Some("::error::no\r##[error]x".to_owned());
    summary.findings[0].sentence = "a\n::set-output name=x::y ##vso[task.complete]".to_owned();
    summary.findings[0].last_lines[0].1 = "\u{1b}[2J\u{1b}[31mred".to_owned();
    summary.operation = vec!["::error::operation".to_owned()];
    summary.findings[0].evidence = vec!["::error::evidence".to_owned()];
    summary.workloads[0].waiting_for = Some("a\tb\n::add-mask::c".to_owned());
    summary.workloads[0].complete = false;
    let text = text(
        &summary,
        &Settings::of_pairs(&[("LOG_FORCE_COLORS", "true")]),
    );
    assert!(!text.contains("##[") && !text.contains("##vso["), "{text}");
    assert!(
        !text.contains("[2J") && !text.contains("]0;") && !text.contains('\r'),
        "{text}"
    );
    let is_command = |line: &str| line.trim_start().starts_with("::");
    assert!(!text.lines().any(is_command), "{text}");
    assert!(!text.contains("\u{1b}[31mred"), "{text}");
}

#[test]
fn no_workload_gets_more_than_25_lines_and_no_line_is_too_wide() {
    let mut summary = crash_loop();
    let finding = &mut summary.findings[0];
    finding.sentence = "words and words ".repeat(31);
    finding.evidence = (0..6)
        .map(|n| format!("{n} {}", "a fact ".repeat(25)))
        .collect();
    finding.last_lines = (0..10).map(|n| (time(n), format!("line {n}"))).collect();
    let mut second = finding.clone();
    second.code = Code::OomKilled;
    let mut third = finding.clone();
    third.code = Code::ProbeFailing;
    summary.findings.extend([second, third]);
    let text = text(&summary, &Settings::of_pairs(&[]));
    let block: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("StatefulSet/db  crash-loop"))
        .collect();
    let own = block.iter().take_while(|line| **line != "Also:").count();
    assert!(own <= 26, "{own} lines:\n{text}");
    assert!(text.contains("Also:\n  StatefulSet/db: words"), "{text}");
    assert!(
        text.contains("  Next: kubectl -n shop-prod logs db-1"),
        "{text}"
    );
    assert!(
        text.ends_with("(and StatefulSet/db oom-killed, StatefulSet/db probe-failing)\n"),
        "{text}"
    );
    let widest = block[..own]
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap();
    assert!(widest <= WIDTH, "{widest}:\n{text}");
}

#[test]
fn another_part_of_the_same_workload_is_named_by_itself() {
    let mut summary = crash_loop();
    let mut other = summary.findings[0].clone();
    other.containers = vec!["exporter".to_owned()];
    other.cause = "another".to_owned();
    other.new_pods.count = other.pods.len();
    summary.findings.push(other);
    let text = text(&summary, &Settings::of_pairs(&[]));
    let end = "(and container exporter crash-loop)\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn many_workloads_are_no_wall() {
    let mut summary = nothing();
    summary.workloads = (0..300)
        .map(|n| row("Deployment", &format!("w{n}"), 1, 1))
        .collect();
    summary.workloads[250] = row("Deployment", "late", 0, 1);
    let text = text(&summary, &Settings::of_pairs(&[]));
    assert!(text.lines().count() < 40, "{text}");
    let names: Vec<_> = text
        .lines()
        .filter(|line| line.contains("Deployment/"))
        .collect();
    assert!(names[0].contains("· Deployment/late "), "{text}");
    assert!(
        text.contains("… and 280 more workloads, all complete"),
        "{text}"
    );
}

#[test]
fn workloads_of_several_namespaces_are_told_apart() {
    let mut summary = nothing();
    let mut other = row("Deployment", "web", 0, 1);
    other.object.namespace = "shop-jobs".into();
    summary.workloads.push(other);
    let text = text(&summary, &Settings::of_pairs(&[]));
    assert!(text.contains("Deployment/web (shop-prod)   2/3"), "{text}");
    assert!(text.contains("Deployment/web (shop-jobs)   0/1"), "{text}");
}

#[test]
fn colours_stand_in_marks_and_the_outcome_only() {
    let text = text(
        &crash_loop(),
        &Settings::of_pairs(&[("LOG_FORCE_COLORS", "true")]),
    );
    assert!(
        text.contains("\u{1b}[1m\u{1b}[31mTIMED OUT\u{1b}[0m  shop"),
        "{text:?}"
    );
    assert!(
        text.contains("\u{1b}[32m✔\u{1b}[0m Deployment/web"),
        "{text:?}"
    );
    assert!(
        text.contains("\u{1b}[31m✘\u{1b}[0m StatefulSet/db"),
        "{text:?}"
    );
    let plain = super::text(&crash_loop(), &Settings::of_pairs(&[]));
    let stripped = ["\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[0m"]
        .iter()
        .fold(text, |text, code| text.replace(code, ""));
    assert_eq!(stripped, plain);
}

#[test]
fn the_advice_on_a_failure_of_argocd_is_shown() {
    let summary = Summary {
        outcome: Outcome::Failed,
        ..no_token()
    };
    let text = text(&summary, &Settings::of_pairs(&[]));
    assert!(
        text.contains("\n  Next: set ARGOCD_AUTH_TOKEN, or run argocd login\n"),
        "{text}"
    );
    let last = "shop: Argo CD does not accept the token: no session information; \
                1 of 3 workloads are not complete\n";
    assert!(text.ends_with(last), "{text}");
    let Body::Verdict(verdict) = record(&summary, time(1)).body else {
        panic!("a verdict");
    };
    assert_eq!(verdict.next, summary.argocd_next);
}

#[test]
fn an_argocd_that_could_not_ask_is_the_end_unless_something_cannot_recover() {
    let mut waiting = finding(
        Code::WaitingForResource,
        object("Ingress", "web"),
        &[],
        "still Progressing: no address yet",
    );
    waiting.severity = Severity::Suspicious;
    let summary = Summary {
        outcome: Outcome::Failed,
        findings: vec![waiting],
        ..no_token()
    };
    let last = sentence(&summary);
    assert!(last.starts_with("shop: "), "{last}");
    assert!(
        last.ends_with("(and Ingress/web waiting-for-resource)"),
        "{last}"
    );
    let summary = Summary {
        outcome: Outcome::Failed,
        findings: crash_loop().findings,
        ..no_token()
    };
    assert!(
        sentence(&summary).starts_with("StatefulSet/db"),
        "{}",
        sentence(&summary)
    );
}

#[test]
fn more_time_is_no_advice_where_a_cause_is_known() {
    let advice = Some("give it longer: -- --timeout SECONDS".to_owned());
    for (summary, shown) in [(crash_loop(), false), (nothing(), true)] {
        let summary = Summary {
            argocd_next: advice.clone(),
            ..summary
        };
        let text = text(&summary, &Settings::of_pairs(&[]));
        assert_eq!(text.contains("give it longer"), shown, "{text}");
    }
}

#[test]
fn the_record_has_the_facts_of_the_block() {
    let record = record(&crash_loop(), time(300));
    assert_eq!(record.level, Level::Error);
    assert!(text(&crash_loop(), &Settings::of_pairs(&[])).ends_with(&format!("{}\n", record.msg)));
    let Body::Verdict(verdict) = record.body else {
        panic!("a verdict");
    };
    assert_eq!(
        (verdict.outcome.as_str(), verdict.reason.as_str()),
        ("timeout", "timeout")
    );
    assert_eq!(
        (verdict.argocd_exit, verdict.exit, verdict.seconds),
        (Some(20), 20, 300)
    );
    assert_eq!(verdict.findings[0].code, "crash-loop");
    let restarts: Vec<_> = verdict.workloads.iter().map(|row| row.restarts).collect();
    assert_eq!(restarts, [0, 6, 0]);
}

#[test]
fn a_log_store_is_asked_by_a_query_that_is_ready() {
    let names = argo_logs::LabelNames::new("namespace", "pod", "container");
    let indexed = names_of(&["namespace", "pod", "container"]);
    let query = argo_logs::StoreQuery::new(argo_logs::StoreKind::Loki, names, indexed);
    let summary = Summary {
        log_store: Some(query),
        ..crash_loop()
    };
    let wanted = r#"{namespace="shop-prod", pod="db-1"}"#;
    let text = text(&summary, &Settings::of_pairs(&[]));
    assert!(
        text.contains(&format!("\n  Logs (LogQL): {wanted}\n")),
        "{text}"
    );
    let Body::Verdict(verdict) = record(&summary, time(0)).body else {
        panic!();
    };
    assert_eq!(verdict.findings[0].log_query.as_deref(), Some(wanted));
    // A replay says the same.
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
}

fn names_of(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Returns the verdict on a terminal with so many columns.
fn on_terminal(summary: &Summary, columns: u16) -> String {
    let mut settings = Settings::of_pairs(&[]);
    settings.fit(Some(columns));
    text(summary, &settings)
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let names = [
        "web",
        "工作负载",
        "a-name-that-is-as-long-as-a-name-can-be-in-kubernetes-which-is-63",
    ];
    for name in names {
        for mut summary in [good(), crash_loop(), image_typo(), hook_failed(), nothing()] {
            for row in &mut summary.workloads {
                row.object.name = name.into();
            }
            for columns in [20, 33, 40, 60, 80, 100, 200] {
                let text = on_terminal(&summary, columns);
                for line in text.lines() {
                    // A word that is longer than the line cannot be broken, and a command is copied.
                    let is_word = line
                        .split_whitespace()
                        .any(|word| word.len() + 6 >= columns.into());
                    let is_whole = is_word || line.starts_with("  Next: kubectl");
                    let width = prose::columns(line);
                    assert!(
                        width < columns.into() || is_whole,
                        "{columns}: {line}\n{text}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_command_stays_whole_on_a_narrow_terminal_and_a_sentence_does_not() {
    let shown = |next: &str| {
        let mut of_finding = crash_loop();
        of_finding.findings[0].next = Some(next.to_owned());
        let of_argocd = Summary {
            outcome: Outcome::Failed,
            argocd_next: Some(next.to_owned()),
            ..no_token()
        };
        let line = format!("\n  Next: {next}\n");
        [of_finding, of_argocd].map(|summary| on_terminal(&summary, 20).contains(&line))
    };
    for command in [
        "argocd app sync shop --prune",
        "argocd app get shop --show-operation",
        "argocd app diff shop",
        "argocd proj windows list shop",
        "kubectl -n shop-prod describe pod web-a",
    ] {
        assert_eq!(shown(command), [true; 2], "{command}");
    }
    let sentence = "raise the quota or lower what the manifests ask for";
    assert_eq!(shown(sentence), [false; 2]);
}

#[test]
fn a_narrow_table_has_fewer_columns_and_then_lines_for_each_workload() {
    let mut summary = crash_loop();
    let table = |summary: &Summary, columns: u16| {
        let text = on_terminal(summary, columns);
        let lines = text.split("\n\n").nth(1).unwrap_or_default();
        lines.to_owned()
    };
    assert_eq!(
        table(&summary, 70),
        "    Workload           Ready     Waiting for
  ✔ Deployment/web     3/3       –
  ✘ StatefulSet/db     1/2 ↻ 6   db-1: container postgres crashes on…
  ✔ Job/shop-migrate   done      –"
    );
    assert_eq!(
        table(&summary, 40),
        "  ✔ Deployment/web  3/3 ready
  ✘ StatefulSet/db
    1/2 ready, 6 restarts
    db-1: container postgres crashes on
    start (exit 1, 3 times in 55 s): …
  ✔ Job/shop-migrate  done"
    );
    summary.workloads[0].object.name = "checkout-service-worker-of-the-eu".into();
    let narrow = table(&summary, 40);
    let first = "  ✔ Deployment/checko…-worker-of-the-eu\n    3/3 ready";
    assert!(narrow.starts_with(first), "{narrow}");
}

#[test]
fn a_header_that_is_too_wide_has_a_line_for_each_part() {
    let shown = on_terminal(&crash_loop(), 60);
    let lines: Vec<&str> = shown.lines().skip(1).take(2).collect();
    assert_eq!(
        lines,
        [
            "TIMED OUT  shop  after 5 m: StatefulSet/db crash-loop",
            "  (argocd exit 20)"
        ]
    );
    let shown = on_terminal(&crash_loop(), 40);
    let lines: Vec<&str> = shown.lines().skip(1).take(2).collect();
    assert_eq!(lines[0], "TIMED OUT  shop  after 5 m:");
    assert_eq!(lines[1], "  StatefulSet/db crash-loop");
}
