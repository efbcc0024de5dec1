//! The revision and images that must run before success counts.
//!
//! `argocd app wait` knows no revision: right after a push it finds the application as green as
//! it was before (recording `stale-green-commit-not-seen-yet`). An [`Expectation`] compares
//! what the Application says of its last sync, and the images that pods really run, with what
//! somebody has just delivered. The struct is plain and has no clock.

use argo_core::resource::{Application, OperationState};
use jiff::Timestamp;

mod image;
mod revision;

pub use image::{RunningImage, WantedImage};
use revision::{Revision, Unresolved, both, short};

/// The revision and images that must run before success counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    revision: Option<String>,
    images: Vec<WantedImage>,
    /// True once the revision was seen: compared, synced or being synced.
    seen: bool,
    /// The revision, as a branch was resolved, to which a sync was seen.
    begun: Option<String>,
}

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The wanted revision and images run.
    Met,
    /// It does not run yet; holds what runs instead.
    Waiting(String),
    /// Another sync took its place.
    Superseded(String),
    /// It can never run, whatever happens.
    Never(String),
    /// The Application cannot be read.
    Unknown,
}

/// Argo CD's annotation that leaves out commits which do not touch these paths.
const PATHS: &str = "argocd.argoproj.io/manifest-generate-paths";

impl Expectation {
    /// Expects a revision (a commit or its first digits, a branch or tag, the version of a
    /// chart) and images.
    pub fn new(revision: Option<String>, images: Vec<WantedImage>) -> Self {
        Self {
            revision,
            images,
            seen: false,
            begun: None,
        }
    }

    /// True if nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.revision.is_none() && self.images.is_empty()
    }

    /// Compares with the Application and with the images of the newest pods. `started` is the
    /// start of the run: what was compared before says nothing of a branch.
    pub fn judge(
        &mut self,
        application: Option<&Application>,
        running: &[RunningImage],
        started: Timestamp,
    ) -> Judgement {
        let of_revision = self.judge_revision(application, started);
        if of_revision != Judgement::Met {
            return of_revision;
        }
        let missing = self
            .images
            .iter()
            .find_map(|wanted| wanted.missing(running));
        missing.map_or(Judgement::Met, Judgement::Waiting)
    }

    fn judge_revision(
        &mut self,
        application: Option<&Application>,
        started: Timestamp,
    ) -> Judgement {
        let Some(wanted) = self.revision.clone() else {
            return Judgement::Met;
        };
        let Some(application) = application else {
            return Judgement::Unknown;
        };
        let wanted = match Revision::resolve(application, &wanted, started) {
            Ok(resolved) => resolved,
            Err(Unresolved::Yet(why)) => return Judgement::Waiting(why),
            Err(Unresolved::Foreign(why)) => return Judgement::Never(why),
        };
        let state = State::of(application);
        let is_compared = wanted.is_in(&state.compared);
        if wanted.is_in(&state.asked) || wanted.is_in(&state.synced) {
            self.begun = Some(wanted.text());
        }
        let is_begun = self.begun.as_ref() == Some(&wanted.text());
        self.seen |= is_compared || is_begun;
        if (is_compared && state.is_synced) || wanted.is_in(&state.synced) {
            return Judgement::Met;
        }
        let was_deployed = wanted.is_deployed_before(application);
        let other = match is_compared {
            // Git still has the revision, and a later operation has put another one in its place:
            // a rollback.
            true => state.synced.first().filter(|_| is_begun),
            false => state.asked.first().or(state.synced.first()),
        };
        match other.filter(|_| (self.seen || was_deployed) && !wanted.is_in(&state.asked)) {
            Some(other) => Judgement::Superseded(format!(
                "{} was superseded by {} (synced by {})",
                wanted.text(),
                short(other),
                state.by
            )),
            None => Judgement::Waiting(instead(application, &wanted, &state)),
        }
    }
}

/// The revisions that an Application names.
#[derive(Debug, Default)]
struct State {
    /// Those that the live objects are compared with.
    compared: Vec<String>,
    /// Those that the last operation was asked for.
    asked: Vec<String>,
    /// Those that the last operation has synced, if it succeeded.
    synced: Vec<String>,
    is_synced: bool,
    /// The user or account that started the last operation.
    by: String,
}

impl State {
    fn of(application: &Application) -> Self {
        let status = &application.status;
        let operation = status.operation_state.as_ref();
        let result = |operation: &OperationState| {
            both(
                &operation.sync_result.revision,
                &operation.sync_result.revisions,
            )
        };
        let asked = operation.map(|operation| {
            let sync = &operation.operation.sync;
            let asked = both(&sync.revision, &sync.revisions);
            if asked.is_empty() {
                result(operation)
            } else {
                asked
            }
        });
        Self {
            compared: both(&status.sync.revision, &status.sync.revisions),
            asked: asked.unwrap_or_default(),
            synced: operation
                .filter(|it| it.phase == "Succeeded")
                .map(result)
                .unwrap_or_default(),
            is_synced: status.sync.status.as_deref() == Some("Synced"),
            by: operation.map(by).unwrap_or_else(|| "somebody".to_owned()),
        }
    }
}

fn by(operation: &OperationState) -> String {
    let initiator = &operation.operation.initiated_by;
    match &initiator.username {
        _ if initiator.automated => "auto-sync".to_owned(),
        Some(name) if !name.is_empty() => name.clone(),
        _ => "somebody".to_owned(),
    }
}

/// Says what Argo CD has instead.
fn instead(application: &Application, wanted: &Revision, state: &State) -> String {
    let has: Vec<String> = state
        .compared
        .iter()
        .map(|revision| short(revision))
        .collect();
    let has = if has.is_empty() {
        "no revision yet".to_owned()
    } else {
        has.join(", ")
    };
    if wanted.is_in(&state.compared) {
        return format!("Argo CD knows {} and has not synced it", wanted.text());
    }
    let annotations = application.metadata.annotations.as_ref();
    let paths = annotations.and_then(|annotations| annotations.get(PATHS));
    let paths = paths.map_or(String::new(), |paths| {
        format!(
            "; a commit that touches nothing below {paths} never arrives (manifest-generate-paths)"
        )
    });
    format!("Argo CD is at {has}, not at {}{paths}", wanted.text())
}

#[cfg(test)]
#[path = "expectation/expectation_tests.rs"]
mod tests;
