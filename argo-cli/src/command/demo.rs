//! `demo`: a recorded rollout that is part of the program.
//!
//! The recording is one of `cargo demo`; `just record-demo` makes it again.

use super::replay::{Playback, show};
use crate::{args::DemoArgs, error::Failure, recording::Reader};

/// The recording: NDJSON, compressed.
const RECORDING: &[u8] = include_bytes!("../../demo.ndjson.zst");

/// Plays the recording in the chosen form.
pub(super) fn demo(args: &DemoArgs) -> Result<i32, Failure> {
    let reader = Reader::from(Box::new(RECORDING))
        .map_err(|error| Failure::usage(format!("the recording cannot be read: {error}")))?;
    show(
        reader,
        &Playback {
            speed: Some(args.speed),
            raw: false,
            log_budget: None,
            view: &args.view,
        },
    )
}
