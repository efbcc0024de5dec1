//! The revision and images that must run before success counts.
//!
//! `argocd app wait` knows no revision: right after a push it finds the application as green as
//! it was before (recording `stale-green-commit-not-seen-yet`). An [`Expectation`] compares
//! what the Application says of its last sync, and the images that pods really run, with what
//! somebody has just delivered. The struct is plain and has no clock.

use argo_core::{
    ObjectRef,
    resource::{Application, OperationState},
};
use jiff::Timestamp;

mod image;

pub use image::WantedImage;

/// The revision and images that must run before success counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    revision: Option<String>,
    images: Vec<WantedImage>,
    /// True once the revision was seen: compared, synced or being synced.
    seen: bool,
}

/// An image that a container of a pod of the newest revision runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningImage {
    /// The workload.
    pub workload: ObjectRef,
    /// The image as the pod names it.
    pub image: String,
    /// The image as the node resolved it, with its digest; empty if it does not run yet.
    pub id: String,
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

/// Characters of a commit that a sentence shows.
const SHORT: usize = 7;
/// The fewest digits of a commit that count as its prefix.
const PREFIX: usize = 4;
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
        let wanted = match resolve(application, &wanted, started) {
            Ok(resolved) => resolved,
            Err(judgement) => return judgement,
        };
        let state = State::of(application);
        let is_compared = wanted.is_in(&state.compared);
        if is_compared || wanted.is_in(&state.asked) || wanted.is_in(&state.synced) {
            self.seen = true;
        }
        if (is_compared && state.is_synced) || wanted.is_in(&state.synced) {
            return Judgement::Met;
        }
        let was_deployed = wanted.is_deployed_before(application);
        let other = state.asked.first().or(state.synced.first());
        match other
            .filter(|_| (self.seen || was_deployed) && !is_compared && !wanted.is_in(&state.asked))
        {
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

/// A revision as the Application names it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Revision {
    /// The first digits of a commit.
    Commit(String),
    /// A whole revision: a resolved branch, a tag, the version of a chart.
    Exact { text: String, of: String },
}

impl Revision {
    fn is(&self, revision: &str) -> bool {
        match self {
            Self::Commit(prefix) => revision.to_ascii_lowercase().starts_with(prefix),
            Self::Exact { text, .. } => revision == text,
        }
    }

    fn is_in(&self, revisions: &[String]) -> bool {
        revisions.iter().any(|revision| self.is(revision))
    }

    /// True if it was deployed, and something else after it.
    fn is_deployed_before(&self, application: &Application) -> bool {
        let history = &application.status.history;
        let deployed = history
            .iter()
            .rposition(|entry| self.is_in(&both(&entry.revision, &entry.revisions)));
        deployed.is_some_and(|at| at + 1 < history.len())
    }

    fn text(&self) -> String {
        match self {
            Self::Commit(prefix) => short(prefix),
            Self::Exact { text, of } if of.is_empty() || text == of => short(text),
            Self::Exact { text, of } => format!("{} ({of})", short(text)),
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

/// Finds out what the wanted text means for an Application.
fn resolve(
    application: &Application,
    wanted: &str,
    started: Timestamp,
) -> Result<Revision, Judgement> {
    let hydrated = &application.status.source_hydrator.last_successful_operation;
    let commit = Revision::Commit(wanted.to_ascii_lowercase());
    if application.spec.is_hydrated && is_commit(wanted) {
        // People push the dry commit; Argo CD syncs what the hydrator made of it.
        let dry = hydrated.dry.as_deref().filter(|dry| commit.is(dry));
        return match (dry, &hydrated.hydrated) {
            (Some(dry), Some(text)) => Ok(Revision::Exact {
                text: text.clone(),
                of: dry.to_owned(),
            }),
            _ => Err(Judgement::Waiting(format!(
                "{} is not hydrated yet",
                short(wanted)
            ))),
        };
    }
    let sources = &application.spec.sources;
    let single = application.spec.source.as_slice();
    let sources = if sources.is_empty() {
        single
    } else {
        sources.as_slice()
    };
    let follows = |source: &argo_core::resource::Source| {
        source
            .target_revision
            .as_deref()
            .filter(|text| !text.is_empty())
            .unwrap_or("HEAD")
            == wanted
    };
    let compared = both(
        &application.status.sync.revision,
        &application.status.sync.revisions,
    );
    if let Some(at) = sources.iter().position(follows) {
        let compared_at = application.status.reconciled_at.as_ref().map(|time| time.0);
        if compared_at.is_none_or(|at| at < started) {
            return Err(Judgement::Waiting(format!(
                "Argo CD has not looked at {wanted} since this run began"
            )));
        }
        let text = compared.get(at).or(compared.first()).cloned();
        let text = text
            .ok_or_else(|| Judgement::Waiting(format!("Argo CD has not resolved {wanted} yet")))?;
        return Ok(Revision::Exact {
            text,
            of: wanted.to_owned(),
        });
    }
    let operation = application.status.operation_state.as_ref();
    let asked = operation.map(|operation| {
        let sync = &operation.operation.sync;
        both(&sync.revision, &sync.revisions)
    });
    let is_named = compared
        .iter()
        .chain(asked.iter().flatten())
        .any(|revision| revision == wanted);
    if is_named || (!is_commit(wanted) && sources.iter().any(|source| source.chart.is_some())) {
        return Ok(Revision::Exact {
            text: wanted.to_owned(),
            of: String::new(),
        });
    }
    if is_commit(wanted) {
        return Ok(commit);
    }
    let followed: Vec<&str> = sources
        .iter()
        .map(|source| source.target_revision.as_deref().unwrap_or("HEAD"))
        .collect();
    Err(Judgement::Never(format!(
        "the Application follows {}, not {wanted}",
        followed.join(", ")
    )))
}

fn is_commit(text: &str) -> bool {
    (PREFIX..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit())
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

/// Returns the one revision, or all of several.
fn both(one: &Option<String>, several: &[String]) -> Vec<String> {
    let one = one.iter().filter(|revision| !revision.is_empty());
    one.chain(several).cloned().collect()
}

/// Shortens a commit; leaves anything else as it is.
fn short(revision: &str) -> String {
    let is_long = revision.len() > SHORT && revision.chars().all(|c| c.is_ascii_hexdigit());
    if is_long {
        revision[..SHORT].to_owned()
    } else {
        revision.to_owned()
    }
}

#[cfg(test)]
#[path = "expectation/expectation_tests.rs"]
mod tests;
