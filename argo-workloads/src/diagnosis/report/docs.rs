//! The page about each code, made from the rules.

use std::fmt::Write;

use super::pages::PAGES;
use crate::diagnosis::rules::RULES;

/// Writes `docs/findings.md`: the meaning of each code, the conditions under which it is
/// reported, and the remedy. Markdown, one heading a code.
pub fn findings_page() -> String {
    let mut page = String::from(HEAD);
    for (code, means, todo) in PAGES {
        let rules = RULES.iter().filter(|rule| rule.code == *code);
        let reported: Vec<&str> = rules.map(|rule| rule.reported).collect();
        let reported = reported.join("; ");
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "\n## {code}\n\n{means}\n\n- **Reported** {reported}.\n- **What to do:** {todo}\n"
        );
    }
    page
}

const HEAD: &str = "# Findings

Why a rollout fails, by the stable code that stands in the output (`code` in JSON). This
page is made from the rules; a test keeps it up to date.

Only pods of the newest revision are blamed. A state is reported once it has lasted for the
time given here; transient states are not findings. A finding is *doomed* if the rollout cannot
succeed without a change. Otherwise it is *suspicious*: it holds up the rollout and may pass.

A finding is reported once. When it no longer holds, one line says so (`resolved after 24 s: …`,
`\"resolved\": true` in JSON), and the verdict does not name it as a cause. A problem that keeps
containers from starting is resolved when it has been absent for five seconds. Crashes, failing
probes and the like are resolved when the workload is complete. A problem that comes and goes is
reported at most once a minute. While a sync is retried, an object that the new attempt has not
reached yet keeps its last result.
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::diagnosis::code::Code;

    #[test]
    fn every_code_has_its_words_in_order() {
        let codes: Vec<Code> = PAGES.iter().map(|(code, ..)| *code).collect();
        assert_eq!(codes, Code::ALL);
    }

    #[test]
    fn every_code_has_a_rule() {
        for code in Code::ALL {
            assert!(RULES.iter().any(|rule| rule.code == *code), "{code}");
        }
    }

    /// Run with `UPDATE_DOCS=1` to write the page anew.
    #[test]
    fn the_page_is_up_to_date() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        // A published crate stands alone, without the pages of the repository.
        if !docs.is_dir() {
            return;
        }
        let path = docs.join("findings.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, findings_page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == findings_page(),
            "docs/findings.md is out of date"
        );
    }
}
