//! The tracking rules without a client or a clock.
//!
//! **Unstable**: this module comes with the feature `unstable-engine`, and any release may
//! change it. [`Tracker`] decides which watches are open and turns their events into
//! [`TrackEvent`](argo_core::TrackEvent)s; [`Index`] is the ownership graph inside it.

pub use crate::tracking::{
    Tracker,
    index::{Change, Index, UnknownOwner},
    local_cluster::LocalCluster,
    names::{Inquiry, Names},
    owner_reader::Answer,
    watches::{Observed, WatchSpec},
};
