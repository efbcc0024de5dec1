//! Each form of the output of a success and of a failure, and what containers cannot do in it.

use argo_core::{AppRef, NoticeCode, record::NoticeBody};
use argo_logs::Line;
use jiff::tz::TimeZone;

use super::*;
use crate::{recording::Header, replay, settings::Settings, summary::Outcome, view::Choice};

const PIPELINES: [View; 6] = [
    View::Text,
    View::Github,
    View::Gitlab,
    View::Azure,
    View::Buildkite,
    View::Teamcity,
];

fn start() -> Timestamp {
    Header::new(
        &AppRef::new("shop", "argocd"),
        "2026-11-23T10:00:00Z".parse().unwrap(),
    )
    .started
}

fn screen(view: View) -> Screen {
    let choice = Choice {
        view,
        shows_colors: false,
    };
    let mut settings = Settings::read(&|_| None, choice).0;
    settings.zone = TimeZone::UTC;
    let renderer = Renderer::new(settings, false, start(), "shop".to_owned());
    Screen::new(renderer, false, LogBudget::new(Some(0), view))
}

fn verdict_of(view: View, summary: &Summary) -> String {
    let mut out = Vec::new();
    screen(view).verdict(summary, start(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_line_that_uses_the_budget_up_is_the_last_one() {
    let origin = Origin {
        app: None,
        id: 1,
        namespace: "shop",
        workload: None,
        pod: "web-1",
        uid: "uid-1",
        container: "app",
        restart: 0,
        store: None,
    };
    let line = |number: i64| (number, format!("line {number}"));
    let lines: Vec<_> = (0..20).map(line).collect();
    let shown = |size: usize, budget: u64| {
        let mut screen = screen(View::Text);
        screen.budget = LogBudget::new(Some(budget), View::Text);
        let mut out = Vec::new();
        for lines in lines.chunks(size) {
            let lines = lines
                .iter()
                .map(|(at, text)| Line::new(Some(*at), text.as_bytes()));
            let batch = Batch::from_lines("".into(), 0, lines);
            screen.lines(&origin, |_| Level::Info, &batch, start(), &mut out);
        }
        String::from_utf8(out).unwrap()
    };
    let whole = shown(20, 1 << 20);
    for budget in 1..=(whole.len() as u64 + 1) {
        let one_by_one = shown(1, budget);
        assert_eq!(shown(20, budget), one_by_one, "{budget}");
        assert_eq!(shown(7, budget), one_by_one, "{budget}");
        assert!(whole.starts_with(&one_by_one) && one_by_one.ends_with('\n'));
    }
    assert_eq!(shown(20, 1).lines().count(), 1);
}

fn success() -> Summary {
    let mut summary = replay::tests::summary();
    summary.workloads.truncate(1);
    summary.outcome = Outcome::Succeeded;
    summary.exit = 0;
    summary
}

#[test]
fn a_failure_in_each_form() {
    let summary = replay::tests::summary();
    let text = verdict_of(View::Text, &summary);
    let done = "✔ Deployment/web 1/1 ready after 8 s, 2 restarts\n";
    let (body, cause) = text.trim_end().rsplit_once('\n').unwrap();
    let problem = "exceeded its \"progress deadline\" ## [error]x";
    for (view, wanted) in [
        (
            View::Github,
            format!(
                "::group::1 workload rolled out\n{done}::endgroup::\n::error title=Deployment/api::{problem}\n{text}"
            ),
        ),
        (
            View::Gitlab,
            format!(
                "\x1b[0Ksection_start:1795428000:argo_assistant_finished[collapsed=true]\r\x1b[0K1 workload rolled out\n\
                 {done}\x1b[0Ksection_end:1795428000:argo_assistant_finished\r\x1b[0K\n\
                 \x1b[0Ksection_start:1795428000:argo_assistant_verdict\r\x1b[0KVerdict\n{body}\n\
                 \x1b[0Ksection_end:1795428000:argo_assistant_verdict\r\x1b[0K\n{cause}\n"
            ),
        ),
        (
            View::Azure,
            format!(
                "##[group]1 workload rolled out\n{done}##[endgroup]\n##vso[task.logissue type=error]Deployment/api: {problem}\n{text}"
            ),
        ),
        (
            View::Buildkite,
            format!("^^^ +++\n--- 1 workload rolled out\n{done}+++ Verdict\n{text}"),
        ),
        (
            View::Teamcity,
            format!(
                "##teamcity[blockOpened name='1 workload rolled out']\n{done}##teamcity[blockClosed name='1 workload rolled out']\n\
                 ##teamcity[buildProblem description='Deployment/api: exceeded its \"progress deadline\" ## |[error|]x' \
                 identity='shop_prod_Deployment_api__f4f4a3b1f7d9c6a0']\n{text}"
            ),
        ),
    ] {
        let shown = verdict_of(view, &summary);
        let hidden = |text: &str| match text.find("identity='") {
            Some(at) => format!("{}{}", &text[..at], &text[at + 70..]),
            None => text.to_owned(),
        };
        assert_eq!(hidden(&shown), hidden(&wanted), "{view:?}");
    }
}

#[test]
fn a_success_has_no_problem() {
    for view in PIPELINES {
        let shown = verdict_of(view, &success());
        for sign in [
            "::error",
            "logissue",
            "buildProblem",
            "^^^",
            "argo_assistant_verdict",
        ] {
            assert!(!shown.contains(sign), "{view:?}: {shown}");
        }
        assert!(
            shown
                .trim_end()
                .lines()
                .last()
                .unwrap()
                .starts_with("Rolled out shop")
        );
    }
}

#[test]
fn ten_problems_at_most_and_the_last_one_counts_the_rest() {
    let mut summary = replay::tests::summary();
    let row = summary.workloads.remove(1);
    summary.workloads.clear();
    for number in 0..25 {
        let mut row = row.clone();
        row.object.name = format!("api-{number}").into();
        summary.workloads.push(row);
    }
    let shown = verdict_of(View::Github, &summary);
    assert_eq!(shown.matches("::error ").count(), 10, "{shown}");
    assert!(shown.contains("::error title=16 more workloads failed::Deployment/api-9, "));
    let long = "ä".repeat(5000);
    summary.workloads[0].failed = Some(long);
    for line in verdict_of(View::Teamcity, &summary).lines() {
        if let Some(rest) = line.strip_prefix("##teamcity[buildProblem description='") {
            let (description, rest) = rest.split_once("' identity='").unwrap();
            assert!(description.chars().count() <= 4000);
            assert!(rest.trim_end_matches("']").len() <= 60, "{rest}");
        }
    }
}

/// Every command of a CI system and of a terminal that is known here.
const HOSTILE: [&str; 24] = [
    "::error title=x::y",
    "  ::set-output name=a::b",
    "\u{a0}::warning::x",
    "::endgroup::",
    "::add-mask::e",
    "##[error]x",
    "a ##[group]x",
    "##[endgroup]",
    "##vso[task.setvariable variable=a]b",
    "##VSO[task.complete result=Succeeded]",
    "#\u{200b}#vso[task.debug]x",
    "##teamcity[buildStatus text='x']",
    "--- folded",
    "+++ open",
    "^^^ +++",
    "~~~ muted",
    "section_start:1:a[collapsed=true]\r\x1b[0Kx",
    "section_end:1:argo_assistant_verdict\r\x1b[0K",
    "\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07",
    "\x1b_bk;x\x07\x1b]1338;url=x\x07",
    "\x1b[2J\x1b[1;1H\x1b[?25l",
    "\u{9b}2J\u{9d}0;x\u{9c}\x08\x08",
    "\x1b[31mred \x1b[8mhidden",
];

/// True if a line is one that a CI system or a terminal obeys.
fn is_obeyed(line: &str) -> bool {
    let lower: String = line.to_lowercase();
    let plain: String = lower
        .chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}'))
        .collect();
    let starts = ["--- ", "+++ ", "~~~ ", "^^^ "];
    plain.trim_start().starts_with("::")
        || ["##[", "##vso[", "##teamcity["]
            .iter()
            .any(|marker| plain.contains(marker))
        || starts.iter().any(|start| line.starts_with(start))
        || line.chars().any(|c| c != '\t' && c.is_control())
}

#[test]
fn each_hostile_text_would_be_obeyed() {
    for text in HOSTILE {
        assert!(is_obeyed(text), "{text:?}");
    }
}

#[test]
fn a_container_gives_no_command_in_any_form() {
    for view in PIPELINES {
        for text in HOSTILE {
            let mut screen = screen(view);
            let mut out = Vec::new();
            let origin = Origin {
                app: None,
                id: 1,
                namespace: "n",
                workload: None,
                pod: "web-1",
                uid: "uid-1",
                container: "app",
                restart: 0,
                store: None,
            };
            let line = Line::new(Some(0), text.as_bytes());
            let batch = Batch::from_lines("".into(), 0, std::iter::once(line));
            screen.lines(&origin, |_| Level::Info, &batch, start(), &mut out);
            screen.argo(Stream::Stderr, text.as_bytes(), false, start(), &mut out);
            let body = Body::Notice(NoticeBody {
                app: None,
                code: NoticeCode::Other,
                object: Some(text.to_owned()),
                hint: Some(text.to_owned()),
            });
            let record = Record::at(start(), Level::Error, text, body);
            screen.record(&record, start(), &mut out);
            let shown = String::from_utf8(out).unwrap();
            for line in shown.lines() {
                assert!(!is_obeyed(line), "{view:?} {text:?}: {line:?}");
            }
        }
    }
}

/// The verdict of a run whose texts are all hostile has the commands of a quiet one, no more.
#[test]
fn the_cause_of_a_failure_gives_no_command_in_any_form() {
    for view in PIPELINES {
        let quiet = verdict_of(view, &replay::tests::summary());
        let commands = |text: &str| text.lines().filter(|line| is_obeyed(line)).count();
        for text in HOSTILE {
            let mut summary = replay::tests::summary();
            summary.workloads[1].failed = Some(format!("{text}\n{text}"));
            summary.workloads[1].waiting_for = Some(text.to_owned());
            summary.app = format!("shop{text}");
            summary.operation = vec![text.to_owned()];
            summary.argocd = Some(text.to_owned());
            summary.argocd_next = Some(text.to_owned());
            let shown = verdict_of(view, &summary);
            assert_eq!(
                commands(&shown),
                commands(&quiet),
                "{view:?} {text:?}: {shown}"
            );
        }
    }
}

#[test]
fn quiet_shows_argocd_findings_and_the_verdict() {
    let mut screen = screen(View::Text);
    screen.is_quiet = true;
    let mut out = Vec::new();
    let body = |code| {
        Body::Notice(NoticeBody {
            app: None,
            code,
            object: None,
            hint: None,
        })
    };
    screen.record(
        &Record::at(start(), Level::Warning, "a notice", body(NoticeCode::Other)),
        start(),
        &mut out,
    );
    assert!(out.is_empty());
    screen.argo(Stream::Stdout, b"from argocd", false, start(), &mut out);
    let finding = Body::Finding(argo_core::record::Finding::default());
    screen.record(
        &Record::at(start(), Level::Error, "found", finding),
        start(),
        &mut out,
    );
    let shown = String::from_utf8(out).unwrap();
    assert!(shown.contains("[argo] from argocd") && shown.contains("[finding] found"));
}
