//! The decisions of one run: the records to show, and the end of the run.
//!
//! [`Session`] takes [`Input`]s and returns [`Effect`]s; it knows no clock, no process and no
//! screen. `run` carries the effects out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use argo_core::text::counted;
use argo_core::text::duration;
use argo_core::{
    AppRef, Level, Notice, NoticeCode, ObjectName, ObjectRef, Record, TrackEvent,
    record::{Body, Status},
    resource::Application,
};
use argo_events::{EventItem, EventRecord};
use argo_logs::Batch;
use argo_workloads::{
    diagnosis::{Code, Finding, Thresholds},
    expectation::Expectation,
    progress::Progress,
    resources::{Answer, ReadRequest, Report},
};
use jiff::Timestamp;

use crate::{
    argocd::{ArgocdExit, Condition, Signal, Wait},
    args::{Events, OnDegraded, OnPaused, WorkloadName},
    follow::Observer,
    heartbeat::Heartbeat,
    render,
};

mod argocd_waits;
mod children;
mod draining;
mod expected;
mod finding_log;
mod phase;
mod status_lines;
mod summary;
mod wait_lines;

use children::Children;
use expected::Expected;
pub use phase::{Cause, Phase};
use status_lines::StatusLines;
use wait_lines::WaitLines;

/// The configuration of a run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The application.
    pub app: AppRef,
    /// Start of the run.
    pub started: Timestamp,
    /// The argocd whose exit decides; without one the run ends when everything is rolled out.
    pub argocd: Option<ArgocdRun>,
    /// The events to show.
    pub events: Events,
    /// True if a doomed workload ends the run.
    pub fail_fast: bool,
    /// Time for which a workload must be doomed before the run ends, and for which
    /// [`OnDegraded::Wait`] waits.
    pub grace: Duration,
    /// Number of restarts of a container that are not yet a finding.
    pub allow_restarts: u32,
    /// Workloads that never end the run.
    pub ignore: Vec<WorkloadName>,
    /// Time limit of the run; `None` for no limit.
    pub timeout: Option<Duration>,
    /// Time to go on looking for crashes after success.
    pub settle: Duration,
    /// True if success needs the old pods to have ended.
    pub wait_terminated: bool,
    /// The reaction to a rollout that is paused until a person acts, if the user chose one.
    pub on_paused: Option<OnPaused>,
    /// The revision and images that must run before success counts.
    pub expectation: Expectation,
    /// True if the run is about more applications, so that one line tells of all of them.
    pub is_one_of_several: bool,
}

/// The argocd of a run.
#[derive(Clone, Debug, Default)]
pub struct ArgocdRun {
    /// The conditions and resources that it waits for.
    pub wait: Wait,
    /// Its own `--timeout`.
    pub timeout: Option<Duration>,
    /// The reaction to an argocd that gives up because a resource is Degraded.
    pub on_degraded: OnDegraded,
    /// True if it is run for the applications that ours deploys, too.
    pub children: bool,
}

/// The exit of argocd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exited {
    /// The code or the signal.
    pub exit: ArgocdExit,
    /// True if argocd gave up because a resource turned Degraded.
    pub degraded: bool,
}

/// Something that happens to a run.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful lives at a time")]
pub enum Input {
    /// An event of the tracker.
    Track(TrackEvent),
    /// An item of the event stream.
    Event(EventItem),
    /// A notice of the log stream about itself.
    Notice(Notice),
    /// A report of argocd about a resource.
    Report(Report),
    /// The answer to a read of a live object.
    Resource(Answer),
    /// argocd ended.
    Argocd(Exited),
    /// argocd, or the run, ended because of another application.
    Elsewhere,
    /// The Application may not be read.
    Refused,
    /// The log stream ended.
    LogsEnded,
    /// The event stream ended.
    EventsEnded,
    /// A signal arrived.
    Signal(Signal),
    /// Time has passed.
    Tick,
}

/// A step that the caller takes for the session.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful lives at a time")]
pub enum Effect {
    /// Show this record.
    Show(Record),
    /// Forward this event to the log and event streams.
    Forward(TrackEvent),
    /// Read these live objects.
    Read(Vec<ReadRequest>),
    /// Send argocd this signal.
    Interrupt(Signal),
    /// Kill argocd.
    Kill,
    /// Run argocd again.
    RestartArgocd,
    /// Stop tracking, so that the log and event streams read the rest and end.
    Drain,
    /// End the run; this is the last effect.
    End,
}

/// The state of a run.
#[derive(Debug)]
pub struct Session {
    config: Config,
    observer: Observer,
    lines: SaidLines,
    /// The last warning or error of each object and reason: evidence for the verdict.
    events: BTreeMap<(Arc<str>, String), EventRecord>,
    phase: Phase,
    heartbeat: Heartbeat,
    argocd: Child,
    /// The time at which everything was reported healthy, which ends the rollout's duration.
    healthy_at: Option<Timestamp>,
    expected: Expected,
    /// The applications that ours deploys.
    children: Children,
    unseen: Unseen,
    streams: Streams,
    effects: Vec<Effect>,
}

/// The lines that were said about workloads, and about resources without pods.
#[derive(Debug, Default)]
struct SaidLines {
    status: StatusLines,
    waits: WaitLines,
}

/// Reports that something is hidden from us, or is not there.
#[derive(Debug, Default)]
struct Unseen {
    /// True if the Application, or all objects of a kind, may not be read.
    is_refused: bool,
    /// True if Argo CD's API does not show the application to us.
    is_shut_out: bool,
    /// True once the tracker has looked for a while and found nothing.
    is_told_nothing: bool,
    /// The application that may be meant instead of ours, which does not exist.
    suggestion: Option<String>,
}

/// The state of the argocd process.
#[derive(Debug)]
struct Child {
    /// Time of the last start.
    started: Timestamp,
    exited: Option<Exited>,
    /// Number of times argocd was started again.
    restarts: u32,
}

/// The streams that are still running.
#[derive(Debug)]
struct Streams {
    argocd: bool,
    logs: bool,
    events: bool,
}

impl Session {
    /// Creates the session of a run that begins.
    pub fn new(config: Config) -> Self {
        let started = config.started;
        Self {
            observer: Observer::new(config.app.clone(), started),
            lines: SaidLines::default(),
            events: BTreeMap::new(),
            phase: Phase::Waiting,
            heartbeat: Heartbeat::new(),
            argocd: Child {
                started,
                exited: None,
                restarts: 0,
            },
            healthy_at: None,
            expected: Expected::new(config.expectation.clone()),
            children: Children::default(),
            unseen: Unseen::default(),
            streams: Streams {
                argocd: config.argocd.is_some(),
                logs: true,
                events: true,
            },
            effects: Vec::new(),
            config,
        }
    }

    /// Handles an input that arrived at `now` and returns the effects to carry out.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Vec<Effect> {
        match input {
            Input::Track(event) => self.track(event, now),
            Input::Event(EventItem::Event(event)) => self.event(event),
            Input::Event(EventItem::Notice(notice)) | Input::Notice(notice) => self.notice(&notice),
            // A kind of item that this version does not know.
            Input::Event(_) => {}
            Input::Report(report) => self.observer.report(report, now),
            Input::Resource(answer) => {
                let event = self.observer.answer(answer, now);
                self.effects.extend(event.map(Effect::Forward));
            }
            Input::Argocd(exited) => self.argocd_ended(exited, now),
            Input::Elsewhere => self.ended_elsewhere(now),
            Input::Refused => self.unseen.is_shut_out = true,
            Input::LogsEnded => self.streams.logs = false,
            Input::EventsEnded => self.streams.events = false,
            Input::Signal(signal) => self.signal(signal, now),
            Input::Tick => self.tick(now),
        }
        self.end_if_all_ended(now);
        std::mem::take(&mut self.effects)
    }

    /// Remembers the lines of a container as evidence. The caller shows them itself.
    pub fn lines(&mut self, pod_uid: &Arc<str>, container: &Arc<str>, batch: &Batch) {
        self.observer.lines(pod_uid, container, batch);
    }

    fn track(&mut self, event: TrackEvent, now: Timestamp) {
        // The lines and the state of a pod that is about to be forgotten may be evidence.
        if matches!(event, TrackEvent::Removed(_)) {
            self.look(now);
        }
        let was_synced = self.progress().is_synced();
        let workload = self.observer.track(&event, now).cloned();
        let line = workload.and_then(|workload| {
            let pods = || self.observer.pods(&workload);
            self.lines.status.changed(&workload, pods, now)
        });
        self.say(line);
        match &event {
            TrackEvent::Synced if !was_synced => self.synced(),
            TrackEvent::Notice(notice) => {
                self.unseen.is_refused |= is_refusal(notice);
                self.unseen.is_told_nothing |= notice.code == NoticeCode::NothingFound;
                self.notice(notice);
            }
            _ => {}
        }
        self.effects.push(Effect::Forward(event));
    }

    /// Reports the workloads and pods that existed at the start, once they are known.
    fn synced(&mut self) {
        let rows = self.progress().workloads();
        // The tracker has a notice of its own for an application of which nothing is found.
        if rows.is_empty() && self.progress().pods() == 0 {
            return;
        }
        let namespaces = self.progress().namespaces();
        let msg = format!(
            "Following {} and {} in {}",
            counted(rows.len(), "workload"),
            counted(self.progress().pods(), "pod"),
            Vec::from_iter(namespaces).join(", ")
        );
        let notice = Notice::new(argo_core::NoticeCode::Other, Level::Info, msg);
        self.notice(&notice);
    }

    fn event(&mut self, event: EventRecord) {
        self.observer.event(&event);
        let wanted = match self.config.events {
            Events::All => true,
            Events::Warnings => event.level <= Level::Warning,
            Events::None => false,
        };
        if event.level <= Level::Warning {
            let key = (Arc::clone(&event.object.uid), event.reason.clone());
            self.events.insert(key, event.clone());
        }
        // Events from before the start are evidence for the verdict only.
        if wanted && !event.before_start {
            self.effects.push(Effect::Show(event.into()));
        }
    }

    fn notice(&mut self, notice: &Notice) {
        if notice.code == NoticeCode::DidYouMean {
            self.unseen.suggestion = Some(notice.message.clone());
        }
        self.effects.push(Effect::Show(render::notice(notice)));
    }

    fn say(&mut self, records: impl IntoIterator<Item = Record>) {
        self.effects.extend(records.into_iter().map(Effect::Show));
    }

    fn tick(&mut self, now: Timestamp) {
        if self.observer.is_due(now) {
            self.examine(now);
            let held = self.lines.status.held_back(&self.observer, now);
            self.say(held);
            self.resources(now);
            self.heartbeat(now);
        }
        self.consider(now);
    }

    /// Says which resources are waited for, and has those read whose state is not known.
    fn resources(&mut self, now: Timestamp) {
        if self.phase == Phase::Waiting {
            let waits = self.waits(now);
            let lines = self.lines.waits.update(&waits, now);
            self.say(lines);
        }
        self.read(now);
    }

    /// Has the live objects read whose state no watch delivers.
    pub fn read(&mut self, now: Timestamp) {
        let reads = self.observer.reads(now);
        if !reads.is_empty() {
            self.effects.push(Effect::Read(reads));
        }
    }

    /// Applies the rules unless they were applied a moment ago.
    fn look(&mut self, now: Timestamp) {
        if self.observer.may_examine(now) || matches!(self.phase, Phase::Draining { .. }) {
            self.examine(now);
        }
    }

    fn examine(&mut self, now: Timestamp) {
        self.examine_with(&self.thresholds(), now);
    }

    fn examine_with(&mut self, thresholds: &Thresholds, now: Timestamp) {
        let events = self.observer.examine(thresholds, now);
        let records = events
            .iter()
            .filter_map(|event| finding_log::record(event, now));
        self.say(records);
    }

    fn thresholds(&self) -> Thresholds {
        match self.cause() {
            // The verdict must find the crash that ended the run, even if it is the first one and
            // more restarts are allowed.
            Some(Cause::CrashedAfterSuccess) => Thresholds::settling(),
            _ => Thresholds::default().allow_restarts(self.config.allow_restarts),
        }
    }

    fn heartbeat(&mut self, now: Timestamp) {
        let ends = self.awaited_ends();
        let waits = matches!(self.phase, Phase::Waiting | Phase::Expecting { .. });
        if (ends.is_none() && !waits) || self.config.is_one_of_several {
            return;
        }
        let elapsed = duration::between(self.config.started, now);
        if !self.heartbeat.may_beat(elapsed) {
            return;
        }
        // A finding says more than a reason that may pass; it comes first.
        let mut reasons = self.findings();
        reasons.extend(self.observer.reasons(&self.thresholds(), now));
        let mut others: Vec<_> = self.others(now).into_iter().chain(ends).collect();
        argocd_waits::explain(&mut others, &reasons);
        let line = self
            .heartbeat
            .beat(elapsed, &self.rows(now), &reasons, &others);
        let end = self.end_in_sight(now).unwrap_or_default();
        let line = line.map(|line| line + &end);
        let body = Body::Status(Status::default());
        self.say(line.map(|line| Record::at(now, Level::Info, line, body)));
    }

    /// Makes the run one about several applications, with argocd's time limit for all of them.
    pub(crate) fn share_the_run(&mut self, limit: Option<Duration>) {
        self.config.is_one_of_several = true;
        if let Some(run) = &mut self.config.argocd {
            run.timeout = limit;
        }
    }

    /// Records that a command of argocd begins: its time limit counts from here.
    pub(crate) fn argocd_begins(&mut self, now: Timestamp) {
        self.argocd.started = now;
    }

    /// Returns the configuration of the run.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the exit of argocd, once it has ended.
    pub fn argocd(&self) -> Option<Exited> {
        self.argocd.exited
    }

    /// Returns the phase of the run.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// True once the first lists are complete.
    pub(crate) fn knows_its_objects(&self) -> bool {
        self.progress().is_synced()
    }

    /// True while the exit of argocd is still to come.
    pub(crate) fn runs_child(&self) -> bool {
        self.streams.argocd
    }

    /// True if the Application has this object among its manifests.
    pub(crate) fn deploys(&self, object: &ObjectName) -> bool {
        let resources = self.application().map(|app| &app.status.resources);
        resources.into_iter().flatten().any(|resource| {
            object.kind.is(&resource.group, &resource.kind)
                && *resource.name == *object.name
                && *resource.namespace == *object.namespace
        })
    }

    /// True if argocd waits for this object. Other objects neither end the run nor count as
    /// failed.
    fn is_selected(&self, object: &ObjectRef) -> bool {
        let run = self.config.argocd.as_ref();
        object.is_application() || run.is_none_or(|run| run.wait.selection.includes(object))
    }

    /// Returns the current findings about the selected workloads.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let current = self.observer.findings().iter();
        let selected = current
            .filter(|finding| self.is_selected(&finding.workload) && self.is_waited_for(finding));
        selected.cloned().collect()
    }

    /// True unless the finding is about a condition that argocd does not wait for.
    fn is_waited_for(&self, finding: &Finding) -> bool {
        match finding.code {
            Code::WaitingForResource | Code::DegradedResource => self.waits_for(Condition::Health),
            Code::OutOfSync => self.waits_for(Condition::Sync),
            Code::WaveBlocked | Code::SyncWindow => {
                self.waits_for(Condition::Operation) || self.waits_for(Condition::Sync)
            }
            Code::ApplicationDeleted => !(self.runs_argocd() && self.waits_for(Condition::Delete)),
            _ => true,
        }
    }

    fn progress(&self) -> &Progress {
        self.observer.progress()
    }

    /// Returns the Application, if it could be read.
    pub fn application(&self) -> Option<&Application> {
        self.progress().application()
    }
}

/// True if the cluster does not let us read something.
fn is_refusal(notice: &Notice) -> bool {
    match notice.code {
        NoticeCode::Forbidden => true,
        // It is refused, not missing, if a rule would help.
        NoticeCode::ApplicationUnreadable => notice.hint.is_some(),
        _ => false,
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
