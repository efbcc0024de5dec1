//! GitHub Actions (`actions/runner`, `ActionCommand.cs`): groups, annotations, the summary of
//! a step.
//!
//! A step shows at most ten errors; groups do not nest and are closed when they are shown.

use jiff::Timestamp;

use super::pipeline::{Pipeline, Problem, escaped, push_line};

/// The most bytes of a step's summary; a longer one is refused as a whole. A part is left for
/// other steps' text in the same file.
const SUMMARY: usize = 1000 * 1024;

/// Escapes of the text of a command.
const DATA: [(char, &str); 3] = [('%', "%25"), ('\r', "%0D"), ('\n', "%0A")];
/// Escapes of a property of a command.
const PROPERTY: [(char, &str); 5] = [
    ('%', "%25"),
    ('\r', "%0D"),
    ('\n', "%0A"),
    (':', "%3A"),
    (',', "%2C"),
];

#[derive(Debug)]
pub(super) struct Github;

impl Pipeline for Github {
    fn fold(&self, title: &str, lines: &[String], _: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("::group::{}\n", escaped(title, &DATA)).as_bytes());
        for line in lines {
            push_line(line, out);
        }
        out.extend_from_slice(b"::endgroup::\n");
    }

    fn problem(&self, problem: &Problem, out: &mut Vec<u8>) {
        let title = escaped(&problem.title, &PROPERTY);
        let text = escaped(&problem.text, &DATA);
        out.extend_from_slice(format!("::error title={title}::{text}\n").as_bytes());
    }
}

/// Shortens a summary in Markdown to what a step may write.
pub fn step_summary(markdown: &str) -> String {
    if markdown.len() <= SUMMARY {
        return markdown.to_owned();
    }
    let mut cut = SUMMARY - 200;
    while !markdown.is_char_boundary(cut) {
        cut -= 1;
    }
    let end = markdown[..cut].rfind('\n').unwrap_or(cut);
    format!(
        "{}\n\n(The rest is left out: GitHub takes no more than 1 MiB.)\n",
        &markdown[..end]
    )
}
