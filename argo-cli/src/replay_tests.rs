//! A recording shows again what the run showed, byte for byte, and a part of it the same part.

use std::{fs::File, io::Write, sync::Arc};

use argo_core::{
    AppRef, GroupKind, NoticeCode, ObjectRef,
    record::{Event, Finding, NoticeBody, Status},
};
use jiff::tz::TimeZone;

use super::*;
use crate::{
    recording::{Header, Reader, Recorder, RecordingFile, at},
    render::Renderer,
    screen::LogBudget,
    settings::Settings,
    summary::{Outcome, Row, Summary},
    view::{Choice, View},
};

const VIEWS: [View; 8] = [
    View::Text,
    View::Terminal,
    View::Github,
    View::Gitlab,
    View::Azure,
    View::Buildkite,
    View::Teamcity,
    View::Json,
];

fn start() -> Timestamp {
    "2026-11-23T10:00:00.123456789Z".parse().unwrap()
}

fn header() -> Header {
    Header::new(&AppRef::new("shop", "argocd"), start())
}

fn screen(view: View, raw: bool, budget: u64) -> Screen {
    let choice = Choice {
        view,
        shows_colors: true,
    };
    let mut settings = Settings::read(&|_| None, choice).0;
    settings.zone = TimeZone::UTC;
    let renderer = Renderer::new(settings, raw, start(), "shop".to_owned());
    Screen::new(renderer, false, LogBudget::new(Some(budget), view))
}

/// Something that happens in a run.
enum Step {
    Record(Box<Record>),
    Lines(u32, u32, Vec<(Option<i64>, Vec<u8>, bool)>),
    Argo(Vec<u8>, bool),
    Verdict(Box<Summary>),
}

fn record(level: Level, text: &str, body: Body) -> Step {
    Step::Record(Box::new(Record::at(at(start(), 1500), level, text, body)))
}

pub(crate) fn summary() -> Summary {
    let object = |name: &str| ObjectRef {
        kind: GroupKind::new("apps", "Deployment"),
        namespace: "shop-prod".into(),
        name: name.into(),
        uid: "u".into(),
    };
    let row = |name: &str, complete: bool| Row {
        object: object(name),
        runs_once: false,
        state: "progressing".to_owned(),
        ready: Some(i64::from(complete)),
        desired: Some(1),
        pods: None,
        restarts: 2,
        seconds: complete.then_some(8),
        waiting_for: (!complete).then(|| "1 of 1 ready".to_owned()),
        held_up_by: None,
        complete,
        holds_up: true,
        failed: (!complete).then(|| "exceeded its \"progress deadline\" ##[error]x".to_owned()),
    };
    Summary {
        app: "shop".to_owned(),
        outcome: Outcome::Failed,
        reason: "timeout".to_owned(),
        argocd_exit: Some(20),
        elapsed: std::time::Duration::from_millis(12_345),
        workloads: vec![row("web", true), row("api", false)],
        pods: 3,
        exit: 20,
        ..Summary::default()
    }
}

fn notice_body(object: Option<&str>, hint: Option<&str>) -> Body {
    Body::Notice(NoticeBody {
        app: None,
        code: NoticeCode::Other,
        object: object.map(str::to_owned),
        hint: hint.map(str::to_owned),
    })
}

fn event() -> Body {
    Body::Event(Event {
        app: None,
        namespace: "n".into(),
        object: "Pod/web-1".into(),
        container: Some("app".into()),
        reason: "Unhealthy".into(),
        count: 3,
    })
}

fn finding() -> Body {
    Body::Finding(Finding {
        code: "crash-loop".into(),
        workload: "Deployment/web".into(),
        doomed: true,
        ..Finding::default()
    })
}

fn long_line() -> Vec<u8> {
    vec![b'x'; 5000]
}

/// Lines that a screen changes: colours, commands of pipelines, no UTF-8, nothing, a long one.
fn odd_lines() -> Step {
    let texts: [(Option<i64>, &[u8]); 4] = [
        (Some(1_700_000_000_123_456_789), b"plain \xc3\xa4 text"),
        (None, b"\x1b[31mred\x1b[0m ::error::x ##[group]y"),
        (Some(1_700_000_001_000_000_000), b"not \xff\xfe utf-8 \x00"),
        (None, b""),
    ];
    let mut lines: Vec<_> = texts
        .map(|(time, text)| (time, text.to_vec(), false))
        .into();
    lines.push((Some(1_700_000_002_000_000_000), long_line(), true));
    Step::Lines(1, 0, lines)
}

fn steps() -> Vec<Step> {
    let line = |text: &[u8]| vec![(None, text.to_vec(), false)];
    let words = notice_body(None, Some("try\nthis"));
    vec![
        record(Level::Info, "Following shop\nand more", words),
        record(
            Level::Debug,
            "a detail",
            notice_body(Some("web-1/app"), None),
        ),
        odd_lines(),
        Step::Lines(2, 3, line(b"10%\r50%\r100%")),
        Step::Lines(1, 0, line(b"end of a long line")),
        Step::Argo(b"time=x level=warning msg=\"careful\"".to_vec(), false),
        Step::Argo(b"long \xff".to_vec(), true),
        Step::Argo(b"line\nnext".to_vec(), false),
        record(Level::Warning, "readiness probe failed", event()),
        record(
            Level::Info,
            "Deployment/web 1/3 ready",
            Body::Status(Status::default()),
        ),
        record(Level::Error, "app crashes", finding()),
        Step::Lines(1, 1, line(&long_line())),
        Step::Lines(1, 1, line(b"after the budget")),
        record(Level::Info, "hidden by a budget", notice_body(None, None)),
        Step::Verdict(Box::new(summary())),
    ]
}

fn batch(restart: u32, lines: &[(Option<i64>, Vec<u8>, bool)], open: &mut bool) -> Batch {
    let lines = lines.iter().map(|(time, text, continues)| {
        let mut line = Line::new(*time, text);
        line.continues = *continues;
        line.continuation = std::mem::replace(open, *continues);
        line
    });
    let lines: Vec<_> = lines.collect();
    Batch::from_lines(
        Arc::from("A"),
        i32::try_from(restart).unwrap(),
        lines.into_iter(),
    )
}

/// Plays the steps on a screen, and on a recorder if there is one.
fn live(screen: &mut Screen, mut recorder: Option<&mut Recorder>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut open = std::collections::HashMap::new();
    for (number, step) in steps().iter().enumerate() {
        let now = at(start(), i64::try_from(number).unwrap() * 700);
        match step {
            Step::Record(record) => {
                screen.record(record, now, &mut out);
                if let Some(recorder) = &mut recorder {
                    recorder.record(record, now);
                }
            }
            Step::Lines(id, restart, lines) => {
                let pod = format!("web-{id}");
                let origin = Origin {
                    app: None,
                    id: *id,
                    namespace: "shop-prod",
                    workload: Some(&"Deployment/web"),
                    pod: &pod,
                    uid: &pod,
                    container: "app",
                    restart: *restart,
                    store: None,
                };
                let lines = batch(*restart, lines, open.entry(*id).or_default());
                let level = |line: &[u8]| match line.starts_with(b"not") {
                    true => Level::Warning,
                    false => Level::Info,
                };
                screen.lines(&origin, level, &lines, now, &mut out);
                if let Some(recorder) = &mut recorder {
                    recorder.lines(&origin, level, &lines, now);
                }
            }
            Step::Argo(text, continues) => {
                screen.argo(Stream::Stderr, text, *continues, now, &mut out);
                if let Some(recorder) = &mut recorder {
                    recorder.argo(Stream::Stderr, text, *continues, now);
                }
            }
            Step::Verdict(summary) => {
                screen.verdict(summary, now, &mut out);
                if let Some(recorder) = &mut recorder {
                    recorder.verdict(summary, now);
                }
            }
        }
    }
    out
}

async fn recorded(name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let file = RecordingFile::create(&path).unwrap();
    let mut recorder = Recorder::begin(file, &header());
    live(&mut screen(View::Text, false, 0), Some(&mut recorder));
    recorder.end().await;
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::read(path).unwrap()
}

fn reader(bytes: &[u8]) -> Reader {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Reader::of(file).unwrap()
}

fn replayed(bytes: &[u8], screen: Screen) -> Vec<u8> {
    let mut reader = reader(bytes);
    let mut player = Player::new(screen, "shop".to_owned());
    let mut out = Vec::new();
    while let Some((at, entry)) = reader.next_entry() {
        player.play(entry, at, &mut out);
    }
    assert_eq!(reader.skipped, 0);
    out
}

#[tokio::test]
async fn a_replay_equals_the_live_output_in_every_form() {
    for name in ["run.ndjson", "run.ndjson.zst"] {
        let recording = recorded(name).await;
        for view in VIEWS {
            for (raw, budget) in [(false, 0), (true, 0), (false, 4000)] {
                let wanted = live(&mut screen(view, raw, budget), None);
                let shown = replayed(&recording, screen(view, raw, budget));
                let [wanted, shown] =
                    [wanted, shown].map(|b| String::from_utf8_lossy(&b).into_owned());
                pretty(&shown, &wanted, view);
            }
        }
    }
}

fn pretty(shown: &str, wanted: &str, view: View) {
    for (shown, wanted) in shown.lines().zip(wanted.lines()) {
        assert_eq!(shown, wanted, "{view:?}");
    }
    assert_eq!(shown, wanted, "{view:?}");
}

#[tokio::test]
async fn a_recording_is_readable_to_its_last_whole_line_wherever_it_is_cut() {
    let whole = recorded("run.ndjson").await;
    let text = screen(View::Text, false, 0);
    let all = replayed(&whole, text);
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap();
    for cut in (first + 1..whole.len()).step_by((whole.len() / 120).max(1)) {
        let shown = replayed(&whole[..cut], screen(View::Text, false, 0));
        assert!(all.starts_with(&shown), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_compressed_recording_is_readable_to_the_last_flush() {
    let whole = recorded("run.ndjson.zst").await;
    let all = replayed(&whole, screen(View::Text, false, 0));
    let mut read = 0;
    for cut in (8..whole.len()).step_by(7) {
        // The header is readable once its block was flushed.
        if Reader::from(Box::new(std::io::Cursor::new(whole[..cut].to_vec()))).is_err() {
            continue;
        }
        let shown = replayed(&whole[..cut], screen(View::Text, false, 0));
        assert!(all.starts_with(&shown), "cut at {cut}");
        read += 1;
    }
    assert!(read > 0 || whole.len() < 2000, "{}", whole.len());
}

#[tokio::test]
async fn the_first_line_says_which_redaction_was_on() {
    let whole = recorded("run.ndjson").await;
    let first = whole.split(|byte| *byte == b'\n').next().unwrap();
    let first: serde_json::Value = serde_json::from_slice(first).unwrap();
    assert_eq!(first["recording"], 1);
    assert_eq!(first["redaction"]["messages"], true);
    assert_eq!(first["redaction"]["container_lines"], false);
}

#[test]
fn other_files_are_no_recordings() {
    for (text, wanted) in [
        ("", "no recording"),
        ("hello\n", "no recording"),
        ("{\"time\":1}\n", "no recording"),
        ("{\"recording\":9}\n", "version 9"),
    ] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let error = Reader::of(file).err().unwrap().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
