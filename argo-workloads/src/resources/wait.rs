//! A resource that holds the application up, in words.

use argo_core::{
    ObjectRef,
    text::duration::{between, in_words},
};
use jiff::Timestamp;

use super::Health;

/// A resource that Argo CD waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The resource; without a uid if it was not read.
    pub object: ObjectRef,
    /// Its health.
    pub health: Health,
    /// The reason, empty if it is unknown.
    pub words: String,
    /// The time since which it has been so.
    pub since: Timestamp,
}

impl Wait {
    /// `Progressing, no address yet`
    pub fn state(&self) -> String {
        match self.words.as_str() {
            "" => self.health.as_str().to_owned(),
            words => format!("{}, {words}", self.health.as_str()),
        }
    }

    /// `Ingress/web: Progressing, no address yet (2 m)`
    pub fn sentence(&self, now: Timestamp) -> String {
        let age = in_words(between(self.since, now));
        format!("{}: {} ({age})", self.object, self.state())
    }
}
