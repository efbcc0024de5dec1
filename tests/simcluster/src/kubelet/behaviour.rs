//! Behaviour of the containers of a pod: the script in the annotation `simcluster/behaviour`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The annotation that holds a [`Behaviour`]; it belongs on the pod template.
pub const ANNOTATION: &str = "simcluster/behaviour";

/// The script of a pod, by container name, as YAML or JSON.
///
/// ```yaml
/// migrate:                          # an init container
///   run: [{log: migrating}, {sleep: 2s}, {exit: 0}]
/// app:
///   pull: 0.3s                      # not on the node; pulling takes this long
///   runs:                           # first start, second start …; the last one repeats
///   - [{log: starting}, {stderr: "no database"}, {exit: 1}]
///   - [{log: starting}, {sleep: 2s}, {ready: true}, {forever: true}]
///   term: [{log: bye}, {exit: 0}]   # on TERM, within the grace period of the pod
/// broken:
///   pull: {error: "not found", times: 2}
/// ```
///
/// A container that is not named here logs one line `started`, is ready, and runs until it gets
/// TERM; an init container, and any container of a pod whose restartPolicy is not `Always`, exits
/// 0 right after its line.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Behaviour {
    /// The scripts by container name.
    pub containers: BTreeMap<String, ContainerBehaviour>,
}

/// Behaviour of one container.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerBehaviour {
    /// Pull of the image. Default: the image is on the node already.
    #[serde(default)]
    pub pull: Option<Pull>,
    /// The runtime cannot start the process and says this (`RunContainerError`).
    #[serde(default)]
    pub start_error: Option<String>,
    /// Steps of each run.
    #[serde(default)]
    pub run: Option<Vec<Step>>,
    /// Steps of the first run, the second, and so on; the last entry repeats. Instead of `run`.
    #[serde(default)]
    pub runs: Option<Vec<Vec<Step>>>,
    /// Steps of a run after TERM. Default: it exits 143 at once.
    #[serde(default)]
    pub term: Option<Vec<Step>>,
}

/// Pull of an image; the first successful pull of a container lasts for its restarts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Pull {
    /// Succeeds after this time.
    Takes(#[serde(deserialize_with = "span")] Duration),
    /// Fails.
    Fails(PullError),
}

/// A pull that fails.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullError {
    /// Message of the registry or runtime.
    pub error: String,
    /// Duration of each attempt.
    #[serde(default = "default_attempt", deserialize_with = "span")]
    pub after: Duration,
    /// Number of attempts that fail before one succeeds. Default: all fail.
    #[serde(default)]
    pub times: Option<u32>,
}

fn default_attempt() -> Duration {
    Duration::from_millis(500)
}

/// One step of a script: a mapping with exactly one key. A script that ends exits 0.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "StepFields")]
pub enum Step {
    /// `log: text` — one line on stdout.
    Log(String),
    /// `stderr: text` — one line on stderr.
    Stderr(String),
    /// `lines: {count: 100, rate: 50, text: "line {n}"}` — many lines on stdout, `rate` a second;
    /// without a rate all at once, without a count for ever. `{n}` counts from 1.
    Lines(Lines),
    /// `raw: 'no newline, \x00 and \xff\n'` — exactly these bytes on stdout. Escapes:
    /// `\n \r \t \e \0 \\ \xHH`.
    Raw(Vec<u8>),
    /// `sleep: 2s`.
    Sleep(Duration),
    /// `ready: true` — from here on the readiness and startup probes succeed; `ready: false` and
    /// `not_ready: text` — they fail (the text is what the probe says). A script with such a step
    /// is not ready before the first of them, even if the container declares no probe.
    Ready(Result<(), Option<String>>),
    /// `unhealthy: text` — from here on the liveness probe fails, if the container declares one.
    Unhealthy(String),
    /// `exit: 1`.
    Exit(i32),
    /// `oom: true` — killed for its memory: exit 137, `OOMKilled`.
    Oom,
    /// `crash_after: 3s` — sleeps, then exits 1.
    CrashAfter(Duration),
    /// `forever: true` — runs until it gets TERM.
    Forever,
}

/// Many lines.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// Number of lines. Default: endless, which needs a rate.
    #[serde(default)]
    pub count: Option<u64>,
    /// Lines a second.
    #[serde(default)]
    pub rate: Option<f64>,
    /// The text; `{n}` is the number of the line, from 1.
    pub text: String,
}

/// The error of reading a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("annotation {ANNOTATION}: {0}")]
pub struct BehaviourError(String);

impl Behaviour {
    /// Reads a script from YAML or JSON text.
    ///
    /// # Errors
    ///
    /// If it is no YAML, or says something that no script says.
    pub fn parse(text: &str) -> Result<Self, BehaviourError> {
        serde_yaml_ng::from_str(text).map_err(|error| BehaviourError(error.to_string()))
    }

    /// The script of a pod; the empty one if it has no annotation.
    ///
    /// # Errors
    ///
    /// As [`Behaviour::parse`], and if it names a container that the pod does not have.
    pub fn of_pod(pod: &Value) -> Result<Self, BehaviourError> {
        let Some(text) = pod["metadata"]["annotations"][ANNOTATION].as_str() else {
            return Ok(Self::default());
        };
        let behaviour = Self::parse(text)?;
        let has = |name: &str| {
            let lists = ["initContainers", "containers"];
            let mut all = lists
                .iter()
                .filter_map(|list| pod["spec"][list].as_array())
                .flatten();
            all.any(|container| container["name"] == name)
        };
        match behaviour.containers.keys().find(|name| !has(name)) {
            Some(name) => Err(BehaviourError(format!(
                "the pod has no container \"{name}\""
            ))),
            None => Ok(behaviour),
        }
    }
}

impl ContainerBehaviour {
    /// The steps of the run with this restart count; none if the script does not say.
    #[must_use]
    pub fn steps(&self, restart: u32) -> Option<&[Step]> {
        let index = usize::try_from(restart).unwrap_or(usize::MAX);
        match (&self.runs, &self.run) {
            (Some(runs), _) => runs.get(index).or(runs.last()).map(Vec::as_slice),
            (None, Some(run)) => Some(run),
            (None, None) => None,
        }
    }
}

/// A [`Step`] as it is written. Tagged enums would ask for `!tags` in YAML.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StepFields {
    log: Option<String>,
    stderr: Option<String>,
    lines: Option<Lines>,
    raw: Option<String>,
    #[serde(deserialize_with = "some_span")]
    sleep: Option<Duration>,
    ready: Option<bool>,
    not_ready: Option<String>,
    unhealthy: Option<String>,
    exit: Option<i32>,
    oom: Option<bool>,
    #[serde(deserialize_with = "some_span")]
    crash_after: Option<Duration>,
    forever: Option<bool>,
}

impl TryFrom<StepFields> for Step {
    type Error = String;

    fn try_from(fields: StepFields) -> Result<Self, String> {
        let lines = fields.lines.map(checked_lines).transpose()?;
        let raw = fields.raw.as_deref().map(unescape).transpose()?;
        let ready = |ready: bool| if ready { Ok(()) } else { Err(None) };
        let set = |value: Option<bool>, step: Self| value.and_then(|on| on.then_some(step));
        let steps = [
            fields.log.map(Self::Log),
            fields.stderr.map(Self::Stderr),
            lines.map(Self::Lines),
            raw.map(Self::Raw),
            fields.sleep.map(Self::Sleep),
            fields.ready.map(|on| Self::Ready(ready(on))),
            fields.not_ready.map(|text| Self::Ready(Err(Some(text)))),
            fields.unhealthy.map(Self::Unhealthy),
            fields.exit.map(Self::Exit),
            set(fields.oom, Self::Oom),
            fields.crash_after.map(Self::CrashAfter),
            set(fields.forever, Self::Forever),
        ];
        let mut given = steps.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(step), None) => Ok(step),
            _ => Err("a step is a mapping with exactly one key".to_owned()),
        }
    }
}

fn checked_lines(lines: Lines) -> Result<Lines, String> {
    match (lines.count, lines.rate) {
        (None, None) => Err("lines: give a count, a rate or both".to_owned()),
        (_, Some(rate)) if !(rate.is_finite() && rate > 0.0) => {
            Err("lines: a rate is a positive number".to_owned())
        }
        _ => Ok(lines),
    }
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&kind, after) = rest.split_first().ok_or("raw: nothing after the last \\")?;
        rest = after;
        bytes.push(match kind {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'e' => 0x1b,
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                let value = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
                rest = rest.get(2..).unwrap_or_default();
                value.ok_or("raw: \\x needs two hex digits")?
            }
            _ => return Err(format!("raw: unknown escape \\{}", char::from(kind))),
        });
    }
    Ok(bytes)
}

/// `2s`, `300ms`, `1m30s`, `0.3s`, or a number of seconds.
fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a span such as 2s, 300ms or 1m30s")]
    enum Written {
        Seconds(f64),
        Text(String),
    }
    let parsed = match Written::deserialize(deserializer)? {
        Written::Seconds(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Written::Text(text) => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|span| Duration::try_from(span).ok()),
    };
    parsed.ok_or_else(|| serde::de::Error::custom("a span is written as 2s, 300ms or 1m30s"))
}

fn some_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    span(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(text: &str) -> ContainerBehaviour {
        Behaviour::parse(text).unwrap().containers["app"].clone()
    }

    fn refusal(text: &str) -> String {
        Behaviour::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn every_step_can_be_written() {
        let app = app(r#"
app:
  pull: 0.3s
  run:
  - log: hello
  - {stderr: "no: colon"}
  - {lines: {count: 3, rate: 1.5, text: "line {n}"}}
  - {raw: 'a\x00\xff\\\n'}
  - {sleep: 1m30s}
  - {ready: true}
  - {ready: false}
  - {not_ready: "503"}
  - {unhealthy: deadlock}
  - {oom: true}
  - {crash_after: 300ms}
  - {forever: true}
  - {exit: 1}
  term: [{sleep: 2}]
"#);
        assert_eq!(app.pull, Some(Pull::Takes(Duration::from_millis(300))));
        let steps = app.steps(7).unwrap();
        assert_eq!(steps.len(), 13);
        assert_eq!(steps[3], Step::Raw(b"a\x00\xff\\\n".to_vec()));
        assert_eq!(steps[4], Step::Sleep(Duration::from_secs(90)));
        assert_eq!(steps[7], Step::Ready(Err(Some("503".to_owned()))));
        assert_eq!(app.term, Some(vec![Step::Sleep(Duration::from_secs(2))]));
    }

    #[test]
    fn json_is_yaml() {
        let app = app(r#"{"app":{"pull":{"error":"not found"},"run":[{"exit":3}]}}"#);
        assert_eq!(app.steps(0), Some(&[Step::Exit(3)][..]));
        assert!(matches!(
            app.pull,
            Some(Pull::Fails(PullError { times: None, .. }))
        ));
    }

    #[test]
    fn the_last_run_repeats() {
        let app = app("app: {runs: [[{exit: 1}], [{forever: true}]]}");
        let at = |restart| app.steps(restart).unwrap()[0].clone();
        assert_eq!(
            [at(0), at(1), at(9)],
            [Step::Exit(1), Step::Forever, Step::Forever]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let says = |text, part: &str| {
            let refusal = refusal(text);
            assert!(refusal.contains(part), "{refusal}");
            assert!(
                refusal.starts_with("annotation simcluster/behaviour: "),
                "{refusal}"
            );
        };
        says("app: {run: [{logs: x}]}", "unknown field `logs`");
        says("app: {rum: []}", "unknown field `rum`");
        says("app: {run: [{log: x, exit: 1}]}", "exactly one key");
        says("app: {run: [{forever: false}]}", "exactly one key");
        says("app: {run: [{sleep: soon}]}", "2s, 300ms or 1m30s");
        says(
            "app: {run: [{lines: {text: x}}]}",
            "a count, a rate or both",
        );
        says(r"app: {run: [{raw: 'a\q'}]}", "unknown escape \\q");
    }

    #[test]
    fn a_script_for_no_container_is_refused() {
        let pod = serde_json::json!({
            "metadata": {"annotations": {ANNOTATION: "ap: {run: [{exit: 0}]}"}},
            "spec": {"containers": [{"name": "app"}]},
        });
        let error = Behaviour::of_pod(&pod).unwrap_err().to_string();
        assert!(
            error.ends_with("the pod has no container \"ap\""),
            "{error}"
        );
    }
}
