//! The thread that writes.

use std::{
    io::{self, ErrorKind, Write},
    thread,
    time::Duration,
};

use super::{OutputEvent, SPARE, SPARES, Shared, spool::Next};

/// The pause after a write that would block: another process may have made our shared pipe
/// non-blocking.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) fn run(shared: &Shared, mut writer: Box<dyn Write + Send>) {
    let mut failed = false;
    while let Some(Turn {
        next,
        ahead,
        is_last,
    }) = wait(shared)
    {
        let len = next.len();
        let mut spare = Vec::new();
        let result = next.load().and_then(|bytes| {
            let result = write(&mut *writer, &bytes, is_last);
            spare = bytes;
            result
        });
        spare.clear();
        let mut state = shared.lock();
        if (1..=SPARE).contains(&spare.capacity()) && state.spare.len() < SPARES {
            state.spare.push(spare);
        }
        match result {
            Err(error) if is_gone(&error) => {
                state.close();
                drop(state);
                shared.tell();
                return;
            }
            Err(error) if !failed => {
                failed = true;
                state
                    .events
                    .push(OutputEvent::WriteFailed(error.to_string()));
            }
            _ => {}
        }
        // Bytes that could not be written count too: a full disk loses output, but must not stop the
        // run, which would stop the reading of logs.
        state.done += len;
        let super::State {
            spool,
            events,
            queue,
            ..
        } = &mut *state;
        if ahead {
            queue.ahead -= len;
        } else {
            queue.written += len;
            spool.done(len, events);
        }
        drop(state);
        shared.tell();
    }
}

/// The next write.
struct Turn {
    next: Next,
    /// True if the bytes come from ahead of the spool.
    ahead: bool,
    /// True if no other bytes wait.
    is_last: bool,
}

fn wait(shared: &Shared) -> Option<Turn> {
    let mut state = shared.lock();
    loop {
        let ahead = state.ahead.pop_front();
        let is_ahead = ahead.is_some();
        let next = ahead.map(Next::Bytes).or_else(|| state.spool.take());
        if let Some(next) = next {
            // `written` and `ahead` change after the write, so this turn's bytes still count.
            let waiting = state.queue.queued - state.queue.written + state.queue.ahead;
            return Some(Turn {
                is_last: waiting == next.len(),
                ahead: is_ahead,
                next,
            });
        }
        if state.ended {
            return None;
        }
        let woken = shared.work.wait(state);
        state = woken.unwrap_or_else(std::sync::PoisonError::into_inner);
    }
}

fn write(writer: &mut dyn Write, mut bytes: &[u8], flush: bool) -> io::Result<()> {
    while !bytes.is_empty() {
        match patient(|| writer.write(bytes))? {
            0 => return Err(ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    if flush {
        patient(|| writer.flush())?;
    }
    Ok(())
}

fn patient<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            result => return result,
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        // The last two are those of a socket, which stdout is under some CI agents.
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected
    )
}
