//! Plain functions on text that more than one crate shows to people.

pub mod cap;
mod chain;
pub mod duration;
mod listed;
mod plural;
pub mod quantity;
pub mod redact;
pub mod similar;
pub(crate) mod suggestion;
mod yaml;

pub use cap::{cap, one_line};
pub use chain::chain;
pub use listed::listed;
pub use plural::counted;
pub use redact::redacted;
pub use suggestion::suggestion;
pub use yaml::yaml;
