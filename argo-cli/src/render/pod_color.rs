//! A colour for each pod in a terminal, the same in every run.

use anstyle::{AnsiColor, Style};

/// Colours of a terminal's palette that can be read on light and on dark, without red, which is
/// for errors.
const PALETTE: [AnsiColor; 10] = [
    AnsiColor::Green,
    AnsiColor::Yellow,
    AnsiColor::Blue,
    AnsiColor::Magenta,
    AnsiColor::Cyan,
    AnsiColor::BrightGreen,
    AnsiColor::BrightYellow,
    AnsiColor::BrightBlue,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightCyan,
];

/// Returns the colour of a pod, chosen by its name.
pub(super) fn style(pod: &str) -> Style {
    let sum = pod.bytes().fold(7_usize, |sum, byte| {
        sum.wrapping_mul(31) ^ usize::from(byte)
    });
    PALETTE[sum % PALETTE.len()].on_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_keeps_its_colour_and_pods_differ() {
        assert_eq!(style("web-1"), style("web-1"));
        let mut seen = Vec::new();
        for pod in 0..40 {
            let style = style(&format!("web-6d4cf56db-{pod}"));
            if !seen.contains(&style) {
                seen.push(style);
            }
        }
        assert!(seen.len() >= 6, "{}", seen.len());
    }
}
