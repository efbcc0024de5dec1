//! The files that are made from a recording.
//!
//! [`Story::read`] reads a recording once and keeps what the files tell: bounded, whatever the
//! length of the logs. Each form is a function from the story to a text.

mod html;
mod junit;
mod log_files;
mod markdown;
mod story;
mod trace;

pub use html::html;
pub use junit::junit;
pub use log_files::LogFiles;
pub use markdown::{markdown, markdown_of, markdown_of_progress};
pub use story::{LogTail, Moment, RunKey, Story};
pub use trace::trace;

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
