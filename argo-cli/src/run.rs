//! The loop of a run: waits for the next event, lets the [`Apps`] decide, and carries out
//! its effects.

mod commands;
mod ending;
mod outlet;

use std::{sync::Arc, time::Duration};

use argo_core::{AppRef, Level, Notice, NoticeCode, TrackEvent};
use argo_logs::{Lines, LogEvent, StoreClient};
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::commands::Step;
pub(crate) use self::{
    commands::{Before, Commands},
    outlet::Outlet,
};
use crate::{
    apps::{About, Apps, joined},
    argocd::{ArgocdEvent, ArgocdExit, Signal},
    error::Failure,
    files::Files,
    recording::Fact,
    report,
    screen::Card,
    select::Later,
    session::{Effect, Exited, Input},
    signals::Signals,
    terminal::{Display, Request, Requests},
    way::{JoinEvent, Sources},
};

/// The interval at which the session is told the time.
const TICK: Duration = Duration::from_millis(250);
/// Number of bytes that are collected before they are written.
const BATCH: usize = 64 * 1024;

/// The parts of a run.
pub(crate) struct Run {
    /// The applications: decide which records are shown, and when the run ends.
    pub apps: Apps,
    /// The commands of argocd; none for `follow`.
    pub argocd: Commands,
    /// Signals that ask the run to end.
    pub signals: Signals,
    /// The requests of the user.
    pub requests: Requests,
    /// The streams of the objects, or the search for a way to them.
    pub sources: Sources,
    /// The applications that appear later, where a selector chooses them.
    pub later: Option<Later>,
    /// Takes records and lines to the screen and into the recording.
    pub outlet: Outlet,
    /// The files to write at the end.
    pub files: Files,
    /// The card on the page of the build.
    pub card: Card,
    /// The log store that is asked, if there is one.
    pub log_store: Option<Arc<StoreClient>>,
}

/// The next event of the loop.
enum LoopEvent {
    Input(Input),
    Tracked(usize, TrackEvent),
    Logs(LogEvent),
    Argocd(ArgocdEvent),
    Joined(JoinEvent),
    Appeared(Vec<AppRef>),
    Request(Request),
    Draw,
    ReaderGone,
}

impl Run {
    /// Runs to the end and returns the exit code.
    pub(crate) async fn run(mut self) -> i32 {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut logs_open = true;
        let mut events_open = true;
        loop {
            let event = self
                .next(&mut ticks, &mut logs_open, &mut events_open)
                .await;
            let over = match event {
                LoopEvent::ReaderGone => return self.reader_gone().await,
                LoopEvent::Input(Input::Tick) => {
                    self.table_to_recording();
                    self.show_progress();
                    self.input(Input::Tick)
                }
                LoopEvent::Input(input) => self.input(input),
                LoopEvent::Tracked(app, event) => {
                    let effects = self.apps.tracked(app, event, Timestamp::now());
                    self.carry_out(effects)
                }
                LoopEvent::Draw => false,
                LoopEvent::Request(Request::Status) => {
                    self.outlet.record(&self.apps.status_now(Timestamp::now()));
                    false
                }
                LoopEvent::Request(Request::Quit) => self.input(Input::Signal(Signal::SIGINT)),
                LoopEvent::Request(Request::Suspend) => {
                    self.outlet.suspend().await;
                    self.requests.suspend();
                    false
                }
                LoopEvent::Argocd(event) => self.argocd_said(event),
                LoopEvent::Joined(event) => {
                    self.joined(event);
                    false
                }
                LoopEvent::Appeared(apps) => {
                    self.appeared(&apps);
                    false
                }
                LoopEvent::Logs(event) => {
                    self.logs(event);
                    self.more_logs(&mut logs_open)
                }
            };
            self.outlet.write(&self.apps);
            if over {
                return self.end().await;
            }
        }
    }

    /// Waits for the next event. Signals and ticks come first; log lines wait while the reader
    /// of our output is far behind.
    async fn next(
        &mut self,
        ticks: &mut Interval,
        logs_open: &mut bool,
        events_open: &mut bool,
    ) -> LoopEvent {
        if let Some(exit) = self.sources.released() {
            return LoopEvent::Argocd(ArgocdEvent::Exited(exit));
        }
        let is_holding = self.sources.holds_argocd();
        let may_join = self.sources.streams.may_be_joined();
        let due = self.outlet.display.as_ref().and_then(Display::due);
        tokio::select! {
            biased;
            signal = self.signals.next() => LoopEvent::Input(Input::Signal(signal)),
            () = self.outlet.output.closed() => LoopEvent::ReaderGone,
            _ = ticks.tick() => LoopEvent::Input(Input::Tick),
            request = self.requests.next() => LoopEvent::Request(request),
            () = at(due) => LoopEvent::Draw,
            event = self.sources.joining.next() => LoopEvent::Joined(event),
            event = self.argocd.next(), if !is_holding => LoopEvent::Argocd(event),
            answer = self.sources.streams.shared.resources.next() => LoopEvent::Input(Input::Resource(answer)),
            apps = appeared(&mut self.later), if may_join => LoopEvent::Appeared(apps),
            (app, event) = self.sources.streams.tracked.next() => LoopEvent::Tracked(app, event),
            item = self.sources.streams.shared.events.next(), if *events_open => LoopEvent::Input(match item {
                Some(item) => Input::Event(item),
                None => {
                    *events_open = false;
                    Input::EventsEnded
                }
            }),
            event = async { self.outlet.output.ready().await; self.sources.streams.shared.logs.next().await }, if *logs_open => {
                match event {
                    Some(event) => LoopEvent::Logs(event),
                    None => {
                        *logs_open = false;
                        LoopEvent::Input(Input::LogsEnded)
                    }
                }
            }
        }
    }

    /// Takes the log events that are ready: many small batches make one write.
    fn more_logs(&mut self, logs_open: &mut bool) -> bool {
        while self.outlet.buffer.len() < BATCH {
            match self.sources.streams.shared.logs.next().now_or_never() {
                Some(Some(event)) => self.logs(event),
                Some(None) => {
                    *logs_open = false;
                    return self.input(Input::LogsEnded);
                }
                None => break,
            }
        }
        false
    }

    fn logs(&mut self, event: LogEvent) {
        match event {
            LogEvent::Lines(lines) => self.lines(&lines),
            LogEvent::Notice(notice) => {
                // A notice is about the lines around it, which it must not overtake.
                self.outlet.buffer.hold(true);
                self.input(Input::Notice(notice));
                self.outlet.buffer.hold(false);
            }
            _ => {}
        }
    }

    fn lines(&mut self, lines: &Lines) {
        let (origin, batch) = (&lines.origin, &lines.batch);
        // Lines of a store that belong before others are no last lines.
        let app = if lines.store.is_some() && batch.container_id().is_empty() {
            self.apps.name_for(&origin.pod.uid)
        } else {
            self.apps.lines(&origin.pod.uid, &origin.container, batch)
        };
        self.outlet.lines(app, lines);
        if self.outlet.screen.takes_leave() {
            self.log_budget_is_spent();
        }
    }

    fn table_to_recording(&mut self) {
        let apps = &self.apps;
        self.outlet.fact(|| Some(apps.table(Timestamp::now())));
    }

    fn argocd_said(&mut self, event: ArgocdEvent) -> bool {
        match event {
            ArgocdEvent::Line { stream, .. } if self.argocd.is_silent(stream) => false,
            ArgocdEvent::Line {
                stream,
                text,
                continues,
            } => {
                self.outlet.argocd_line(stream, &text, continues);
                match self.argocd.row(&text, continues) {
                    Some(report) => self.input(Input::Report(report)),
                    None => false,
                }
            }
            ArgocdEvent::Exited(exit) if self.sources.is_searching() => {
                self.sources.hold(exit);
                false
            }
            ArgocdEvent::Exited(exit) => self.argocd_ended(exit),
        }
    }

    fn argocd_ended(&mut self, exit: ArgocdExit) -> bool {
        match self.argocd.ended(exit, &self.apps) {
            Step::Again(why) => {
                self.outlet.say(Level::Info, why);
                let started = self.argocd.run_again();
                self.apps.argocd_begins(Timestamp::now());
                self.started(started)
            }
            Step::Next(words) => {
                if let Some((level, text)) = words {
                    self.outlet.say(level, text);
                }
                self.next_command()
            }
            Step::Over {
                words,
                exited,
                about,
            } => {
                if let Some((level, text)) = words {
                    self.outlet.say(level, text);
                }
                let effects = self.apps.argocd(exited, &about, Timestamp::now());
                self.carry_out(effects)
            }
        }
    }

    fn next_command(&mut self) -> bool {
        let apps = &mut self.apps;
        let started = self.argocd.run_next(|| apps.waiting());
        self.apps.argocd_begins(Timestamp::now());
        self.started(started)
    }

    /// Treats an argocd that cannot be started like one that has failed. Returns true if the run
    /// is over.
    fn started(&mut self, started: Result<(), Failure>) -> bool {
        let Err(failure) = started else {
            return false;
        };
        self.outlet.say(Level::Error, failure.message);
        let exited = Exited {
            exit: ArgocdExit::Code(failure.code),
            degraded: false,
        };
        let effects = self.apps.argocd(exited, &About::Nothing, Timestamp::now());
        self.carry_out(effects)
    }

    /// Keeps the card on the page of the build up to date.
    fn show_progress(&mut self) {
        let (apps, title) = (&self.apps, self.apps.title());
        self.card.progress(self.outlet.screen.view(), &title, || {
            let rows = apps.rows(Timestamp::now());
            report::markdown_of_progress(&title, apps.config().started, &rows)
        });
    }

    /// Lets the applications decide and carries out what they want. Returns true if the run is
    /// over.
    fn input(&mut self, input: Input) -> bool {
        let now = Timestamp::now();
        let effects = match input {
            Input::Tick => self.apps.tick(now),
            Input::Signal(signal) => self.apps.signal(signal, now),
            Input::Event(item) => self.apps.event(item, now),
            Input::Notice(notice) => self.apps.notice(&notice, now),
            Input::Report(report) => self.apps.report(&report, now),
            Input::Resource(answer) => self.apps.answer(&answer, now),
            Input::LogsEnded => self.apps.all(|| Input::LogsEnded, now),
            Input::EventsEnded => self.apps.all(|| Input::EventsEnded, now),
            Input::Refused => self.apps.all(|| Input::Refused, now),
            // They come with their application, or with what they are about.
            Input::Track(_) | Input::Argocd(_) | Input::Elsewhere => Vec::new(),
        };
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        let mut over = false;
        for effect in effects {
            match effect {
                Effect::Show(record) => self.outlet.record(&record),
                Effect::Forward(event) => {
                    self.outlet.fact(|| Fact::of(&event));
                    self.sources.streams.shared.forward(event);
                }
                Effect::Read(requests) => self.sources.streams.shared.read(requests),
                Effect::Interrupt(signal) => self.argocd.interrupt(signal),
                Effect::Kill => self.argocd.kill(),
                Effect::RestartArgocd => {
                    self.argocd.refresh_first(self.apps.take_stale());
                    over |= self.next_command();
                }
                Effect::Drain => self.sources.streams.drain(),
                Effect::End => over = true,
            }
        }
        over
    }

    /// Takes the way to the objects, or a report about the search for it.
    fn joined(&mut self, event: JoinEvent) {
        match event {
            JoinEvent::Notice(level, message) => {
                if level < Level::Info {
                    self.sources.has_failed();
                }
                self.outlet.say(level, message);
            }
            JoinEvent::Refused(suggestion) => {
                self.input(Input::Refused);
                if let Some(suggestion) = suggestion {
                    let (code, level) = (NoticeCode::DidYouMean, Level::Warning);
                    self.input(Input::Notice(Notice::new(code, level, suggestion)));
                }
            }
            JoinEvent::Joined(joined) => {
                self.announce(&joined.described, &joined.notes);
                self.sources.take(joined.streams);
            }
        }
    }

    /// Has applications that have appeared join the run.
    fn appeared(&mut self, apps: &[AppRef]) {
        let Some(first) = self.apps.join(apps) else {
            return;
        };
        self.sources.streams.join(first, apps);
        let config = self.apps.config();
        let is_expecting = !config.expectation.is_empty();
        let described = self.later.as_ref().map_or("", Later::described);
        let text = joined(apps, described, config.argocd.is_some());
        if is_expecting {
            self.argocd.refresh_first(apps.to_vec());
        }
        self.outlet.say(Level::Info, text);
    }

    /// Shows the first lines of the run: the application, the cluster and any notes on argocd.
    pub(crate) fn announce(&mut self, cluster: &str, notes: &[(Level, String)]) {
        let config = self.apps.config();
        let with = if config.argocd.is_some() {
            "Waiting with argocd for"
        } else {
            "Following"
        };
        let msg = format!("{with} {} ({cluster})", self.apps.described());
        self.outlet.say(Level::Info, msg);
        for (level, note) in notes {
            self.outlet.say(*level, note.clone());
        }
        let notices = [
            self.argocd.take_notice(),
            self.apps
                .config()
                .argocd
                .as_ref()
                .and_then(|run| run.wait.notice()),
        ];
        for notice in notices.into_iter().flatten() {
            self.outlet.say(Level::Info, notice);
        }
        self.outlet.write(&self.apps);
    }

    /// Says that no more logs are shown, and where they are instead.
    fn log_budget_is_spent(&mut self) {
        let budget = self.outlet.screen.log_budget().unwrap_or_default();
        let budget = argo_core::text::quantity::bytes(budget);
        let place = self.files.place_for_logs();
        self.outlet.say(
            Level::Warning,
            format!(
                "the logs have used up their {budget} of the screen (--log-budget); from here on only \
                 warnings, findings, argocd and the verdict are shown, and {place}"
            ),
        );
    }
}

async fn appeared(later: &mut Option<Later>) -> Vec<AppRef> {
    match later {
        Some(later) => later.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until a time; for ever if there is none.
async fn at(time: Option<std::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
