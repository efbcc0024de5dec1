//! Known mistakes, to be switched on in tests: the model has to notice each.

/// One mistake that other followers make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Mutant {
    /// The resume time is handed on as it is, and kube rounds it to the nearest second.
    NoFloor,
    /// A resume begins in the second of the newest line.
    NoSlack,
    /// A line that came again is left out however often it comes.
    Set,
    /// After a resume everything up to the newest time counts as shown.
    LastTime,
    /// A response that ended cleanly was all.
    EofIsDone,
}

#[cfg(test)]
thread_local! {
    static ON: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Switches one on, or all off, for this thread.
#[cfg(test)]
pub(crate) fn set(mutant: Option<Mutant>) {
    ON.set(mutant);
}

#[cfg(test)]
pub(crate) fn mutated(mutant: Mutant) -> bool {
    ON.get() == Some(mutant)
}

#[cfg(not(test))]
pub(crate) const fn mutated(_: Mutant) -> bool {
    false
}
