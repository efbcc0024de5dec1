use std::{collections::BTreeSet, sync::Arc};

use argo_core::{
    GroupKind, NoticeCode, ObjectRef,
    record::{self, Finding, LastLine, Log, Status, Verdict},
};
use jiff::tz;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[path = "render_tests/any_line.rs"]
mod any_line;
#[path = "render_tests/argocd.rs"]
mod argocd;
#[path = "render_tests/records.rs"]
mod records;

pub(super) use self::records::records;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn start() -> Timestamp {
    time("2026-11-23T10:00:00Z")
}

fn renderer(pairs: &[(&str, &str)]) -> Renderer {
    Renderer::new(Settings::of_pairs(pairs), false, start(), "shop".to_owned())
}

const ORIGIN: Origin<'static> = Origin {
    app: None,
    id: 0,
    namespace: "shop-prod",
    workload: Some(&"Deployment/web"),
    pod: "web-6d4cf56db-x2x7p",
    uid: "5f1c",
    container: "app",
    restart: 0,
    store: None,
};

const JSON: (&str, &str) = ("LOG_FORMAT", "json");

fn shown(record: &Record, pairs: &[(&str, &str)]) -> String {
    let mut out = Vec::new();
    renderer(pairs).record(record, &mut out);
    String::from_utf8(out).unwrap()
}

fn batch(lines: &[Line<'_>]) -> Batch {
    Batch::from_lines(Arc::from("A"), 0, lines.iter().copied())
}

fn line_at<'a>(at: &str, text: &'a [u8]) -> Line<'a> {
    Line::new(Some(stamp::nanos(time(at))), text)
}

fn lines(renderer: &mut Renderer, origin: &Origin<'_>, lines: &[Line<'_>]) -> String {
    let mut out = Vec::new();
    renderer.lines(origin, |_| Level::Info, &batch(lines), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_kind_as_text() {
    let all: String = records().iter().map(|record| shown(record, &[])).collect();
    let expected = "\
2026-11-23 10:00:08 INFO [web-6d4cf56db-x2x7p/app] listening on :8080
2026-11-23 10:00:08 INFO [/ from loki] x
2026-11-23 10:00:08 WARN [Pod/web-6d4cf56db-x2x7p] Unhealthy: readiness probe failed: HTTP 503 (app)
2026-11-23 10:00:08 INFO [Job/migrate] Created pod: a
2026-11-23 10:00:08 INFO [argo] Health Status: Healthy
2026-11-23 10:00:08 INFO [status] Deployment/web 2/3 ready
2026-11-23 10:00:08 INFO [status] still waiting after 50 s
2026-11-23 10:00:08 ERRO [finding] StatefulSet/db: db-1: container postgres crashes on start
2026-11-23 10:00:08 INFO [finding] StatefulSet/db: resolved after 2 m 10 s: db-1: container postgres crashes on start
2026-11-23 10:00:08 ERRO [finding] no cause
2026-11-23 10:00:08 WARN [web-1/app] lines may be missing
2026-11-23 10:00:08 WARN [assistant] nothing of application shop found
2026-11-23 10:00:08 WARN [assistant] in shop-prod
2026-11-23 10:00:08 WARN [assistant]     try -n shop-live
2026-11-23 10:00:08 ERRO [verdict] StatefulSet/db: db-1 crashes
2026-11-23 10:00:08 INFO [verdict] Rolled out
2026-11-23 10:00:08 INFO [pay] [Job/migrate] Created pod: b
2026-11-23 10:00:08 INFO [pay] [status] waits
2026-11-23 10:00:08 ERRO [pay] [finding] found
2026-11-23 10:00:08 INFO [pay] [assistant] complete
";
    assert!(all == expected, "got:\n{all}");
}

#[test]
fn every_kind_as_json_is_what_serde_writes() {
    for record in records() {
        let line = shown(&record, &[JSON]);
        assert_eq!(
            line,
            format!("{}\n", serde_json::to_string(&record).unwrap())
        );
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }
}

#[test]
fn an_empty_message_is_a_line_too() {
    for mut record in records() {
        record.msg.clear();
        assert!(shown(&record, &[]).ends_with('\n'), "{record:?}");
    }
}

#[test]
fn log_lines_read_as_their_records() {
    let record = &records()[0];
    let line = line_at("2026-11-23T10:00:08.113Z", b"listening on :8080");
    for pairs in [&[][..], &[JSON]] {
        let text = lines(&mut renderer(pairs), &ORIGIN, &[line]);
        assert_eq!(text, shown(record, pairs));
    }
}

#[test]
fn what_is_more_verbose_than_the_level_is_left_out() {
    let warnings = [("LOG_LEVEL", "warning")];
    let all: String = records()
        .iter()
        .map(|record| shown(record, &warnings))
        .collect();
    let levels: BTreeSet<&str> = all.lines().map(|line| &line[20..24]).collect();
    assert_eq!(levels, BTreeSet::from(["ERRO", "WARN"]));
    let mut out = Vec::new();
    let level = |text: &[u8]| {
        if text == b"bad" {
            Level::Error
        } else {
            Level::Info
        }
    };
    let two = batch(&[Line::new(Some(0), b"good"), Line::new(Some(0), b"bad")]);
    renderer(&warnings).lines(&ORIGIN, level, &two, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text,
        "1970-01-01 00:00:00 ERRO [web-6d4cf56db-x2x7p/app] bad\n"
    );
}

#[test]
fn settings_are_those_of_logrus() {
    let record = Record::at(
        time("2026-11-23T10:00:12.9Z"),
        Level::Warning,
        "m",
        Body::Argo(record::Argo {
            stream: "stdout".into(),
            partial: false,
        }),
    );
    let whole = ("LOG_DISABLE_LEVEL_TRUNCATION", "true");
    let elapsed = ("LOG_FULL_TIMESTAMP", "false");
    let colors = ("LOG_FORCE_COLORS", "true");
    for (pairs, expected) in [
        (&[whole][..], "2026-11-23 10:00:12 WARNING [argo] m\n"),
        (&[elapsed], "[0012] WARN [argo] m\n"),
        (
            &[elapsed, colors],
            "[0012] \u{1b}[33mWARN\u{1b}[0m [argo] m\n",
        ),
        (
            &[("LOG_TIMESTAMP_FORMAT", "RFC3339Nano")],
            "2026-11-23T10:00:12.9Z WARN [argo] m\n",
        ),
        (
            &[("LOG_TIMESTAMP_FORMAT", "15:04:05.000")],
            "10:00:12.900 WARN [argo] m\n",
        ),
        (
            &[("LOG_TIMESTAMP_FORMAT", "Kitchen")],
            "10:00AM WARN [argo] m\n",
        ),
    ] {
        assert_eq!(shown(&record, pairs), expected);
    }
    let info = Record {
        level: Level::Info,
        ..record
    };
    let padded = [whole, ("LOG_PAD_LEVEL_TEXT", "true")];
    assert_eq!(
        shown(&info, &padded),
        "2026-11-23 10:00:12 INFO    [argo] m\n"
    );
    assert_eq!(
        shown(&info, &[elapsed, colors]),
        "[0012] \u{1b}[36mINFO\u{1b}[0m [argo] m\n"
    );
}

#[test]
fn times_are_written_in_the_zone_and_each_anew() {
    let mut settings = Settings::of_pairs(&[("LOG_TIMESTAMP_FORMAT", "15:04:05.000")]);
    settings.zone = tz::offset(2).to_time_zone();
    let mut renderer = Renderer::new(settings, false, start(), "shop".to_owned());
    let text = lines(
        &mut renderer,
        &ORIGIN,
        &[
            line_at("2026-11-23T10:00:08.113Z", b"a"),
            line_at("2026-11-23T10:00:08.114Z", b"b"),
            Line::new(None, b"no time of its own"),
            line_at("2026-11-23T09:00:08.113Z", b"c"),
        ],
    );
    let times: Vec<&str> = text.lines().map(|line| &line[..12]).collect();
    assert_eq!(
        times,
        [
            "12:00:08.113",
            "12:00:08.114",
            "12:00:08.114",
            "11:00:08.113"
        ]
    );
}

#[test]
fn what_was_before_the_start_has_a_negative_time_as_in_go() {
    let line = line_at("2026-11-23T09:59:55Z", b"early");
    let text = lines(
        &mut renderer(&[("LOG_FULL_TIMESTAMP", "false")]),
        &ORIGIN,
        &[line],
    );
    assert!(text.starts_with("[-005] INFO ["), "{text}");
}

#[test]
fn containers_take_turns() {
    let mut renderer = renderer(&[JSON]);
    let other = Origin {
        id: 1,
        container: "sidecar",
        workload: None,
        restart: 2,
        ..ORIGIN
    };
    let again = Origin {
        restart: 1,
        ..ORIGIN
    };
    for origin in [ORIGIN, other, ORIGIN, again] {
        let text = lines(
            &mut renderer,
            &origin,
            &[line_at("2026-11-23T10:00:08Z", b"x")],
        );
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["container"], origin.container);
        assert_eq!(
            json["workload"].as_str().map(str::to_owned),
            origin.workload.map(ToString::to_string)
        );
        assert_eq!(json["restart"], origin.restart);
    }
}

#[test]
fn notices_name_the_container() {
    let object = ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: "n".into(),
        name: "web-1".into(),
        uid: "u".into(),
    };
    let mut about = Notice::new(NoticeCode::LinesMissing, Level::Warning, "gone").about(object);
    about.time = start();
    assert!(shown(&notice(&about), &[]).ends_with(" WARN [Pod/web-1] gone\n"));
    about.container = Some("app".into());
    assert!(shown(&notice(&about), &[]).ends_with(" WARN [web-1/app] gone\n"));
}

#[test]
fn hostile_tags_and_messages_are_one_line_each() {
    let hostile = "a\u{1b}]0;t\u{7}\r\u{9b}2J##[error]b\u{0}";
    let record = Record::at(
        start(),
        Level::Info,
        format!("{hostile}\n::error::{hostile}"),
        Body::Event(record::Event {
            object: format!("Pod/x\n{hostile}"),
            ..Default::default()
        }),
    );
    let text = shown(&record, &[]);
    assert_eq!(
        text,
        "2026-11-23 10:00:00 INFO [Pod/x a ## [error]b] a ## [error]b\n\
         2026-11-23 10:00:00 INFO [Pod/x a ## [error]b] ::error::a ## [error]b\n"
    );
    let origin = Origin {
        pod: hostile,
        container: hostile,
        workload: Some(&hostile),
        ..ORIGIN
    };
    let line = [line_at("2026-11-23T10:00:00Z", hostile.as_bytes())];
    let text = lines(&mut renderer(&[]), &origin, &line);
    assert_eq!(text.lines().count(), 1);
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text:?}"
    );
    let json = lines(&mut renderer(&[JSON]), &origin, &line);
    assert!(!json.contains("##["), "{json}");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["pod"], &json["msg"]),
        (&hostile.into(), &hostile.into())
    );
}

#[test]
fn raw_bytes_stay_in_text_and_json_stays_json() {
    let bytes = b"\x1b[2J\xff##[group]";
    let raw = |pairs| Renderer::new(Settings::of_pairs(pairs), true, start(), "shop".to_owned());
    let mut out = Vec::new();
    let one = batch(&[line_at("2026-11-23T10:00:00Z", bytes)]);
    raw(&[]).lines(&ORIGIN, |_| Level::Info, &one, &mut out);
    assert!(out.ends_with(b"/app] \x1b[2J\xff##[group]\n"));
    out.clear();
    raw(&[JSON]).lines(&ORIGIN, |_| Level::Info, &one, &mut out);
    assert!(serde_json::from_slice::<Value>(&out).is_ok());
}

#[test]
fn a_terminal_sees_the_last_state_of_a_line_and_colours_of_containers() {
    let mut terminal = renderer(&[("LOG_FORCE_COLORS", "true")]).terminal(true);
    let line = line_at("2026-11-23T10:00:00Z", b"1%\r\x1b[31m100%");
    let text = lines(&mut terminal, &ORIGIN, &[line]);
    assert!(
        text.ends_with("/app] \u{1b}[31m100%\u{1b}[0m\n"),
        "{text:?}"
    );
}

#[test]
fn pieces_of_a_long_line_are_marked() {
    let piece = |continues, continuation| {
        let mut line = line_at("2026-11-23T10:00:00Z", b"x");
        (line.continues, line.continuation) = (continues, continuation);
        line
    };
    let pieces = [piece(true, false), piece(true, true), piece(false, true)];
    let text = lines(&mut renderer(&[]), &ORIGIN, &pieces);
    let ends: Vec<&str> = text.lines().map(|line| &line[49..]).collect();
    assert_eq!(ends, ["] x …", "] … x …", "] … x"]);
    let text = lines(&mut renderer(&[JSON]), &ORIGIN, &pieces);
    let goes_on = |line| {
        serde_json::from_str::<Record>(line).map(|record| match record.body {
            Body::Log(log) => (record.msg, log.partial),
            other => panic!("{other:?}"),
        })
    };
    let pieces: Vec<_> = text.lines().map(|line| goes_on(line).unwrap()).collect();
    let x = |partial| ("x".to_owned(), partial);
    assert_eq!(pieces, [x(true), x(true), x(false)]);
    assert!(!text.contains("\"partial\":false"), "{text}");
}

#[test]
fn a_piece_of_a_line_of_argocd_is_marked() {
    let shown = |pairs: &[_]| {
        let mut out = Vec::new();
        let mut renderer = renderer(pairs);
        renderer.argo_piece(Stream::Stdout, b"x", &mut out);
        renderer.argo(Stream::Stdout, b"y", &mut out);
        String::from_utf8(out).unwrap()
    };
    let text = shown(&[]);
    let ends: Vec<&str> = text.lines().map(|line| &line[25..]).collect();
    assert_eq!(ends, ["[argo] x …", "[argo] y"]);
    let json = shown(&[JSON]);
    let lines = json.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    assert_eq!(
        (&lines[0]["msg"], &lines[0]["partial"]),
        (&"x".into(), &true.into())
    );
    assert_eq!(
        (&lines[1]["msg"], &lines[1]["partial"]),
        (&"y".into(), &Value::Null)
    );
    // What is not shown marks nothing.
    let quiet = shown(&[JSON, ("LOG_LEVEL", "error")]);
    assert_eq!(quiet, "");
}

#[test]
fn the_verdict_is_a_block_or_a_record() {
    let summary = Summary {
        app: "shop".to_owned(),
        ..Summary::default()
    };
    let shown = |pairs: &[_]| {
        let mut out = Vec::new();
        renderer(pairs).verdict(&summary, start(), &mut out);
        String::from_utf8(out).unwrap()
    };
    assert!(shown(&[]).contains("FAILED  shop"));
    let json: Value = serde_json::from_str(&shown(&[JSON])).unwrap();
    assert_eq!(
        (&json["kind"], &json["outcome"]),
        (&"verdict".into(), &"failed".into())
    );
}
