//! Lines of stack traces, which would push the exception out of the last lines.

/// Frames of one stack that are kept.
pub(super) const KEPT: usize = 2;

/// True if a line is a frame of a stack. `after_frame` is true if the line before it was one:
/// Go writes the function of a frame on a line of its own.
pub(super) fn is_frame(line: &[u8], after_frame: bool) -> bool {
    match line.first() {
        Some(b' ' | b'\t') => is_indented_frame(line.trim_ascii()),
        Some(b'g') => is_goroutine(line),
        None => after_frame,
        Some(_) => after_frame && is_function(line.trim_ascii_end()),
    }
}

/// `at a.B.c(B.java:1)` and `... 3 more` (Java, JavaScript, .NET, Rust), `from a.rb:1:in` (Ruby),
/// `/src/main.go:12 +0x1d` (Go), `12: core::panicking::panic` (Rust), `#0 /a.php(12)` (PHP).
fn is_indented_frame(line: &[u8]) -> bool {
    let begins = [&b"at "[..], b"... ", b"from ", b"/", b"#"];
    let is_numbered = || {
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        digits > 0 && line[digits..].starts_with(b": ")
    };
    begins.iter().any(|begin| line.starts_with(begin)) || is_numbered()
}

/// `goroutine 1 [running]:`
fn is_goroutine(line: &[u8]) -> bool {
    line.starts_with(b"goroutine ") && line.trim_ascii_end().ends_with(b"]:")
}

/// `main.(*Shop).Open(0xc0000140a8)`, `created by main.start in goroutine 1`
fn is_function(line: &[u8]) -> bool {
    let is_call = line.ends_with(b")") && line.contains(&b'(') && line.contains(&b'.');
    (is_call && !line.contains(&b' ')) || line.starts_with(b"created by ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_many_languages_are_known() {
        let frames = [
            "\tat com.shop.Main.main(Main.java:12)",
            "\t... 14 more",
            "    at Object.<anonymous> (/app/index.js:3:9)",
            "\tfrom /app/shop.rb:12:in `open'",
            "\t/src/main.go:12 +0x1d",
            "goroutine 1 [running]:",
            "   3: core::panicking::panic_fmt",
        ];
        for frame in frames {
            assert!(is_frame(frame.as_bytes(), false), "{frame}");
        }
        for line in ["main.main()", "", "created by main.start in goroutine 1"] {
            assert!(is_frame(line.as_bytes(), true), "{line}");
            assert!(!is_frame(line.as_bytes(), false), "{line}");
        }
        let others = [
            "Caused by: java.net.ConnectException: refused (db:5432)",
            "KeyError: 'DB_HOST'",
            "  missing: DB_HOST",
            "giving up after 3 tries (see above)",
        ];
        for line in others {
            assert!(!is_frame(line.as_bytes(), true), "{line}");
        }
    }
}
