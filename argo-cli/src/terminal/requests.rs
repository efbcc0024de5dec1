//! Requests of the user while a run goes on, by a key or a signal.

use std::io;

use nix::sys::signal::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

use super::{Key, Keys};

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Show the status now.
    Status,
    /// End the run as Ctrl-C does.
    Quit,
    /// Stop until the shell lets the program go on.
    Suspend,
}

/// The sources of requests.
#[derive(Debug)]
pub struct Requests {
    /// SIGUSR1; SIGINFO (Ctrl-T) where there is one.
    status: Vec<unix::Signal>,
    keys: Option<Keys>,
    /// SIGTSTP (Ctrl-Z); only with a table, which has to be removed first.
    stop: Option<unix::Signal>,
}

impl Requests {
    /// Begins to listen; to keys and Ctrl-Z only with a live table.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler.
    pub fn listen(has_table: bool) -> io::Result<Self> {
        let mut status = vec![signal(SignalKind::user_defined1())?];
        if cfg!(any(target_os = "macos", target_os = "freebsd")) {
            // SIGINFO has this number on both.
            status.push(signal(SignalKind::from_raw(29))?);
        }
        let stop = SignalKind::from_raw(Signal::SIGTSTP as i32);
        Ok(Self {
            status,
            keys: has_table.then(Keys::read).flatten(),
            stop: has_table.then(|| signal(stop)).transpose()?,
        })
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Request {
        let Self { status, keys, stop } = self;
        let asked = futures::future::select_all(status.iter_mut().map(|signal| {
            Box::pin(async {
                if signal.recv().await.is_none() {
                    std::future::pending::<()>().await;
                }
            })
        }));
        tokio::select! {
            _ = asked => Request::Status,
            key = next_key(keys) => match key {
                Key::Status => Request::Status,
                Key::Quit => Request::Quit,
            },
            () = next_stop(stop) => Request::Suspend,
        }
    }

    /// Stops this process until it is continued, with the terminal as it was before.
    pub fn suspend(&self) {
        if let Some(keys) = &self.keys {
            keys.pause();
        }
        // SIGTSTP is caught by us, so that only the signal that cannot be caught stops the process.
        let _ = nix::sys::signal::raise(Signal::SIGSTOP);
        if let Some(keys) = &self.keys {
            keys.begin();
        }
    }
}

async fn next_key(keys: &mut Option<Keys>) -> Key {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}

async fn next_stop(stop: &mut Option<unix::Signal>) {
    if let Some(stop) = stop
        && stop.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}
