//! The comparison of what containers wrote with what a program showed.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;
use serde_json::Value;

/// The word before the facts in a line of a container.
const MARK: &[u8] = b"torture ";

/// One start of one container: pod, container, and a random word that the container chose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instance {
    pub(crate) pod: String,
    pub(crate) container: String,
    pub(crate) boot: String,
}

/// The number of times that each line of each instance was shown.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    shown: BTreeMap<Instance, BTreeMap<u64, u64>>,
    /// The holes that the program announced, by the object that they are about: `pod/container`.
    announced: BTreeMap<String, u64>,
}

/// The judgement about one program.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) lines: u64,
    pub(crate) lost: u64,
    /// Those of containers about which no hole was announced.
    pub(crate) in_silence: u64,
    pub(crate) twice: u64,
    /// Instances of which no line was shown.
    pub(crate) unseen: usize,
    /// The kinds of pods whose lines were lost or came twice.
    pub(crate) places: BTreeSet<String>,
}

/// Finds the line of a container in a line of a program's output, whatever stands around it.
pub(crate) fn parse(line: &[u8]) -> Option<(Instance, u64)> {
    let at = memmem::find(line, MARK)?;
    let text = line[at + MARK.len()..].split(|byte| *byte == b' ');
    let mut words = text.map(|word| std::str::from_utf8(word).ok());
    let mut word = || words.next().flatten().map(str::to_owned);
    let (pod, container, boot) = (word()?, word()?, word()?);
    let number = word()?;
    // The end of the text: in JSON other fields follow.
    let end = number.find(|c: char| !c.is_ascii_digit());
    let digits = &number[..end.unwrap_or(number.len())];
    let instance = Instance {
        pod,
        container,
        boot,
    };
    Some((instance, digits.parse().ok()?))
}

/// True for a record of argo-assistant that is no log line: a finding quotes the last lines.
fn may_quote(line: &[u8]) -> bool {
    const KIND: &[u8] = b"\"kind\":\"";
    memmem::find(line, KIND).is_some_and(|at| !line[at + KIND.len()..].starts_with(b"log\""))
}

/// Returns the object of a notice of argo-assistant that lines are missing.
fn hole(line: &[u8]) -> Option<String> {
    let record: Value = serde_json::from_slice(line).ok()?;
    let is_hole = matches!(
        record["code"].as_str(),
        Some("lines-missing" | "instances-lost")
    );
    let object = record["object"].as_str().unwrap_or_default();
    is_hole.then(|| object.to_owned())
}

impl Tally {
    /// Counts a line of a program's output.
    pub(crate) fn take(&mut self, line: &[u8]) {
        if may_quote(line) {
            let object = hole(line).into_iter();
            object.for_each(|object| *self.announced.entry(object).or_default() += 1);
        } else if let Some((instance, number)) = parse(line) {
            let lines = self.shown.entry(instance).or_default();
            *lines.entry(number).or_default() += 1;
        }
    }

    /// Returns the number of holes that the program announced.
    pub(crate) fn holes(&self) -> u64 {
        self.announced.values().sum()
    }

    /// Raises the number of the last line of each instance to what was shown here.
    pub(crate) fn last_lines(&self, last: &mut BTreeMap<Instance, u64>) {
        for (instance, lines) in &self.shown {
            let shown = lines.keys().next_back().copied().unwrap_or_default();
            let known = last.entry(instance.clone()).or_default();
            *known = (*known).max(shown);
        }
    }

    /// Compares with the truth: the number of the last line of each instance.
    pub(crate) fn score(&self, last: &BTreeMap<Instance, u64>) -> Score {
        let (none, mut score) = (BTreeMap::new(), Score::default());
        for (instance, last) in last {
            let lines = self.shown.get(instance).unwrap_or(&none);
            // A line that was cut may have a number that nobody wrote.
            let lost = last - lines.range(1..=*last).count() as u64;
            let twice: u64 = lines.values().map(|times| times - 1).sum();
            score.lines += lines.values().sum::<u64>();
            score.lost += lost;
            let object = format!("{}/{}", instance.pod, instance.container);
            if !self.announced.contains_key(&object) {
                score.in_silence += lost;
            }
            score.twice += twice;
            score.unseen += usize::from(lines.is_empty());
            if lost + twice > 0 {
                let kind = instance.pod.split('-').next().unwrap_or_default();
                score.places.insert(kind.to_owned());
            }
        }
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.take(line.as_bytes()));
        tally
    }

    #[test]
    fn a_line_is_found_in_any_form_of_output() {
        for line in [
            "torture crash-1 app f00 17",
            "2026-11-28T10:00:00Z INFO [crash-1/app] torture crash-1 app f00 17",
            r#"{"kind":"log","msg":"torture crash-1 app f00 17"}"#,
            r#"{"msg":"torture crash-1 app f00 17","schema":1,"kind":"log","restart":0}"#,
            "\u{1b}[32mcrash-1\u{1b}[0m torture crash-1 app f00 17\r",
            "torture crash-1 app f00 17 xxxxxxxx",
        ] {
            let (instance, number) = parse(line.as_bytes()).unwrap();
            assert_eq!((&*instance.pod, number), ("crash-1", 17), "{line}");
        }
        assert_eq!(parse(b"torture crash-1 app"), None);
    }

    #[test]
    fn a_finding_that_quotes_a_line_does_not_show_it_again() {
        let line = "torture a-1 app x 1";
        let log = format!(r#"{{"msg":"{line}","schema":1,"kind":"log"}}"#);
        let finding = format!(r#"{{"msg":"crashes; last line: {line}","kind":"finding"}}"#);
        let tally = tally(&[&*log, &*finding]);
        let instance = parse(line.as_bytes()).unwrap().0;
        assert_eq!(tally.score(&BTreeMap::from([(instance, 1)])).twice, 0);
    }

    #[test]
    fn a_number_that_nobody_wrote_counts_for_no_line() {
        let tally = tally(&["torture a-1 app x 1", "torture a-1 app x 12"]);
        let instance = parse(b"torture a-1 app x 1").unwrap().0;
        let score = tally.score(&BTreeMap::from([(instance, 1)]));
        assert_eq!((score.lines, score.lost), (2, 0));
    }

    #[test]
    fn lines_are_lost_if_another_program_or_the_cluster_had_them() {
        let ours = tally(&["torture a-1 app x 1", "torture a-1 app x 3"]);
        let theirs = tally(&[
            "torture a-1 app x 2",
            "torture a-1 app x 2",
            "torture b-1 app y 1",
            r#"{"kind":"notice","code":"lines-missing","object":"a-1/app"}"#,
            r#"{"kind":"notice","code":"disconnected","object":"b-1/app"}"#,
        ]);
        let mut last = BTreeMap::new();
        ours.last_lines(&mut last);
        theirs.last_lines(&mut last);
        let score = ours.score(&last);
        assert_eq!(
            (score.lines, score.lost, score.twice, score.unseen),
            (2, 2, 0, 1)
        );
        assert_eq!((ours.holes(), score.in_silence), (0, 2));
        let score = theirs.score(&last);
        assert_eq!(
            (score.lines, score.lost, score.twice, score.unseen),
            (3, 2, 1, 0)
        );
        assert_eq!((theirs.holes(), score.in_silence), (1, 0));
        assert_eq!(score.places, BTreeSet::from(["a".to_owned()]));
    }
}
