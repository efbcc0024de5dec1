//! Private keys in PEM, on lines of their own, joined by spaces or by escaped line breaks.

use super::{Cuts, words::words};

const BEGIN: &str = "-BEGIN ";
const END: &str = "-END ";

/// Cuts the body of private keys. One whose beginning or end is missing (messages are cut to
/// a length at either side) is cut up to there.
pub(super) fn blocks(text: &str, cuts: &mut Cuts) {
    let mut rest = 0;
    while let Some(label) = text[rest..].find(BEGIN).map(|at| rest + at + BEGIN.len()) {
        let body = label + label_len(&text[label..]);
        rest = body;
        if is_private(&text[label..body]) {
            let end = text[body..].find(END).map_or(text.len(), |at| body + at);
            cuts.push(body..trim_dashes(text, end));
            rest = end;
        }
    }
    if let Some(end) = end_without_beginning(text) {
        cuts.push(tail_of_key(text, end)..trim_dashes(text, end));
    }
}

/// True if a private key goes on behind a line, given whether one went on before it.
pub(super) fn is_open(line: &str, was_open: bool) -> bool {
    let begins = line.rfind(BEGIN).filter(|at| {
        let label = &line[at + BEGIN.len()..];
        is_private(&label[..label_len(label)])
    });
    match (begins, line.rfind(END)) {
        (Some(begins), Some(ends)) => begins > ends,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => was_open,
    }
}

/// Returns the place of the mark that ends a private key, with its dashes.
pub(super) fn end_mark(line: &str) -> Option<usize> {
    line.find(END).map(|at| trim_dashes(line, at))
}

/// Returns the bytes of `RSA PRIVATE KEY-----`.
fn label_len(text: &str) -> usize {
    let name = text.find('-').unwrap_or(text.len());
    let dashes = text[name..].find(|c| c != '-');
    name + dashes.unwrap_or(text.len() - name)
}

fn is_private(label: &str) -> bool {
    label.contains("PRIVATE KEY") || label.contains("SECRET KEY")
}

fn trim_dashes(text: &str, end: usize) -> usize {
    text[..end].trim_end_matches('-').len()
}

fn end_without_beginning(text: &str) -> Option<usize> {
    let mut from = 0;
    for (end, _) in text.match_indices(END) {
        let label = end + END.len();
        let is_key = is_private(&text[label..label + label_len(&text[label..])]);
        if is_key && !text[from..end].contains(BEGIN) {
            return Some(end);
        }
        from = label;
    }
    None
}

/// The fewest bytes of a line of a key, except the last one.
const SHORTEST: usize = 16;

/// True if a line may be one of a key.
pub(super) fn is_base64(line: &str) -> bool {
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    line.len() >= SHORTEST && line.bytes().all(is_digit)
}

/// Returns the start of the lines of base64 before the end mark. Only the last of them may be
/// short.
fn tail_of_key(text: &str, end: usize) -> usize {
    let before = &text[..trim_dashes(text, end)];
    let mut start = before.len();
    for (number, (at, word)) in words(before).into_iter().rev().enumerate() {
        let is_base64 = word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        if !is_base64 || (number > 0 && word.len() < SHORTEST) {
            break;
        }
        start = at;
    }
    start
}
