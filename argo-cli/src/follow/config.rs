//! The settings of [`follow`](super::follow()).

use std::time::Duration;

use argo_events::EventConfig;
use argo_logs::LogConfig;
use argo_workloads::TrackConfig;
use jiff::Timestamp;

use super::pausing::OnPaused;

/// Settings of [`follow`](super::follow()).
///
/// ```
/// use std::time::Duration;
///
/// use argo_assistant::FollowConfig;
///
/// let config = FollowConfig::default()
///     .timeout(Duration::from_secs(600))
///     .settle(Duration::ZERO);
/// # drop(config);
/// ```
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub struct FollowConfig {
    /// Pods and events from before this are not new. It takes the place of the same setting of
    /// `track` and `events`. Default now.
    pub started: Timestamp,
    /// The objects to track.
    pub track: TrackConfig,
    /// The log lines to deliver; `None` for no logs.
    pub logs: Option<LogConfig>,
    /// The Kubernetes events to deliver.
    pub events: EventConfig,
    /// A workload that has been doomed for this long ends the stream. Default 60 s.
    pub grace: Duration,
    /// After everything is complete, crashes are looked for for this long, unless new pods have
    /// been ready that long already. Zero to end at once. Default 10 s.
    pub settle: Duration,
    /// True if success needs the old pods to have ended. Default false.
    pub wait_terminated: bool,
    /// A container that restarts more often than this is a finding. Default 2.
    pub allow_restarts: u32,
    /// The stream ends after this time. Default never.
    pub timeout: Option<Duration>,
    /// The reaction to a rollout that is paused until a person acts, once nothing else is left to
    /// wait for. Default `None`: the stream ends with
    /// [`Outcome::Paused`](super::Outcome::Paused). Timed pauses are always waited for.
    pub on_paused: Option<OnPaused>,
    /// The stream ends with [`Outcome::NothingFound`](super::Outcome::NothingFound) if for this
    /// long neither the Application nor any object of it was found; `None` to wait on. Default
    /// 60 s.
    pub nothing_found_after: Option<Duration>,
}

impl Default for FollowConfig {
    fn default() -> Self {
        Self {
            started: Timestamp::now(),
            track: TrackConfig::default(),
            logs: Some(LogConfig::default()),
            events: EventConfig::default(),
            grace: Duration::from_secs(60),
            settle: Duration::from_secs(10),
            wait_terminated: false,
            allow_restarts: 2,
            timeout: None,
            on_paused: None,
            nothing_found_after: Some(Duration::from_secs(60)),
        }
    }
}

impl FollowConfig {
    /// Sets the time from which on pods and events are new.
    pub fn started(mut self, started: Timestamp) -> Self {
        self.started = started;
        self
    }

    /// Sets the objects to track.
    pub fn track(mut self, track: TrackConfig) -> Self {
        self.track = track;
        self
    }

    /// Sets the log lines to deliver.
    pub fn logs(mut self, logs: LogConfig) -> Self {
        self.logs = Some(logs);
        self
    }

    /// Delivers no log lines. Findings then lack the last lines of containers.
    pub fn no_logs(mut self) -> Self {
        self.logs = None;
        self
    }

    /// Sets the Kubernetes events to deliver.
    pub fn events(mut self, events: EventConfig) -> Self {
        self.events = events;
        self
    }

    /// Sets the time for which a workload must be doomed to end the stream.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the time for which crashes are looked for after everything is complete.
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Makes success wait until the old pods have ended.
    pub fn wait_terminated(mut self) -> Self {
        self.wait_terminated = true;
        self
    }

    /// Sets the number of restarts that are no finding.
    pub fn allow_restarts(mut self, restarts: u32) -> Self {
        self.allow_restarts = restarts;
        self
    }

    /// Sets the reaction to a rollout that is paused until a person acts.
    pub fn on_paused(mut self, reaction: OnPaused) -> Self {
        self.on_paused = Some(reaction);
        self
    }

    /// Sets the time after which an application without any object ends the stream.
    pub fn nothing_found_after(mut self, after: Duration) -> Self {
        self.nothing_found_after = Some(after);
        self
    }

    /// Waits for an application that does not exist yet.
    pub fn wait_for_application(mut self) -> Self {
        self.nothing_found_after = None;
        self
    }

    /// Sets the time after which the stream ends.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}
