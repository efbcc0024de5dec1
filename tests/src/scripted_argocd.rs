//! An argocd that does what a script says.
//!
//! The binary `scripted-argocd` takes the place of argocd in tests and in the demo. What
//! it does stands in a file that the variable `ARGO_SCRIPT` names, YAML or JSON:
//!
//! ```yaml
//! steps:
//! - print: a line on stdout
//! - error: a line on stderr
//! - print: { text: 'no end, \xff', repeat: 1000, newline: false }   # \xNN is a byte
//! - sleep: 2.5                       # seconds, divided by ARGO_SPEED
//! - await: /tmp/go                  # until there is such a file
//! - on: { signal: SIGTERM, print: stopping, exit: 20 }   # without exit: ignored
//! - fork: { steps: [ { sleep: 60 } ], detached: false }  # a process that holds the pipes
//! - close: stdout
//! - dump: /tmp/seen.json             # arguments, environment and more
//! - follow: { app: shop, namespace: argocd }
//! - hang                             # until a signal
//! - die: SIGKILL
//! - exit: 20
//! ```
//!
//! A script that ends exits with 0. Without a script it follows the application of its
//! arguments where `ARGO_SIM_SERVER` names a server, and else says at once that it is
//! synced and healthy.
//!
//! `follow` is `argocd app wait` as recorded of version 3.5.1: it reads the Application
//! from an API server over plain HTTP ([`follow`]) and prints the rows and the summary
//! in argocd's layout ([`table`], [`summary`]). It looks ten times a second, so what
//! changes twice in between is seen once; and the health of a resource is that of
//! `status.resources[]`, which Argo CD 3 fills only if told to.

pub mod follow;
mod perform;
mod request;
mod script;
pub mod summary;
pub mod table;

pub use perform::main;
pub use script::{Follow, Fork, Pipe, Script, Step, Text, Trap};
