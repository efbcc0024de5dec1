//! Buildkite: headings at the start of a line divide the log into groups.
//!
//! `---` begins a folded group, `+++` an open one; `^^^ +++` opens the group that was begun
//! last, which here is the log of a run that failed.

use jiff::Timestamp;

use super::pipeline::{Pipeline, Problem, push_line};

#[derive(Debug)]
pub(super) struct Buildkite;

impl Pipeline for Buildkite {
    fn fold(&self, title: &str, lines: &[String], _: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("--- {title}\n").as_bytes());
        for line in lines {
            push_line(line, out);
        }
    }

    /// Problems are on the annotation card of the run.
    fn problem(&self, _: &Problem, _: &mut Vec<u8>) {}

    fn open_log(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"^^^ +++\n");
    }

    fn verdict(&self, text: &str, _: bool, _: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(b"+++ Verdict\n");
        out.extend_from_slice(text.as_bytes());
    }
}
