//! Log stores: a second source for lines that the kubelet no longer has.
//!
//! A kubelet serves the current file of a run and of the run before it. A collector has usually
//! copied the rest into a store. [`LogStore`] is the way to one; `StoreClient` (feature
//! `log-store`) speaks to Loki and VictoriaLogs. The follower alone decides what is missing;
//! the task of each container asks the store for just that.
//!
//! A store is not exact: collectors drop lines, deliver them late, and may keep another text or
//! another time than the container's log had. So its lines are marked ([`Lines::store`]), and a
//! hole that they fill is still reported.
//!
//! The rules are plain: `query` (the words of the two query languages), `names` (the labels
//! that collectors use), `cursor` (which page comes next), `loki` and `victorialogs` (requests
//! and answers), `taken` (which lines are new). `filling` feeds them.
//!
//! [`Lines::store`]: crate::Lines::store

#[cfg(feature = "log-store")]
mod client;
#[cfg(feature = "log-store")]
mod cursor;
mod filling;
mod log_store;
#[cfg(feature = "log-store")]
mod loki;
mod names;
#[cfg(feature = "log-store")]
mod options;
mod query;
mod source;
mod taken;
#[cfg(feature = "log-store")]
mod victorialogs;

pub(crate) use self::filling::{Filling, Found, Shared};
#[cfg(feature = "log-store")]
pub use self::{
    client::StoreClient,
    options::{StoreOptions, StoreOptionsError, StoreUrl},
};
pub use self::{
    log_store::{LogStore, StoreError, StoreLine, StorePage, StoreRange, StoreRun},
    names::LabelNames,
    query::StoreQuery,
    source::StoreLogs,
};

#[cfg(test)]
pub(crate) mod fake;
