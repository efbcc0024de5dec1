//! The reader of recordings: a recorded rollout as files, and the acts in it.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::timeline::{Act, Entry, RunKey, Timeline};
use crate::logs::parse_stamp;
use crate::store::merge_patch;

include!(concat!(env!("OUT_DIR"), "/recordings.rs"));

/// `TIMESTAMP SP` in front of a line.
const STAMP: usize = 30;

/// The files of a recorded scenario.
#[derive(Debug, Clone)]
pub struct Recording {
    name: String,
    /// Path below the folder (`logs/…`) and text, ordered by path.
    files: Vec<(String, String)>,
}

/// The error of reading a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// No such recording ships with this crate.
    #[error("there is no recording \"{name}\"; there are {known}", known = known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Path of the file or folder.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// A line of a file is not what it should be.
    #[error("{file} line {line}: {problem}")]
    Line {
        /// Path of the file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// The problem, and the right form.
        problem: String,
    },
}

/// One line of a watch stream or a log.
#[derive(Debug, Deserialize)]
struct Line {
    t_ms: i64,
    event: Option<Event>,
    text: Option<String>,
    base64: Option<String>,
    end: Option<String>,
    status: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    state: State,
}

/// The state of an object in a watch event.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum State {
    /// The whole object, as on the wire.
    Whole { object: Value },
    /// A JSON merge patch to the object's state in the event before.
    Patch { uid: String, patch: Value },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    #[serde(rename = "t_ms")]
    t_ms: i64,
    pod: String,
    container: String,
    restart_count: u32,
    #[serde(rename = "containerID")]
    container_id: String,
    file: String,
}

/// Pods by the ids of their containers.
type Pods = HashMap<String, Pod>;

#[derive(Debug, Clone)]
struct Pod {
    namespace: String,
    uid: String,
}

impl Recording {
    /// Names of the recordings that ship with this crate.
    #[must_use]
    pub fn names() -> Vec<String> {
        let folders = RECORDINGS
            .iter()
            .filter_map(|(path, _)| path.split_once('/'));
        let mut names: Vec<String> = folders.map(|(folder, _)| folder.to_owned()).collect();
        names.dedup();
        names
    }

    /// A recording that ships with this crate.
    ///
    /// # Errors
    ///
    /// If there is none of that name.
    pub fn builtin(name: &str) -> Result<Self, RecordingError> {
        let files: Vec<_> = RECORDINGS
            .iter()
            .filter_map(|(path, text)| {
                let below = path.strip_prefix(name)?.strip_prefix('/')?;
                Some((below.to_owned(), (*text).to_owned()))
            })
            .collect();
        if files.is_empty() {
            return Err(RecordingError::Unknown {
                name: name.to_owned(),
                known: Self::names(),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            files,
        })
    }

    /// A folder of the same form.
    ///
    /// # Errors
    ///
    /// If a file in it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, RecordingError> {
        let mut files = Vec::new();
        read_folder(folder, "", &mut files)?;
        files.sort();
        let name = folder.file_name().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            files,
        })
    }

    /// The folder's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything that happened, at the times of the recording.
    ///
    /// An object changes when the recorder's watch said so; a log line is written at the time in
    /// front of it, which may be before the pod's status shows the container, as it was.
    ///
    /// # Errors
    ///
    /// If a line is no JSON or does not have what it needs.
    pub fn timeline(&self) -> Result<Timeline, RecordingError> {
        let mut entries = Vec::new();
        let mut pods = Pods::new();
        for (file, text) in &self.files {
            if file.ends_with(".watch.jsonl") {
                self.watch(file, text, &mut entries, &mut pods)?;
            }
        }
        self.logs(&pods, &mut entries)?;
        Ok(Timeline::new(entries))
    }

    fn watch(
        &self,
        file: &str,
        text: &str,
        entries: &mut Vec<Entry>,
        pods: &mut Pods,
    ) -> Result<(), RecordingError> {
        let mut states = HashMap::new();
        for (number, line) in self.lines::<Line>(file, text).enumerate() {
            let line = line?;
            let Some(event) = line.event else { continue };
            let at = self.time(file, number, line.t_ms)?;
            let Some(object) = restored(event.state, &mut states) else {
                let problem = "a patch of an object that no earlier event shows".to_owned();
                return Err(self.bad(file, number, problem));
            };
            note_containers(&object, pods);
            let act = match event.kind.as_str() {
                "ADDED" | "MODIFIED" => Act::Put(object),
                "DELETED" => Act::Delete(object),
                "BOOKMARK" => continue,
                other => {
                    let problem = format!(
                        "a watch event is ADDED, MODIFIED, DELETED or BOOKMARK, not {other}"
                    );
                    return Err(self.bad(file, number, problem));
                }
            };
            entries.push(Entry { at, act });
        }
        Ok(())
    }

    fn logs(&self, pods: &Pods, entries: &mut Vec<Entry>) -> Result<(), RecordingError> {
        let file = "logs/opened.jsonl";
        let Some(text) = self.text(file) else {
            return Ok(());
        };
        let opened: Vec<Opened> = self.lines(file, text).collect::<Result<_, _>>()?;
        let mut started: HashMap<(String, String), Timestamp> = HashMap::new();
        // The last run first: a run ends at the latest when the next one starts.
        for (number, opened) in opened.iter().enumerate().rev() {
            let Some(pod) = pods.get(&opened.container_id) else {
                let problem = format!("no pod's status shows {}", opened.container_id);
                return Err(self.bad(file, number, problem));
            };
            let mut run = self.run(opened, pod)?;
            let container = (pod.uid.clone(), opened.container.clone());
            let next = started.insert(container, run.begins);
            if let (Some(end), Some(next)) = (&mut run.end, next) {
                end.at = end.at.min(next);
            }
            entries.extend(run.start);
            entries.extend(run.lines);
            entries.extend(run.end);
        }
        Ok(())
    }

    fn run(&self, opened: &Opened, pod: &Pod) -> Result<Run, RecordingError> {
        let key = RunKey {
            pod_uid: pod.uid.clone(),
            container: opened.container.clone(),
            id: opened.container_id.clone(),
        };
        let file = format!("logs/{}", opened.file);
        let text = self.text(&file).unwrap_or_default();
        let (bytes, ended) = self.body(&file, text)?;
        let lines = records(&key, &bytes).ok_or_else(|| {
            self.bad(
                &file,
                0,
                "a line of the log does not begin with a time".to_owned(),
            )
        })?;
        let seen = self.time(&file, 0, opened.t_ms)?;
        let begins = lines.first().map_or(seen, |line| line.at.min(seen));
        let start = Entry {
            at: begins,
            act: Act::Start {
                run: key.clone(),
                namespace: pod.namespace.clone(),
                pod: opened.pod.clone(),
                restart: opened.restart_count,
            },
        };
        let end = match ended {
            Some(t_ms) => Some(Entry {
                at: self.time(&file, 0, t_ms)?,
                act: Act::End(key),
            }),
            None => None,
        };
        Ok(Run {
            begins,
            start: Some(start),
            lines,
            end,
        })
    }

    /// The chunks put together, and when the stream ended as it does at a container's end.
    fn body(&self, file: &str, text: &str) -> Result<(Vec<u8>, Option<i64>), RecordingError> {
        let (mut bytes, mut ended) = (Vec::new(), None);
        for (number, line) in self.lines::<Line>(file, text).enumerate() {
            let line = line?;
            if line.status.is_some_and(|status| status != 200) {
                return Ok((Vec::new(), None));
            }
            if let Some(chunk) = line.base64 {
                let decoded = BASE64_STANDARD.decode(chunk);
                bytes.extend(decoded.map_err(|error| self.bad(file, number, error.to_string()))?);
            }
            bytes.extend_from_slice(line.text.unwrap_or_default().as_bytes());
            if line.end.is_some_and(|end| end.starts_with("final chunk")) {
                ended = Some(line.t_ms);
            }
        }
        Ok((bytes, ended))
    }

    fn text(&self, file: &str) -> Option<&str> {
        let mut files = self.files.iter();
        files
            .find(|(path, _)| path == file)
            .map(|(_, text)| text.as_str())
    }

    fn lines<'a, T: Deserialize<'a>>(
        &'a self,
        file: &'a str,
        text: &'a str,
    ) -> impl Iterator<Item = Result<T, RecordingError>> + 'a {
        text.lines().enumerate().map(move |(number, line)| {
            serde_json::from_str(line).map_err(|error| self.bad(file, number, error.to_string()))
        })
    }

    fn time(&self, file: &str, number: usize, t_ms: i64) -> Result<Timestamp, RecordingError> {
        Timestamp::from_millisecond(t_ms).map_err(|_| {
            self.bad(
                file,
                number,
                "t_ms is no time in Unix milliseconds".to_owned(),
            )
        })
    }

    fn bad(&self, file: &str, number: usize, problem: String) -> RecordingError {
        RecordingError::Line {
            file: format!("{}/{file}", self.name),
            line: number + 1,
            problem,
        }
    }
}

/// Returns the whole object, and remembers it by its uid for the next patch.
fn restored(state: State, states: &mut HashMap<String, Value>) -> Option<Value> {
    match state {
        State::Whole { object } => {
            if let Some(uid) = object["metadata"]["uid"].as_str() {
                states.insert(uid.to_owned(), object.clone());
            }
            Some(object)
        }
        State::Patch { uid, patch } => {
            let object = states.get_mut(&uid)?;
            merge_patch(object, &patch);
            Some(object.clone())
        }
    }
}

/// The acts of one run.
struct Run {
    begins: Timestamp,
    start: Option<Entry>,
    lines: Vec<Entry>,
    end: Option<Entry>,
}

/// The records of a log read with `timestamps=true`; nothing if a line has no time.
fn records(run: &RunKey, body: &[u8]) -> Option<Vec<Entry>> {
    let lines = body.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| {
            let time = parse_stamp(line.get(..STAMP)?)?;
            let rest = line.get(STAMP + 1..)?;
            let full = rest.last() == Some(&b'\n');
            let text = rest[..rest.len() - usize::from(full)].to_vec();
            Some(Entry {
                at: Timestamp::from_nanosecond(i128::from(time)).ok()?,
                act: Act::Line {
                    run: run.clone(),
                    time,
                    full,
                    text,
                },
            })
        })
        .collect()
}

fn note_containers(object: &Value, pods: &mut Pods) {
    if object["kind"] != "Pod" {
        return;
    }
    let text = |field: &str| {
        object["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let pod = Pod {
        namespace: text("namespace"),
        uid: text("uid"),
    };
    let lists = [
        "containerStatuses",
        "initContainerStatuses",
        "ephemeralContainerStatuses",
    ];
    let statuses = lists
        .iter()
        .filter_map(|list| object["status"][list].as_array());
    for status in statuses.flatten() {
        if let Some(id) = status["containerID"].as_str() {
            pods.insert(id.to_owned(), pod.clone());
        }
    }
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(String, String)>,
) -> Result<(), RecordingError> {
    let failed = |source| RecordingError::Read {
        path: folder.display().to_string(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && prefix.is_empty() {
            read_folder(&path, &format!("{name}/"), files)?;
        } else if name.ends_with(".jsonl") {
            let text = fs::read_to_string(&path).map_err(|source| RecordingError::Read {
                path: path.display().to_string(),
                source,
            })?;
            files.push((format!("{prefix}{name}"), text));
        }
    }
    Ok(())
}
