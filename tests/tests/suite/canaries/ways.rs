//! The ways out of the program, and the text of a message on each.

use argo_assistant::{
    argocd::{ArgocdExit, Stream},
    recording::{Fact, Header, Reader, Recorder, RecordingFile},
    render::Renderer,
    report::{self, Story},
    screen::{LogBudget, Screen, hand_over},
    session::{Effect, Exited, Input, Session},
    settings::Settings,
    summary::Summary,
    terminal::{Cause, Counts, Size, Table},
    view::{Choice, View},
};
use argo_core::{Level, Notice, NoticeCode, Record};
use jiff::{SignedDuration, Timestamp};

use super::inputs::{WITHOUT_PODS, inputs};
use crate::{assistant::Folder, stage};

/// The ways out.
pub(super) const WAYS: [&str; 13] = [
    "text",
    "JSON",
    "verdict",
    "notice",
    "argocd line",
    "recording",
    "HTML",
    "JUnit",
    "Markdown",
    "trace",
    "logs of CI systems",
    "files of CI systems",
    "live table",
];

/// The forms for the log of a CI system.
const SYSTEMS: [View; 5] = [
    View::Github,
    View::Gitlab,
    View::Azure,
    View::Buildkite,
    View::Teamcity,
];

/// A run in which everything has one message.
struct Played {
    started: Timestamp,
    records: Vec<Record>,
    notices: Vec<Record>,
    facts: Vec<Fact>,
    argocd: Vec<Vec<u8>>,
    summary: Summary,
}

/// Returns the text of a message on each of the [`WAYS`]. `argocd` are the lines in which argocd
/// says it. Two runs are played: in the second one nothing but the workload and the Application
/// has the message, so that no other cause takes the place of theirs.
pub(super) async fn shown(message: &str, argocd: &[Vec<u8>]) -> [String; 13] {
    let started = stage::config().started;
    let all = inputs(message, started);
    let without_pods = inputs(message, started).into_iter().take(WITHOUT_PODS);
    let first = Played::with(message, all, argocd).shown().await;
    let second = Played::with(message, without_pods, argocd).shown().await;
    let mut both = first.into_iter().zip(second);
    std::array::from_fn(|_| {
        let (first, second) = both.next().unwrap();
        first + &second
    })
}

impl Played {
    async fn shown(&self) -> [String; 13] {
        let [text, json] = ["text", "json"].map(|format| self.rendered(format, &self.records));
        let notices = ["text", "json"].map(|format| self.rendered(format, &self.notices));
        let (recording, story) = self.recorded().await;
        [
            text,
            json,
            self.verdict(),
            notices.concat(),
            self.argocd_lines(),
            recording,
            report::html(&story),
            report::junit(&story),
            report::markdown(&story),
            report::trace(&story),
            self.logs_of_systems(),
            self.files_of_systems(),
            self.live_table(),
        ]
    }

    fn with(message: &str, inputs: impl IntoIterator<Item = Input>, argocd: &[Vec<u8>]) -> Self {
        let config = stage::config();
        let started = config.started;
        let end = started + SignedDuration::from_secs(60);
        let mut session = Session::new(config);
        let (mut records, mut facts) = (Vec::new(), Vec::new());
        let ticks = [(Input::Tick, end)];
        let inputs = inputs.into_iter();
        for (input, at) in inputs.map(|input| (input, started)).chain(ticks) {
            for effect in session.handle(input, at) {
                match effect {
                    Effect::Show(record) => records.push(record),
                    Effect::Forward(event) => facts.extend(Fact::of(&event)),
                    _ => {}
                }
            }
        }
        let notice = Notice::new(NoticeCode::Other, Level::Warning, message);
        let shown = session.handle(Input::Notice(notice), end).into_iter();
        let notices = shown.filter_map(|effect| match effect {
            Effect::Show(record) => Some(record),
            _ => None,
        });
        let notices = notices.collect();
        let exited = Exited {
            exit: ArgocdExit::Code(20),
            degraded: false,
        };
        session.handle(Input::Argocd(exited), end);
        let over = end + SignedDuration::from_secs(5);
        for input in [Input::Tick, Input::LogsEnded, Input::EventsEnded] {
            session.handle(input, over);
        }
        let outcome = argo_assistant::argocd::sentence(argocd, ArgocdExit::Code(20));
        Self {
            started,
            records,
            notices,
            facts,
            argocd: argocd.to_vec(),
            summary: session.summary(Some(&outcome), over),
        }
    }

    fn renderer(&self, settings: Settings) -> Renderer {
        Renderer::new(settings, false, self.started, "shop".into())
    }

    fn rendered(&self, format: &str, records: &[Record]) -> String {
        let mut renderer = self.renderer(stage::settings(format));
        let mut out = Vec::new();
        for record in records {
            renderer.record(record, &mut out);
        }
        text(out)
    }

    fn verdict(&self) -> String {
        let mut out = Vec::new();
        for format in ["text", "json"] {
            let mut renderer = self.renderer(stage::settings(format));
            renderer.verdict(&self.summary, self.started, &mut out);
        }
        text(out)
    }

    fn argocd_lines(&self) -> String {
        let mut out = Vec::new();
        for format in ["text", "json"] {
            let mut renderer = self.renderer(stage::settings(format));
            for line in &self.argocd {
                renderer.argo(Stream::Stderr, line, &mut out);
            }
        }
        text(out)
    }

    /// The bytes of a recording, and what the reports know of it.
    async fn recorded(&self) -> (String, Story) {
        let folder = Folder::new("canary-recording");
        let path = folder.path().join("run.jsonl");
        let app = argo_core::AppRef::new("shop", "argocd");
        let header = Header::new(&app, self.started);
        let mut recorder = Recorder::begin(RecordingFile::create(&path).unwrap(), &header);
        for fact in &self.facts {
            recorder.fact(fact.clone(), self.started);
        }
        for record in self.records.iter().chain(&self.notices) {
            recorder.record(record, self.started);
        }
        for line in &self.argocd {
            recorder.argo(Stream::Stderr, line, false, self.started);
        }
        recorder.verdict(&self.summary, self.started);
        assert_eq!(recorder.end().await, None);
        let bytes = std::fs::read(&path).unwrap();
        let mut reader = Reader::open(&path).unwrap();
        (text(bytes), Story::read(&mut reader, None))
    }

    /// The whole run as each CI system gets it.
    fn logs_of_systems(&self) -> String {
        let mut out = Vec::new();
        for view in SYSTEMS {
            let choice = Choice {
                view,
                shows_colors: false,
            };
            let renderer = self.renderer(Settings::read(&|_| None, choice).0);
            let mut screen = Screen::new(renderer, false, LogBudget::new(None, view));
            for record in self.records.iter().chain(&self.notices) {
                screen.record(record, self.started, &mut out);
            }
            for line in &self.argocd {
                screen.argo(Stream::Stderr, line, false, self.started, &mut out);
            }
            screen.verdict(&self.summary, self.started, &mut out);
        }
        text(out)
    }

    /// The outputs and summaries of a step.
    fn files_of_systems(&self) -> String {
        let folder = Folder::new("canary-files");
        for view in SYSTEMS {
            let variable = |name: &str| match name {
                "AGENT_TEMPDIRECTORY" => Some(folder.path().display().to_string()),
                _ => Some(folder.path().join(name).display().to_string()),
            };
            let (_, failed) = hand_over(view, &self.summary, &variable);
            assert!(failed.is_empty(), "{failed:?}");
        }
        let files = std::fs::read_dir(folder.path()).unwrap();
        let files = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        files.collect()
    }

    fn live_table(&self) -> String {
        let causes: Vec<_> = self.summary.findings.iter().map(Cause::from).collect();
        let table = Table {
            app: "shop",
            elapsed: self.summary.elapsed,
            rows: &self.summary.workloads,
            causes: &causes,
            argocd: None,
            counts: Counts::default(),
            colors: false,
            reads_keys: true,
        };
        let size = Size {
            columns: 4000,
            rows: 100,
        };
        table.lines(size).join("\n")
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
