//! The pause of a rollout, and the step that it stands at.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::text::duration::{between, in_words};

/// The step of a canary that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Number of the step; the first is 1.
    pub number: i64,
    /// The number of steps.
    pub of: i64,
    /// The share of the new revision by the last step that set one, in percent.
    pub weight: Option<i64>,
}

/// A rollout that stands still because it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The one who ordered the pause.
    pub by: PausedBy,
    /// The step that the rollout stands at, if it has steps.
    pub step: Option<Step>,
    /// The time at which the pause began, where the cluster tells it.
    pub since: Option<Timestamp>,
    /// The length of a pause that ends by itself; absent if a person has to act.
    pub lasts: Option<Duration>,
}

/// The one who ordered a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PausedBy {
    /// A pause among the steps of a canary.
    Step,
    /// Blue-green, before the promotion.
    Promotion,
    /// An analysis or an Experiment without a clear result.
    Inconclusive,
    /// `spec.paused`: a person, or the manifest in git.
    Spec,
    /// `spec.suspend` of a Job or CronJob: a person, or the manifest in git.
    Suspend,
}

impl Pause {
    /// True if the pause lasts until a person acts.
    pub fn waits_for_a_person(&self) -> bool {
        self.lasts.is_none()
    }

    /// Returns the time at which a timed pause ends.
    pub fn until(&self) -> Option<Timestamp> {
        Some(crate::text::duration::later(self.since?, self.lasts?))
    }

    /// Describes the pause with its age at `now`: `paused at step 2/4 (weight 25) for 48 s`,
    /// `pause of 1 m 15 s until 07:11:40 UTC (step 2/4, weight 25)`.
    pub fn words(&self, now: Timestamp) -> String {
        let Some(lasts) = self.lasts else {
            let age = self.since.map_or(String::new(), |since| {
                format!(" for {}", in_words(between(since, now)))
            });
            return format!("{}{age}", self.place());
        };
        let step = self.step.map_or(String::new(), |step| match step.weight {
            Some(weight) => format!(" (step {}/{}, weight {weight})", step.number, step.of),
            None => format!(" (step {}/{})", step.number, step.of),
        });
        let until = self.until().map_or(String::new(), |until| {
            let until = until.to_zoned(TimeZone::UTC);
            format!(" until {} UTC", until.strftime("%H:%M:%S"))
        });
        let what = match self.by {
            PausedBy::Promotion => "pause before the promotion",
            _ => "pause",
        };
        format!("{what} of {} s{until}{step}", lasts.as_secs())
    }

    /// `paused at step 2/4 (weight 25)`
    fn place(&self) -> String {
        let step = self.step.map(|step| match step.weight {
            Some(weight) => format!("step {}/{} (weight {weight})", step.number, step.of),
            None => format!("step {}/{}", step.number, step.of),
        });
        match (self.by, step) {
            (PausedBy::Promotion, _) => "paused before the promotion".to_owned(),
            (PausedBy::Spec, Some(step)) => format!("paused by spec.paused at {step}"),
            (PausedBy::Spec, None) => "paused by spec.paused".to_owned(),
            (PausedBy::Suspend, _) => "suspended".to_owned(),
            (PausedBy::Inconclusive, Some(step)) => {
                format!("paused by an inconclusive analysis at {step}")
            }
            (PausedBy::Inconclusive, None) => "paused by an inconclusive analysis".to_owned(),
            (PausedBy::Step, Some(step)) => format!("paused at {step}"),
            (PausedBy::Step, None) => "paused".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(by: PausedBy, lasts: Option<u64>) -> String {
        let pause = Pause {
            by,
            step: (by != PausedBy::Promotion).then_some(Step {
                number: 2,
                of: 4,
                weight: Some(25),
            }),
            since: Some("2026-11-28T07:10:25Z".parse().unwrap()),
            lasts: lasts.map(Duration::from_secs),
        };
        pause.words("2026-11-28T07:11:13Z".parse().unwrap())
    }

    #[test]
    fn a_pause_names_its_place_and_its_age_or_its_end() {
        assert_eq!(
            pause(PausedBy::Step, None),
            "paused at step 2/4 (weight 25) for 48 s"
        );
        assert_eq!(
            pause(PausedBy::Step, Some(75)),
            "pause of 75 s until 07:11:40 UTC (step 2/4, weight 25)"
        );
        assert_eq!(
            pause(PausedBy::Promotion, None),
            "paused before the promotion for 48 s"
        );
        assert_eq!(
            pause(PausedBy::Promotion, Some(30)),
            "pause before the promotion of 30 s until 07:10:55 UTC"
        );
    }
}
