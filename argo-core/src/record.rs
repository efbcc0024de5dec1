//! Records: the output, which people read as lines and programs as JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Level, NoticeCode};

/// Version of the JSON form. The version grows when a field changes its meaning or goes away;
/// new fields and kinds do not change it.
pub const SCHEMA: u32 = 1;

/// One thing to show. In JSON one object a line, `time`, `level` and `msg` as logrus
/// writes them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The time at which it happened: the line's own time for a log line, the last occurrence
    /// for an event. RFC 3339.
    pub time: Timestamp,
    /// The severity.
    pub level: Level,
    /// The text, without time, level and tag.
    pub msg: String,
    /// Always [`SCHEMA`].
    pub schema: u32,
    /// The kind of record and its own fields.
    #[serde(flatten)]
    pub body: Body,
}

/// The kind of a record with the fields of that kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Body {
    /// A line that a container wrote.
    Log(Log),
    /// A Kubernetes event.
    Event(Event),
    /// A line that argocd wrote.
    Argo(Argo),
    /// The progress of a workload, or of the whole application.
    Status(Status),
    /// A cause of failure.
    Finding(Finding),
    /// A notice of the tool about itself.
    Notice(NoticeBody),
    /// The end.
    Verdict(Verdict),
}

/// The origin of a log line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// Name of the application.
    pub app: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// `<Kind>/<name>` of the workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Name of the pod.
    pub pod: String,
    /// Uid of the pod. Only recordings have it: a StatefulSet gives the next pod the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Name of the container.
    pub container: String,
    /// The number of restarts of the container before it wrote the line.
    pub restart: u32,
    /// True if the line goes on in the next record of the container: it is longer than
    /// 1 MiB. Container runtimes call such a line partial, too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
    /// The log store that the line comes from (`loki`, `victorialogs`), if it does not come from
    /// the cluster. A store may lack lines, and keep them in another form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
}

/// The subject of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Name of the application, if the run is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Namespace of the object.
    pub namespace: String,
    /// `<Kind>/<name>` of the object.
    pub object: String,
    /// The container, where the event is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The reason, in one camel-case word.
    pub reason: String,
    /// The number of occurrences so far.
    pub count: u32,
}

/// The origin of a line of argocd.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Argo {
    /// `stdout` or `stderr`.
    pub stream: String,
    /// True if the line goes on in the next record of argocd: it is longer than 1 MiB.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
}

/// The progress of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Name of the application, if the run is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Namespace of the workload; empty for a summary of all.
    pub namespace: String,
    /// `<Kind>/<name>`; empty for a summary of all.
    pub workload: String,
    /// Pods that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<i64>,
    /// Pods wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<i64>,
    /// True once the rollout is complete.
    pub complete: bool,
}

/// A cause of failure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the application, if the run is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Stable code (`crash-loop`, `image-pull`…).
    pub code: String,
    /// Namespace of the workload.
    pub namespace: String,
    /// `<Kind>/<name>` of the workload.
    pub workload: String,
    /// Names of the pods with this cause.
    pub pods: Vec<String>,
    /// True if the rollout cannot succeed without a change.
    pub doomed: bool,
    /// True if the finding was reported before and is resolved.
    #[serde(default, skip_serializing_if = "is_false")]
    pub resolved: bool,
    /// Facts that prove the cause, one sentence each.
    pub evidence: Vec<String>,
    /// The last lines of the container's log, as far as they matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LastLine>,
    /// A command or step that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The query that finds the lines of these pods in the log store, in its own language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_query: Option<String>,
}

/// A line of a log that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLine {
    /// The time at which the line was written.
    pub time: Timestamp,
    /// The text.
    pub text: String,
}

/// A notice of the tool about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoticeBody {
    /// Name of the application, if the run is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Stable code.
    pub code: NoticeCode,
    /// `<Kind>/<name>` of the object it is about, or `<pod>/<container>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// A remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The end of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Name of the application.
    pub app: String,
    /// `succeeded`, `failed`, `timeout` or `interrupted`.
    pub outcome: String,
    /// The cause that ended the wait: `argocd`, `degraded`, `timeout`, `fail-fast`, `signal`…
    pub reason: String,
    /// argocd's exit code, if argocd ended by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argocd_exit: Option<i32>,
    /// The exit code of this program.
    pub exit: i32,
    /// Seconds since the start.
    pub seconds: u64,
    /// A command or step that helps, where argocd itself failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Every finding that stands.
    pub findings: Vec<Finding>,
    /// Every workload.
    pub workloads: Vec<WorkloadSummary>,
    /// Each application, in the verdict on all of a run about several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppVerdict>,
}

/// The verdict on one application of several, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppVerdict {
    /// Name of the application.
    pub app: String,
    /// `succeeded`, `failed`, `timeout`, `interrupted`, `waiting` or `paused`.
    pub outcome: String,
    /// The exit code that a run about this application alone would have had.
    pub exit: i32,
}

/// One row of the final table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSummary {
    /// Namespace.
    pub namespace: String,
    /// `<Kind>/<name>`.
    pub workload: String,
    /// Pods that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<i64>,
    /// Pods wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<i64>,
    /// True once the rollout is complete.
    pub complete: bool,
    /// Container restarts of the workload's new pods.
    pub restarts: u32,
    /// Seconds from the start until the workload was complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// The missing step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
}

/// A field that is mostly false is written where it is true.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Record {
    /// Returns the application that the record is about, where the record says it.
    pub fn app(&self) -> Option<&str> {
        match &self.body {
            Body::Event(event) => event.app.as_deref(),
            Body::Status(status) => status.app.as_deref(),
            Body::Finding(finding) => finding.app.as_deref(),
            Body::Notice(notice) => notice.app.as_deref(),
            _ => None,
        }
    }

    /// Names the application that the record is about. Log lines and verdicts have its name in
    /// any case.
    #[must_use]
    pub fn of_app(mut self, app: &str) -> Self {
        let own = match &mut self.body {
            Body::Event(event) => &mut event.app,
            Body::Status(status) => &mut status.app,
            Body::Finding(finding) => &mut finding.app,
            Body::Notice(notice) => &mut notice.app,
            _ => return self,
        };
        *own = Some(app.to_owned());
        self
    }

    /// Creates a record of the present time.
    pub fn now(level: Level, msg: impl Into<String>, body: Body) -> Self {
        Self::at(Timestamp::now(), level, msg, body)
    }

    /// Creates a record of a given time.
    pub fn at(time: Timestamp, level: Level, msg: impl Into<String>, body: Body) -> Self {
        Self {
            time,
            level,
            msg: msg.into(),
            schema: SCHEMA,
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_fields_of_logrus_first() {
        let body = Body::Argo(Argo {
            stream: "stdout".into(),
            partial: false,
        });
        let record = Record::at(Timestamp::UNIX_EPOCH, Level::Warning, "hello", body);
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(
            json,
            r#"{"time":"1970-01-01T00:00:00Z","level":"warning","msg":"hello","schema":1,"kind":"argo","stream":"stdout"}"#
        );
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }
}
