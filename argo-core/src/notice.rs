//! Notices: facts that cannot be known, resources that cannot be read, and parts that were
//! left out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Level, ObjectRef, text::redacted};

/// The kind of a [`Notice`]. Programs may rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NoticeCode {
    /// Access to a resource is forbidden (403); everything else goes on.
    Forbidden,
    /// A kind is not served by the cluster.
    NotServed,
    /// The cluster cannot be reached or refuses the credentials. It is retried.
    Unreachable,
    /// Requests for logs have got no answer for a while. They are retried.
    Disconnected,
    /// A resource that failed before works again.
    Restored,
    /// Lines of a log may be missing.
    LinesMissing,
    /// Runs of a container ended before their logs could be read.
    InstancesLost,
    /// A log cannot be read.
    LogUnreadable,
    /// A log is read every few seconds, since its node lets nobody follow it.
    LogPolled,
    /// Lines come from a log store, or it cannot be asked for them.
    FromStore,
    /// Output was left out by a limit that the user set.
    Limited,
    /// Nothing of the application was found so far.
    NothingFound,
    /// The Application resource cannot be read.
    ApplicationUnreadable,
    /// The Application, or a namespace, does not exist; the sentence names those that may have
    /// been meant.
    DidYouMean,
    /// Anything else worth one line.
    Other,
}

/// A sentence about something that cannot be known, cannot be read, or was left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The kind of notice.
    pub code: NoticeCode,
    /// The severity.
    pub level: Level,
    /// The time at which the notice came up.
    pub time: Timestamp,
    /// The object concerned, if any.
    pub object: Option<ObjectRef>,
    /// The container concerned, if any.
    pub container: Option<String>,
    /// The sentence, without a full stop.
    pub message: String,
    /// A remedy, if there is one: a command or a sentence.
    pub hint: Option<String>,
}

impl Notice {
    /// Creates a notice about no object. Credentials in the message are cut.
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

    /// Names the object concerned.
    #[must_use]
    pub fn about(mut self, object: ObjectRef) -> Self {
        self.object = Some(object);
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
