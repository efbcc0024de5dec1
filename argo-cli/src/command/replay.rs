//! `replay`: a recorded run, shown again.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use argo_core::text::duration;
use jiff::Timestamp;

use super::{env, report::unreadable, settings, warn};
use crate::{
    args::{ReplayArgs, ViewArgs},
    error::Failure,
    exit,
    recording::{Entry, Fact, Reader},
    render::Renderer,
    replay::{LiveTable, Player},
    screen::{LogBudget, Screen},
    terminal::Frame,
    view::View,
};

/// Bytes that are collected before they are written.
const BATCH: usize = 64 * 1024;
/// The time after which the live table is drawn again although nothing happens.
const REDRAW: Duration = Duration::from_millis(200);
/// The longest pause between two entries, however slow the replay is.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Shows a recording in the chosen form.
pub(super) fn replay(args: &ReplayArgs) -> Result<i32, Failure> {
    let reader = Reader::open(&args.file).map_err(|error| unreadable(&args.file, &error))?;
    show(
        reader,
        &Playback {
            speed: args.speed,
            raw: args.raw,
            log_budget: args.log_budget,
            view: &args.view,
        },
    )
}

/// The way in which a recording is shown.
pub(super) struct Playback<'a> {
    /// Multiple of the original speed; `None` shows everything at once.
    pub speed: Option<f64>,
    /// True if container output is shown unchanged.
    pub raw: bool,
    /// Size of the container logs on the screen.
    pub log_budget: Option<u64>,
    /// The flags about the look.
    pub view: &'a ViewArgs,
}

/// Shows what a reader reads.
pub(super) fn show(mut reader: Reader, playback: &Playback<'_>) -> Result<i32, Failure> {
    let settings = settings(playback.view);
    let header = reader.header().clone();
    let budget = LogBudget::new(playback.log_budget, settings.view);
    let is_joined = io::stdout().is_terminal();
    let terminal = settings.view.is_read_on_terminal(is_joined, &env);
    let has_table = playback.speed.is_some()
        && settings.view == View::Terminal
        && (is_joined || io::stderr().is_terminal());
    let mut table = has_table.then(|| LiveTable::new(&header, is_joined, settings.colors));
    let title = header.app.clone();
    let renderer =
        Renderer::new(settings, playback.raw, header.started, header.app).terminal(terminal);
    let mut player = Player::new(Screen::new(renderer, playback.view.quiet, budget), title);
    let mut out = Vec::new();
    let mut clock = header.started;
    let mut is_read = true;
    while let Some((at, entry)) = reader.next_entry() {
        if let Some(speed) = playback.speed.filter(|_| at > clock)
            && !wait(&mut table, &mut out, [clock, at], speed)?
        {
            is_read = false;
            break;
        }
        clock = at;
        if let Some(table) = &mut table {
            table.note(&entry);
        }
        if matches!(entry, Entry::Fact(Fact::Summary { .. }))
            && let Some(mut table) = table.take()
        {
            // The verdict stands alone, as at the end of a run.
            write_frame(table.end(&mut out))?;
        }
        player.play(entry, at, &mut out);
        if out.len() >= BATCH && table.is_none() && !write(&mut out)? {
            return Ok(exit::OK);
        }
    }
    if let Some(mut table) = table {
        write_frame(table.end(&mut out))?;
    }
    if !is_read || !write(&mut out)? {
        return Ok(exit::OK);
    }
    warn(&remarks(&reader, &player));
    Ok(exit::OK)
}

/// Shows what waits, and lets the time between two entries pass. Returns false if the reader is
/// gone.
fn wait(
    table: &mut Option<LiveTable>,
    out: &mut Vec<u8>,
    [from, to]: [Timestamp; 2],
    speed: f64,
) -> Result<bool, Failure> {
    let pause = pause(duration::between(from, to), speed);
    let Some(table) = table else {
        let is_read = write(out)?;
        std::thread::sleep(pause);
        return Ok(is_read);
    };
    let end = Instant::now() + pause;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let now = to.saturating_sub(left.mul_f64(speed)).unwrap_or(to);
        if !write_frame(table.draw(out, now))? {
            return Ok(false);
        }
        if left.is_zero() {
            return Ok(true);
        }
        std::thread::sleep(left.min(REDRAW));
    }
}

/// Writes a drawing. Returns false if the reader is gone.
fn write_frame(mut frame: Frame) -> Result<bool, Failure> {
    // A table on stderr is an extra: nobody misses it where it cannot be written.
    let _ = io::stderr().write_all(&frame.stderr);
    write(&mut frame.stdout)
}

fn pause(between: Duration, speed: f64) -> Duration {
    let pause = Duration::try_from_secs_f64(between.as_secs_f64() / speed);
    pause.map_or(LONGEST, |pause| pause.min(LONGEST))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_has_an_end_however_slow_the_replay_is() {
        let between = Duration::from_secs(10);
        assert_eq!(pause(between, 2.0), Duration::from_secs(5));
        for speed in [1e-18, f64::MIN_POSITIVE] {
            let pause = pause(between, speed);
            assert!(pause > between, "{pause:?}");
            assert!(Instant::now().checked_add(pause).is_some(), "{pause:?}");
        }
    }
}
