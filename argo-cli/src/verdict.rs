//! The end of a run in words: one to three lines where all is well, otherwise a block
//! whose last line is the cause.

use argo_core::{Level, Record, record};
use jiff::Timestamp;

use crate::{
    settings::Settings,
    summary::{Outcome, Summary},
};

/// The block of text, each line with its newline.
pub fn text(_summary: &Summary, _settings: &Settings) -> String {
    String::new()
}

/// The same facts as a record.
pub fn record(summary: &Summary, time: Timestamp) -> Record {
    let level = match summary.outcome {
        Outcome::Succeeded => Level::Info,
        Outcome::Interrupted | Outcome::Waiting => Level::Warning,
        Outcome::Failed | Outcome::TimedOut => Level::Error,
    };
    let body = record::Verdict::default();
    Record::at(time, level, "", record::Body::Verdict(body))
}
