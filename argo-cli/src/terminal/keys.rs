//! Keys that are pressed while a run goes on.

use std::io::{self, IsTerminal, Read};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

use crate::last_acts::{Registered, on_panic};

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `s`: show the status now.
    Status,
    /// `q`: end the run as Ctrl-C does.
    Quit,
}

/// Reads keys, one at a time and without showing them. The terminal gets its own ways back when
/// this is dropped.
pub struct Keys {
    before: Termios,
    _on_panic: Registered,
    keys: mpsc::UnboundedReceiver<Key>,
}

impl Keys {
    /// Begins to read keys, if stdin and stderr are terminals; otherwise stdin is never read.
    pub fn read() -> Option<Self> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let before = tcgetattr(io::stdin()).ok()?;
        let (sender, keys) = mpsc::unbounded_channel();
        let reading = move || {
            let mut stdin = io::stdin();
            let mut byte = [0];
            while stdin.read_exact(&mut byte).is_ok() {
                let key = match byte[0] {
                    b's' | b'S' => Key::Status,
                    b'q' | b'Q' => Key::Quit,
                    _ => continue,
                };
                if sender.send(key).is_err() {
                    return;
                }
            }
        };
        // A thread that nobody waits for: tokio's own stdin would hold up the end of the program until
        // a key is pressed.
        let thread = std::thread::Builder::new().name("keys".to_owned());
        thread.spawn(reading).ok()?;
        let restored = before.clone();
        let keys = Self {
            before,
            _on_panic: on_panic(move || {
                let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &restored);
            }),
            keys,
        };
        keys.begin();
        Some(keys)
    }

    /// Waits for the next key.
    pub async fn next(&mut self) -> Key {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }

    /// Makes the terminal deliver keys at once. Ctrl-C and Ctrl-Z stay signals.
    pub fn begin(&self) {
        let mut now = self.before.clone();
        now.local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO);
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &now);
    }

    /// Gives the terminal its own ways back.
    pub fn pause(&self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.pause();
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}
