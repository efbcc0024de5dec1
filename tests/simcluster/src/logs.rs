//! Container logs as containerd writes them and the kubelet serves them.
//!
//! A container's run writes raw bytes through a [`LogWriter`], which cuts them into CRI records
//! (16 KiB pieces, `P` and `F`) in the current [`LogFile`] of an [`Instance`]. A [`Reader`] is the
//! kubelet's loop over such a file: pure, it answers with a chunk, the end, or "nothing yet".
//! [`Logs`] keeps the instances of every container and answers `pods/log`, choosing the instance
//! from the pod's status as the kubelet does.

mod chooser;
mod file;
mod instance;
mod reader;
mod registry;
mod stamp;
mod writer;

pub use chooser::{Choice, choose};
pub use file::{LogFile, Origin};
pub use instance::{Instance, Rotation};
pub use reader::{ReadOptions, Reader, Step};
pub use registry::{Answer, Body, KubeletState, Logs};
pub use stamp::{parse_stamp, stamp};
pub use writer::LogWriter;

#[cfg(test)]
mod reader_tests;
#[cfg(test)]
mod recorded_tests;
