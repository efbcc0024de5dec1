//! Plays what a cluster did: writes of objects and log lines at their times.
//!
//! A [`Recording`] is a folder as `tests/recordings/rollouts` holds it: watch streams and logs of a real
//! cluster. A [`Timeline`] is the same as [`Act`]s in order of time; [`Timeline::shifted`] moves
//! every time in it, those inside the objects and in front of the log lines too, by one constant,
//! so that what was recorded happens now. A [`Player`] carries acts out on a [`Store`] and [`Logs`].
//!
//! Not played: resource versions (the store gives its own, so those that events name in
//! `involvedObject.resourceVersion` mean nothing), and the records of lines over 16 KiB and the
//! stream that a line came from, which the log API does not show: a line is one record of stdout.
//!
//! [`Store`]: crate::store::Store
//! [`Logs`]: crate::logs::Logs

mod recording;
mod stage;
mod timeline;

#[cfg(test)]
#[path = "player_tests.rs"]
mod tests;

pub use recording::{Recording, RecordingError};
pub use stage::Player;
pub(crate) use stage::ensure_namespace;
pub use timeline::{Act, Entry, RunKey, Timeline};
