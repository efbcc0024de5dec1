//! `replay`: a recorded run, shown again.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use argo_core::text::duration;

use super::{env, report::unreadable, settings, warn};
use crate::{
    args::ReplayArgs,
    error::Failure,
    exit,
    recording::Reader,
    render::Renderer,
    replay::Player,
    screen::{LogBudget, Screen},
};

/// Bytes that are collected before they are written.
const BATCH: usize = 64 * 1024;

/// Shows a recording in the chosen form.
pub(super) fn replay(args: &ReplayArgs) -> Result<i32, Failure> {
    let settings = settings(&args.view);
    let mut reader = Reader::open(&args.file).map_err(|error| unreadable(&args.file, &error))?;
    let header = reader.header().clone();
    let budget = LogBudget::new(args.log_budget, settings.view);
    let terminal = settings
        .view
        .is_read_on_terminal(io::stdout().is_terminal(), &env);
    let title = header.app.clone();
    let renderer = Renderer::new(settings, args.raw, header.started, header.app).terminal(terminal);
    let mut player = Player::new(Screen::new(renderer, args.view.quiet, budget), title);
    let mut out = Vec::new();
    let mut clock = header.started;
    while let Some((at, entry)) = reader.next_entry() {
        if let Some(speed) = args.speed.filter(|_| at > clock) {
            if !write(&mut out)? {
                return Ok(exit::OK);
            }
            std::thread::sleep(pause(duration::between(clock, at), speed));
        }
        clock = at;
        player.play(entry, at, &mut out);
        if out.len() >= BATCH && !write(&mut out)? {
            return Ok(exit::OK);
        }
    }
    write(&mut out)?;
    warn(&remarks(&reader, &player));
    Ok(exit::OK)
}

fn pause(between: Duration, speed: f64) -> Duration {
    Duration::try_from_secs_f64(between.as_secs_f64() / speed).unwrap_or(Duration::ZERO)
}

/// Says what the reader should know about the recording itself.
fn remarks(reader: &Reader, player: &Player) -> Vec<String> {
    let mut remarks = Vec::new();
    if !player.has_ended() {
        remarks.push("the recording has no end: the run was cut off, or still goes on".to_owned());
    }
    if reader.skipped > 0 {
        remarks.push(format!(
            "{} of the recording could not be understood",
            argo_core::text::counted(usize::try_from(reader.skipped).unwrap_or(0), "line")
        ));
    }
    remarks
}

/// Writes everything. Returns false if the reader is gone.
fn write(out: &mut Vec<u8>) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    let result = stdout.write_all(out).and_then(|()| stdout.flush());
    out.clear();
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::usage(format!("cannot write to stdout: {error}"))),
    }
}
