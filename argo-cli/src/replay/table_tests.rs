use super::*;
use argo_core::AppRef;

fn entries(text: &str) -> Vec<Entry> {
    let header = Header::new(&AppRef::new("shop", "argocd"), Timestamp::UNIX_EPOCH);
    let header = serde_json::to_string(&header).unwrap();
    let source = format!("{header}\n{text}").into_bytes();
    let mut reader =
        crate::recording::Reader::from(Box::new(std::io::Cursor::new(source))).unwrap();
    let entries = std::iter::from_fn(|| reader.next_entry()).map(|(_, entry)| entry);
    entries.collect()
}

#[test]
fn shows_the_recorded_rows_under_the_lines_and_goes_before_the_verdict() {
    let header = Header::new(&AppRef::new("shop", "argocd"), Timestamp::UNIX_EPOCH);
    let mut table = LiveTable::new(&header, true, false);
    let rows = r#"{"fact":"rows","rows":[{"object":{"kind":{"group":"apps","kind":"Deployment"},"namespace":"shop","name":"web","uid":"u"},"runs_once":false,"state":"progressing","ready":1,"desired":3,"restarts":0,"seconds":null,"waiting_for":"1 of 3 ready","held_up_by":null,"complete":false,"holds_up":true,"failed":null}]}
{"fact":"operation","phase":"Running","health":"Progressing"}
"#;
    for entry in entries(rows) {
        table.note(&entry);
    }
    let now = Timestamp::from_second(5).unwrap();
    let frame = table.draw(&mut b"a line\n".to_vec(), now);
    let drawn = String::from_utf8(frame.stdout).unwrap();
    assert!(drawn.starts_with("a line\n"), "{drawn}");
    for text in [
        "shop · 5 s",
        "Deployment/web",
        "1 of 3 ready",
        "argocd: Progressing",
    ] {
        assert!(drawn.contains(text), "no {text:?} in {drawn}");
    }
    let frame = table.end(&mut b"last\n".to_vec());
    let end = String::from_utf8(frame.stdout).unwrap();
    assert!(
        end.starts_with("\r\x1b[") && end.ends_with("last\n"),
        "{end:?}"
    );
}

/// Returns the table after these entries.
fn drawn(text: &str) -> String {
    let header = Header::new(&AppRef::new("shop", "argocd"), Timestamp::UNIX_EPOCH);
    let mut table = LiveTable::new(&header, true, false);
    for entry in entries(text) {
        table.note(&entry);
    }
    let now = Timestamp::from_second(5).unwrap();
    String::from_utf8(table.draw(&mut Vec::new(), now).stdout).unwrap()
}

const ROWS: &str = r#"{"fact":"rows","rows":[{"object":{"kind":{"group":"apps","kind":"Deployment"},"namespace":"shop","name":"web","uid":"u"},"runs_once":false,"state":"progressing","ready":0,"desired":1,"restarts":0,"seconds":null,"waiting_for":"0 of 1 ready","held_up_by":null,"complete":false,"holds_up":true,"failed":null}]}
"#;

fn finding(code: &str, words: &str, flags: &str) -> String {
    format!(
        r#"{{"time":"1970-01-01T00:00:01Z","level":"error","msg":"Deployment/web: {words}","schema":1,"kind":"finding","code":"{code}","namespace":"shop","workload":"Deployment/web","pods":[],{flags},"evidence":[]}}"#
    ) + "\n"
}

#[test]
fn a_row_shows_its_worst_finding_until_it_is_resolved() {
    let doomed = finding("image-pull", "no image", r#""doomed":true"#);
    let other = finding("not-ready", "no answer", r#""doomed":false"#);
    let text = drawn(&format!("{ROWS}{doomed}{other}"));
    assert!(text.contains("✘ Deployment/web"), "{text}");
    assert!(text.contains("  no image"), "{text}");
    assert!(text.contains("2 warnings"), "{text}");
    let resolved = finding(
        "image-pull",
        "resolved after 2 s: no image",
        r#""doomed":false,"resolved":true"#,
    );
    let text = drawn(&format!("{ROWS}{doomed}{other}{resolved}"));
    assert!(!text.contains("no image") && !text.contains('✘'), "{text}");
    assert!(text.contains("  no answer"), "{text}");
    let complete = ROWS.replace(r#""complete":false"#, r#""complete":true"#);
    let text = drawn(&format!("{doomed}{complete}"));
    assert!(text.contains("✔ Deployment/web"), "{text}");
}

#[test]
fn a_replay_offers_no_keys() {
    let text = drawn(ROWS);
    assert!(text.contains("0 lines"), "{text}");
    assert!(!text.contains("quit"), "{text}");
}
