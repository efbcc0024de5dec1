//! The thread that writes.

use std::{
    io::{self, ErrorKind, Write},
    thread,
    time::Duration,
};

use super::{News, SPARE, Shared, spool::Next};

/// How long a writer that would block is left alone. Someone else may have made the pipe
/// that we share non-blocking.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) fn run(shared: &Shared, mut writer: Box<dyn Write + Send>) {
    let mut failed = false;
    while let Some((next, is_last)) = wait(shared) {
        let len = next.len();
        let mut spare = Vec::new();
        let result = next.load().and_then(|bytes| {
            let result = write(&mut *writer, &bytes, is_last);
            spare = bytes;
            result
        });
        spare.clear();
        let mut state = shared.lock();
        if spare.capacity() <= SPARE {
            state.spare = spare;
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
                state.news.push(News::WriteFailed(error.to_string()));
            }
            _ => {}
        }
        state.done += len;
        let super::State { spool, news, .. } = &mut *state;
        spool.done(len, news);
        drop(state);
        shared.tell();
    }
}

/// The next bytes, and whether they are the last for now.
fn wait(shared: &Shared) -> Option<(Next, bool)> {
    let mut state = shared.lock();
    loop {
        if let Some(next) = state.spool.take() {
            let is_last = state.spool.backlog() == next.len();
            return Some((next, is_last));
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
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected
    )
}
