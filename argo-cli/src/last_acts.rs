//! The acts that follow a panic.
//!
//! A panic is a mistake in this program. The released one is built with `panic = "abort"`, so
//! no destructor runs: argocd would go on alone, the terminal would stay without an echo, and
//! lines that wait for a slow reader would be lost. What has to happen anyway is registered
//! with [`on_panic`] and carried out by the hook that [`install`] sets, in any build.

use std::{
    fmt,
    io::Write,
    panic, process,
    sync::{Mutex, PoisonError},
};

use crate::exit;

type Act = Box<dyn FnMut() + Send>;

static ACTS: Mutex<Acts> = Mutex::new(Acts {
    next: 0,
    acts: Vec::new(),
});

struct Acts {
    next: u64,
    acts: Vec<(u64, Act)>,
}

/// An act that is registered until this is dropped.
#[must_use = "the act is forgotten when this is dropped"]
pub struct Registered(u64);

/// Registers an act for the case of a panic. It may run on any thread, and must not wait for
/// a lock that the panicking thread may hold.
pub fn on_panic(act: impl FnMut() + Send + 'static) -> Registered {
    let mut acts = ACTS.lock().unwrap_or_else(PoisonError::into_inner);
    let number = acts.next;
    acts.next += 1;
    acts.acts.push((number, Box::new(act)));
    Registered(number)
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut acts = ACTS.lock().unwrap_or_else(PoisonError::into_inner);
        acts.acts.retain(|(number, _)| *number != self.0);
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registered")
    }
}

/// Makes a panic on any thread carry out the registered acts, the latest first, and end the
/// program with code 101. The message of the panic is printed before and a plain sentence
/// after them.
pub fn install() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // An act that panics itself finds the list locked or empty.
        let Ok(mut acts) = ACTS.try_lock() else {
            return;
        };
        let registered = std::mem::take(&mut acts.acts);
        drop(acts);
        for (_, mut act) in registered.into_iter().rev() {
            act();
        }
        print(panic);
        // There is nobody left to tell if stderr is closed.
        let _ = writeln!(std::io::stderr(), "{SENTENCE}");
        #[expect(clippy::exit, reason = "nothing can go on after a panic")]
        process::exit(exit::BUG);
    }));
}

const SENTENCE: &str = "error: argo-assistant stops because of a mistake of its own; argocd was ended too.\n\
    Please report the lines above with the output of `argo-assistant bugreport`.";
