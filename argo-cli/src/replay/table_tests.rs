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
