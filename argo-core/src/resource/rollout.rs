//! The fields that only the kinds of Argo Rollouts have.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use super::lenient::{integer, lenient, text};

/// The canary strategy of a Rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Canary {
    /// Steps, in their order.
    #[serde(deserialize_with = "lenient")]
    pub steps: Vec<CanaryStep>,
}

/// One step of a canary. Exactly one of the fields is set; a step that is not listed here has
/// none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CanaryStep {
    /// The share of the traffic, or of the pods, that the new revision gets, in percent.
    #[serde(deserialize_with = "integer")]
    pub set_weight: Option<i64>,
    /// A pause.
    #[serde(deserialize_with = "lenient")]
    pub pause: Option<PauseStep>,
    /// True if the step waits for an analysis.
    #[serde(deserialize_with = "is_present")]
    pub analysis: bool,
    /// True if the step waits for an Experiment.
    #[serde(deserialize_with = "is_present")]
    pub experiment: bool,
}

/// A pause between two steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PauseStep {
    /// Seconds, or a duration with its unit; absent to wait for a person.
    #[serde(deserialize_with = "text")]
    pub duration: Option<String>,
}

/// The blue-green strategy of a Rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlueGreen {
    /// False if a person promotes the new revision; absent means true.
    #[serde(deserialize_with = "lenient")]
    pub auto_promotion_enabled: Option<bool>,
    /// Seconds until the promotion, if nobody has to promote.
    #[serde(deserialize_with = "integer")]
    pub auto_promotion_seconds: Option<i64>,
}

/// The object whose pod template a Rollout uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadRef {
    /// `apiVersion` of the object.
    #[serde(deserialize_with = "lenient")]
    pub api_version: String,
    /// Kind of the object: a Deployment, most often.
    #[serde(deserialize_with = "lenient")]
    pub kind: String,
    /// Name of the object.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
}

/// A reason for which a Rollout is paused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PauseCondition {
    /// `CanaryPauseStep`, `BlueGreenPause`, `InconclusiveAnalysisRun` or
    /// `InconclusiveExperiment`.
    #[serde(deserialize_with = "lenient")]
    pub reason: String,
    /// The time at which the pause began.
    #[serde(deserialize_with = "lenient")]
    pub start_time: Option<Time>,
}

/// The runs of analysis that a Rollout is waiting for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CurrentRuns {
    /// The analysis of the current step.
    #[serde(deserialize_with = "lenient")]
    pub current_step_analysis_run_status: Option<CurrentRun>,
    /// The analysis that runs beside the steps.
    #[serde(deserialize_with = "lenient")]
    pub current_background_analysis_run_status: Option<CurrentRun>,
    /// The analysis before a blue-green promotion.
    #[serde(deserialize_with = "lenient")]
    pub pre_promotion_analysis_run_status: Option<CurrentRun>,
    /// The analysis after a blue-green promotion.
    #[serde(deserialize_with = "lenient")]
    pub post_promotion_analysis_run_status: Option<CurrentRun>,
    /// Name of the Experiment of the current step.
    #[serde(deserialize_with = "lenient")]
    pub current_experiment: Option<String>,
}

impl CurrentRuns {
    /// Returns the runs of analysis, in the order in which they hold up a rollout.
    pub fn analyses(&self) -> impl Iterator<Item = &CurrentRun> {
        let runs = [
            &self.current_step_analysis_run_status,
            &self.pre_promotion_analysis_run_status,
            &self.post_promotion_analysis_run_status,
            &self.current_background_analysis_run_status,
        ];
        runs.into_iter().flatten()
    }
}

/// One run of analysis, as the status of its Rollout tells it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CurrentRun {
    /// Name of the AnalysisRun.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// Phase of the AnalysisRun.
    #[serde(deserialize_with = "lenient")]
    pub status: String,
    /// Message of the AnalysisRun.
    #[serde(deserialize_with = "lenient")]
    pub message: String,
}

/// A metric of an AnalysisRun, as its spec asks for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metric {
    /// Name.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// The expression that must hold for a value.
    #[serde(deserialize_with = "lenient")]
    pub success_condition: Option<String>,
    /// The expression that must not hold for a value.
    #[serde(deserialize_with = "lenient")]
    pub failure_condition: Option<String>,
}

/// The measurements of a metric so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricResult {
    /// Name.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// `Pending`, `Running`, `Successful`, `Failed`, `Error` or `Inconclusive`.
    #[serde(deserialize_with = "lenient")]
    pub phase: String,
    /// Message.
    #[serde(deserialize_with = "lenient")]
    pub message: Option<String>,
    /// The last measurements, oldest first.
    #[serde(deserialize_with = "lenient")]
    pub measurements: Vec<Measurement>,
    /// Measurements that were taken.
    #[serde(deserialize_with = "integer")]
    pub count: Option<i64>,
    /// Measurements whose value is not good.
    #[serde(deserialize_with = "integer")]
    pub failed: Option<i64>,
    /// Measurements that could not be taken.
    #[serde(deserialize_with = "integer")]
    pub error: Option<i64>,
    /// True if the result does not count.
    #[serde(deserialize_with = "lenient")]
    pub dry_run: bool,
}

/// One measurement of a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Measurement {
    /// The phase, as for a metric.
    #[serde(deserialize_with = "lenient")]
    pub phase: String,
    /// The measured value; absent for a Job.
    #[serde(deserialize_with = "text")]
    pub value: Option<String>,
    /// The reason for which nothing was measured.
    #[serde(deserialize_with = "lenient")]
    pub message: Option<String>,
}

/// Reads whether a field is there, whatever it holds.
fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Field {
        Flag(bool),
        Other(IgnoredAny),
    }
    Ok(match Option::<Field>::deserialize(deserializer)? {
        None => false,
        Some(Field::Flag(flag)) => flag,
        Some(Field::Other(_)) => true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::resource::WorkloadObject;

    #[test]
    fn steps_are_read_in_every_form_and_survive_a_round_trip() {
        let rollout = json!({"spec": {"strategy": {"canary": {"steps": [
            {"setWeight": 25}, {"pause": {}}, {"pause": {"duration": "75s"}}, {"pause": {"duration": 10}},
            {"analysis": {"templates": [{"templateName": "smoke"}]}}, {"experiment": {"templates": []}},
            {"setCanaryScale": {"weight": 25}}]}}},
            "status": {"currentStepIndex": 1, "canary": {}, "workloadObservedGeneration": "3",
                "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-11-28T07:10:25Z"}]}});
        let read: WorkloadObject = serde_json::from_value(rollout).unwrap();
        let again = serde_json::from_slice(&serde_json::to_vec(&read).unwrap()).unwrap();
        assert_eq!(read, again);
        let steps = &read.spec.strategy.canary.as_ref().unwrap().steps;
        assert_eq!(steps.len(), 7);
        assert_eq!(steps[0].set_weight, Some(25));
        let pauses: Vec<_> = steps[1..4]
            .iter()
            .map(|step| step.pause.clone().unwrap().duration)
            .collect();
        assert_eq!(pauses, [None, Some("75s".into()), Some("10".into())]);
        assert!(steps[4].analysis && steps[5].experiment && !steps[6].analysis);
        assert_eq!(read.status.workload_observed_generation, Some(3));
        assert!(read.status.pause_conditions[0].start_time.is_some());
    }
}
