//! Messages that say the same of something with a name of its own each time.

/// What the correlator of client-go puts before the message once it has seen ten similar
/// ones (`tools/record/events_cache.go`).
const COMBINED: &str = "(combined from similar events): ";

/// The message without the prefix of combined events.
pub(crate) fn without_prefix(message: &str) -> &str {
    message.strip_prefix(COMBINED).unwrap_or(message)
}

/// The message with what differs at each attempt replaced by `*`: the random end of a
/// generated name, uids, and the local port of a connection.
///
/// A ReplicaSet over its quota tries with a new pod name each time and writes nine
/// events in 1.5 s before client-go combines them (recordings `11-owner-events`).
pub(crate) fn normalised(message: &str) -> String {
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

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn push_word(out: &mut String, word: &str, after: &str) {
    let local_port = after.starts_with(">") && word.ends_with('-');
    let digits = word.trim_end_matches('-');
    if is_uid(word) || (local_port && digits.bytes().all(|b| b.is_ascii_digit())) {
        out.push('*');
    } else if let Some(stem) = without_random_end(word) {
        out.push_str(stem);
        out.push('*');
    } else {
        out.push_str(word);
    }
}

fn is_uid(word: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    word.len() == 36
        && word.split('-').map(str::len).eq(lengths)
        && word.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Names are generated with five of these characters (apimachinery
/// `pkg/util/rand/rand.go`, `alphanums`).
const RANDOM: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

fn without_random_end(word: &str) -> Option<&str> {
    let (stem, end) = word.split_at_checked(word.len().checked_sub(5)?)?;
    let random = end.bytes().all(|b| RANDOM.contains(&b));
    (random && stem.ends_with('-') && stem.len() > 1).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_at_each_attempt_is_left_out() {
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
}
