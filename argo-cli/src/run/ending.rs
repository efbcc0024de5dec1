//! The end of a run: the verdict, then the files, then failures to write them.

use std::time::Duration;

use argo_core::Level;
use argo_logs::LogStore;
use jiff::Timestamp;

use super::Run;
use crate::{
    argocd::{ArgocdEvent, Signal},
    exit,
    files::Files,
    recording::Recorder,
    sanitize,
    screen::hand_over,
    summary::Summary,
    verdict,
    view::View,
};

/// Time limit for the reader of our output to take the last of it; then the rest is lost.
const FLUSH: Duration = Duration::from_secs(30);

impl Run {
    fn summary(&self, now: Timestamp) -> Summary {
        let query = self.log_store.as_ref().and_then(|store| store.query());
        let mut summary = self.apps.summary(self.argocd.outcome(), now);
        for app in &mut summary.apps {
            app.log_store.clone_from(&query);
        }
        summary.log_store = query;
        summary
    }

    /// Writes the verdict, which is the last thing on the screen, and then the files, and returns
    /// the exit code. A CI system that has sent a signal kills soon: the verdict waits for nothing.
    pub(super) async fn end(mut self) -> i32 {
        let now = self.outlet.now();
        let summary = self.summary(now);
        self.table_to_recording();
        if let Some(recorder) = &mut self.outlet.recorder {
            recorder.verdict(&summary, now);
        }
        self.show_verdict(&summary, now);
        let files = write_files(self.outlet.recorder.take(), std::mem::take(&mut self.files));
        let card = std::mem::take(&mut self.card);
        let view = self.outlet.screen.view();
        let writes = async {
            let card = card.end(view, &summary);
            let (_, mut failed, card) = tokio::join!(self.outlet.output.flush(FLUSH), files, card);
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
            _ = self.outlet.output.flush(FLUSH) => {}
            _ = self.signals.next() => {}
        }
        summary.exit
    }

    fn show_verdict(&mut self, summary: &Summary, now: Timestamp) {
        let outlet = &mut self.outlet;
        let variable = |name: &str| std::env::var(name).ok();
        // Before the verdict, which stays the last thing on the screen.
        let (lines, failed) = hand_over(outlet.screen.view(), summary, &variable);
        for failure in failed {
            outlet.say(Level::Warning, failure);
        }
        outlet.end_display();
        outlet.buffer.last().extend_from_slice(&lines);
        // The terminal may have been resized since the start.
        let size = console::Term::stdout().size_checked();
        outlet.screen.fit(size.map(|(_, columns)| columns));
        outlet.screen.verdict(summary, now, outlet.buffer.last());
        outlet.write(&self.apps);
    }

    /// Reports failures after the verdict, whose last line is then written once more: it is the
    /// line that people look for.
    fn report_failures(&mut self, summary: &Summary, failed: Vec<String>) {
        let has_failed = !failed.is_empty();
        let outlet = &mut self.outlet;
        for failure in failed {
            outlet.say(Level::Error, failure);
        }
        // A failure of the verdict's own write has not been reported yet.
        outlet.write(&self.apps);
        if has_failed && outlet.screen.view() != View::Json {
            let line = verdict::sentence(summary);
            let out = outlet.buffer.last();
            sanitize::text(line.as_bytes(), out, sanitize::Options::default());
            out.push(b'\n');
            outlet.write(&self.apps);
        }
    }

    /// Ends as quietly as a program that dies of SIGPIPE; argocd is asked to end.
    pub(super) async fn reader_gone(mut self) -> i32 {
        self.outlet.end_display();
        self.argocd.interrupt(Signal::SIGTERM);
        let ended = async { while !matches!(self.argocd.next().await, ArgocdEvent::Exited(_)) {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
        let now = self.outlet.now();
        let summary = self.summary(now);
        // The files are wanted all the more: nobody has seen the run.
        if let Some(recorder) = &mut self.outlet.recorder {
            recorder.verdict(&summary, now);
        }
        write_files(self.outlet.recorder.take(), self.files).await;
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
