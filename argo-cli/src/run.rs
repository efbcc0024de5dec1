//! The loop of a run: waits for the next event, lets the [`Apps`] decide, and carries out
//! its effects.

use std::{
    fmt,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use argo_core::{
    AppRef, Level, Notice, NoticeCode, Record, TrackEvent, record::Body, text::duration,
};
use argo_logs::{Lines, LogEvent, LogStore, StoreClient, StoreKind, level::detect};
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    apps::{About, Apps},
    argocd::{
        Argocd, ArgocdCommand, ArgocdConfig, ArgocdEvent, ArgocdExit, ArgocdOutcome, NamespaceForm,
        Signal, Stream, rows::Rows,
    },
    exit,
    files::Files,
    output::{Output, OutputBuffer, OutputEvent, overtaking::Source},
    recording::{Fact, Recorder, arrival},
    render::{self, Origin},
    report, sanitize,
    screen::{Card, Screen, hand_over},
    session::{Effect, Exited, Input},
    signals::Signals,
    summary::Summary,
    terminal::{Display, Request, Requests, Table},
    verdict,
    view::View,
    way::{JoinEvent, Sources},
};

/// The interval at which the session is told the time.
const TICK: Duration = Duration::from_millis(250);
/// Number of bytes that are collected before they are written.
const BATCH: usize = 64 * 1024;
/// Time limit for the reader of our output to take the last of it; then the rest is lost.
const FLUSH: Duration = Duration::from_secs(30);

/// The parts of a run.
pub struct Run {
    /// The applications: decide which records are shown, and when the run ends.
    pub apps: Apps,
    /// The command line and environment of argocd; `None` for `follow`.
    pub argocd_config: Option<ArgocdConfig>,
    /// Commands of argocd that are still to be run before it waits, the next one last.
    pub before: Vec<Before>,
    /// argocd, while it runs.
    pub argocd: Option<Argocd>,
    /// Signals that ask the run to end.
    pub signals: Signals,
    /// The streams of the objects, or the search for a way to them.
    pub sources: Sources,
    /// Turns records into bytes.
    pub screen: Screen,
    /// Records the run.
    pub recorder: Option<Recorder>,
    /// The files to write at the end.
    pub files: Files,
    /// Writes the bytes.
    pub output: Output,
    /// True if the levels of log lines are read from the lines.
    pub detect_level: bool,
    /// The meaning of argocd's exit, once it has ended.
    pub outcome: Option<ArgocdOutcome>,
    /// Bytes that are not written yet.
    pub out: OutputBuffer,
    /// The requests of the user.
    pub requests: Requests,
    /// The live table, in a terminal.
    pub display: Option<Display>,
    /// Reads argocd's table.
    pub rows: Rows,
    /// The card on the page of the build.
    pub card: Card,
    /// The log store that is asked, if there is one.
    pub log_store: Option<Arc<StoreClient>>,
}

/// A command of argocd that is run before it waits.
#[derive(Clone, Debug)]
pub struct Before {
    /// The command.
    pub command: ArgocdCommand,
    /// The applications that it is about.
    pub apps: Vec<AppRef>,
}

/// The next event of the loop.
enum LoopEvent {
    Input(Input),
    Tracked(usize, TrackEvent),
    Logs(LogEvent),
    Argocd(ArgocdEvent),
    Joined(JoinEvent),
    Request(Request),
    Draw,
    ReaderGone,
}

impl Run {
    /// Runs to the end and returns the exit code.
    pub async fn run(mut self) -> i32 {
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
                    self.fact(|apps| Some(apps.table(Timestamp::now())));
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
                    self.record(&self.apps.status_now(Timestamp::now()));
                    false
                }
                LoopEvent::Request(Request::Quit) => self.input(Input::Signal(Signal::SIGINT)),
                LoopEvent::Request(Request::Suspend) => {
                    self.suspend().await;
                    false
                }
                LoopEvent::Argocd(event) => self.argocd_said(event),
                LoopEvent::Joined(event) => {
                    self.joined(event);
                    false
                }
                LoopEvent::Logs(event) => {
                    self.logs(event);
                    self.more_logs(&mut logs_open)
                }
            };
            self.write();
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
        let due = self.display.as_ref().and_then(Display::due);
        tokio::select! {
            biased;
            signal = self.signals.next() => LoopEvent::Input(Input::Signal(signal)),
            () = self.output.closed() => LoopEvent::ReaderGone,
            _ = ticks.tick() => LoopEvent::Input(Input::Tick),
            request = self.requests.next() => LoopEvent::Request(request),
            () = at(due) => LoopEvent::Draw,
            event = self.sources.joining.next() => LoopEvent::Joined(event),
            event = next_of(&mut self.argocd), if !is_holding => LoopEvent::Argocd(event),
            answer = self.sources.streams.shared.resources.next() => LoopEvent::Input(Input::Resource(answer)),
            (app, event) = self.sources.streams.tracked.next() => LoopEvent::Tracked(app, event),
            item = self.sources.streams.shared.events.next(), if *events_open => LoopEvent::Input(match item {
                Some(item) => Input::Event(item),
                None => {
                    *events_open = false;
                    Input::EventsEnded
                }
            }),
            event = async { self.output.ready().await; self.sources.streams.shared.logs.next().await }, if *logs_open => {
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
        while self.out.len() < BATCH {
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
                self.out.hold(true);
                self.input(Input::Notice(notice));
                self.out.hold(false);
            }
            _ => {}
        }
    }

    fn lines(&mut self, lines: &Lines) {
        let (origin, batch) = (&lines.origin, &lines.batch);
        let at = self.now();
        // Lines of a store that belong before others are no last lines.
        let app = if lines.store.is_some() && batch.container_id().is_empty() {
            self.apps.name_for(&origin.pod.uid)
        } else {
            self.apps.lines(&origin.pod.uid, &origin.container, batch)
        };
        let workload = origin.workload.as_ref().map(|w| w as &dyn fmt::Display);
        let shown = Origin {
            app,
            id: origin.id,
            namespace: &origin.pod.namespace,
            workload,
            pod: &origin.pod.name,
            uid: &origin.pod.uid,
            container: &origin.container,
            restart: u32::try_from(batch.restart()).unwrap_or(0),
            store: lines.store.map(StoreKind::as_str),
        };
        if let Some(display) = &mut self.display {
            display.counts.lines += batch.len() as u64;
        }
        let detects = self.detect_level;
        let level = |line: &[u8]| {
            if detects {
                detect(line).unwrap_or(Level::Info)
            } else {
                Level::Info
            }
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.lines(&shown, level, batch, at);
        }
        let screen = &mut self.screen;
        let source = Source::Container(origin.id);
        self.out.put(source, batch.memory(), &self.output, |out| {
            screen.lines(&shown, level, batch, at, out);
        });
        if self.screen.takes_leave() {
            self.log_budget_is_spent();
        }
    }

    /// Returns the present as a recording keeps it.
    fn now(&self) -> Timestamp {
        arrival(self.apps.config().started, Timestamp::now())
    }

    fn fact(&mut self, fact: impl FnOnce(&Apps) -> Option<Fact>) {
        let at = self.now();
        if let Some(recorder) = &mut self.recorder
            && let Some(fact) = fact(&self.apps)
        {
            recorder.fact(fact, at);
        }
    }

    fn argocd_said(&mut self, event: ArgocdEvent) -> bool {
        match event {
            ArgocdEvent::Line {
                stream,
                text,
                continues,
            } => {
                // It is the name of the application.
                let is_refresh = self.command() == ArgocdCommand::Refresh;
                if is_refresh && stream == Stream::Stdout {
                    return false;
                }
                self.argocd_line(stream, &text, continues);
                match self.rows.line(&text).filter(|_| !continues) {
                    Some(report) => self.input(Input::Report(report)),
                    None => false,
                }
            }
            ArgocdEvent::Exited(exit) if self.sources.is_searching() => {
                self.sources.hold(exit);
                false
            }
            ArgocdEvent::Exited(exit) => {
                let argocd = self.argocd.take();
                // An argocd before 2.11 has not begun to wait: the session need not know.
                if argocd.as_ref().is_some_and(Argocd::refuses_namespace_flag) {
                    return self.restart_without_namespace_flag();
                }
                self.outcome = argocd.as_ref().and_then(Argocd::outcome);
                let exit = self.without_hidden_children(exit);
                if self.goes_on(exit) {
                    return self.next_command();
                }
                let apps = self.argocd_config.as_ref();
                let apps = apps.map_or(&[][..], |config| &config.apps);
                let about = about(argocd.as_ref(), self.outcome.as_ref(), apps);
                let degraded = matches!(self.outcome, Some(ArgocdOutcome::Degraded { .. }));
                let exited = Exited { exit, degraded };
                let effects = self.apps.argocd(exited, &about, Timestamp::now());
                self.carry_out(effects)
            }
        }
    }

    /// Keeps the card on the page of the build up to date.
    fn show_progress(&mut self) {
        let (apps, title) = (&self.apps, self.apps.title());
        self.card.progress(self.screen.view(), &title, || {
            let rows = apps.rows(Timestamp::now());
            report::markdown_of_progress(&title, apps.config().started, &rows)
        });
    }

    fn command(&self) -> ArgocdCommand {
        let config = self.argocd_config.as_ref();
        config.map_or(ArgocdCommand::Wait, |config| config.command)
    }

    /// True if another command of argocd follows the one that has ended. A look at git may
    /// fail: argocd then waits for what Argo CD knows.
    fn goes_on(&mut self, exit: ArgocdExit) -> bool {
        let succeeded = exit == ArgocdExit::Code(0);
        match self.command() {
            _ if self.apps.are_decided() => false,
            ArgocdCommand::Wait => false,
            ArgocdCommand::Sync => succeeded || self.syncs_to_its_own_revision(),
            ArgocdCommand::Refresh => {
                if let Some(outcome) = self.outcome.take().filter(|_| !succeeded) {
                    self.say(
                        Level::Warning,
                        format!("Argo CD was not made to look at git again: {outcome}"),
                    );
                }
                true
            }
        }
    }

    /// Takes the exit of an argocd that may not see the applications that ours deploys for success:
    /// ours is done, and they are followed all the same.
    fn without_hidden_children(&mut self, exit: ArgocdExit) -> ArgocdExit {
        let is_refused = matches!(
            self.outcome,
            Some(ArgocdOutcome::PermissionDenied(_) | ArgocdOutcome::NotFound(_))
        );
        if !is_refused || !self.apps.wait_for_children() || self.command() != ArgocdCommand::Wait {
            return exit;
        }
        let outcome = self.outcome.take().unwrap_or(ArgocdOutcome::Ok);
        self.say(
            Level::Warning,
            format!(
                "argocd cannot wait for the applications that this one deploys: {outcome}; it was \
                 done with the application itself"
            ),
        );
        ArgocdExit::Code(0)
    }

    fn next_command(&mut self) -> bool {
        let next = self.before.pop().unwrap_or_else(|| Before {
            command: ArgocdCommand::Wait,
            apps: self.apps.waiting(),
        });
        if let Some(config) = &mut self.argocd_config {
            config.command = next.command;
            config.apps = next.apps;
        }
        self.restart_argocd()
    }

    /// True if Argo CD refused to sync to the wanted revision because the application syncs by
    /// itself to the one that it names: then that is asked for.
    fn syncs_to_its_own_revision(&mut self) -> bool {
        let is_refused = self
            .outcome
            .as_ref()
            .is_some_and(|outcome| outcome.to_string().contains("auto-sync currently set to"));
        let revision = self
            .argocd_config
            .as_mut()
            .filter(|_| is_refused)
            .and_then(|config| config.revision.take());
        let Some(revision) = revision else {
            return false;
        };
        let apps = self
            .argocd_config
            .as_ref()
            .map(|config| config.apps.clone());
        self.say(
            Level::Info,
            format!(
                "Argo CD syncs by itself and takes no other revision; asking for the one that the Application names instead of {revision}"
            ),
        );
        self.before.push(Before {
            command: ArgocdCommand::Sync,
            apps: apps.unwrap_or_default(),
        });
        true
    }

    fn argocd_line(&mut self, stream: Stream, text: &[u8], continues: bool) {
        let at = self.now();
        if let Some(recorder) = &mut self.recorder {
            recorder.argo(stream, text, continues, at);
        }
        let screen = &mut self.screen;
        self.out
            .put(Source::Records, text.len(), &self.output, |out| {
                screen.argo(stream, text, continues, at, out);
            });
    }

    fn record(&mut self, record: &Record) {
        let at = self.now();
        if let Some(display) = &mut self.display
            && matches!(record.body, Body::Event(_) | Body::Finding(_))
        {
            display.counts.warnings += u64::from(record.level <= Level::Warning);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.record(record, at);
        }
        let screen = &mut self.screen;
        self.out
            .put(Source::Records, record.msg.len(), &self.output, |out| {
                screen.record(record, at, out);
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
                Effect::Show(record) => self.record(&record),
                Effect::Forward(event) => {
                    self.fact(|_| Fact::of(&event));
                    self.sources.streams.shared.forward(event);
                }
                Effect::Read(requests) => self.sources.streams.shared.read(requests),
                Effect::Interrupt(signal) => self.interrupt(signal),
                Effect::Kill => self.kill(),
                Effect::RestartArgocd => {
                    let stale = self.apps.take_stale().into_iter().rev();
                    self.before.extend(stale.map(|app| Before {
                        command: ArgocdCommand::Refresh,
                        apps: vec![app],
                    }));
                    over |= self.next_command();
                }
                Effect::Drain => self.sources.streams.drain(),
                Effect::End => over = true,
            }
        }
        over
    }

    fn interrupt(&mut self, signal: Signal) {
        if let Some(argocd) = &self.argocd {
            argocd.interrupt(signal);
        }
    }

    fn kill(&mut self) {
        if let Some(argocd) = &self.argocd {
            argocd.kill();
        }
    }

    fn restart_without_namespace_flag(&mut self) -> bool {
        if let Some(config) = &mut self.argocd_config {
            config.namespace_form = NamespaceForm::QualifiedName;
            let names: Vec<String> = config.apps.iter().map(AppRef::to_string).collect();
            let msg = format!(
                "this argocd does not know --app-namespace (it is older than 2.11); running it again as \
                 argocd app wait {}",
                names.join(" ")
            );
            self.say(Level::Info, msg);
        }
        self.restart_argocd()
    }

    /// Runs argocd again. A failure is rare, since argocd has run before. Returns true if the run
    /// is over.
    fn restart_argocd(&mut self) -> bool {
        let Some(config) = &self.argocd_config else {
            return false;
        };
        match Argocd::spawn(config, std::env::vars_os()) {
            Ok(argocd) => {
                self.outcome = None;
                self.argocd = Some(argocd);
                false
            }
            Err(failure) => {
                self.say(Level::Error, failure.message);
                let exited = Exited {
                    exit: ArgocdExit::Code(failure.code),
                    degraded: false,
                };
                let effects = self.apps.argocd(exited, &About::Nothing, Timestamp::now());
                self.carry_out(effects)
            }
        }
    }

    /// Takes the way to the objects, or a report about the search for it.
    fn joined(&mut self, event: JoinEvent) {
        match event {
            JoinEvent::Notice(level, message) => {
                if level < Level::Info {
                    self.sources.has_failed();
                }
                self.say(level, message);
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

    /// Shows the first lines of the run: the application, the cluster and any notes on argocd.
    pub fn announce(&mut self, cluster: &str, notes: &[(Level, String)]) {
        let config = self.apps.config();
        let with = if config.argocd.is_some() {
            "Waiting with argocd for"
        } else {
            "Following"
        };
        let msg = format!("{with} {} ({cluster})", self.apps.described());
        self.say(Level::Info, msg);
        for (level, note) in notes {
            self.say(*level, note.clone());
        }
        let notices = [
            self.argocd.as_mut().and_then(Argocd::take_notice),
            self.apps
                .config()
                .argocd
                .as_ref()
                .and_then(|run| run.wait.notice()),
        ];
        for notice in notices.into_iter().flatten() {
            self.say(Level::Info, notice);
        }
        self.write();
    }

    /// Says that no more logs are shown, and where they are instead.
    fn log_budget_is_spent(&mut self) {
        let budget = self.screen.log_budget().unwrap_or_default();
        let budget = argo_core::text::quantity::bytes(budget);
        let place = self.files.place_for_logs();
        self.say(
            Level::Warning,
            format!(
                "the logs have used up their {budget} of the screen (--log-budget); from here on only \
                 warnings, findings, argocd and the verdict are shown, and {place}"
            ),
        );
    }

    fn say(&mut self, level: Level, message: String) {
        let notice = Notice::new(NoticeCode::Other, level, message);
        self.record(&render::notice(&notice));
    }

    fn write(&mut self) {
        for event in self.output.take_events() {
            let (level, message) = message_of(&event);
            if let OutputEvent::WriteFailed(_) = event {
                // There is no other place left; and if stderr is gone too, none at all.
                let _ = writeln!(io::stderr(), "error: {message}");
            }
            self.say(level, message);
        }
        self.show();
        if let Some(recorder) = &mut self.recorder {
            recorder.write();
        }
        if let Some(why) = self.recorder.as_mut().and_then(Recorder::failure) {
            self.say(
                Level::Error,
                format!("the recording is not complete: {why}"),
            );
        }
    }

    /// Hands the bytes to the output, with the live table below them if there is one.
    fn show(&mut self) {
        let Some(display) = &mut self.display else {
            return self.out.write(&self.output);
        };
        display.take(&mut self.out.take());
        if !display.may_draw() {
            return;
        }
        let now = Timestamp::now();
        let (rows, findings) = (self.apps.rows(now), self.apps.findings());
        let config = self.apps.config();
        display.draw(
            &Table {
                app: &self.apps.title(),
                elapsed: duration::between(config.started, Timestamp::now()),
                rows: &rows,
                findings: &findings,
                argocd: self.apps.health(),
                counts: display.counts,
                colors: self.screen.settings().colors,
            },
            &self.output,
        );
    }

    /// Removes the live table for good; the rest of the lines is written without it.
    fn end_display(&mut self) {
        if let Some(mut display) = self.display.take() {
            display.take(&mut self.out.take());
            display.clear(&self.output);
        }
    }

    /// Stops the program until it is continued, with a clean terminal.
    async fn suspend(&mut self) {
        if let Some(display) = &mut self.display {
            display.clear(&self.output);
        }
        self.output.flush(Duration::from_secs(1)).await;
        self.requests.suspend();
    }

    fn summary(&self, now: Timestamp) -> Summary {
        let query = self.log_store.as_ref().and_then(|store| store.query());
        let mut summary = self.apps.summary(self.outcome.as_ref(), now);
        for app in &mut summary.apps {
            app.log_store.clone_from(&query);
        }
        summary.log_store = query;
        summary
    }

    /// Writes the verdict, which is the last thing on the screen, and then the files, and returns
    /// the exit code. A CI system that has sent a signal kills soon: the verdict waits for nothing.
    async fn end(mut self) -> i32 {
        let now = self.now();
        let summary = self.summary(now);
        self.fact(|apps| Some(apps.table(Timestamp::now())));
        if let Some(recorder) = &mut self.recorder {
            recorder.verdict(&summary, now);
        }
        let variable = |name: &str| std::env::var(name).ok();
        let (lines, failed) = hand_over(self.screen.view(), &summary, &variable);
        for failure in failed {
            self.say(Level::Warning, failure);
        }
        self.end_display();
        self.out.last().extend_from_slice(&lines);
        self.screen.verdict(&summary, now, self.out.last());
        self.write();
        let files = write_files(self.recorder.take(), std::mem::take(&mut self.files));
        let card = std::mem::take(&mut self.card);
        let writes = async {
            let card = card.end(self.screen.view(), &summary);
            let (_, mut failed, card) = tokio::join!(self.output.flush(FLUSH), files, card);
            failed.extend(card);
            failed
        };
        let failed = tokio::select! {
            failed = writes => failed,
            // Whoever sends another signal does not want to wait.
            _ = self.signals.next() => Vec::new(),
        };
        self.report_failures(&summary, failed);
        tokio::select! {
            _ = self.output.flush(FLUSH) => {}
            _ = self.signals.next() => {}
        }
        summary.exit
    }

    /// Reports failures after the verdict, whose last line is then written once more: it is the
    /// line that people look for.
    fn report_failures(&mut self, summary: &Summary, failed: Vec<String>) {
        let has_failed = !failed.is_empty();
        for failure in failed {
            self.say(Level::Error, failure);
        }
        // A failure of the verdict's own write has not been reported yet.
        self.write();
        if has_failed && self.screen.view() != View::Json {
            let line = verdict::sentence(summary);
            let out = self.out.last();
            sanitize::text(line.as_bytes(), out, sanitize::Options::default());
            out.push(b'\n');
            self.write();
        }
    }

    /// Ends as quietly as a program that dies of SIGPIPE; argocd is asked to end.
    async fn reader_gone(mut self) -> i32 {
        self.end_display();
        self.interrupt(Signal::SIGTERM);
        let ended =
            async { while !matches!(next_of(&mut self.argocd).await, ArgocdEvent::Exited(_)) {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
        let now = self.now();
        let summary = self.summary(now);
        if let Some(recorder) = &mut self.recorder {
            recorder.verdict(&summary, now);
        }
        write_files(self.recorder.take(), self.files).await;
        exit::SIGNAL + 13
    }
}

/// Closes the recording and makes the files from it, on a thread that may wait for a disk.
async fn write_files(recorder: Option<Recorder>, files: Files) -> Vec<String> {
    let mut failed = Vec::new();
    if let Some(recorder) = recorder
        && let Some(why) = recorder.end().await
    {
        failed.push(format!("the recording is not complete: {why}"));
    }
    match tokio::task::spawn_blocking(|| files.write()).await {
        Ok(more) => failed.extend(more),
        Err(error) => failed.push(format!("the reports were not written: {error}")),
    }
    failed
}

/// Waits until a time; for ever if there is none.
async fn at(time: Option<std::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

async fn next_of(argocd: &mut Option<Argocd>) -> ArgocdEvent {
    match argocd {
        Some(argocd) => argocd.next().await,
        None => std::future::pending().await,
    }
}

/// Returns what argocd's exit is about.
fn about(argocd: Option<&Argocd>, outcome: Option<&ArgocdOutcome>, apps: &[AppRef]) -> About {
    let waited_for = || argocd.and_then(|argocd| argocd.waits_for(apps));
    match (argocd.and_then(Argocd::about), outcome) {
        (Some(app), _) => About::App(app.to_owned()),
        (None, Some(ArgocdOutcome::PermissionDenied(_) | ArgocdOutcome::NotFound(_))) => {
            About::Unseen
        }
        (None, Some(ArgocdOutcome::TimedOut)) => {
            waited_for().map_or(About::Nothing, |app| About::Perhaps(app.clone()))
        }
        _ => About::Nothing,
    }
}

fn message_of(event: &OutputEvent) -> (Level, String) {
    match event {
        OutputEvent::Spooling => (
            Level::Debug,
            "the reader of this output is slow; waiting output goes to a temporary file".to_owned(),
        ),
        OutputEvent::Full => (
            Level::Warning,
            "the reader of this output is too slow (--spool-limit); logs are not read for now, and lines may be lost"
                .to_owned(),
        ),
        OutputEvent::CaughtUp => (Level::Debug, "the output has caught up".to_owned()),
        OutputEvent::NoSpool(why) => (Level::Warning, format!("output cannot be kept on disk: {why}")),
        OutputEvent::WriteFailed(why) => (Level::Error, format!("output is lost: {why}")),
    }
}
