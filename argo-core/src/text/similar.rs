//! Messages that differ only in generated names or numbers.

/// Prefix that client-go's correlator puts before a message after ten similar ones
/// (`tools/record/events_cache.go`).
const COMBINED: &str = "(combined from similar events): ";

/// The mark in the place of a part that differs from one occurrence to the next.
const MARK: char = '*';

/// Returns the message without the prefix of combined events.
pub fn without_prefix(message: &str) -> &str {
    message.strip_prefix(COMBINED).unwrap_or(message)
}

/// Replaces the parts that differ at each attempt by `*`: the random end of a generated name,
/// uids, and the local port of a connection. Numbers stay.
///
/// A ReplicaSet over its quota tries with a new pod name each time and writes nine
/// events in 1.5 s before client-go combines them.
pub fn normalised(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = without_prefix(message);
    while !rest.is_empty() {
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        push_word(&mut out, word, after);
        let next = after.find(is_name).unwrap_or(after.len());
        out.push_str(&after[..next]);
        rest = &after[next..];
    }
    out
}

/// Replaces numbers, uids and every generated part of a name by `*`, so that two
/// occurrences of one cause read alike.
pub fn without_numbers(message: &str) -> String {
    let message = normalised(message);
    let mut out = String::with_capacity(message.len());
    for part in message.split_inclusive(is_separator) {
        let bare = part.trim_end_matches(is_separator);
        if is_number(bare) || is_generated(bare) {
            out.push(MARK);
            out.push_str(&part[bare.len()..]);
        } else {
            out.push_str(part);
        }
    }
    out
}

fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '/' | ':' | '"' | '.' | '(' | ')' | ',')
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn push_word(out: &mut String, word: &str, after: &str) {
    let local_port = after.starts_with('>') && word.ends_with('-');
    if is_uid(word) || (local_port && is_number(word.trim_end_matches('-'))) {
        out.push(MARK);
    } else if let Some(stem) = without_random_end(word) {
        out.push_str(stem);
        out.push(MARK);
    } else {
        out.push_str(word);
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// True for a uid of Kubernetes: 36 characters, five groups of hexadecimal digits.
pub(crate) fn is_uid(word: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    word.len() == 36
        && word.split('-').map(str::len).eq(lengths)
        && word.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// The alphabet of generated names: no vowels, and no digit that looks like one
/// (apimachinery `pkg/util/rand/rand.go`, `alphanums`).
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// True for the parts that Kubernetes generates: five characters at the end of a pod's
/// name, eight to ten in that of a ReplicaSet. The longer ones have a digit: a word
/// without vowels is a word.
pub(crate) fn is_generated(part: &str) -> bool {
    let is_length = matches!(part.len(), 5 | 8..=10);
    let has_digit = part.bytes().any(|b| b.is_ascii_digit());
    is_length && part.bytes().all(|b| ALPHABET.contains(&b)) && (part.len() == 5 || has_digit)
}

fn without_random_end(word: &str) -> Option<&str> {
    let (stem, end) = word.split_at_checked(word.len().checked_sub(5)?)?;
    let random = end.bytes().all(|b| ALPHABET.contains(&b));
    (random && stem.ends_with('-') && stem.len() > 1).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_each_attempt_are_replaced() {
        for (message, expected) in [
            (
                "(combined from similar events): Error creating: pods \"over-quota-6b4964b489-sthz5\" is forbidden",
                "Error creating: pods \"over-quota-6b4964b489-*\" is forbidden",
            ),
            (
                "Back-off restarting failed container c in pod restarts_s15(5cdffe8c-b109-49fd-914e-062459b13781)",
                "Back-off restarting failed container c in pod restarts_s15(*)",
            ),
            (
                "read udp 10.77.0.1:54710->10.255.255.53:53: i/o timeout",
                "read udp 10.77.0.1:*>10.255.255.53:53: i/o timeout",
            ),
            ("0/3 nodes are available", "0/3 nodes are available"),
            ("pods \"web-0\" is forbidden", "pods \"web-0\" is forbidden"),
            ("Größe: é-bcdfg", "Größe: é-bcdfg"),
            ("", ""),
        ] {
            assert_eq!(normalised(message), expected);
        }
    }

    #[test]
    fn numbers_of_each_occurrence_are_replaced() {
        for (message, expected) in [
            (
                "(combined from similar events): pods \"web-6b4964b489-thz52\" is forbidden",
                "pods \"web-*-*\" is forbidden",
            ),
            ("0/3 nodes are available", "*/* nodes are available"),
            ("exit code 137, ssh refused", "exit code *, ssh refused"),
            ("pod p(5cdffe8c-b109-49fd-914e-062459b13781)", "pod p(*)"),
            ("used: pods=2", "used: pods=2"),
            ("two  spaces", "two  spaces"),
            ("Größe: 3 é", "Größe: * é"),
        ] {
            assert_eq!(without_numbers(message), expected);
        }
    }
}
