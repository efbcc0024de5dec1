//! Which objects belong to an Argo CD application, how far their rollout is, and why it
//! fails.

mod application;
mod config;
pub mod diagnosis;
mod explain;
mod family;
mod hook;
mod index;
mod marks;
mod nothing;
mod owner;
pub mod rollout;
pub mod scan;
mod scope;
mod selector;
mod snapshot;
mod source;
mod track;
mod tracker;
mod trouble;
mod workload;

pub use config::{Clients, TrackConfig};
pub use explain::Explanation;
pub use hook::hook_phase;
pub use index::{Change, Index, Wanted};
pub use scope::Scope;
pub use selector::{AppSelector, INSTANCE_LABEL, Membership, TrackingMethod};
pub use snapshot::{explain, snapshot};
pub use track::track;
pub use workload::{Workload, WorkloadEvent, WorkloadKind, builtin};
