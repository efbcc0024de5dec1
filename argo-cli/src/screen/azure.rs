//! Azure Pipelines (`azure-pipelines-agent`, `Command.cs`): groups and issues.

use jiff::Timestamp;

use super::pipeline::{Pipeline, Problem, escaped, push_line};

/// Escapes of the text of a command.
const DATA: [(char, &str); 3] = [('%', "%AZP25"), ('\r', "%0D"), ('\n', "%0A")];

/// Returns the command that shows a file on the page of the run.
pub(super) fn upload(path: &str) -> Vec<u8> {
    let path = escaped(path, &DATA);
    format!("##vso[task.uploadsummary]{path}\n").into_bytes()
}

#[derive(Debug)]
pub(super) struct Azure;

impl Pipeline for Azure {
    fn fold(&self, title: &str, lines: &[String], _: Timestamp, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("##[group]{title}\n").as_bytes());
        for line in lines {
            push_line(line, out);
        }
        out.extend_from_slice(b"##[endgroup]\n");
    }

    fn problem(&self, problem: &Problem, out: &mut Vec<u8>) {
        let text = format!("{}: {}", problem.title, problem.text);
        let text = escaped(&text, &DATA);
        out.extend_from_slice(format!("##vso[task.logissue type=error]{text}\n").as_bytes());
    }
}
