//! Building blocks of the benchmarks.
//!
//! `end_to_end` measures programs as a user runs them. The cluster that they read from is
//! a [`server`] in a process of its own, so that its cost is in nobody's figures; floods
//! of lines come from a [`front`] before it, since they have to come faster than any
//! reader is. Each program runs under a [`measure`] process, which has no other child, so
//! that the kernel's figures for its children are those of that program.

pub mod crowd;
pub mod flood;
pub mod front;
pub mod measure;
pub mod scene;
pub mod server;
pub mod table;
