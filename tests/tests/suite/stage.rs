//! A simulated cluster, and the session that watches it, on one clock that stands still
//! between the things that happen. Nothing goes over a connection: minutes take milliseconds.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use argo_cli::{
    argocd::{ArgocdExit, ArgocdOutcome},
    args::Events,
    render::Renderer,
    session::{ArgocdRun, Config, Effect, Exited, Input, Session},
    settings::Settings,
    summary::Summary,
    verdict,
};
use argo_core::{
    AppRef, GroupKind, KindTraits, ObjectRef, Record, TrackEvent, Tracked, TrackedBody, WatchEvent,
    record::Body, resource::Application, text::duration,
};
use argo_logs::{Batch, Line};
use argo_workloads::{AppSelector, Change, Index, Scope, builtin, describe};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;
use simcluster::{
    cluster::{Cluster, Options},
    logs::{ReadOptions, Reader, Step},
    scenario::Scenario,
    store::{ChangeKind, Object, Watch},
};

/// Interval of the looks, as in the program.
const TICK: Duration = Duration::from_millis(250);
const APPLICATIONS: &str = "applications.argoproj.io";
const KINDS: [&str; 10] = [
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "persistentvolumeclaims",
    "pods",
    "events",
    APPLICATIONS,
];

/// Something that was said, and when.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) after: Duration,
    pub(crate) record: Record,
}

impl Said {
    /// `Deployment/web crash-loop`, of a finding.
    pub(crate) fn finding(&self) -> Option<String> {
        match &self.record.body {
            Body::Finding(finding) if !finding.resolved => {
                Some(format!("{} {}", finding.workload, finding.code))
            }
            _ => None,
        }
    }

    /// Returns the finding that is resolved.
    pub(crate) fn resolved(&self) -> Option<String> {
        match &self.record.body {
            Body::Finding(finding) if finding.resolved => {
                Some(format!("{} {}", finding.workload, finding.code))
            }
            _ => None,
        }
    }
}

/// A cluster and a session.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) session: Session,
    pub(crate) started: Timestamp,
    /// Records of the session, in order.
    pub(crate) said: Vec<Said>,
    /// Effects of the session by name.
    pub(crate) done: Vec<&'static str>,
    /// A text whose first appearance in an object is of interest, and when it appeared.
    pub(crate) awaited: Option<(String, Option<Duration>)>,
    /// Everything that was shown, as text and as JSON.
    pub(crate) text: Vec<u8>,
    pub(crate) json: Vec<u8>,
    renderers: [Renderer; 2],
    index: Index,
    selector: AppSelector,
    events: argo_events::engine::Follower,
    watches: Vec<Watch>,
    readers: BTreeMap<(String, String, String), Reader>,
    own: Vec<GroupKind>,
}

/// Default configuration of a run.
pub(crate) fn config() -> Config {
    Config {
        app: AppRef::new("shop", "argocd"),
        started: start_time(),
        argocd: Some(ArgocdRun::default()),
        events: Events::All,
        fail_fast: false,
        grace: Duration::from_secs(60),
        allow_restarts: 2,
        ignore: Vec::new(),
        timeout: None,
        settle: Duration::from_secs(10),
    }
}

fn start_time() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

/// Settings as in a pipeline.
pub(crate) fn settings(format: &str) -> Settings {
    let lookup = |name: &str| (name == "LOG_FORMAT").then(|| format.to_owned());
    let mut settings = Settings::read(&lookup, false).0;
    settings.zone = TimeZone::UTC;
    settings
}

impl Stage {
    /// Starts the cluster; the session begins when what exists at the start is well. Needs
    /// paused time.
    pub(crate) async fn open(scenario: &Scenario, config: Config) -> Self {
        let options = Options {
            speed: Some(1.0),
            time: Some(start_time()),
            ..Options::default()
        };
        let cluster = Cluster::start(scenario, options).await.unwrap();
        Self::watch(cluster, config)
    }

    /// One look at a cluster as it is, as `diagnose` takes it.
    pub(crate) fn one_look(cluster: Cluster) -> (Self, Summary) {
        let once = Config {
            argocd: None,
            allow_restarts: 0,
            grace: Duration::ZERO,
            settle: Duration::ZERO,
            ..config()
        };
        let mut stage = Self::watch(cluster, once);
        stage.take_lines();
        let summary = stage.session.look_once(stage.now());
        (stage, summary)
    }

    fn watch(cluster: Cluster, config: Config) -> Self {
        let store = cluster.store();
        let started = store.clock().now();
        let config = Config { started, ..config };
        let version = store.resource_version();
        let renderer =
            |format| Renderer::new(settings(format), false, started, config.app.name.clone());
        let mut stage = Self {
            renderers: [renderer("text"), renderer("json")],
            index: Index::new(started),
            selector: AppSelector::new(config.app.clone()),
            events: argo_events::engine::Follower::new(
                argo_events::EventConfig::default().since(started),
                false,
            ),
            watches: KINDS
                .iter()
                .map(|kind| store.watch(kind, version).unwrap())
                .collect(),
            readers: BTreeMap::new(),
            own: builtin().iter().map(|kind| kind.kind()).collect(),
            session: Session::new(config),
            started,
            said: Vec::new(),
            done: Vec::new(),
            awaited: None,
            text: Vec::new(),
            json: Vec::new(),
            cluster,
        };
        stage.first_lists();
        stage
    }

    /// Reads the objects that exist at the start.
    fn first_lists(&mut self) {
        let kinds: Vec<GroupKind> = self.own.iter().cloned().chain([pod_kind()]).collect();
        for kind in &kinds {
            self.index.cover(kind, &Scope::Cluster);
            self.index.begin_list(kind, &Scope::Cluster);
        }
        for kind in KINDS {
            for object in self.cluster.store().list(kind, None).unwrap().items {
                self.object(ChangeKind::Added, &object);
            }
        }
        for kind in &kinds {
            let changes = self.index.end_list(kind, &Scope::Cluster);
            self.changes(changes);
        }
        self.tell(Input::Track(TrackEvent::Synced));
    }

    /// Lets time pass.
    pub(crate) async fn play(&mut self, span: Duration) {
        let until = self.after() + span;
        while self.after() < until {
            self.tick().await;
        }
    }

    /// Lets time pass until the session is done, or for so long.
    pub(crate) async fn play_to_end(&mut self, span: Duration) {
        let until = self.after() + span;
        while self.after() < until && !self.done.contains(&"end") {
            if self.done.contains(&"drain") {
                self.tell(Input::LogsEnded);
                self.tell(Input::EventsEnded);
            }
            self.tick().await;
        }
    }

    async fn tick(&mut self) {
        tokio::time::sleep(TICK).await;
        self.take_changes();
        self.take_lines();
        self.events.tick(self.after());
        self.take_events();
        self.tell(Input::Tick);
    }

    /// Time since the session began.
    pub(crate) fn after(&self) -> Duration {
        let age = self.now().duration_since(self.started);
        Duration::try_from(age).unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.cluster.store().clock().now()
    }

    /// Tells the session something, and remembers what it says and does.
    pub(crate) fn tell(&mut self, input: Input) {
        self.tell_at(input, self.now());
    }

    fn tell_at(&mut self, input: Input, now: Timestamp) {
        let after = self.after();
        for effect in self.session.handle(input, now) {
            match effect {
                Effect::Show(record) => {
                    self.renderers[0].record(&record, &mut self.text);
                    self.renderers[1].record(&record, &mut self.json);
                    self.said.push(Said { after, record });
                }
                Effect::Forward(event) => self.events.track(&event, after),
                Effect::Interrupt(_) => self.done.push("interrupt"),
                Effect::Kill => self.done.push("kill"),
                Effect::RestartArgocd => self.done.push("again"),
                Effect::Drain => self.done.push("drain"),
                Effect::End => self.done.push("end"),
            }
        }
    }

    /// argocd ended, and everything else with it; nothing more came of what explains it.
    pub(crate) fn end(&mut self, exited: Exited) {
        self.tell(Input::Argocd(exited));
        let second = Duration::from_secs(1);
        self.tell_at(Input::Tick, duration::later(self.now(), second));
        self.tell(Input::LogsEnded);
        self.tell(Input::EventsEnded);
    }

    /// argocd gave up after its own time; the summary and the block of text.
    pub(crate) fn argocd_times_out(&mut self) -> (Summary, String) {
        self.end(Exited {
            exit: ArgocdExit::Code(20),
            degraded: false,
        });
        let outcome = Some(ArgocdOutcome::TimedOut);
        self.verdict(outcome.as_ref())
    }

    /// The summary and the block of text; both formats get the verdict.
    pub(crate) fn verdict(&mut self, outcome: Option<&ArgocdOutcome>) -> (Summary, String) {
        let now = self.now();
        let summary = self.session.summary(outcome, now);
        self.renderers[0].verdict(&summary, now, &mut self.text);
        self.renderers[1].verdict(&summary, now, &mut self.json);
        let text = verdict::text(&summary, &settings("text"));
        (summary, text)
    }

    fn take_changes(&mut self) {
        let mut changes = Vec::new();
        for watch in &mut self.watches {
            while let Some(change) = watch.try_next().unwrap() {
                changes.push(change);
            }
        }
        changes.sort_by_key(|change| change.object.resource_version());
        for change in changes {
            self.object(change.kind, &change.object);
        }
    }

    fn object(&mut self, kind: ChangeKind, object: &Arc<Object>) {
        self.await_text(object);
        let value = object.value();
        match value["kind"].as_str().unwrap() {
            "Event" => self.happened(kind, value),
            "Application" => self.application(value),
            name => {
                let version = value["apiVersion"].as_str().unwrap();
                let group_kind = GroupKind::from_api_version(version, name);
                let changes = match kind {
                    ChangeKind::Deleted => self.index.delete(object.uid()),
                    _ => self.apply(&group_kind, value),
                };
                self.changes(changes);
            }
        }
    }

    fn await_text(&mut self, object: &Object) {
        let after = self.after();
        if let Some((text, seen @ None)) = &mut self.awaited
            && object.value().to_string().contains(&**text)
        {
            *seen = Some(after);
        }
    }

    fn apply(&mut self, kind: &GroupKind, value: &Value) -> Vec<Change> {
        let body = if *kind == pod_kind() {
            TrackedBody::Pod(read(value))
        } else if self.own.contains(kind) {
            TrackedBody::Workload(read(value))
        } else {
            TrackedBody::Other(read(&value["metadata"]))
        };
        let own = self.selector.matches(kind, body.metadata());
        self.index.apply(kind, body, own)
    }

    fn changes(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Applied(tracked) => {
                    let tracked = describe(&builtin(), tracked);
                    self.tell(Input::Track(TrackEvent::Applied(tracked)));
                }
                Change::Removed(object) => self.tell(Input::Track(TrackEvent::Removed(object))),
                Change::Want(_) => {}
            }
        }
    }

    fn application(&mut self, value: &Value) {
        let application: Arc<Application> = read(value);
        let kind = GroupKind::new("argoproj.io", "Application");
        let object = ObjectRef::from_meta(kind, &application.metadata);
        let tracked = Tracked {
            root: object.clone(),
            object,
            owner: None,
            hook: None,
            is_new: false,
            rollout: None,
            traits: KindTraits::default(),
            body: TrackedBody::Other(Arc::new(application.metadata.clone())),
        };
        self.tell(Input::Track(TrackEvent::Applied(tracked)));
        self.tell(Input::Track(TrackEvent::Application(application)));
    }

    fn happened(&mut self, kind: ChangeKind, value: &Value) {
        let event: argo_events::Event = serde_json::from_value(value.clone()).unwrap();
        let scope = argo_events::Scope {
            namespace: value["metadata"]["namespace"].as_str().unwrap().into(),
            applications: false,
            fields: None,
        };
        let event = match kind {
            ChangeKind::Deleted => WatchEvent::Deleted(event),
            _ => WatchEvent::Applied(event),
        };
        self.events.watched(&scope, event, self.after());
        self.take_events();
    }

    fn take_events(&mut self) {
        while let Some(item) = self.events.next_item() {
            self.tell(Input::Event(item));
        }
    }

    /// Reads what the runs that pods show have written.
    fn take_lines(&mut self) {
        for pod in self.cluster.store().list("pods", None).unwrap().items {
            for list in ["initContainerStatuses", "containerStatuses"] {
                for status in pod["status"][list].as_array().into_iter().flatten() {
                    let last = &status["lastState"]["terminated"]["containerID"];
                    for id in [last, &status["containerID"]] {
                        let id = id.as_str().unwrap_or_default();
                        self.lines_of(&pod, status["name"].as_str().unwrap(), id);
                    }
                }
            }
        }
    }

    fn lines_of(&mut self, pod: &Object, container: &str, id: &str) {
        let key = (pod.uid().to_owned(), container.to_owned(), id.to_owned());
        let Some(run) = self.cluster.logs().run(pod.uid(), container, id) else {
            return;
        };
        let options = ReadOptions {
            follow: true,
            timestamps: true,
            ..ReadOptions::default()
        };
        let reader = self
            .readers
            .entry(key)
            .or_insert_with(|| Reader::new(run, options));
        let mut bytes = Vec::new();
        while let Step::Chunk(chunk) = reader.step() {
            bytes.extend_from_slice(&chunk);
        }
        if bytes.is_empty() {
            return;
        }
        let lines = bytes.split(|byte| *byte == b'\n').filter_map(line);
        let batch = Batch::from_lines(id.into(), 0, lines);
        self.session
            .lines(&pod.uid().into(), &container.into(), &batch);
    }
}

fn line(line: &[u8]) -> Option<Line<'_>> {
    let blank = line.iter().position(|byte| *byte == b' ')?;
    let time: Timestamp = std::str::from_utf8(&line[..blank]).ok()?.parse().ok()?;
    let nanos = i64::try_from(time.as_nanosecond()).ok()?;
    Some(Line::new(Some(nanos), &line[blank + 1..]))
}

fn pod_kind() -> GroupKind {
    GroupKind::new("", "Pod")
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Arc<T> {
    Arc::new(serde_json::from_value(value.clone()).unwrap())
}
