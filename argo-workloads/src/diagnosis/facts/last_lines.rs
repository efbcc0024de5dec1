//! The last lines of each container, by run.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, OnceLock},
};

use argo_core::resource::{ContainerStatus, Pod};
use jiff::Timestamp;

use super::{
    frames,
    standing_out::{RawLine, StandingOut},
};
use crate::message::log_line;

/// Lines that are kept of a run; older ones are dropped.
pub const LAST_LINES: usize = 25;
/// Bytes that are kept of a line; the rest is cut.
const LENGTH: usize = 1000;
/// Runs of a container that are kept: the one that ended last, and its successor.
const RUNS: usize = 2;

/// A line that a container wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The time at which the line was written.
    pub time: Timestamp,
    /// The text.
    pub text: String,
}

/// The last lines of each container, by the uid of its pod.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastLines {
    pods: HashMap<Arc<str>, Vec<ContainerLines>>,
    /// True if a pod came since the last call of [`retain`](Self::retain).
    has_new: bool,
}

#[derive(Clone, Debug)]
struct ContainerLines {
    name: Arc<str>,
    runs: VecDeque<Run>,
    /// The id of the run that ended last.
    ended: Option<Arc<str>>,
    /// The lines that matter, once they were asked for. Most containers are well, and nobody asks.
    text: OnceLock<Vec<Line>>,
}

#[derive(Clone, Debug)]
struct Run {
    id: Arc<str>,
    lines: VecDeque<RawLine>,
    standing_out: StandingOut,
}

impl LastLines {
    /// Keeps lines of one run of a container. Every line passes here, so the memory of a line
    /// that is dropped is given to the one that comes in.
    pub(crate) fn keep<'a>(
        &mut self,
        pod_uid: &Arc<str>,
        container: &Arc<str>,
        run: &Arc<str>,
        lines: impl Iterator<Item = (Option<Timestamp>, &'a [u8])>,
    ) {
        let known = self.container(pod_uid, container);
        known.text.take();
        let Run {
            lines: kept,
            standing_out,
            ..
        } = known.run(run);
        for (time, bytes) in lines {
            let before = kept.back().map_or(0, |line| line.frames);
            let is_frame = frames::is_frame(bytes, before > 0);
            let frames = if is_frame { before + 1 } else { 0 };
            if let Some(last) = kept.back_mut().filter(|_| frames > frames::KEPT) {
                last.frames = frames;
                continue;
            }
            let mut text = match kept.len() {
                LAST_LINES.. => kept.pop_front().map(|line| standing_out.dropped(line)),
                _ => None,
            }
            .unwrap_or_default();
            text.clear();
            text.extend_from_slice(&bytes[..bytes.len().min(LENGTH)]);
            kept.push_back(RawLine { time, text, frames });
        }
    }

    /// Learns from a pod which runs have ended: the lines of these are kept, however many
    /// lines their successors write.
    pub(crate) fn observe(&mut self, pod_uid: &Arc<str>, pod: &Pod) {
        for (container, status) in pod.containers() {
            if let Some(id) = status.and_then(last_ended) {
                let known = self.container(pod_uid, &container.name);
                known.ended = Some(id.into());
                known.text.take();
            }
        }
    }

    /// Returns the lines of a container that matter, oldest first.
    pub(crate) fn of(&self, pod_uid: &str, container: &str) -> &[Line] {
        let mut containers = self.pods.get(pod_uid).into_iter().flatten();
        let known = containers.find(|known| *known.name == *container);
        known.map_or(&[], ContainerLines::text)
    }

    /// Drops the lines of pods that came since the last call and are not kept.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        if std::mem::take(&mut self.has_new) {
            self.pods.retain(|uid, _| is_kept(uid));
        }
    }

    /// Drops the lines of a pod.
    pub(crate) fn forget(&mut self, pod_uid: &str) {
        self.pods.remove(pod_uid);
    }

    fn container(&mut self, pod_uid: &Arc<str>, name: &str) -> &mut ContainerLines {
        let has_new = &mut self.has_new;
        let containers = self.pods.entry(Arc::clone(pod_uid)).or_insert_with(|| {
            *has_new = true;
            Vec::with_capacity(1)
        });
        let at = containers.iter().position(|known| *known.name == *name);
        let at = at.unwrap_or_else(|| {
            containers.push(ContainerLines {
                name: name.into(),
                runs: VecDeque::new(),
                ended: None,
                text: OnceLock::new(),
            });
            containers.len() - 1
        });
        &mut containers[at]
    }

    #[cfg(test)]
    pub(crate) fn pods(&self) -> usize {
        self.pods.len()
    }
}

/// Returns the id of the run that ended last.
fn last_ended(status: &ContainerStatus) -> Option<&str> {
    let (state, last) = (&status.state.terminated, &status.last_state.terminated);
    state.as_ref().or(last.as_ref())?.container_id.as_deref()
}

impl ContainerLines {
    /// Returns the lines of a run; an unknown run is the newest one.
    fn run(&mut self, id: &Arc<str>) -> &mut Run {
        if self.runs.back().is_none_or(|run| run.id != *id) {
            if self.runs.len() == RUNS {
                self.runs.pop_front();
            }
            self.runs.push_back(Run {
                id: Arc::clone(id),
                lines: VecDeque::new(),
                standing_out: StandingOut::default(),
            });
        }
        let newest = self.runs.len() - 1;
        &mut self.runs[newest]
    }

    fn text(&self) -> &[Line] {
        self.text.get_or_init(|| {
            let mut runs = self.runs.iter();
            let ended = runs.find(|run| self.ended.as_ref() == Some(&run.id));
            let run = ended.or(self.runs.back());
            run.map(Run::lines).unwrap_or_default()
        })
    }
}

impl Run {
    fn lines(&self) -> Vec<Line> {
        let mut time = Timestamp::UNIX_EPOCH;
        let mut lines = Vec::with_capacity(self.lines.len());
        let last = self.lines.iter().filter_map(|line| line.time).max();
        let before = self.standing_out.before(last.unwrap_or(time));
        for line in before.into_iter().chain(&self.lines) {
            // A fragment of a long line has no time of its own: it is as old as its start.
            time = line.time.unwrap_or(time);
            let text = log_line(&String::from_utf8_lossy(&line.text));
            lines.push(Line { time, text });
            let dropped = line.frames.saturating_sub(frames::KEPT);
            if dropped > 0 {
                let text = format!("    ... {dropped} more frames");
                lines.push(Line { time, text });
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keep(lines: &mut LastLines, run: &str, numbers: std::ops::Range<u32>) {
        let texts: Vec<_> = numbers.map(|n| format!("line {n}")).collect();
        let time = Some(Timestamp::UNIX_EPOCH);
        let texts = texts.iter().map(|text| (time, text.as_bytes()));
        lines.keep(&"u".into(), &"app".into(), &run.into(), texts);
    }

    fn kept(lines: &LastLines) -> Vec<String> {
        let lines = lines.of("u", "app").iter();
        lines.map(|line| line.text.clone()).collect()
    }

    #[test]
    fn the_last_lines_stay() {
        let mut lines = LastLines::default();
        keep(&mut lines, "A", 0..30);
        keep(&mut lines, "A", 30..60);
        let texts = kept(&lines);
        assert_eq!(
            (texts.len(), &*texts[0], &*texts[24]),
            (25, "line 35", "line 59")
        );
    }

    #[test]
    fn an_error_survives_what_is_said_behind_it() {
        let mut lines = LastLines::default();
        let said = |lines: &mut LastLines, second: i64, text: &str| {
            let time = Timestamp::from_second(second).ok();
            let texts = std::iter::once((time, text.as_bytes()));
            lines.keep(&"u".into(), &"app".into(), &"A".into(), texts);
        };
        said(&mut lines, 1, "ERROR of long ago");
        said(&mut lines, 200, "FATAL: cannot lock /data");
        said(&mut lines, 201, "ERROR: giving up");
        (0..70).for_each(|n| said(&mut lines, 202, &format!("closing listener {n}")));
        let texts = kept(&lines);
        assert_eq!(texts.len(), 27);
        assert_eq!(texts[..2], ["FATAL: cannot lock /data", "ERROR: giving up"]);
        (0..30).for_each(|n| said(&mut lines, 400, &format!("still here {n}")));
        assert_eq!(kept(&lines).len(), 25, "it has nothing to do with the end");
    }

    #[test]
    fn the_exception_survives_a_long_stack() {
        let mut lines = LastLines::default();
        let frames = (0..60).map(|n| format!("\tat com.shop.Deep.call{n}(Deep.java:{n})"));
        let stack = [
            "up".to_owned(),
            "java.lang.IllegalStateException: no url".to_owned(),
        ];
        let stack: Vec<_> = stack.into_iter().chain(frames).collect();
        let texts = stack.iter().map(|text| (None, text.as_bytes()));
        lines.keep(&"u".into(), &"app".into(), &"A".into(), texts);
        assert_eq!(
            kept(&lines),
            [
                "up",
                "java.lang.IllegalStateException: no url",
                " at com.shop.Deep.call0(Deep.java:0)",
                " at com.shop.Deep.call1(Deep.java:1)",
                "    ... 58 more frames",
            ]
        );
    }

    #[test]
    fn the_run_that_ended_matters_more_than_its_successor() {
        let mut lines = LastLines::default();
        keep(&mut lines, "A", 0..2);
        keep(&mut lines, "B", 5..6);
        assert_eq!(kept(&lines), ["line 5"]);
        let pod = json!({"spec": {"containers": [{"name": "app"}]}, "status": {"containerStatuses":
            [{"name": "app", "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1, "containerID": "A"}}}]}});
        lines.observe(&"u".into(), &serde_json::from_value(pod).unwrap());
        assert_eq!(kept(&lines), ["line 0", "line 1"]);
        keep(&mut lines, "C", 7..8);
        assert_eq!(kept(&lines), ["line 7"]);
    }
}
