//! The loop of a run: it waits for whatever happens, lets the [`Session`] decide, and does
//! what it says.

mod waiting;

use std::{
    fmt::Display,
    io::{self, Write as _},
    time::Duration,
};

use argo_core::{Level, Notice, NoticeCode, Record};
use argo_logs::{Lines, LogEvent, level::detect};
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    argocd::{Argocd, ArgocdConfig, ArgocdEvent, ArgocdExit, ArgocdOutcome, Signal, Stream},
    exit,
    output::{News, Output, lanes::Source},
    render::{self, Origin, Renderer},
    session::{Effect, Exited, Input, Session},
    signals::Signals,
    streams::Streams,
};

pub use waiting::Waiting;

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(250);
/// Bytes that are written at once.
const BATCH: usize = 64 * 1024;
/// How long the reader of our output may take for what is left at the end.
const FLUSH: Duration = Duration::from_secs(30);

/// Everything that a run needs.
pub struct Run {
    /// Decides.
    pub session: Session,
    /// How argocd is run, if it is.
    pub argocd_config: Option<ArgocdConfig>,
    /// argocd, while it runs.
    pub argocd: Option<Argocd>,
    /// Who wants it to end.
    pub signals: Signals,
    /// What is read from the cluster.
    pub streams: Streams,
    /// How it looks.
    pub renderer: Renderer,
    /// Where it goes.
    pub output: Output,
    /// Levels are looked for in log lines.
    pub detect_level: bool,
    /// What the end of argocd means, once it has ended.
    pub outcome: Option<ArgocdOutcome>,
    /// What is to be written next.
    pub out: Waiting,
}

/// What happens next.
enum Happening {
    Input(Input),
    Logs(LogEvent),
    Argocd(ArgocdEvent),
    ReaderGone,
}

impl Run {
    /// Runs to the end; the exit code.
    pub async fn run(mut self) -> i32 {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut logs_open = true;
        let mut events_open = true;
        loop {
            let happening = self
                .next(&mut ticks, &mut logs_open, &mut events_open)
                .await;
            let over = match happening {
                Happening::ReaderGone => return self.reader_gone().await,
                Happening::Input(input) => self.input(input),
                Happening::Argocd(event) => self.argocd_said(event),
                Happening::Logs(event) => {
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

    /// What a person waits for comes first; log lines wait while the reader is far behind.
    async fn next(
        &mut self,
        ticks: &mut Interval,
        logs_open: &mut bool,
        events_open: &mut bool,
    ) -> Happening {
        tokio::select! {
            biased;
            signal = self.signals.next() => Happening::Input(Input::Signal(signal)),
            () = self.output.closed() => Happening::ReaderGone,
            _ = ticks.tick() => Happening::Input(Input::Tick),
            event = next_of(&mut self.argocd) => Happening::Argocd(event),
            event = self.streams.tracked.next() => Happening::Input(match event {
                Some(event) => Input::Track(event),
                None => Input::Tick,
            }),
            item = self.streams.events.next(), if *events_open => Happening::Input(match item {
                Some(item) => Input::Event(item),
                None => {
                    *events_open = false;
                    Input::EventsEnded
                }
            }),
            event = async { self.output.ready().await; self.streams.logs.next().await }, if *logs_open => {
                match event {
                    Some(event) => Happening::Logs(event),
                    None => {
                        *logs_open = false;
                        Happening::Input(Input::LogsEnded)
                    }
                }
            }
        }
    }

    /// Takes along what is there already: many small batches make one write.
    fn more_logs(&mut self, logs_open: &mut bool) -> bool {
        while self.out.len() < BATCH {
            match self.streams.logs.next().now_or_never() {
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
                self.out.hold(true);
                self.input(Input::Notice(notice));
                self.out.hold(false);
            }
            _ => {}
        }
    }

    fn lines(&mut self, lines: &Lines) {
        let (origin, batch) = (&lines.origin, &lines.batch);
        self.session
            .lines(&origin.pod.uid, &origin.container, batch);
        let workload = origin.workload.as_ref().map(|w| w as &dyn Display);
        let shown = Origin {
            id: origin.id,
            namespace: &origin.pod.namespace,
            workload,
            pod: &origin.pod.name,
            container: &origin.container,
            restart: u32::try_from(batch.restart()).unwrap_or(0),
        };
        let (renderer, detects) = (&mut self.renderer, self.detect_level);
        let source = Source::Container(origin.id);
        self.out.put(source, batch.memory(), &self.output, |out| {
            if detects {
                let level = |line: &[u8]| detect(line).unwrap_or(Level::Info);
                renderer.lines(&shown, level, batch, out);
            } else {
                renderer.lines(&shown, |_| Level::Info, batch, out);
            }
        });
    }

    fn argocd_said(&mut self, event: ArgocdEvent) -> bool {
        match event {
            ArgocdEvent::Line {
                stream,
                text,
                continues,
            } => {
                self.argocd_line(stream, &text, continues);
                false
            }
            ArgocdEvent::Exited(exit) => {
                self.outcome = self.argocd.take().and_then(|argocd| argocd.outcome());
                let degraded = matches!(self.outcome, Some(ArgocdOutcome::Degraded { .. }));
                self.input(Input::Argocd(Exited { exit, degraded }))
            }
        }
    }

    fn argocd_line(&mut self, stream: Stream, text: &[u8], continues: bool) {
        let renderer = &mut self.renderer;
        self.out
            .put(Source::Records, text.len(), &self.output, |out| {
                if continues {
                    renderer.argo_piece(stream, text, out);
                } else {
                    renderer.argo(stream, text, out);
                }
            });
    }

    fn record(&mut self, record: &Record) {
        let renderer = &mut self.renderer;
        self.out
            .put(Source::Records, record.msg.len(), &self.output, |out| {
                renderer.record(record, out);
            });
    }

    /// Lets the session decide, and does what it says. True if it is over.
    fn input(&mut self, input: Input) -> bool {
        let mut over = false;
        for effect in self.session.handle(input, Timestamp::now()) {
            match effect {
                Effect::Show(record) => self.record(&record),
                Effect::Forward(event) => self.streams.forward(event),
                Effect::Interrupt(signal) => self.interrupt(signal),
                Effect::Kill => self.kill(),
                Effect::Again => self.again(),
                Effect::Drain => self.streams.drain(),
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

    /// Runs argocd once more. It could be run before, so this fails only in odd ways.
    fn again(&mut self) {
        let Some(config) = &self.argocd_config else {
            return;
        };
        match Argocd::spawn(config, std::env::vars_os()) {
            Ok(argocd) => {
                self.outcome = None;
                self.argocd = Some(argocd);
            }
            Err(failure) => {
                self.say(Level::Error, failure.message);
                let exited = Exited {
                    exit: ArgocdExit::Code(failure.code),
                    degraded: false,
                };
                self.input(Input::Argocd(exited));
            }
        }
    }

    /// The first line: who speaks, and of what.
    pub fn greet(&mut self, cluster: &str) {
        let config = self.session.config();
        let with = if config.argocd {
            "Waiting with argocd for"
        } else {
            "Following"
        };
        let msg = format!("{with} application {} ({cluster})", config.app);
        self.say(Level::Info, msg);
        self.write();
    }

    fn say(&mut self, level: Level, message: String) {
        let notice = Notice::new(NoticeCode::Other, level, message);
        self.record(&render::notice(&notice));
    }

    fn write(&mut self) {
        for news in self.output.take_news() {
            let (level, message) = told(&news);
            if let News::WriteFailed(_) = news {
                // There is no other place left; and if stderr is gone too, none at all.
                let _ = writeln!(io::stderr(), "error: {message}");
            }
            self.say(level, message);
        }
        self.out.write(&self.output);
    }

    /// The verdict is the last thing on the screen.
    async fn end(mut self) -> i32 {
        let now = Timestamp::now();
        let summary = self.session.summary(self.outcome.as_ref(), now);
        self.renderer.verdict(&summary, now, self.out.last());
        self.write();
        tokio::select! {
            _ = self.output.flush(FLUSH) => {}
            _ = self.signals.next() => {}
        }
        // What went wrong with the last of it is still to be said.
        self.write();
        summary.exit
    }

    /// Whoever read our output wants no more of it: argocd is asked to end, and we go as
    /// quietly as a program that dies of SIGPIPE.
    async fn reader_gone(mut self) -> i32 {
        self.interrupt(Signal::SIGTERM);
        let ended =
            async { while !matches!(next_of(&mut self.argocd).await, ArgocdEvent::Exited(_)) {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
        exit::SIGNAL + 13
    }
}

async fn next_of(argocd: &mut Option<Argocd>) -> ArgocdEvent {
    match argocd {
        Some(argocd) => argocd.next().await,
        None => std::future::pending().await,
    }
}

fn told(news: &News) -> (Level, String) {
    match news {
        News::Spooling => (
            Level::Debug,
            "whoever reads this output is slow; what waits goes to a temporary file".to_owned(),
        ),
        News::Full => (
            Level::Warning,
            "whoever reads this output is too slow (--spool-limit); logs are no longer read, and lines may be lost"
                .to_owned(),
        ),
        News::CaughtUp => (Level::Debug, "the output has caught up".to_owned()),
        News::NoSpool(why) => (Level::Warning, format!("output cannot wait on disk: {why}")),
        News::WriteFailed(why) => (Level::Error, format!("output is lost: {why}")),
    }
}
