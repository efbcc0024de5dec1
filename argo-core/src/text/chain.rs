//! Errors with their causes.

use std::error::Error;

use super::redacted;

/// Returns an error and its causes in one line, without credentials.
///
/// A cause that the text already contains is left out: some errors print their source
/// themselves. Of an error of several lines (a parser shows the place) only the first
/// line is kept.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = first_line(error);
    for cause in std::iter::successors(error.source(), |&error| error.source()) {
        let cause = first_line(cause);
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    redacted(&text).into_owned()
}

fn first_line(error: &dyn Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (text, causes) = texts.split_first().unwrap();
        let source = (!causes.is_empty()).then(|| Box::new(layers(causes)));
        Layer { text, source }
    }

    #[test]
    fn each_cause_is_named_once() {
        for (texts, expected) in [
            (
                &["cannot connect", "no route"][..],
                "cannot connect: no route",
            ),
            (
                &["cannot connect: no route", "no route"],
                "cannot connect: no route",
            ),
            (&["bad file", "line 3 \n  |\n3 | x"], "bad file: line 3"),
            (
                &["cannot connect", "proxy http://ci:pa55word@proxy refused"],
                "cannot connect: proxy http://***@proxy refused",
            ),
        ] {
            assert_eq!(chain(&layers(texts)), expected);
        }
    }
}
