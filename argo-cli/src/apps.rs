//! The applications of a run: one session each, and what makes one run of them.
//!
//! [`Apps`] takes what a [`Session`] takes, tells the session that it concerns, and merges the
//! effects: argocd is interrupted once, the streams are drained once every application is
//! decided, and the run ends when all have ended. Like a session it knows no clock, no process
//! and no screen. A run about one application is that application's session and nothing else.

mod awaited;
mod board;
mod late;
mod names;
mod routes;

use std::{sync::Arc, time::Duration};

use argo_core::{
    AppRef, Level, Notice, Record, TrackEvent,
    record::{Body, Status},
    text::{counted, duration},
};
use argo_events::EventItem;
use argo_logs::Batch;
use argo_workloads::{
    diagnosis::Finding,
    resources::{Answer, Report},
};
use jiff::Timestamp;

use crate::{
    argocd::{ArgocdExit, ArgocdOutcome, Signal},
    heartbeat::{self, Heartbeat},
    recording::Fact,
    render,
    session::{Cause, Config, Effect, Exited, Input, Phase, Session},
    summary::{Row, Summary, together},
};

pub(crate) use late::joined;
use names::{described, names};
use routes::Routes;

/// The applications of a run.
#[derive(Debug)]
pub(crate) struct Apps {
    members: Vec<Member>,
    routes: Routes,
    heartbeat: Heartbeat,
    /// The failure of argocd while it is not known yet what it is about.
    failed: Option<Failed>,
    /// The exit of argocd that only the application it is about was told, which waits for the
    /// application to recover.
    held: Option<Exited>,
    /// argocd's exit code, if it ended by itself.
    argocd: Option<i32>,
    /// True while argocd is being ended to be run again without an application that is decided.
    is_rerun: bool,
    is_drained: bool,
}

#[derive(Debug)]
struct Member {
    name: String,
    session: Session,
    /// True once argocd was told to wait for it.
    is_asked: bool,
    /// True once the session wants its streams drained.
    is_decided: bool,
    is_over: bool,
}

/// A failure of argocd that came before the first lists.
#[derive(Debug)]
struct Failed {
    exited: Exited,
    about: About,
    /// The end of the wait for the lists.
    until: Timestamp,
}

/// Time limit for the first lists if argocd fails at once.
const FIRST_LISTS: Duration = Duration::from_secs(3);

/// The subject of argocd's exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The application that argocd names, with or without its namespace.
    App(String),
    /// Perhaps this application, unless it is done.
    Perhaps(AppRef),
    /// An application that it may not see or that is not there; argocd does not say which.
    Unseen,
    /// Nothing in particular.
    Nothing,
}

impl Apps {
    /// Begins a session for each configuration, of which there is at least one.
    pub(crate) fn new(configs: Vec<Config>) -> Self {
        let names = names(&configs);
        let members = configs.into_iter().zip(names).map(|(config, name)| Member {
            name,
            session: Session::new(config),
            is_asked: true,
            is_decided: false,
            is_over: false,
        });
        Self {
            members: members.collect(),
            routes: Routes::default(),
            heartbeat: Heartbeat::new(),
            failed: None,
            held: None,
            argocd: None,
            is_rerun: false,
            is_drained: false,
        }
    }

    /// True if the run is about more than one application.
    pub(crate) fn are_several(&self) -> bool {
        self.members.len() > 1
    }

    /// Returns the configuration of the first application: but for the application, that of all.
    pub(crate) fn config(&self) -> &Config {
        self.members[0].session.config()
    }

    /// Returns the name of an application, if there are several.
    fn name(&self, app: usize) -> Option<&str> {
        let member = self.members.get(app).filter(|_| self.are_several());
        member.map(|member| member.name.as_str())
    }

    /// Returns what the run is about: `application argocd/shop`.
    pub(crate) fn described(&self) -> String {
        let apps: Vec<String> = self
            .members
            .iter()
            .map(|member| member.session.config().app.to_string())
            .collect();
        described(&apps)
    }

    /// True once it is decided how each application ends.
    pub(crate) fn are_decided(&self) -> bool {
        self.members
            .iter()
            .all(|member| member.session.cause().is_some())
    }

    // Inputs

    /// Tells all applications that time has passed.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Vec<Effect> {
        let mut effects = self.all(|| Input::Tick, now);
        let are_known = self.are_known();
        let is_due = |failed: &mut Failed| are_known || now >= failed.until;
        if let Some(failed) = self.failed.take_if(is_due) {
            effects.extend(self.blame(failed.exited, &failed.about, now));
        }
        if self.are_several() {
            effects.extend(self.beat(now).map(Effect::Show));
        }
        effects
    }

    /// Tells all applications of a signal. One that arrives while some of them still wait leaves
    /// the others alone: they have ended already.
    pub(crate) fn signal(&mut self, signal: Signal, now: Timestamp) -> Vec<Effect> {
        let is_second = self.are_decided();
        let mut effects = Vec::new();
        for app in 0..self.members.len() {
            if is_second || self.members[app].session.cause().is_none() {
                effects.extend(self.handle(app, Input::Signal(signal), now));
            }
        }
        once(effects)
    }

    /// Tells all applications of something that concerns each of them: the end of a stream.
    pub(crate) fn all(&mut self, input: impl Fn() -> Input, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        for app in 0..self.members.len() {
            effects.extend(self.handle(app, input(), now));
        }
        once(effects)
    }

    /// Takes an event of the tracker of an application.
    pub(crate) fn tracked(&mut self, app: usize, event: TrackEvent, now: Timestamp) -> Vec<Effect> {
        self.handle(app, Input::Track(event), now)
    }

    /// Takes an item of the event stream.
    pub(crate) fn event(&mut self, item: EventItem, now: Timestamp) -> Vec<Effect> {
        let app = match &item {
            EventItem::Event(event) => {
                let own = self.routes.app_of(&event.object.uid);
                own.or_else(|| self.routes.app_of(&event.root.uid))
            }
            EventItem::Notice(notice) => return self.notice(notice, now),
            _ => None,
        };
        // An event of an object that nobody claims is shown with the first application rather than
        // not at all.
        self.handle(app.unwrap_or_default(), Input::Event(item), now)
    }

    /// Takes a notice of a stream. One about nothing in particular concerns them all.
    pub(crate) fn notice(&mut self, notice: &Notice, now: Timestamp) -> Vec<Effect> {
        if !self.are_several() {
            return self.handle(0, Input::Notice(notice.clone()), now);
        }
        let object = notice.object.as_ref();
        let app = object.and_then(|object| self.routes.app_of(&object.uid));
        let record = render::notice(notice);
        let record = match app.and_then(|app| self.name(app)) {
            Some(name) => record.of_app(name),
            None => record,
        };
        vec![Effect::Show(record)]
    }

    /// Remembers the lines of a container as evidence. Returns the application's name, if there
    /// are several.
    pub(crate) fn lines(
        &mut self,
        uid: &Arc<str>,
        container: &Arc<str>,
        batch: &Batch,
    ) -> Option<&str> {
        let app = self.routes.app_of(uid).unwrap_or_default();
        self.members
            .get_mut(app)?
            .session
            .lines(uid, container, batch);
        self.name(app)
    }

    /// Returns the name of a pod's application, if there are several.
    pub(crate) fn name_for(&self, uid: &str) -> Option<&str> {
        self.name(self.routes.app_of(uid).unwrap_or_default())
    }

    /// Takes a row of argocd's table. It names no application: those whose manifests hold the
    /// resource are told.
    pub(crate) fn report(&mut self, report: &Report, now: Timestamp) -> Vec<Effect> {
        let are_several = self.are_several();
        let mut effects = Vec::new();
        for app in 0..self.members.len() {
            if !are_several || self.members[app].session.deploys(&report.name) {
                effects.extend(self.handle(app, Input::Report(report.clone()), now));
            }
        }
        effects
    }

    /// Takes the answer to a read of a live object.
    pub(crate) fn answer(&mut self, answer: &Answer, now: Timestamp) -> Vec<Effect> {
        if !self.are_several() {
            return self.handle(0, Input::Resource(answer.clone()), now);
        }
        let mut effects = Vec::new();
        for app in self.routes.askers(&answer.name) {
            effects.extend(self.handle(app, Input::Resource(answer.clone()), now));
        }
        effects
    }

    /// Takes the exit of argocd. After a failure, only what it is about has failed: argocd waits
    /// for one application after the other and gives up on the first.
    pub(crate) fn argocd(&mut self, exited: Exited, about: &About, now: Timestamp) -> Vec<Effect> {
        if !self.are_several() {
            return self.handle(0, Input::Argocd(exited), now);
        }
        // We have ended it ourselves: its exit says nothing of any application.
        if std::mem::take(&mut self.is_rerun) && !self.are_decided() {
            self.held = None;
            return vec![Effect::RestartArgocd];
        }
        if let (ArgocdExit::Code(code), false) = (exited.exit, self.are_decided()) {
            self.argocd = Some(code);
        }
        if exited.is_success() || self.are_known() {
            return self.blame(exited, about, now);
        }
        self.failed = Some(Failed {
            exited,
            about: about.clone(),
            until: duration::later(now, FIRST_LISTS),
        });
        Vec::new()
    }

    /// True once the objects of each application are known.
    fn are_known(&self) -> bool {
        let mut members = self.members.iter();
        members.all(|member| member.session.knows_its_objects())
    }

    fn blame(&mut self, exited: Exited, about: &About, now: Timestamp) -> Vec<Effect> {
        let blamed = self.blamed(exited, about, now);
        let mut effects = Vec::new();
        for app in blamed {
            effects.extend(self.handle(app, Input::Argocd(exited), now));
        }
        if exited.is_success() && self.has_unasked() {
            effects.push(Effect::RestartArgocd);
        }
        // Only the application that is Degraded may wait for its recovery.
        self.held = Some(Exited {
            degraded: false,
            ..exited
        });
        self.release(&mut effects, now);
        once(effects)
    }

    /// Returns the applications that argocd's exit is about.
    fn blamed(&self, exited: Exited, about: &About, now: Timestamp) -> Vec<usize> {
        let of = |is: &dyn Fn(&Member) -> bool| -> Vec<usize> {
            let members = self.members.iter().enumerate();
            members
                .filter(|(_, member)| member.is_asked && is(member))
                .map(|(app, _)| app)
                .collect()
        };
        if exited.is_success() {
            return of(&|_| true);
        }
        let named = match about {
            About::App(name) => of(&|member| member.session.config().app.is_called(name)),
            About::Perhaps(app) => {
                of(&|member| member.session.config().app == *app && !member.session.is_done(now))
            }
            About::Unseen => of(&|member| member.session.application().is_none()),
            About::Nothing => Vec::new(),
        };
        let candidates = [named, of(&|member| !member.session.is_done(now))];
        let found = candidates.into_iter().find(|apps| !apps.is_empty());
        found.unwrap_or_else(|| of(&|_| true))
    }

    /// Tells the other applications that argocd is gone, unless it will be run again: because an
    /// application wants it, or because some have joined that it has not waited for.
    fn release(&mut self, effects: &mut Vec<Effect>, now: Timestamp) {
        let restarts = |effect: &Effect| matches!(effect, Effect::RestartArgocd);
        if effects.iter().any(restarts) {
            (self.held, self.argocd) = (None, None);
            return;
        }
        let recovers = |member: &Member| {
            matches!(
                member.session.phase(),
                Phase::AwaitingRecovery { .. } | Phase::Expecting { .. }
            )
        };
        if self.members.iter().any(recovers) {
            return;
        }
        if let Some(exited) = self.held.take() {
            self.tell_others(exited, effects, now);
        }
        if self.has_unasked() && !self.runs_argocd() {
            self.argocd = None;
            effects.push(Effect::RestartArgocd);
        }
    }

    fn tell_others(&mut self, exited: Exited, effects: &mut Vec<Effect>, now: Timestamp) {
        for app in 0..self.members.len() {
            let Member {
                session, is_asked, ..
            } = &self.members[app];
            let input = match (session.runs_child(), *session.phase() == Phase::Waiting) {
                (false, _) => continue,
                // Everything that waits and was not blamed.
                (true, true) if !exited.is_success() => Input::Elsewhere,
                // argocd has not waited for it.
                _ if !is_asked => continue,
                (true, _) => Input::Argocd(exited),
            };
            let more = self.members[app].session.handle(input, now);
            self.merge(app, more, effects);
        }
    }

    /// Tells an application something, and merges what it wants done with what the others want.
    pub(crate) fn handle(&mut self, app: usize, input: Input, now: Timestamp) -> Vec<Effect> {
        let are_several = self.are_several();
        let is_signal = matches!(input, Input::Signal(_));
        let Some(member) = self.members.get_mut(app) else {
            return Vec::new();
        };
        let own = member.session.handle(input, now);
        if !are_several {
            return own;
        }
        let ends_argocd = !is_signal && own.iter().any(|it| matches!(it, Effect::Interrupt(_)));
        let mut effects = Vec::new();
        self.merge(app, own, &mut effects);
        if ends_argocd {
            match self.members[app].session.cause() {
                Some(Cause::Doomed(_)) => self.end_others(app, &mut effects, now),
                // The others notice it themselves at the same moment.
                Some(Cause::Timeout | Cause::ArgocdOverdue) => {}
                // argocd would wait for it for ever.
                _ => self.is_rerun = !self.are_decided(),
            }
        }
        self.release(&mut effects, now);
        effects
    }

    /// Ends the run for all, because an application has ended argocd (`--fail-fast`).
    fn end_others(&mut self, app: usize, effects: &mut Vec<Effect>, now: Timestamp) {
        for other in 0..self.members.len() {
            let member = &mut self.members[other];
            if other != app && member.session.cause().is_none() {
                let more = member.session.handle(Input::Elsewhere, now);
                self.merge(other, more, effects);
            }
        }
    }

    fn merge(&mut self, app: usize, own: Vec<Effect>, effects: &mut Vec<Effect>) {
        let apps = self.members.len();
        for effect in own {
            match effect {
                Effect::Show(record) => {
                    effects.push(Effect::Show(record.of_app(&self.members[app].name)));
                }
                Effect::Forward(event) => {
                    if self.routes.forwards(app, &event, apps) {
                        effects.push(Effect::Forward(event));
                    }
                }
                Effect::Read(requests) => {
                    let requests = self.routes.asks(app, requests);
                    if !requests.is_empty() {
                        effects.push(Effect::Read(requests));
                    }
                }
                // argocd still waits for the others.
                Effect::Kill if !self.are_decided() => {}
                Effect::Drain => {
                    self.members[app].is_decided = true;
                    let all = self.members.iter().all(|member| member.is_decided);
                    if all && !std::mem::replace(&mut self.is_drained, true) {
                        effects.push(Effect::Drain);
                    }
                }
                Effect::End => {
                    self.members[app].is_over = true;
                    if self.members.iter().all(|member| member.is_over) {
                        effects.push(Effect::End);
                    }
                }
                other => effects.push(other),
            }
        }
    }

    // Views

    /// Returns the line on what is still missing, if it is due.
    fn beat(&mut self, now: Timestamp) -> Option<Record> {
        let elapsed = duration::between(self.config().started, now);
        if self.are_decided() || !self.heartbeat.may_beat(elapsed) {
            return None;
        }
        let rows = self.rows(now);
        let line = self.heartbeat.beat(elapsed, &rows, &[], &[])?;
        let count = format!(": {}; ", board::count(&rows));
        let line = line.replacen(": ", &count, 1);
        Some(Record::at(
            now,
            Level::Info,
            line,
            Body::Status(Status::default()),
        ))
    }

    /// Returns the rows of the live table: the workloads, or the applications if there are
    /// several.
    pub(crate) fn rows(&self, now: Timestamp) -> Vec<Row> {
        if !self.are_several() {
            return self.members[0].session.rows(now);
        }
        let row = |member: &Member| {
            let session = &member.session;
            let app = AppRef::new(&member.name, &session.config().app.namespace);
            let is_done = session.has_succeeded() || session.is_done(now);
            board::row(
                &app,
                &session.rows(now),
                &session.findings(),
                &session.others(now),
                is_done,
            )
        };
        self.members.iter().map(row).collect()
    }

    /// Returns the findings of the live table.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        match &self.members[..] {
            [one] => one.session.findings(),
            _ => Vec::new(),
        }
    }

    /// Returns the title of the live table.
    pub(crate) fn title(&self) -> String {
        match &self.members[..] {
            [one] => one.session.config().app.name.clone(),
            all => counted(all.len(), "application"),
        }
    }

    /// Returns the health of the application as Argo CD sees it, if there is only one.
    pub(crate) fn health(&self) -> Option<String> {
        let one = self.members.first().filter(|_| !self.are_several())?;
        one.session.application()?.status.health.status.clone()
    }

    /// Returns the rows of all workloads as a fact for the recording.
    pub(crate) fn table(&self, now: Timestamp) -> Fact {
        let rows = self.members.iter();
        Fact::Rows {
            rows: rows.flat_map(|member| member.session.rows(now)).collect(),
        }
    }

    /// Returns the status of everything, because somebody asks for it.
    pub(crate) fn status_now(&self, now: Timestamp) -> Record {
        if !self.are_several() {
            return self.members[0].session.status_now(now);
        }
        let elapsed = duration::between(self.config().started, now);
        let rows = self.rows(now);
        let mut msg = format!(
            "status after {}: {}",
            duration::in_words(elapsed),
            board::count(&rows)
        );
        for row in &rows {
            msg.push_str("\n    ");
            msg.push_str(&heartbeat::workload(row, &[]));
        }
        Record::at(now, Level::Info, msg, Body::Status(Status::default()))
    }

    /// Collects the facts for the verdict. `argocd` is the meaning of argocd's exit.
    pub(crate) fn summary(&self, argocd: Option<&ArgocdOutcome>, now: Timestamp) -> Summary {
        if !self.are_several() {
            return self.members[0].session.summary(argocd, now);
        }
        let summary = |member: &Member| {
            let is_about = matches!(member.session.cause(), Some(Cause::Argocd(_)));
            Summary {
                app: member.name.clone(),
                ..member.session.summary(argocd.filter(|_| is_about), now)
            }
        };
        together(self.members.iter().map(summary).collect(), self.argocd)
    }
}

/// Merges what several applications want at the same moment: argocd is signalled, killed and run
/// again once.
fn once(mut effects: Vec<Effect>) -> Vec<Effect> {
    let (mut signalled, mut killed, mut restarted) = (false, false, false);
    effects.retain(|effect| match effect {
        Effect::Interrupt(_) => !std::mem::replace(&mut signalled, true),
        Effect::Kill => !std::mem::replace(&mut killed, true),
        Effect::RestartArgocd => !std::mem::replace(&mut restarted, true),
        _ => true,
    });
    effects
}

#[cfg(test)]
#[path = "apps_tests.rs"]
mod tests;
