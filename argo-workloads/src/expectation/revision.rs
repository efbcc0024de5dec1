//! The meaning of a wanted revision for an Application.

use argo_core::resource::{Application, Source};
use jiff::Timestamp;

/// Characters of a commit that a sentence shows.
const SHORT: usize = 7;
/// The fewest digits of a commit that count as its prefix.
const PREFIX: usize = 4;

/// A revision as the Application names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revision {
    /// The first digits of a commit.
    Commit(String),
    /// A whole revision: a resolved branch, a tag, the version of a chart.
    Exact { text: String, of: String },
}

impl Revision {
    /// Finds out what the wanted text means for an Application. What was compared before
    /// `started` says nothing of a branch.
    pub(super) fn resolve(
        application: &Application,
        wanted: &str,
        started: Timestamp,
    ) -> Result<Self, Unresolved> {
        if application.spec.is_hydrated && is_commit(wanted) {
            return Self::hydrated(application, wanted);
        }
        let sources = sources(application);
        if let Some(at) = sources.iter().position(|source| target(source) == wanted) {
            return Self::followed(application, wanted, at, started);
        }
        let is_version = !is_commit(wanted) && sources.iter().any(|source| source.chart.is_some());
        if is_version || is_named(application, wanted) {
            return Ok(Self::Exact {
                text: wanted.to_owned(),
                of: String::new(),
            });
        }
        if is_commit(wanted) {
            return Ok(Self::commit(wanted));
        }
        let followed: Vec<&str> = sources.iter().map(target).collect();
        Err(Unresolved::Foreign(format!(
            "the Application follows {}, not {wanted}",
            followed.join(", ")
        )))
    }

    fn commit(digits: &str) -> Self {
        Self::Commit(digits.to_ascii_lowercase())
    }

    /// People push the dry commit; Argo CD syncs what the hydrator made of it.
    fn hydrated(application: &Application, wanted: &str) -> Result<Self, Unresolved> {
        let hydrated = &application.status.source_hydrator.last_successful_operation;
        let commit = Self::commit(wanted);
        let dry = hydrated.dry.as_deref().filter(|dry| commit.is(dry));
        match (dry, &hydrated.hydrated) {
            (Some(dry), Some(text)) => Ok(Self::Exact {
                text: text.clone(),
                of: dry.to_owned(),
            }),
            _ => {
                let wanted = short(wanted);
                Err(Unresolved::Yet(format!("{wanted} is not hydrated yet")))
            }
        }
    }

    /// Resolves the branch or tag of the source at a place.
    fn followed(
        application: &Application,
        wanted: &str,
        at: usize,
        started: Timestamp,
    ) -> Result<Self, Unresolved> {
        let compared_at = application.status.reconciled_at.as_ref().map(|time| time.0);
        if compared_at.is_none_or(|at| at < started) {
            return Err(Unresolved::Yet(format!(
                "Argo CD has not looked at {wanted} since this run began"
            )));
        }
        let compared = compared(application);
        match compared.get(at).or(compared.first()) {
            Some(text) => Ok(Self::Exact {
                text: text.clone(),
                of: wanted.to_owned(),
            }),
            None => Err(Unresolved::Yet(format!(
                "Argo CD has not resolved {wanted} yet"
            ))),
        }
    }

    fn is(&self, revision: &str) -> bool {
        match self {
            Self::Commit(prefix) => revision.to_ascii_lowercase().starts_with(prefix),
            Self::Exact { text, .. } => revision == text,
        }
    }

    pub(super) fn is_in(&self, revisions: &[String]) -> bool {
        revisions.iter().any(|revision| self.is(revision))
    }

    /// True if it was deployed, and something else after it.
    pub(super) fn is_deployed_before(&self, application: &Application) -> bool {
        let history = &application.status.history;
        let deployed = history
            .iter()
            .rposition(|entry| self.is_in(&both(&entry.revision, &entry.revisions)));
        deployed.is_some_and(|at| at + 1 < history.len())
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Commit(prefix) => short(prefix),
            Self::Exact { text, of } if of.is_empty() || text == of => short(text),
            Self::Exact { text, of } => format!("{} ({of})", short(text)),
        }
    }
}

/// The reason why the meaning is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// Argo CD has not found out yet.
    Yet(String),
    /// The Application follows something else, whatever happens.
    Foreign(String),
}

fn sources(application: &Application) -> &[Source] {
    let several = &application.spec.sources;
    if several.is_empty() {
        application.spec.source.as_slice()
    } else {
        several.as_slice()
    }
}

/// Returns the branch, tag or version that a source follows. Argo CD takes none for `HEAD`.
fn target(source: &Source) -> &str {
    let target = source.target_revision.as_deref();
    target.filter(|text| !text.is_empty()).unwrap_or("HEAD")
}

/// Returns the revisions that the live objects are compared with, one for each source.
fn compared(application: &Application) -> Vec<String> {
    let sync = &application.status.sync;
    both(&sync.revision, &sync.revisions)
}

/// True if the comparison or the last operation names the revision.
fn is_named(application: &Application, wanted: &str) -> bool {
    let operation = application.status.operation_state.as_ref();
    let asked = operation.map(|operation| {
        let sync = &operation.operation.sync;
        both(&sync.revision, &sync.revisions)
    });
    let compared = compared(application);
    let mut named = compared.iter().chain(asked.iter().flatten());
    named.any(|revision| revision == wanted)
}

fn is_commit(text: &str) -> bool {
    (PREFIX..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Returns the one revision, or all of several.
pub(super) fn both(one: &Option<String>, several: &[String]) -> Vec<String> {
    let one = one.iter().filter(|revision| !revision.is_empty());
    one.chain(several).cloned().collect()
}

/// Shortens a commit; leaves anything else as it is.
pub(super) fn short(revision: &str) -> String {
    let is_long = revision.len() > SHORT && revision.chars().all(|c| c.is_ascii_hexdigit());
    if is_long {
        revision[..SHORT].to_owned()
    } else {
        revision.to_owned()
    }
}
