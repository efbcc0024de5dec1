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

/// Returns the file.
pub fn junit(story: &Story) -> String {
    let summary = story.summary.clone().unwrap_or_else(|| unfinished(story));
    let failures = verdict::failures(&summary);
    let others = failures.iter().filter(|failure| {
        let is_its_row = |row: &&Row| is_of(failure, row);
        !summary.workloads.iter().any(|row| is_its_row(&row))
    });
    let mut cases = String::new();
    let mut tests = 0;
    for row in &summary.workloads {
        let failure = failures.iter().find(|failure| is_of(failure, row));
        let seconds = row.seconds.unwrap_or(0);
        let name = printable(&row.object.to_string());
        let waits = (!row.complete && failure.is_none()).then(|| waiting(row));
        cases.push_str(&case(
            story,
            &row.object.namespace,
            &name,
            seconds,
            failure,
            waits,
        ));
        tests += 1;
    }
    for failure in others {
        let (namespace, name) = (&failure.namespace, &failure.workload);
        cases.push_str(&case(story, namespace, name, 0, Some(failure), None));
        tests += 1;
    }
    let app = xml(&printable(&story.header.app));
    let failed = failures.len();
    let skipped = summary
        .workloads
        .iter()
        .filter(|row| !row.complete && !failures.iter().any(|failure| is_of(failure, row)))
        .count();
    let (time, start) = (summary.elapsed.as_secs_f64(), story.header.started);
    let start = start.strftime("%Y-%m-%dT%H:%M:%S");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"{app}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" time=\"{time:.3}\">\n  \
         <testsuite name=\"{app}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" \
         time=\"{time:.3}\" timestamp=\"{start}\" hostname=\"localhost\">\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

/// Returns the end of a run whose recording has none.
fn unfinished(story: &Story) -> Summary {
    Summary {
        app: story.header.app.clone(),
        reason: "cut".to_owned(),
        elapsed: argo_core::text::duration::between(story.header.started, story.ended),
        workloads: story.rows.clone(),
        operation: vec!["the recording was cut off before the end of the run".to_owned()],
        ..Summary::default()
    }
}

fn is_of(failure: &Failure, row: &Row) -> bool {
    failure.workload == printable(&row.object.to_string())
        && failure.namespace == printable(&row.object.namespace)
}

fn waiting(row: &Row) -> String {
    printable(row.waiting_for.as_deref().unwrap_or(&row.state))
}

fn case(
    story: &Story,
    namespace: &str,
    name: &str,
    seconds: u64,
    failure: Option<&Failure>,
    waiting: Option<String>,
) -> String {
    let class = match namespace {
        "" => story.header.app.clone(),
        namespace => format!("{}.{namespace}", story.header.app),
    };
    let (class, name) = (xml(&printable(&class)), xml(name));
    let start =
        format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"{seconds}.000\"");
    let body = match (failure, waiting) {
        (Some(failure), _) => failed(failure),
        (None, Some(waiting)) => {
            let waiting = xml(&waiting);
            format!("      <skipped message=\"not complete: {waiting}\"/>\n")
        }
        (None, None) => return format!("{start}/>\n"),
    };
    format!("{start}>\n{body}    </testcase>\n")
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
