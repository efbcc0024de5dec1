//! The signals that end the program, one after another.

use std::{
    io,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::caller::Caller;

/// Time within which a second, other signal to a plugin of argocd is an echo of the first.
const ECHO: Duration = Duration::from_secs(1);

/// Catches the signals that end a program: Ctrl-C, a pipeline that is cancelled, a terminal
/// that is gone.
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// SIGHUP; `None` where it was ignored at the start, because `nohup` asks for that.
    hang_up: Option<tokio::signal::unix::Signal>,
    echoes: Echoes,
}

/// Tells a second signal from an echo of the first.
///
/// Ctrl-C reaches a plugin and the argocd that started it. argocd dies of it, and its death is
/// a SIGTERM to the plugin, which asked the system for it at its start: one wish of the user,
/// two signals.
#[derive(Debug)]
struct Echoes {
    caller: Caller,
    last: Option<(Signal, Instant)>,
}

impl Echoes {
    fn is_echo(&mut self, signal: Signal, now: Instant) -> bool {
        let last = self.last.replace((signal, now));
        self.caller == Caller::Argocd
            && last.is_some_and(|(last, at)| last != signal && now - at < ECHO)
    }
}

impl Signals {
    /// Catches the signals, which from here on no longer end the process. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if is_ignored(Signal::SIGHUP) {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
            echoes: Echoes {
                caller: Caller::current(),
                last: None,
            },
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            let signal = tokio::select! {
                _ = self.interrupt.recv() => Signal::SIGINT,
                _ = self.terminate.recv() => Signal::SIGTERM,
                () = next(&mut self.hang_up) => Signal::SIGHUP,
            };
            if !self.echoes.is_echo(signal, Instant::now()) {
                return signal;
            }
        }
    }
}

async fn next(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// True if this process was started with the signal ignored. Only Linux tells; elsewhere
/// the signal counts as not ignored.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal as i32 - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_death_of_a_plugins_argocd_is_no_second_signal() {
        let start = Instant::now();
        let soon = start + Duration::from_millis(200);
        let late = start + Duration::from_secs(8);
        for (caller, second, at, is_echo) in [
            (Caller::Argocd, Signal::SIGTERM, soon, true),
            (Caller::Argocd, Signal::SIGTERM, late, false),
            // Ctrl-C pressed twice.
            (Caller::Argocd, Signal::SIGINT, soon, false),
            (Caller::Shell, Signal::SIGTERM, soon, false),
            (Caller::Kubectl, Signal::SIGTERM, soon, false),
        ] {
            let mut echoes = Echoes { caller, last: None };
            assert!(!echoes.is_echo(Signal::SIGINT, start));
            assert_eq!(echoes.is_echo(second, at), is_echo, "{caller:?} {second}");
        }
    }
}
