//! The view of the reader of stdout, in the form that was chosen.
//!
//! A [`Screen`] turns records, log lines and the verdict into bytes and knows no clock: the
//! caller says when a thing arrived, so that a replay writes the same bytes. Each CI system is
//! a `Pipeline` around the same lines.

mod azure;
mod budget;
mod buildkite;
mod card;
mod github;
mod gitlab;
mod handover;
mod pipeline;
mod teamcity;

use argo_core::{Level, Record, record::Body};
use argo_logs::Batch;
use jiff::Timestamp;

use crate::{
    argocd::Stream,
    render::{Origin, Renderer},
    summary::Summary,
    verdict,
    view::View,
};

pub use budget::LogBudget;
pub use card::Card;
pub use github::step_summary;
pub use handover::hand_over;
use pipeline::Pipeline;

/// Writes one form of the output.
#[derive(Debug)]
pub struct Screen {
    renderer: Renderer,
    pipeline: Option<Box<dyn Pipeline>>,
    budget: LogBudget,
    /// True if only argocd's lines, findings and the verdict are shown.
    is_quiet: bool,
}

impl Screen {
    /// Creates a screen around a renderer, in the form of the renderer's settings.
    pub fn new(renderer: Renderer, is_quiet: bool, budget: LogBudget) -> Self {
        let pipeline: Option<Box<dyn Pipeline>> = match renderer.settings().view {
            View::Text | View::Terminal | View::Json => None,
            View::Github => Some(Box::new(github::Github)),
            View::Gitlab => Some(Box::new(gitlab::Gitlab)),
            View::Azure => Some(Box::new(azure::Azure)),
            View::Buildkite => Some(Box::new(buildkite::Buildkite)),
            View::Teamcity => Some(Box::new(teamcity::Teamcity)),
        };
        Self {
            renderer,
            pipeline,
            budget,
            is_quiet,
        }
    }

    /// Returns the form of the output.
    pub fn view(&self) -> View {
        self.renderer.settings().view
    }

    /// Returns the settings of the output.
    pub fn settings(&self) -> &crate::settings::Settings {
        self.renderer.settings()
    }

    /// Appends a record.
    pub fn record(&mut self, record: &Record, at: Timestamp, out: &mut Vec<u8>) {
        let matters = matches!(record.body, Body::Finding(_) | Body::Verdict(_));
        let is_warning = record.level <= Level::Warning;
        // An error of our own, such as a file that cannot be written, is never hidden.
        let is_silenced = self.is_quiet && record.level > Level::Error;
        let is_hidden = is_silenced || (self.budget.is_spent() && !is_warning);
        if is_hidden && !matters {
            return;
        }
        self.renderer.at(at);
        self.renderer.record(record, out);
    }

    /// Appends log lines, as far as the budget goes.
    pub fn lines(
        &mut self,
        origin: &Origin<'_>,
        level: impl Fn(&[u8]) -> Level,
        batch: &Batch,
        at: Timestamp,
        out: &mut Vec<u8>,
    ) {
        if self.is_quiet || self.budget.is_spent() {
            return;
        }
        let before = out.len();
        self.renderer.at(at);
        self.renderer.lines(origin, level, batch, out);
        // The line that uses the budget up is the last one, however the lines are batched: a
        // replay has each of them in a batch of its own.
        if let Some(left) = self.budget.left()
            && let Some(last) = out.get(before + left.saturating_sub(1)..)
            && let Some(end) = memchr::memchr(b'\n', last)
        {
            out.truncate(before + left.saturating_sub(1) + end + 1);
        }
        self.budget.spend(out.len() - before);
    }

    /// True once the logs have used up their budget; told once.
    pub fn takes_leave(&mut self) -> bool {
        self.budget.takes_leave()
    }

    /// Returns the budget of the logs, in bytes.
    pub fn log_budget(&self) -> Option<u64> {
        self.budget.limit()
    }

    /// Lets the logs have as much of the screen as they want.
    pub fn lift_log_budget(&mut self) {
        self.budget = LogBudget::default();
    }

    /// Appends a line of argocd, or the beginning of one.
    pub fn argo(
        &mut self,
        stream: Stream,
        text: &[u8],
        continues: bool,
        at: Timestamp,
        out: &mut Vec<u8>,
    ) {
        self.renderer.at(at);
        if continues {
            self.renderer.argo_piece(stream, text, out);
        } else {
            self.renderer.argo(stream, text, out);
        }
    }

    /// Takes over the present columns of the terminal, if the output is read on one.
    pub fn fit(&mut self, columns: Option<u16>) {
        self.renderer.fit(columns);
    }

    /// Appends the end of the run.
    pub fn verdict(&mut self, summary: &Summary, at: Timestamp, out: &mut Vec<u8>) {
        let Some(pipeline) = &self.pipeline else {
            return self.renderer.verdict(summary, at, out);
        };
        let settings = self.renderer.settings();
        let failed = summary.outcome.is_failure();
        if failed {
            pipeline.open_log(out);
        }
        let done = verdict::finished(summary);
        if !done.is_empty() {
            let title = format!(
                "{} rolled out",
                argo_core::text::counted(done.len(), "workload")
            );
            pipeline.fold(&title, &done, at, out);
        }
        for problem in pipeline::problems(summary, pipeline.most_problems()) {
            pipeline.problem(&problem, out);
        }
        let text = verdict::text(summary, settings);
        pipeline.verdict(&text, failed, at, out);
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
