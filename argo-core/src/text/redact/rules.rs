//! The rules, and a text after all of them.

use std::borrow::Cow;

use super::{
    assignment,
    cuts::{Cuts, is_mark, without},
    neighbour, pem, quoted, shape, url,
    words::{Word, words},
};

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
    let words = words(text);
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
