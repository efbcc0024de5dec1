//! What a follower has to say about itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Level, ObjectRef, text::redacted};

/// What kind of thing a [`Notice`] tells; stable, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NoticeCode {
    /// Something may not be read (403); the rest goes on.
    Forbidden,
    /// A kind is not served by the cluster.
    NotServed,
    /// The cluster cannot be reached, or refuses the credentials; it is tried again.
    Unreachable,
    /// What was degraded works again.
    Restored,
    /// Lines of a log may be missing.
    LinesMissing,
    /// Whole runs of a container ended before they could be read.
    InstancesLost,
    /// A log cannot be read.
    LogUnreadable,
    /// Output was left out by a limit that the user set.
    Limited,
    /// Nothing of the application was found so far.
    NothingFound,
    /// The Application resource cannot be read.
    ApplicationUnreadable,
    /// Anything else worth one line.
    Other,
}

/// One sentence about what cannot be known, cannot be read, or was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What kind of notice.
    pub code: NoticeCode,
    /// How much it matters.
    pub level: Level,
    /// When it came up.
    pub time: Timestamp,
    /// The object it is about, if it is about one.
    pub object: Option<ObjectRef>,
    /// The container it is about, if it is about one.
    pub container: Option<String>,
    /// The sentence, without a full stop.
    pub message: String,
    /// What to do about it, if anything.
    pub hint: Option<String>,
}

impl Notice {
    /// A notice about nothing in particular. Its message is shown without credentials.
    pub fn new(code: NoticeCode, level: Level, message: impl Into<String>) -> Self {
        Self {
            code,
            level,
            time: Timestamp::now(),
            object: None,
            container: None,
            message: redacted(&message.into()).into_owned(),
            hint: None,
        }
    }

    /// The same about an object.
    #[must_use]
    pub fn about(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }

    /// The same with something to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
