//! The variables that settings come from.

/// A source of settings: the environment, or a table in a test.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;
