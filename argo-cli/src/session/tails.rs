//! The last lines of each container, for the verdict.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use argo_core::resource::{ContainerStatus, Pod};
use argo_logs::Batch;
use argo_workloads::diagnosis::Line;
use jiff::Timestamp;

/// Lines that are kept of a run.
const LINES: usize = 25;
/// Bytes that are kept of a line.
const LENGTH: usize = 1000;
/// Runs of a container that are kept: the one that ended last, and its successor.
const RUNS: usize = 2;

type Key = (Arc<str>, Arc<str>);

/// The last lines of each container, by the pod's uid and the container's name.
#[derive(Debug, Default)]
pub(super) struct Tails {
    tails: HashMap<Key, Tail>,
}

#[derive(Debug, Default)]
struct Tail {
    runs: VecDeque<Run>,
    /// The id of the run that ended last.
    ended: Option<Arc<str>>,
    /// There is news of it.
    changed: bool,
}

#[derive(Debug)]
struct Run {
    id: Arc<str>,
    lines: VecDeque<Kept>,
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
        let tail = self.tails.entry(key).or_default();
        tail.changed = true;
        let lines = tail.run(batch.container_id());
        for line in batch.lines().skip(batch.len().saturating_sub(LINES)) {
            let mut text = match lines.len() {
                LINES.. => lines.pop_front().map(|kept| kept.text).unwrap_or_default(),
                _ => Vec::new(),
            };
            text.clear();
            text.extend_from_slice(&line.text[..line.text.len().min(LENGTH)]);
            lines.push_back(Kept {
                time: line.time(),
                text,
            });
        }
    }

    /// What a pod says of its runs: the lines that matter are those of the one that ended,
    /// however far its successor is.
    pub(super) fn see(&mut self, pod_uid: &Arc<str>, pod: &Pod) {
        for (container, status) in pod.containers() {
            if let Some(id) = status.and_then(ended) {
                let key = (Arc::clone(pod_uid), Arc::from(container.name.as_str()));
                let tail = self.tails.entry(key).or_default();
                (tail.ended, tail.changed) = (Some(id.into()), true);
            }
        }
    }

    /// The containers of which there is news since the last call, with their last lines.
    pub(super) fn take_changed(&mut self) -> Vec<(Arc<str>, Arc<str>, Vec<Line>)> {
        let news = |((pod, container), tail): (&Key, &mut Tail)| {
            let lines = std::mem::take(&mut tail.changed).then(|| tail.lines())?;
            Some((Arc::clone(pod), Arc::clone(container), lines))
        };
        self.tails.iter_mut().filter_map(news).collect()
    }

    /// A pod is gone.
    pub(super) fn forget(&mut self, pod_uid: &str) {
        self.tails.retain(|(uid, _), _| **uid != *pod_uid);
    }
}

fn ended(status: &ContainerStatus) -> Option<&str> {
    let (state, last) = (&status.state.terminated, &status.last_state.terminated);
    state.as_ref().or(last.as_ref())?.container_id.as_deref()
}

impl Run {
    fn new(id: &Arc<str>) -> Self {
        Self {
            id: Arc::clone(id),
            lines: VecDeque::new(),
        }
    }
}

impl Tail {
    /// The lines of a run, which is the newest one if it is new.
    fn run(&mut self, id: &Arc<str>) -> &mut VecDeque<Kept> {
        if self.runs.back().is_none_or(|run| run.id != *id) {
            if self.runs.len() == RUNS {
                self.runs.pop_front();
            }
            self.runs.push_back(Run::new(id));
        }
        let newest = self.runs.len() - 1;
        &mut self.runs[newest].lines
    }

    fn lines(&self) -> Vec<Line> {
        let ended = self
            .runs
            .iter()
            .find(|run| self.ended.as_ref() == Some(&run.id));
        let run = ended.or(self.runs.back());
        run.map(|run| lines(&run.lines)).unwrap_or_default()
    }
}

fn lines(kept: &VecDeque<Kept>) -> Vec<Line> {
    let mut time = Timestamp::UNIX_EPOCH;
    kept.iter()
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
    use serde_json::json;

    use super::*;

    fn keep(tails: &mut Tails, id: &str, numbers: std::ops::Range<u32>) {
        let texts: Vec<_> = numbers.map(|n| format!("line {n}")).collect();
        let lines = texts
            .iter()
            .map(|text| LogLine::new(Some(0), text.as_bytes()));
        tails.keep(
            &"u".into(),
            &"app".into(),
            &Batch::from_lines(id.into(), 0, lines),
        );
    }

    fn kept(tails: &mut Tails) -> Vec<String> {
        let changed = tails.take_changed();
        changed
            .into_iter()
            .flat_map(|(_, _, lines)| lines)
            .map(|line| line.text)
            .collect()
    }

    #[test]
    fn the_last_lines_stay() {
        let mut tails = Tails::default();
        keep(&mut tails, "A", 0..30);
        keep(&mut tails, "A", 30..60);
        let texts = kept(&mut tails);
        assert_eq!(
            (texts.len(), &*texts[0], &*texts[24]),
            (25, "line 35", "line 59")
        );
        assert!(kept(&mut tails).is_empty());
    }

    #[test]
    fn the_run_that_ended_matters_more_than_its_successor() {
        let mut tails = Tails::default();
        keep(&mut tails, "A", 0..2);
        let pod = json!({"spec": {"containers": [{"name": "app"}]}, "status": {"containerStatuses":
            [{"name": "app", "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1, "containerID": "A"}}}]}});
        tails.see(&"u".into(), &serde_json::from_value(pod).unwrap());
        keep(&mut tails, "B", 5..6);
        assert_eq!(kept(&mut tails), ["line 0", "line 1"]);
        keep(&mut tails, "C", 7..8);
        assert_eq!(kept(&mut tails), ["line 7"]);
    }
}
