//! The one integration-test binary: a module for each subject.

// All of it is test code, but lints know only functions marked as tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod app_of_apps;
mod argo_rollouts;
mod argocd;
mod assistant;
mod bad_input;
mod canaries;
mod demo;
mod docs;
mod endings;
mod facade;
mod faults;
mod files;
mod hand_made;
mod last_acts;
mod log_choices;
mod log_stores;
mod long_lines;
mod matrix;
mod misses;
mod nonsense;
mod open_files;
mod outside_kinds;
mod packaging;
mod past_events;
mod plugins;
mod rbac;
mod readme;
mod recorded;
mod recorded_events;
mod recorded_objects;
mod requests;
mod rollout;
mod several;
mod shapes;
mod signals;
mod stage;
mod sync;
mod sync_first;
mod token_answers;
mod token_only;
mod verdicts;
mod workload;
