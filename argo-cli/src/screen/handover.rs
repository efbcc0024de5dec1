//! Hands a CI system the results of a run besides the log, in files that it names in variables.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

use super::{azure, step_summary};
use crate::{report, summary::Summary, verdict, view::View};

/// The most characters of the cause among the outputs of a step.
const CAUSE: usize = 2000;

/// Hands the end of the run to the CI system, without waiting for anything. Returns lines for the
/// log, and a sentence for each thing that could not be handed over.
pub fn hand_over(
    view: View,
    summary: &Summary,
    variable: &dyn Fn(&str) -> Option<String>,
) -> (Vec<u8>, Vec<String>) {
    let text = || step_summary(&report::markdown_of(summary));
    let mut failed = Vec::new();
    let mut lines = Vec::new();
    match view {
        View::Github => {
            let files = [
                ("GITHUB_OUTPUT", outputs(summary)),
                ("GITHUB_STEP_SUMMARY", text()),
            ];
            for (name, text) in files {
                let Some(path) = variable(name).filter(|path| !path.is_empty()) else {
                    continue;
                };
                failed.extend(
                    append(Path::new(&path), &text)
                        .err()
                        .map(|error| format!("cannot write to {path} (from {name}): {error}")),
                );
            }
        }
        View::Azure => match azure_summary(&text(), variable) {
            Ok(line) => lines = line,
            Err(error) => failed.push(format!("cannot write the summary of the step: {error}")),
        },
        _ => {}
    }
    (lines, failed)
}

/// `verdict=failed`, and the cause between two lines that it does not contain.
fn outputs(summary: &Summary) -> String {
    let cause = argo_core::text::cap(&verdict::sentence(summary), CAUSE);
    let cause = cause.replace(['\n', '\r'], " ");
    let mut end = "END".to_owned();
    while cause.contains(&end) {
        end.push('_');
    }
    format!(
        "verdict={}\ncause<<{end}\n{cause}\n{end}\n",
        summary.outcome.name()
    )
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    // Other commands of the step write to the same file.
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Writes the summary where the agent finds it after this process has ended.
fn azure_summary(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> io::Result<Vec<u8>> {
    let folder = variable("AGENT_TEMPDIRECTORY").filter(|folder| !folder.is_empty());
    let folder = folder.map_or_else(std::env::temp_dir, Into::into);
    let mut file = tempfile::Builder::new()
        .prefix("argo-assistant-")
        .suffix(".md")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    let (_, path) = file.keep().map_err(|error| error.error)?;
    Ok(azure::upload(&path.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay;

    #[test]
    fn github_gets_outputs_and_a_summary() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let variable = |name: &str| match name {
            "GITHUB_OUTPUT" => Some(path("output")),
            "GITHUB_STEP_SUMMARY" => Some(path("summary")),
            _ => None,
        };
        let mut summary = replay::tests::summary();
        summary.workloads[1].failed = Some("END of the line\nverdict=succeeded".to_owned());
        let (lines, failed) = hand_over(View::Github, &summary, &variable);
        assert!(lines.is_empty() && failed.is_empty(), "{failed:?}");
        let output = std::fs::read_to_string(path("output")).unwrap();
        let lines: Vec<_> = output.lines().collect();
        assert_eq!(lines.len(), 4, "{output}");
        assert_eq!(
            (lines[0], lines[1], lines[3]),
            ("verdict=failed", "cause<<END_", "END_")
        );
        assert!(
            std::fs::read_to_string(path("summary"))
                .unwrap()
                .starts_with("## ❌ shop")
        );
        let nowhere = |name: &str| (name == "GITHUB_OUTPUT").then(|| "/nowhere/x".to_owned());
        let (_, failed) = hand_over(View::Github, &summary, &nowhere);
        assert!(failed[0].contains("GITHUB_OUTPUT"), "{failed:?}");
    }

    #[test]
    fn a_summary_stays_below_one_mebibyte() {
        let long = "| ä |\n".repeat(400_000);
        let short = step_summary(&long);
        assert!(short.len() < 1024 * 1024 && short.ends_with("more than 1 MiB.)\n"));
        assert_eq!(step_summary("x"), "x");
    }
}
