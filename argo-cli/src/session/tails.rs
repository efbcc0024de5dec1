//! The last lines of each container, for the verdict.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use argo_logs::Batch;
use argo_workloads::diagnosis::Line;
use jiff::Timestamp;

/// Lines that are kept of a container.
const LINES: usize = 25;
/// Bytes that are kept of a line.
const LENGTH: usize = 1000;

type Key = (Arc<str>, Arc<str>);

/// The last lines of each container, by the pod's uid and the container's name.
#[derive(Debug, Default)]
pub(super) struct Tails {
    tails: HashMap<Key, VecDeque<Kept>>,
    changed: HashSet<Key>,
}

#[derive(Debug)]
struct Kept {
    time: Option<Timestamp>,
    text: Vec<u8>,
}

impl Tails {
    /// A container wrote these lines. This stands in the way of every line: what is thrown
    /// out gives its memory to what comes in.
    pub(super) fn keep(&mut self, pod_uid: &Arc<str>, container: &Arc<str>, batch: &Batch) {
        let key = (Arc::clone(pod_uid), Arc::clone(container));
        let tail = self.tails.entry(key.clone()).or_default();
        let skipped = batch.len().saturating_sub(LINES);
        for line in batch.lines().skip(skipped) {
            let mut text = match tail.len() {
                LINES.. => tail.pop_front().map(|kept| kept.text).unwrap_or_default(),
                _ => Vec::new(),
            };
            text.clear();
            text.extend_from_slice(&line.text[..line.text.len().min(LENGTH)]);
            tail.push_back(Kept {
                time: line.time(),
                text,
            });
        }
        self.changed.insert(key);
    }

    /// The containers that wrote since the last call, with their last lines.
    pub(super) fn take_changed(&mut self) -> Vec<(Arc<str>, Arc<str>, Vec<Line>)> {
        let changed = self.changed.drain().collect::<Vec<_>>();
        let lines = |key: &Key| self.tails.get(key).map(lines).unwrap_or_default();
        changed
            .into_iter()
            .map(|key| {
                let lines = lines(&key);
                (key.0, key.1, lines)
            })
            .collect()
    }

    /// A pod is gone.
    pub(super) fn forget(&mut self, pod_uid: &str) {
        self.tails.retain(|(uid, _), _| **uid != *pod_uid);
    }
}

fn lines(tail: &VecDeque<Kept>) -> Vec<Line> {
    let mut time = Timestamp::UNIX_EPOCH;
    tail.iter()
        .map(|kept| {
            // A fragment of a long line has no time of its own: it is as old as its start.
            time = kept.time.unwrap_or(time);
            Line {
                time,
                text: String::from_utf8_lossy(&kept.text).into_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use argo_logs::Line as LogLine;

    use super::*;

    #[test]
    fn the_last_lines_stay() {
        let mut tails = Tails::default();
        let (pod, container): (Arc<str>, Arc<str>) = ("u".into(), "app".into());
        for first in [0, 30] {
            let texts: Vec<_> = (first..first + 30).map(|n| format!("line {n}")).collect();
            let lines = texts
                .iter()
                .map(|text| LogLine::new(Some(0), text.as_bytes()));
            tails.keep(&pod, &container, &Batch::from_lines("A".into(), 0, lines));
        }
        let changed = tails.take_changed();
        let texts: Vec<_> = changed[0].2.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            (texts.len(), texts[0], texts[24]),
            (25, "line 35", "line 59")
        );
        assert!(tails.take_changed().is_empty());
    }
}
