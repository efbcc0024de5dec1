//! Objects that two applications apply in turn.
//!
//! With self-heal in both, the tracking id of an object goes to and fro. Argo CD reports a
//! shared resource only while the other application has it, which may be for a second.

use std::{collections::BTreeMap, sync::Arc};

use argo_core::{
    ObjectRef,
    resource::{Application, ApplicationCondition},
};
use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::span::{age, secs};

/// A conflict that has not shown for this time is over.
const STAYS: SignedDuration = secs(60);

/// The signs that other applications own objects of this one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sharing {
    warnings: BTreeMap<Arc<str>, Warnings>,
    claims: BTreeMap<Arc<str>, Claim>,
}

/// The last warnings of an Application.
#[derive(Clone, Debug)]
struct Warnings {
    conditions: Vec<ApplicationCondition>,
    since: Timestamp,
    seen: Timestamp,
}

/// An object that carried the tracking id of another application.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) object: ObjectRef,
    pub(crate) by: String,
    pub(crate) since: Timestamp,
    /// True once the object carried our id again.
    pub(crate) came_back: bool,
    seen: Timestamp,
}

impl Sharing {
    /// Takes a state of an Application.
    pub(super) fn application(&mut self, uid: &Arc<str>, app: &Application, now: Timestamp) {
        let warnings = app.status.conditions.iter();
        let conditions: Vec<_> = warnings
            .filter(|condition| condition.type_ == "SharedResourceWarning")
            .cloned()
            .collect();
        if conditions.is_empty() {
            return;
        }
        let times = conditions.iter().filter_map(|condition| {
            let time = condition.last_transition_time.as_ref();
            time.map(|time| time.0)
        });
        let known = self.warnings.get(uid);
        let known = known.filter(|known| age(now, known.seen) < STAYS);
        let first = times.min().unwrap_or(now);
        let warnings = Warnings {
            conditions,
            since: known.map_or(first, |known| known.since.min(first)),
            seen: now,
        };
        self.warnings.insert(Arc::clone(uid), warnings);
    }

    /// Takes that an object carries the tracking id of another application.
    pub(super) fn claimed(&mut self, object: &ObjectRef, by: &str, now: Timestamp) {
        let known = self.claims.get(&object.uid);
        let claim = Claim {
            object: object.clone(),
            by: by.to_owned(),
            since: known.map_or(now, |known| known.since),
            came_back: known.is_some_and(|known| known.came_back),
            seen: now,
        };
        self.claims.insert(Arc::clone(&object.uid), claim);
    }

    /// Takes that an object is there with our tracking id.
    pub(super) fn applied(&mut self, uid: &str) {
        if let Some(claim) = self.claims.get_mut(uid) {
            claim.came_back = true;
        }
    }

    /// Returns the warnings of an Application, and the time of the first one, while the
    /// conflict lasts.
    pub(crate) fn warnings(
        &self,
        app: &Application,
        now: Timestamp,
    ) -> Option<(&[ApplicationCondition], Timestamp)> {
        let uid = app.metadata.uid.as_deref().unwrap_or_default();
        let warnings = self.warnings.get(uid)?;
        let conditions = app.status.conditions.iter();
        let mut types = conditions.map(|condition| condition.type_.as_str());
        let lasts = types.any(|type_| type_ == "SharedResourceWarning");
        let is_recent = age(now, warnings.seen) < STAYS;
        (lasts || is_recent).then_some((&*warnings.conditions, warnings.since))
    }

    /// Returns the objects that other applications took, while the conflict lasts.
    pub(crate) fn claims(&self, now: Timestamp) -> impl Iterator<Item = &Claim> {
        let claims = self.claims.values();
        claims.filter(move |claim| !claim.came_back || age(now, claim.seen) < STAYS)
    }
}
