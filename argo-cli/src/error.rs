//! Failures that end the program before it does its work, worded for the user.

use argo_core::text::{chain, redacted};

use crate::{exit, sanitize::printable};

/// A message, ways to a fix, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// One sentence that names the mistake and its place.
    pub message: String,
    /// Ways to a fix, one line each.
    pub hints: Vec<String>,
    /// The name that the user may have meant, as a sentence.
    pub suggestion: Option<String>,
    /// The exit code.
    pub code: i32,
}

impl Failure {
    /// Creates a failure for wrong use or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            suggestion: None,
            code: exit::USAGE,
        }
    }

    /// Sets the exit code.
    #[must_use]
    pub fn code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// Names what the user may have meant.
    #[must_use]
    pub fn suggestion(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// Adds a way to a fix.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the text for stderr, with its newline.
    pub fn render(&self) -> String {
        let mut text = format!("error: {}\n", printable(&redacted(&self.message)));
        for hint in self.suggestion.iter().chain(&self.hints) {
            text.push_str("       ");
            text.push_str(&printable(hint));
            text.push('\n');
        }
        text
    }
}

impl From<argo_core::client::Error> for Failure {
    fn from(error: argo_core::client::Error) -> Self {
        let hint = match &error {
            argo_core::client::Error::NoConfiguration(_) => {
                "set KUBECONFIG or pass --kubeconfig FILE"
            }
            _ => "kubectl with the same file and context should say the same",
        };
        Self::usage(chain(&error)).hint(hint)
    }
}
