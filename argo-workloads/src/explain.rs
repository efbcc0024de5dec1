//! Why an object is followed, or not.

use argo_core::ObjectRef;

/// Whether one object is followed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The object.
    pub object: ObjectRef,
    /// True if it is followed.
    pub followed: bool,
    /// Why, in one sentence without a full stop.
    pub why: String,
}
