//! What ends the program before or instead of its work, in words for a person.

use std::error::Error as StdError;

use crate::exit;

/// A message, what to do about it, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// What was wrong and where; one sentence.
    pub message: String,
    /// What would be right, a line each.
    pub hints: Vec<String>,
    /// The exit code.
    pub code: i32,
}

impl Failure {
    /// Wrong use or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            code: exit::USAGE,
        }
    }

    /// Another exit code.
    #[must_use]
    pub fn code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// Something to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The text for stderr, with its newline.
    pub fn render(&self) -> String {
        let mut text = format!("error: {}\n", self.message);
        for hint in &self.hints {
            text.push_str("       ");
            text.push_str(hint);
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

/// An error with its causes, each once: some print their source themselves. Of a cause that
/// goes on for lines (a parser shows the place) the first says it.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = first_line(error);
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = first_line(cause);
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

fn first_line(error: &dyn StdError) -> String {
    let text = error.to_string();
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}
