use argo_core::{
    AppRef,
    record::{self, Body},
};
use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::{
    recording::{ContainerFact, Fact, Header, Operation, PodFact, RunFact},
    replay,
};

const HOSTILE: &str =
    "</script><img src=x onerror=alert(1)> <!--TITLE--> ]]> & \u{1b}[31m ##[error]x | `a` @team";

fn start() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    crate::recording::at(start(), second * 1000)
}

fn pod(number: usize) -> PodFact {
    PodFact {
        uid: format!("u{number}"),
        namespace: "shop-prod".to_owned(),
        name: format!("web-{number}"),
        workload: "Deployment/web".to_owned(),
        new: true,
        created: Some(at(1)),
        phase: "Running".to_owned(),
        conditions: vec![("Ready".to_owned(), Some(at(5)))],
        containers: vec![ContainerFact {
            name: "app".to_owned(),
            image: "registry.example.com/shop/web:v1".to_owned(),
            restarts: 1,
            runs: vec![RunFact {
                restart: 1,
                started: Some(at(3)),
                ..RunFact::default()
            }],
            ..ContainerFact::default()
        }],
        ..PodFact::default()
    }
}

/// A run with so many pods, events in all and lines of each pod.
pub(super) fn story(pods: usize, events: usize, lines: usize) -> Story {
    let mut story = Story::of(Header::new(&AppRef::new("shop", "argocd"), start()));
    for number in 0..pods {
        story.fact(Fact::Pod(pod(number)), at(2));
        for line in 0..lines {
            story.record(argo_core::Record::at(
                at(4),
                argo_core::Level::Info,
                format!("{HOSTILE} line {line} {}", "x".repeat(150)),
                Body::Log(record::Log {
                    namespace: "shop-prod".to_owned(),
                    pod: format!("web-{number}"),
                    uid: Some(format!("u{number}")),
                    container: "app".to_owned(),
                    ..record::Log::default()
                }),
            ));
        }
    }
    for number in 0..events {
        story.record(argo_core::Record::at(
            at(6),
            argo_core::Level::Warning,
            format!("readiness probe failed: {HOSTILE} {number}"),
            Body::Event(record::Event {
                namespace: "shop-prod".to_owned(),
                object: format!("Pod/web-{}", number % pods.max(1)),
                reason: "Unhealthy".to_owned(),
                count: 1,
                ..record::Event::default()
            }),
        ));
    }
    story.ended = at(60);
    let summary = Box::new(replay::tests::summary());
    story.fact(Fact::Summary { summary }, at(60));
    story
}

#[test]
fn the_page_holds_no_markup_of_others() {
    let page = html(&story(2, 5, 5));
    assert!(!page.contains("<img"), "{page}");
    assert_eq!(page.matches("</script>").count(), 2);
    assert_eq!(page.matches("<script").count(), 2);
    let start = page.find("id=\"data\">").unwrap() + 10;
    let length = page[start..].find("</script>").unwrap();
    let data: Value = serde_json::from_str(&page[start..start + length]).unwrap();
    let line = &data["pods"][0]["containers"][0]["logs"][0]["tail"][0][1];
    assert!(
        line.as_str().unwrap().starts_with("</script><img"),
        "{line}"
    );
    assert!(!page.contains("http://") && !page.contains("https://"));
}

#[test]
fn the_page_of_a_hundred_pods_is_below_two_megabytes() {
    let page = html(&story(100, 20_000, 120));
    assert!(page.len() < 2_000_000, "{}", page.len());
    let whole = html(&story(0, 0, 0));
    assert!(whole.len() < 40_000, "{}", whole.len());
}

#[test]
fn junit_has_a_case_for_each_workload_and_one_failure_for_each_that_failed() {
    let file = junit(&story(1, 1, 1));
    assert_eq!(file.matches("<testcase").count(), 2, "{file}");
    assert_eq!(file.matches("<failure").count(), 1, "{file}");
    assert!(file.contains("tests=\"2\" failures=\"1\""), "{file}");
    assert!(!file.contains('\u{1b}'));
    let mut cut = story(1, 1, 1);
    cut.summary = None;
    let file = junit(&cut);
    assert!(file.contains("<failure"), "{file}");
}

#[test]
fn the_summary_escapes_what_markdown_and_html_obey() {
    let mut story = story(1, 1, 1);
    let summary = story.summary.as_mut().unwrap();
    summary.workloads[1].failed = Some(HOSTILE.to_owned());
    let text = markdown(&story);
    assert!(text.contains("&lt;/script&gt;&lt;img"), "{text}");
    assert!(!text.contains("<img") && !text.contains("@team") && !text.contains("##["));
}

#[test]
fn the_trace_is_what_perfetto_opens() {
    let trace: Value = serde_json::from_str(&trace(&story(2, 3, 1))).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    assert!(!events.is_empty());
    for event in events {
        let phase = event["ph"].as_str().unwrap();
        assert!(matches!(phase, "M" | "X" | "i"), "{event}");
        assert!(event["pid"].is_u64() && event["tid"].is_u64() && event["name"].is_string());
        assert!(phase == "M" || event["ts"].is_i64(), "{event}");
        assert!(phase != "X" || event["dur"].as_i64().is_some_and(|dur| dur >= 0));
    }
}

#[test]
fn a_run_that_grew_is_about_several() {
    let mut story = story(1, 1, 1);
    assert!(!story.is_about_several());
    let apps = ["shop", "pay"].map(|name| {
        let mut app = replay::tests::summary();
        app.app = name.to_owned();
        app
    });
    let summary = Box::new(crate::summary::together(apps.into(), None));
    story.fact(Fact::Summary { summary }, at(61));
    assert!(story.is_about_several());
    assert!(trace(&story).contains("application 2 applications"));
    let page = html(&story);
    assert!(page.contains("Rollout of shop, pay"), "{page}");
    story.summary = None;
    assert!(!story.is_about_several(), "the start is all that is left");
}

#[test]
fn operations_of_applications_of_one_name_are_apart() {
    let operation = |namespace: &str, app: &str| {
        Fact::Operation(Operation {
            app: app.to_owned(),
            namespace: namespace.to_owned(),
            phase: "Running".to_owned(),
            started: Some(at(1)),
            ..Operation::default()
        })
    };
    let mut story = story(0, 0, 0);
    let names = |story: &Story| -> Vec<Option<String>> {
        let operations = story.operations.iter();
        operations.map(|own| story.app_of(own)).collect()
    };
    for _ in 0..2 {
        story.fact(operation("argocd", "shop"), at(2));
    }
    assert_eq!(names(&story), [None::<String>]);
    story.fact(operation("argocd", "pay"), at(3));
    story.fact(operation("team-a", "shop"), at(4));
    let named = ["argocd/shop", "pay", "team-a/shop"];
    assert_eq!(names(&story), named.map(|name| Some(name.to_owned())));
    let trace = trace(&story);
    assert!(
        trace.contains("sync operation of team-a/shop Running"),
        "{trace}"
    );
}

#[test]
fn a_log_file_for_each_run_whatever_the_names_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = LogFiles::new(folder.path().to_owned());
    let mut log = record::Log {
        namespace: "..".to_owned(),
        pod: "../../etc".to_owned(),
        container: "app".to_owned(),
        ..record::Log::default()
    };
    files.line(&log, b"one");
    log.restart = 2;
    files.line(&log, b"two\xff");
    for number in 0..200 {
        log.pod = format!("p{number}");
        files.line(&log, b"x");
    }
    log.pod = "../../etc".to_owned();
    log.partial = true;
    files.line(&log, b"three ");
    log.partial = false;
    files.line(&log, b"four");
    assert_eq!(files.finish(), None);
    let read = |name: &str| std::fs::read(folder.path().join("_/.._.._etc").join(name)).unwrap();
    assert_eq!(read("app.log"), b"one\n");
    assert_eq!(read("app.2.log"), b"two\xff\nthree four\n");
}

#[test]
fn pods_of_one_name_have_a_folder_each() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = LogFiles::new(folder.path().to_owned());
    let mut log = record::Log {
        namespace: "shop".to_owned(),
        pod: "db-0".to_owned(),
        uid: Some("old".to_owned()),
        container: "app".to_owned(),
        ..record::Log::default()
    };
    files.line(&log, b"going down");
    log.uid = Some("new".to_owned());
    files.line(&log, b"up");
    log.uid = Some("old".to_owned());
    files.line(&log, b"down");
    assert_eq!(files.finish(), None);
    let read = |name: &str| std::fs::read(folder.path().join("shop").join(name)).unwrap();
    assert_eq!(read("db-0/app.log"), b"going down\ndown\n");
    assert_eq!(read("db-0~2/app.log"), b"up\n");
}

/// Returns the page after its script has run, in a real browser; `None` where there is none.
fn in_a_browser(page: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.html");
    std::fs::write(&file, page).unwrap();
    for program in ["chromium", "chromium-browser", "google-chrome"] {
        let mut command = std::process::Command::new(program);
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .arg(format!("file://{}", file.display()));
        if let Ok(output) = command.output()
            && output.status.success()
        {
            return Some(String::from_utf8_lossy(&output.stdout).into_owned());
        }
    }
    None
}

#[test]
fn a_browser_shows_the_page_and_obeys_nothing_in_it() {
    let Some(page) = in_a_browser(&html(&story(3, 10, 5))) else {
        println!("skipped: there is no browser here (chromium or google-chrome)");
        return;
    };
    let body = &page[page.find("<body").unwrap()..];
    for wanted in [
        "failed</span> · shop",
        ">Deployment/api</button>",
        "aria-label=\"web-1, Running, created +1 s, ready\"",
        "Unhealthy: readiness probe failed: &lt;/script&gt;",
        "Verdict as text",
    ] {
        assert!(body.contains(wanted), "no {wanted} in {body}");
    }
    assert!(
        !page.contains("<img") && !page.contains("onerror=\""),
        "{page}"
    );
}
