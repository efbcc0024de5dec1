//! The words that the rules of several kinds share.

use argo_core::resource::Condition;

/// The message until the controller has observed a change: a moment on most clusters, so a
/// run does not report it.
pub const NOT_SEEN: &str = "controller has not seen the change";

/// Returns `2 of 3 ready`, or why ready pods do not count yet.
pub(crate) fn not_available(available: i64, ready: i64, of: i64) -> String {
    if ready >= of {
        format!("{available} of {of} ready for minReadySeconds")
    } else {
        format!("{ready} of {of} ready")
    }
}

/// Says that old pods stay until they are deleted, which `OnDelete` leaves to people.
pub(crate) fn old_kept(old: i64) -> String {
    let s = if old == 1 { "" } else { "s" };
    format!("somebody to delete {old} old pod{s} (OnDelete)")
}

/// Counts old pods in words: `1 old pod terminating`, `3 old pods terminating`.
pub(crate) fn old_terminating(old: i64) -> String {
    let s = if old == 1 { "" } else { "s" };
    format!("{old} old pod{s} terminating")
}

/// Returns the message of a condition, or its reason, or else `otherwise`.
pub(crate) fn words(condition: &Condition, otherwise: &str) -> String {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    text(&condition.message)
        .or_else(|| text(&condition.reason))
        .unwrap_or_else(|| otherwise.to_owned())
}
