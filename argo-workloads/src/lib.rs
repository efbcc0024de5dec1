//! Which objects belong to an Argo CD application, how far their rollout is, and why it
//! fails.

mod config;
pub mod diagnosis;
mod explain;
mod hook;
mod index;
pub mod rollout;
pub mod scan;
mod scope;
mod selector;
mod track;
mod workload;

pub use config::{Clients, TrackConfig};
pub use explain::Explanation;
pub use hook::hook_phase;
pub use index::{Change, Index, Wanted};
pub use scope::Scope;
pub use selector::{AppSelector, INSTANCE_LABEL, Membership, TrackingMethod};
pub use track::{explain, snapshot, track};
pub use workload::{Workload, WorkloadEvent, WorkloadKind, builtin};
