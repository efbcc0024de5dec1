//! The card on the page of a Buildkite build.

use std::{
    io,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, process::Command, task::JoinHandle, time::timeout};

use super::step_summary;
use crate::{report, summary::Summary, view::View};

/// Time limit for the agent of the CI system.
const AGENT: Duration = Duration::from_secs(10);
/// The shortest time between two cards of a run: each one is a process and a request.
const PAUSE: Duration = Duration::from_secs(15);

/// Keeps the card of a run up to date. The card of an earlier run is replaced.
#[derive(Debug, Default)]
pub struct Card {
    /// The time of the last card, and its text.
    last: Option<(Instant, String)>,
    agent: Option<JoinHandle<Option<String>>>,
}

impl Card {
    /// Shows the progress of the application, at most every 15 s and only if it has changed. `text`
    /// makes the text. A failure is not reported: the card of the end will fail too.
    pub fn progress(&mut self, view: View, app: &str, text: impl FnOnce() -> String) {
        let is_due = self
            .last
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= PAUSE);
        if view != View::Buildkite || !is_due {
            return;
        }
        let text = text();
        let is_news = self.last.as_ref().is_none_or(|(_, last)| *last != text);
        self.last = Some((Instant::now(), text.clone()));
        if is_news {
            let app = app.to_owned();
            // Dropping the agent of the card before ends it, if it is still at work.
            self.stop();
            self.agent = Some(tokio::spawn(
                async move { annotate("info", &app, &text).await },
            ));
        }
    }

    /// Shows the end of the run. Returns a sentence if that failed.
    pub async fn end(mut self, view: View, summary: &Summary) -> Option<String> {
        if view != View::Buildkite {
            return None;
        }
        self.stop();
        let style = if summary.outcome.is_failure() {
            "error"
        } else {
            "success"
        };
        let text = step_summary(&report::markdown_of(summary));
        annotate(style, &summary.app, &text).await
    }

    fn stop(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.abort();
        }
    }
}

/// Puts a text on the page of the build. Returns a sentence if that failed.
async fn annotate(style: &str, app: &str, text: &str) -> Option<String> {
    let mut command = Command::new("buildkite-agent");
    command
        .args(["annotate", "--style", style, "--context"])
        // Two runs in one build must not replace each other's card.
        .arg(format!("argo-assistant-{app}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        // Outside of an agent, where somebody looks at the form.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return Some(format!("cannot run buildkite-agent annotate: {error}")),
    };
    let told = async {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes()).await?;
        }
        child.wait().await
    };
    match timeout(AGENT, told).await {
        Ok(Ok(status)) if status.success() => None,
        Ok(Ok(status)) => Some(format!("buildkite-agent annotate failed: {status}")),
        Ok(Err(error)) => Some(format!("buildkite-agent annotate failed: {error}")),
        Err(_) => Some("buildkite-agent annotate took longer than 10 s".to_owned()),
    }
}
