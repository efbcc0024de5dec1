//! Finds the level that a program wrote into a line.

use argo_core::Level;

/// The level of a line, if it names one.
pub fn detect(_line: &[u8]) -> Option<Level> {
    None
}
