//! The kinds of pull errors, told apart by the error's own words.
//!
//! Texts: containerd `core/remotes/docker`, CRI-O `containers/image`, docker
//! `registry/client`, kubernetes `pkg/kubelet/images`; recordings 02, 10. Names of images,
//! digests, URLs and paths stand in the middle of such texts, and may say anything
//! (`shop/access-denied:404`): they are cut out first.

/// The kinds of pull errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PullError {
    /// The registry says that there is no such image.
    NotFound,
    /// The registry says that the credentials do not do.
    Unauthorised,
    /// Docker Hub does not say which of the two.
    NotFoundOrUnauthorised,
    /// The image does not exist for this processor.
    Platform,
    /// The registry allows no more pulls for now.
    RateLimited,
    /// The registry cannot be reached, or fails.
    Unreachable,
    /// The node's proxy refuses the connection or cannot be reached.
    Proxy,
    /// The node and the registry cannot agree on TLS, or the certificate is not trusted.
    Tls,
    /// The node has no disk space left.
    DiskFull,
    /// Something stopped the pull: a restart of the runtime, a timeout of its own.
    Cancelled,
    /// The downloaded content differs from the content that the manifest announced.
    Damaged,
    /// The message has none of the known words.
    Other,
}

/// Words by kind, the surest first: the troubles of the node, then those of the network, then
/// the answers of the registry (`no such host` is no missing image).
const WORDS: [(PullError, &[&str]); 11] = [
    (
        PullError::DiskFull,
        &[
            "no space left on device",
            "disk quota exceeded",
            "not enough disk space",
        ],
    ),
    (
        PullError::Proxy,
        &[
            "proxyconnect",
            "proxy authentication required",
            "socks connect",
        ],
    ),
    (
        PullError::Tls,
        &[
            "x509",
            "tls handshake failure",
            "remote error: tls",
            "tls: ",
            "server gave http response to https client",
            "certificate signed by unknown authority",
            "certificate has expired",
        ],
    ),
    (
        PullError::RateLimited,
        &[
            "toomanyrequests",
            "too many requests",
            "pull rate limit",
            "rate exceeded",
        ],
    ),
    (
        PullError::Damaged,
        &[
            "unexpected commit digest",
            "failed size validation",
            "digest mismatch",
            "does not match digest",
            "invalid checksum",
        ],
    ),
    (
        PullError::Unreachable,
        &[
            "dial tcp",
            "i/o timeout",
            "connection refused",
            "connection reset",
            "connection timed out",
            "no such host",
            "no route to host",
            "network is unreachable",
            "tls handshake timeout",
            "deadline exceeded",
            "client.timeout exceeded",
            "broken pipe",
            "eof",
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway timeout",
            "gateway time-out",
        ],
    ),
    (
        PullError::Cancelled,
        &[
            "context canceled",
            "context cancelled",
            "operation was canceled",
            "pull canceled",
        ],
    ),
    (
        PullError::NotFoundOrUnauthorised,
        &[
            "pull access denied",
            "may require authorization",
            "may require 'docker login'",
            "repository does not exist or",
        ],
    ),
    (
        PullError::Platform,
        &[
            "no match for platform",
            "does not match the specified platform",
            "no matching manifest",
            "cannot be used on this platform",
            "no image found in image index",
            "no image found in manifest list",
        ],
    ),
    (
        PullError::Unauthorised,
        &[
            "unauthorized",
            "forbidden",
            "authentication required",
            "authorization failed",
            "no basic auth credentials",
            "invalid username/password",
            "access denied",
            "denied",
            "insufficient_scope",
        ],
    ),
    (
        PullError::NotFound,
        &[
            "not found",
            "manifest unknown",
            "manifest_unknown",
            "name unknown",
            "name_unknown",
            "no such image",
        ],
    ),
];

impl PullError {
    /// Reads a message about `image`.
    pub(super) fn of(message: &str, image: &str) -> Self {
        let words = own_words(message, image);
        if words.contains("tls handshake timeout") {
            return Self::Unreachable;
        }
        let says = |texts: &[&str]| texts.iter().any(|text| has_phrase(&words, text));
        let named = WORDS.iter().find(|(_, texts)| says(texts));
        match named {
            Some((kind, _)) => *kind,
            None => Self::of_status(&words),
        }
    }

    /// Reads the HTTP status, where the text around it says that it is one.
    fn of_status(words: &str) -> Self {
        let words: Vec<&str> = words
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let is_announced = |at: &usize| {
            let before = words[at.saturating_sub(2)..*at].iter();
            before
                .copied()
                .any(|word| matches!(word, "status" | "code" | "statuscode" | "http" | "registry"))
        };
        let is_code = |word: &str| word.len() == 3 && word.starts_with(['4', '5']);
        let found = (1..words.len()).find(|at| is_code(words[*at]) && is_announced(at));
        match found.map(|at| words[at]) {
            Some("401" | "403") => Self::Unauthorised,
            Some("404") => Self::NotFound,
            Some("407") => Self::Proxy,
            Some("429") => Self::RateLimited,
            Some(code) if code.starts_with('5') => Self::Unreachable,
            _ => Self::Other,
        }
    }

    /// True if trying again helps nothing.
    pub(super) fn is_final(self) -> bool {
        matches!(
            self,
            Self::NotFound | Self::Unauthorised | Self::NotFoundOrUnauthorised | Self::Platform
        )
    }
}

/// Returns the message in lower case without the names in it.
pub(super) fn own_words(message: &str, image: &str) -> String {
    let message = message.to_ascii_lowercase();
    let message = if image.is_empty() {
        message
    } else {
        message.replace(&format!("\"{}\"", image.to_ascii_lowercase()), " ")
    };
    let mut kept: Vec<&str> = Vec::new();
    for word in message.split([' ', '\n', '\t', '"', '(', ')', '{', '}', '[', ']']) {
        let follows_name = matches!(
            kept.last(),
            Some(&("image" | "reference" | "for" | "repository"))
        );
        let bare = word.trim_end_matches([':', ',', '.', ';']);
        let is_own = follows_name && bare == image.to_ascii_lowercase();
        if !word.is_empty() && !is_own && !is_name(bare) {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// True for a reference, a digest, a URL, a path, or a host with a port. `i/o` is a word.
fn is_name(word: &str) -> bool {
    let is_word = matches!(word, "i/o" | "username/password");
    let is_tagged = word
        .split_once(':')
        .is_some_and(|(name, tag)| !name.is_empty() && !tag.is_empty());
    !is_word && (word.contains(['/', '@']) || is_tagged)
}

/// True if the phrase stands alone: `denied` is not in `access-denied`, `eof` not in `geof`.
fn has_phrase(text: &str, phrase: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    text.match_indices(phrase).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + phrase.len()..].chars().next();
        let ends = !phrase.ends_with(is_part) || !after.is_some_and(is_part);
        ends && !before.is_some_and(is_part)
    })
}

#[cfg(test)]
#[path = "pull_error_tests.rs"]
mod tests;
