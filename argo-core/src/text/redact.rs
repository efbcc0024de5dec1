//! Credentials in messages of the cluster, of registries, of git and of Argo CD.
//!
//! The kubelet writes the image reference and the registry's answer into its events as they
//! are, Argo CD quotes the URL of a repository, an admission webhook the object that it
//! refuses. Every text that is not a container's own output passes [`redacted`] before it is
//! shown.
//!
//! # Theory of operation
//!
//! Each rule reads the whole text and names the ranges to be cut; ranges that touch become
//! one mark. The order of the rules therefore does not matter, and a text without
//! credentials is returned as it is. The rules know *places* (before the `@` of a URL, after
//! `password=`, after `Bearer`), *shapes* (`AKIA…`, `ghp_…`, a JWT, a PEM block) and, where a
//! place is not certain, whether the word there reads like anything that Kubernetes or a
//! person writes (`is_ordinary`). Behind the name of a secret the look does not matter: any
//! word is one that does not say something about it (`prose`), as in `token: expired`.
//!
//! # Limits
//!
//! A secret without a name beside it, in no known place and of no known shape is not found.

use std::{borrow::Cow, ops::Range};

mod assignment;
mod lines;
mod neighbour;
mod ordinary;
mod pem;
mod prose;
mod quoted;
mod secret_name;
mod shape;
mod url;
mod words;

pub use lines::Lines;

use words::Word;

/// The mark in the place of a credential that was cut.
pub const MARK: &str = "***";

/// The ranges of a text that hold credentials, in any order.
type Cuts = Vec<Range<usize>>;

/// Rules for the text as a whole.
const TEXT_RULES: [fn(&str, &mut Cuts); 5] = [
    pem::blocks,
    quoted::manifests,
    quoted::refused_values,
    quoted::rate_limit_account,
    assignment::values,
];

/// Rules for the words of the text.
const WORD_RULES: [fn(&str, &[Word<'_>], &mut Cuts); 6] = [
    url::users,
    url::queries,
    url::bare_users,
    neighbour::words_after_labels,
    shape::tokens,
    shape::aws_secrets,
];

/// Returns the text with every credential replaced by `***`.
pub fn redacted(text: &str) -> Cow<'_, str> {
    let mut cuts = Cuts::new();
    for rule in TEXT_RULES {
        rule(text, &mut cuts);
    }
    let words = words::words(text);
    for rule in WORD_RULES {
        rule(text, &words, &mut cuts);
    }
    cuts.retain(|cut| !cut.is_empty() && !is_mark(&text[cut.clone()]));
    if cuts.is_empty() {
        return Cow::Borrowed(text);
    }
    cuts.sort_by_key(|cut| cut.start);
    Cow::Owned(without(text, &cuts))
}

/// True if nothing but the mark of an earlier pass and punctuation behind it is left to cut.
fn is_mark(cut: &str) -> bool {
    let rest = cut.strip_prefix(MARK);
    rest.is_some_and(|rest| !rest.contains(char::is_alphanumeric))
}

fn without(text: &str, cuts: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for cut in cuts {
        // Ranges that overlap or touch share the mark of the first one.
        if cut.start > copied || copied == 0 {
            out.push_str(&text[copied..cut.start]);
            out.push_str(MARK);
        }
        copied = copied.max(cut.end);
    }
    out.push_str(&text[copied..]);
    out
}

#[cfg(test)]
mod forms;
#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
