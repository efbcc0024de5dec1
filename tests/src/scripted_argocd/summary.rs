//! Summary that `argocd app wait` prints at its end (argo-cd `cmd/argocd/commands/app.go`,
//! `printAppSummaryTable`, `printOperationResult` and `printAppResources`).

use std::{fmt::Write as _, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::table::{HEADER, aligned, rows, text};

/// The summary of an Application; `server` is what stands in ARGOCD_SERVER.
pub fn summary(application: &Value, server: &str) -> String {
    let mut out = String::from("\n");
    let fields = application_fields(application, server);
    push_fields(&mut out, &fields);
    if application.pointer("/status/operationState").is_some() {
        out.push('\n');
        push_fields(&mut out, &operation_fields(application));
    }
    let rows = rows(application);
    if !rows.is_empty() {
        out.push('\n');
        let header = HEADER.map(str::to_owned).to_vec();
        let cells = rows.into_iter().map(|row| {
            let (group, kind, namespace, name) = row.key();
            vec![
                group,
                kind,
                namespace,
                name,
                row.status,
                row.health,
                row.hook,
                row.message,
            ]
        });
        out.push_str(&aligned(
            &[header].into_iter().chain(cells).collect::<Vec<_>>(),
        ));
    }
    out
}

type Field = (&'static str, String);

fn push_fields(out: &mut String, fields: &[Field]) {
    for (name, value) in fields {
        let written = writeln!(out, "{name:<20}{value}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    // The only line without a value has no blanks behind it.
    *out = out.replace("Source:             \n", "Source:\n");
}

fn application_fields(application: &Value, server: &str) -> Vec<Field> {
    let field = |pointer: &str| text(application, pointer);
    let name = format!(
        "{}/{}",
        field("/metadata/namespace"),
        field("/metadata/name")
    );
    let automated = application.pointer("/spec/syncPolicy/automated").is_some();
    vec![
        ("Name:", name.clone()),
        ("Project:", field("/spec/project")),
        ("Server:", field("/spec/destination/server")),
        ("Namespace:", field("/spec/destination/namespace")),
        ("URL:", format!("https://{server}/applications/{name}")),
        ("Source:", String::new()),
        ("- Repo:", field("/spec/source/repoURL")),
        ("  Target:", field("/spec/source/targetRevision")),
        ("  Path:", field("/spec/source/path")),
        ("SyncWindow:", "Sync Allowed".to_owned()),
        (
            "Sync Policy:",
            if automated { "Automated" } else { "Manual" }.to_owned(),
        ),
        ("Sync Status:", sync_status(application)),
        ("Health Status:", field("/status/health/status")),
    ]
}

/// `Synced to main (16c7fd1)`
fn sync_status(application: &Value) -> String {
    let status = text(application, "/status/sync/status");
    let target = text(application, "/spec/source/targetRevision");
    let revision = text(application, "/status/sync/revision");
    let mut shown = match status.as_str() {
        "Synced" => format!("{status} to {target}"),
        "OutOfSync" => format!("{status} from {target}"),
        _ => status,
    };
    if let Some(short) = revision.get(..7).filter(|_| revision != target) {
        shown = format!("{shown} ({short})");
    }
    shown
}

fn operation_fields(application: &Value) -> Vec<Field> {
    let field = |name: &str| text(application, &format!("/status/operationState/{name}"));
    let started: Option<Timestamp> = field("startedAt").parse().ok();
    let finished: Option<Timestamp> = field("finishedAt").parse().ok();
    let until = finished.unwrap_or_else(Timestamp::now);
    let duration = started.map(|started| until.duration_since(started).unsigned_abs());
    let shown = |time: Option<Timestamp>| time.map(go_time).unwrap_or_default();
    let mut fields = vec![
        ("Operation:", "Sync".to_owned()),
        ("Sync Revision:", field("syncResult/revision")),
        ("Phase:", field("phase")),
        ("Start:", shown(started)),
        ("Finished:", shown(finished)),
        ("Duration:", duration.map(go_duration).unwrap_or_default()),
        ("Message:", field("message")),
    ];
    fields.retain(|(name, value)| !value.is_empty() || *name == "Sync Revision:");
    fields
}

/// `2026-11-23 23:57:13 +0000 UTC`
fn go_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}

/// `1h0m3s`
fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Value {
        serde_json::from_str(include_str!(
            "testdata/rollout-second-revision.application.json"
        ))
        .unwrap()
    }

    #[test]
    fn it_stands_as_recorded() {
        let wanted = include_str!("testdata/rollout-second-revision.summary.txt");
        assert_eq!(summary(&demo(), "127.0.0.1:8080"), wanted);
    }

    #[test]
    fn durations_as_go_writes_them() {
        let shown = [0, 59, 60, 3603].map(|seconds| go_duration(Duration::from_secs(seconds)));
        assert_eq!(shown, ["0s", "59s", "1m0s", "1h0m3s"]);
    }
}
