//! GitLab CI: collapsible sections (`lib/gitlab/ci/ansi2json`), whose times are whole seconds
//! and whose names are unique.

use jiff::Timestamp;

use super::pipeline::{Pipeline, Problem, push_line};

#[derive(Debug)]
pub(super) struct Gitlab;

impl Pipeline for Gitlab {
    fn fold(&self, title: &str, lines: &[String], at: Timestamp, out: &mut Vec<u8>) {
        open("argo_assistant_finished", true, title, at, out);
        for line in lines {
            push_line(line, out);
        }
        close("argo_assistant_finished", at, out);
    }

    /// GitLab lists problems from a JUnit file only (`--junit`).
    fn problem(&self, _: &Problem, _: &mut Vec<u8>) {}

    fn verdict(&self, text: &str, failed: bool, at: Timestamp, out: &mut Vec<u8>) {
        if !failed {
            return out.extend_from_slice(text.as_bytes());
        }
        // The last line is the cause: it stays outside, so that closing the section leaves it.
        let split = text
            .trim_end_matches('\n')
            .rfind('\n')
            .map_or(0, |at| at + 1);
        open("argo_assistant_verdict", false, "Verdict", at, out);
        out.extend_from_slice(&text.as_bytes()[..split]);
        close("argo_assistant_verdict", at, out);
        out.extend_from_slice(&text.as_bytes()[split..]);
    }
}

fn open(name: &str, collapsed: bool, title: &str, at: Timestamp, out: &mut Vec<u8>) {
    let option = if collapsed { "[collapsed=true]" } else { "" };
    let seconds = at.as_second();
    let line = format!("\x1b[0Ksection_start:{seconds}:{name}{option}\r\x1b[0K{title}\n");
    out.extend_from_slice(line.as_bytes());
}

fn close(name: &str, at: Timestamp, out: &mut Vec<u8>) {
    let seconds = at.as_second();
    out.extend_from_slice(format!("\x1b[0Ksection_end:{seconds}:{name}\r\x1b[0K\n").as_bytes());
}
