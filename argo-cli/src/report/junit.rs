//! JUnit, in the dialect of Jenkins that GitLab and others read: a case for each workload, and
//! one short failure for each that failed.

use argo_core::text::cap;

use super::Story;
use crate::{
    sanitize::printable,
    summary::{Row, Summary},
    verdict::{self, Failure},
};

/// The most characters of a failure's text.
const TEXT: usize = 4000;
/// Name of a file about several applications.
const PROGRAM: &str = "argo-assistant";

/// Returns the file: a suite for each application.
pub fn junit(story: &Story) -> String {
    let cut = story.summary.is_none().then(|| unfinished(story));
    let apps = cut.as_ref().map_or(story.apps(), std::slice::from_ref);
    let suites: Vec<Suite> = apps.iter().map(|app| suite(story, app)).collect();
    let sum = |count: fn(&Suite) -> usize| suites.iter().map(count).sum::<usize>();
    let (tests, failures) = (sum(|suite| suite.tests), sum(|suite| suite.failures));
    let time = apps.iter().map(|app| app.elapsed).max().unwrap_or_default();
    let suites: String = suites.into_iter().map(|suite| suite.text).collect();
    let title = match story.is_about_several() {
        true => PROGRAM,
        false => &story.header.app,
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" \
         time=\"{:.3}\">\n{suites}</testsuites>\n",
        xml(&printable(title)),
        time.as_secs_f64(),
    )
}

/// The cases of one application.
struct Suite {
    text: String,
    tests: usize,
    failures: usize,
}

fn suite(story: &Story, summary: &Summary) -> Suite {
    let failures = verdict::failures(summary);
    let others = failures
        .iter()
        .filter(|failure| !summary.workloads.iter().any(|row| failure.is_of(row)));
    let mut cases = String::new();
    let (mut tests, mut skipped) = (0, 0);
    for row in &summary.workloads {
        let failure = failures.iter().find(|failure| failure.is_of(row));
        let waits = (!row.complete && failure.is_none()).then(|| waiting(row));
        skipped += usize::from(waits.is_some());
        cases.push_str(&of_row(summary, row, failure, waits));
        tests += 1;
    }
    for failure in others {
        let place = (summary, failure.namespace.as_str());
        cases.push_str(&case(place, &failure.workload, 0, &failed(failure)));
        tests += 1;
    }
    let (failures, time) = (failures.len(), summary.elapsed.as_secs_f64());
    let start = story.header.started.strftime("%Y-%m-%dT%H:%M:%S");
    let text = format!(
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" \
         skipped=\"{skipped}\" time=\"{time:.3}\" timestamp=\"{start}\" \
         hostname=\"localhost\">\n{cases}  </testsuite>\n",
        xml(&printable(&summary.app)),
    );
    Suite {
        text,
        tests,
        failures,
    }
}

/// Returns the end of a run whose recording has none.
fn unfinished(story: &Story) -> Summary {
    Summary {
        app: match story.is_about_several() {
            // Only the end tells which workloads belong to which of them.
            true => PROGRAM.to_owned(),
            false => story.header.app.clone(),
        },
        reason: "cut".to_owned(),
        elapsed: argo_core::text::duration::between(story.header.started, story.ended),
        workloads: story.rows.clone(),
        operation: vec!["the recording was cut off before the end of the run".to_owned()],
        ..Summary::default()
    }
}

fn waiting(row: &Row) -> String {
    printable(row.waiting_for.as_deref().unwrap_or(&row.state))
}

fn of_row(
    summary: &Summary,
    row: &Row,
    failure: Option<&Failure>,
    waiting: Option<String>,
) -> String {
    let name = printable(&row.object.to_string());
    let body = match (failure, waiting) {
        (Some(failure), _) => failed(failure),
        (None, Some(waiting)) => {
            let waiting = xml(&waiting);
            format!("      <skipped message=\"not complete: {waiting}\"/>\n")
        }
        (None, None) => String::new(),
    };
    let place = (summary, &*row.object.namespace);
    case(place, &name, row.seconds.unwrap_or(0), &body)
}

/// Returns a case: its class is the application with the namespace, which is what GitLab and
/// Jenkins group by.
fn case((summary, namespace): (&Summary, &str), name: &str, seconds: u64, body: &str) -> String {
    let parts = [summary.app.as_str(), namespace].into_iter();
    let parts: Vec<String> = parts
        .filter(|part| !part.is_empty())
        .map(printable)
        .collect();
    let (class, name) = (xml(&parts.join(".")), xml(name));
    let start =
        format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"{seconds}.000\"");
    match body {
        "" => format!("{start}/>\n"),
        body => format!("{start}>\n{body}    </testcase>\n"),
    }
}

fn failed(failure: &Failure) -> String {
    let message = xml(&cap(&failure.sentence, 500));
    let code = match failure.code.as_str() {
        "" => "failed",
        code => code,
    };
    // GitLab shows the text alone and drops the message (its parser keeps the content of an element
    // that has one), so the text begins with the sentence.
    let mut text = format!("{}\n", cap(&failure.sentence, 500));
    for line in failure.evidence.iter().chain(&failure.last_lines) {
        text.push_str(&cap(line, 300));
        text.push('\n');
    }
    if let Some(next) = &failure.next {
        text.push_str(&format!("Next: {next}\n"));
    }
    let text = xml(&cap(&text, TEXT));
    format!("      <failure message=\"{message}\" type=\"{code}\">{text}</failure>\n")
}

/// Escapes text for XML and leaves out the characters that XML 1.0 has no form for.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "junit_tests.rs"]
mod tests;
