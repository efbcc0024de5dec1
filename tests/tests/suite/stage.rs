//! A simulated cluster, and the session that watches it, on one clock that stands still
//! between the things that happen. Nothing goes over a connection: minutes take milliseconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use argo_assistant::{
    argocd::{ArgocdExit, ArgocdOutcome},
    args::Events,
    render::Renderer,
    session::{ArgocdRun, Config, Effect, Exited, Input, Session},
    settings::Settings,
    summary::Summary,
    verdict,
};
use argo_core::{AppRef, GroupKind, Record, TrackedBody, WatchEvent, record::Body, text::duration};
use argo_logs::{Batch, Line};
use argo_workloads::{
    TrackConfig,
    engine::{Answer, LocalCluster, Observed, Tracker, WatchSpec},
};
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
    tracker: Tracker,
    track_config: TrackConfig,
    /// Watches of the tracker whose first list it has.
    listed: BTreeSet<WatchSpec>,
    events: argo_events::engine::Follower,
    watches: Vec<Watch>,
    readers: BTreeMap<(String, String, String), Reader>,
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
        wait_terminated: false,
        on_paused: None,
        expectation: argo_workloads::expectation::Expectation::default(),
        is_one_of_several: false,
    }
}

fn start_time() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

/// Settings as in a pipeline.
pub(crate) fn settings(format: &str) -> Settings {
    let lookup = |name: &str| (name == "LOG_FORMAT").then(|| format.to_owned());
    let mut settings = Settings::of_pipe(&lookup).0;
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
        let track_config = TrackConfig::default().started(started).all_namespaces();
        let here = LocalCluster {
            is_apart: false,
            url: "https://simcluster.invalid".to_owned(),
            described: "simcluster".to_owned(),
        };
        let mut stage = Self {
            renderers: [renderer("text"), renderer("json")],
            tracker: Tracker::new(config.app.clone(), track_config.clone(), here),
            track_config,
            listed: BTreeSet::new(),
            events: argo_events::engine::Follower::new(
                argo_events::EventConfig::default().since(started),
                false,
            ),
            watches: store
                .resources()
                .iter()
                .map(|resource| store.watch(&resource.name(), version).unwrap())
                .collect(),
            readers: BTreeMap::new(),
            session: Session::new(config),
            started,
            said: Vec::new(),
            done: Vec::new(),
            awaited: None,
            text: Vec::new(),
            json: Vec::new(),
            cluster,
        };
        stage.lists();
        for event in stage.all("events") {
            stage.happened(ChangeKind::Added, event.value());
        }
        stage
    }

    fn all(&self, resource: &str) -> Vec<Arc<Object>> {
        self.cluster.store().list(resource, None).unwrap().items
    }

    /// Gives the tracker the first list of each watch that it has opened.
    fn lists(&mut self) {
        loop {
            let watches = self.tracker.watches();
            let Some(spec) = watches.difference(&self.listed).next().cloned() else {
                break;
            };
            self.listed.insert(spec.clone());
            self.watched(&spec, WatchEvent::Restarted);
            let resources = self.cluster.store().resources();
            for resource in resources {
                for object in self.all(&resource.name()) {
                    if self.spec_of(object.value()).as_ref() == Some(&spec) {
                        self.await_text(&object);
                        let observed = observed(object.value(), &spec);
                        self.watched(&spec, WatchEvent::Applied(observed));
                    }
                }
            }
            self.watched(&spec, WatchEvent::Synced);
        }
    }

    /// The tracker's watch that delivers an object.
    fn spec_of(&self, value: &Value) -> Option<WatchSpec> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = GroupKind::from_api_version(&text(&value["apiVersion"]), &text(&value["kind"]));
        let meta = &value["metadata"];
        let (namespace, app) = (text(&meta["namespace"]), text(&meta["name"]));
        let delivers = |spec: &&WatchSpec| match spec {
            WatchSpec::Applications {
                namespace: of,
                name,
            } => {
                kind.is("argoproj.io", "Application")
                    && **of == *namespace
                    && name.as_deref().is_none_or(|name| name == app)
            }
            WatchSpec::Pods(_) => kind.is("", "Pod"),
            WatchSpec::Kind(place, _) => {
                self.track_config.kinds[*place].names().group_kind() == kind
            }
            WatchSpec::Claims(_) => kind.is("", "PersistentVolumeClaim"),
            WatchSpec::Autoscalers(_) => kind.is("autoscaling", "HorizontalPodAutoscaler"),
        };
        self.tracker.watches().iter().find(delivers).cloned()
    }

    fn watched(&mut self, spec: &WatchSpec, event: WatchEvent<Observed>) {
        self.tracker.watched(spec, event, self.after());
        self.tracked();
    }

    /// Tells the session what the tracker has found. Owners of unknown kinds are not there.
    fn tracked(&mut self) {
        loop {
            while let Some(event) = self.tracker.next_event() {
                self.tell(Input::Track(event));
            }
            let Some(owner) = self.tracker.next_owner() else {
                break;
            };
            self.tracker.owner_read(&owner, Answer::Absent);
        }
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
        self.tracker.tick(self.after());
        self.tracked();
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
                // No scene has resources without pods.
                Effect::Read(_) => {}
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
        if value["kind"] == "Event" {
            return self.happened(kind, value);
        }
        if let Some(spec) = self.spec_of(value) {
            let observed = observed(value, &spec);
            let event = match kind {
                ChangeKind::Deleted => WatchEvent::Deleted(observed),
                _ => WatchEvent::Applied(observed),
            };
            self.watched(&spec, event);
            self.lists();
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

    fn happened(&mut self, kind: ChangeKind, value: &Value) {
        let event: argo_events::Event = serde_json::from_value(value.clone()).unwrap();
        let scope = argo_events::EventScope {
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

fn observed(value: &Value, spec: &WatchSpec) -> Observed {
    Observed::Object(match spec {
        WatchSpec::Applications { .. } => return Observed::Application(read(value)),
        WatchSpec::Pods(_) => TrackedBody::Pod(read(value)),
        WatchSpec::Kind(..) => TrackedBody::Workload(read(value)),
        WatchSpec::Claims(_) | WatchSpec::Autoscalers(_) => {
            TrackedBody::Other(read(&value["metadata"]))
        }
    })
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Arc<T> {
    Arc::new(serde_json::from_value(value.clone()).unwrap())
}
