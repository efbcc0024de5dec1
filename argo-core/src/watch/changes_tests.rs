use futures::{StreamExt, TryStreamExt, channel::mpsc, io::Cursor, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use crate::resource::PackedPod;

fn pod(name: &str, version: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata":
        {"name": name, "uid": name, "resourceVersion": version.to_string()}})
}

fn line(kind: &str, pod: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{pod}}}\n")
}

fn leaving_out(name: &str) -> WatchConfig {
    let packed: PackedPod = serde_json::from_value(pod(name, 1)).unwrap();
    let bystanders = Bystanders::default();
    bystanders.insert(packed.fingerprint());
    WatchConfig::default().bystanders(Some(bystanders))
}

fn word(event: Option<Result<Option<WatchEvent<PackedPod>>, Failure>>) -> String {
    match event {
        None => "end".to_owned(),
        Some(Ok(None)) => "works".to_owned(),
        Some(Ok(Some(WatchEvent::Modified(pod)))) => pod.uid().to_owned(),
        Some(Ok(Some(WatchEvent::Deleted(pod)))) => format!("-{}", pod.uid()),
        Some(Ok(Some(event))) => format!("{event:?}"),
        Some(Err(failure)) => format!("! {failure}"),
    }
}

#[tokio::test(start_paused = true)]
async fn changes_of_bystanders_are_left_out_and_their_versions_count() {
    let mut labelled = pod("other", 6);
    labelled["metadata"]["labels"] = json!({"app": "mine"});
    let text = [
        line("MODIFIED", &pod("mine", 3)),
        line("MODIFIED", &pod("other", 4)),
        line("MODIFIED", &pod("other", 5)),
        line("MODIFIED", &labelled),
        line("DELETED", &pod("other", 7)),
        line("MODIFIED", &pod("other", 8)),
    ];
    let body = Box::pin(Cursor::new(text.concat()));
    let mut changes = Changes::new(body, "2".to_owned(), &leaving_out("other"));
    let mut words = Vec::new();
    while words.last().is_none_or(|word| word != "end") {
        words.push(word(changes.next().await));
    }
    assert_eq!(words, ["mine", "works", "other", "-other", "end"]);
    assert_eq!(changes.version, "8");
}

#[tokio::test(start_paused = true)]
async fn a_bystander_holds_up_nothing_and_tells_once_that_the_watch_works() {
    let (sender, pieces) = mpsc::unbounded::<String>();
    let body = pieces.map(Ok::<_, io::Error>).into_async_read();
    let mut changes = Changes::new(Box::pin(body), "2".to_owned(), &leaving_out("other"));
    let send = |text: String| sender.unbounded_send(text).unwrap();
    let began = Instant::now();
    for version in 3..6 {
        send(line("MODIFIED", &pod("other", version)));
    }
    send(line("MODIFIED", &pod("mine", 6)));
    assert_eq!(word(changes.next().await), "works");
    assert_eq!(word(changes.next().await), "mine");
    // After an error it is news again.
    send("nonsense\n".to_owned());
    send(line("MODIFIED", &pod("other", 7)));
    assert!(word(changes.next().await).starts_with("! "));
    assert_eq!(word(changes.next().await), "works");
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_dead_only_when_the_watch_should_have_ended() {
    let begins = line("MODIFIED", &pod("mine", 3));
    let first = stream::once(async move {
        sleep(Duration::from_secs(100)).await;
        Ok::<_, io::Error>(begins)
    });
    let body = Box::pin(first.chain(stream::pending())).into_async_read();
    let config = WatchConfig::default().timeout(120);
    let mut changes = Changes::new(Box::pin(body), "2".to_owned(), &config);
    let began = Instant::now();
    assert_eq!(word(changes.next().await), "mine");
    assert_eq!(word(changes.next().await), "end");
    assert_eq!(began.elapsed(), Duration::from_secs(100 + 125));
}

#[tokio::test(start_paused = true)]
async fn a_last_line_counts_only_if_it_is_whole() {
    let whole = line("MODIFIED", &pod("mine", 3));
    let status = r#"{"kind":"Status","metadata":{},"status":"Failure","message":"no","reason":"x","code":500}"#;
    for (text, wanted) in [
        (whole.trim_end().to_owned(), vec!["mine", "end"]),
        (whole[..40].to_owned(), vec!["end"]),
        (String::new(), vec!["end"]),
        (format!("\n{whole}"), vec!["mine", "end"]),
        (format!("{status}\n"), vec!["! ApiError: no: x (Status"]),
    ] {
        let body = Box::pin(Cursor::new(text.clone()));
        let mut changes = Changes::new(body, "2".to_owned(), &WatchConfig::default());
        for wanted in wanted {
            let word = word(changes.next().await);
            assert!(word.starts_with(wanted), "{text}: {word}");
        }
    }
}
