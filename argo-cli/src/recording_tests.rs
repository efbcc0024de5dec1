use super::*;

#[tokio::test]
async fn a_full_disk_is_reported_at_the_latest_at_the_end() {
    for name in ["run.jsonl", "run.jsonl.zst"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let header = Header::new(&argo_core::AppRef::new("shop", "argocd"), Timestamp::now());
        let recorder = Recorder::begin(RecordingFile::create(&path).unwrap(), &header);
        let why = recorder.end().await.unwrap_or_default();
        assert!(why.contains("No space left"), "{name}: {why}");
    }
}

#[test]
fn arrivals_are_whole_milliseconds_after_the_start() {
    let started: Timestamp = "2026-11-23T10:00:00.123456789Z".parse().unwrap();
    let now: Timestamp = "2026-11-23T10:00:01.999999999Z".parse().unwrap();
    let arrived = arrival(started, now);
    assert_eq!(since(started, arrived), 1876);
    assert_eq!(arrival(started, arrived), arrived);
    let before: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    assert_eq!(arrival(started, before), started);
}
