//! The progress of a run around the terminal: in its title and in the task bar.

use crate::sanitize::printable;

/// The title and progress that the terminal's window shows, as far as the terminal can.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// True if the terminal shows progress in the task bar (OSC 9;4).
    has_task_bar: bool,
    /// True if the terminal has a title that it gives back afterwards (XTWINOPS 22 and 23).
    has_title: bool,
    shown: Option<usize>,
}

impl Window {
    /// Finds out what the terminal can do from its variables. A multiplexer shows neither.
    pub(super) fn new(variables: &dyn Fn(&str) -> Option<String>) -> Self {
        let is_set = |name: &str| variables(name).is_some_and(|value| !value.is_empty());
        let is = |name: &str, values: &[&str]| {
            variables(name).is_some_and(|own| values.contains(&own.as_str()))
        };
        if is_set("TMUX") || is_set("STY") {
            return Self::default();
        }
        Self {
            has_task_bar: is_set("WT_SESSION")
                || is("ConEmuANSI", &["ON"])
                || is("TERM_PROGRAM", &["ghostty", "WezTerm"]),
            has_title: is_set("XTERM_VERSION")
                || is_set("VTE_VERSION")
                || is("TERM", &["xterm-kitty", "foot", "alacritty"])
                || is("TERM_PROGRAM", &["ghostty", "WezTerm", "iTerm.app"]),
            shown: None,
        }
    }

    /// Shows how far the application is.
    pub(super) fn show(&mut self, app: &str, percent: usize, out: &mut Vec<u8>) {
        if self.shown == Some(percent) {
            return;
        }
        let is_first = self.shown.replace(percent).is_none();
        if self.has_task_bar {
            out.extend_from_slice(format!("\x1b]9;4;1;{percent}\x1b\\").as_bytes());
        }
        if self.has_title {
            let keep = if is_first { "\x1b[22;2t" } else { "" };
            let title = format!("{keep}\x1b]2;{} {percent} %\x1b\\", printable(app));
            out.extend_from_slice(title.as_bytes());
        }
    }

    /// Gives the title back and ends the progress.
    pub(super) fn clear(&mut self, out: &mut Vec<u8>) {
        if self.shown.take().is_none() {
            return;
        }
        if self.has_task_bar {
            out.extend_from_slice(b"\x1b]9;4;0\x1b\\");
        }
        if self.has_title {
            out.extend_from_slice(b"\x1b[23;2t");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(variables: &[(&str, &str)]) -> String {
        let variables = |name: &str| {
            let mut own = variables.iter().filter(|(own, _)| *own == name);
            own.next().map(|(_, value)| (*value).to_owned())
        };
        let mut window = Window::new(&variables);
        let mut out = Vec::new();
        for percent in [0, 0, 50] {
            window.show("shop\x07", percent, &mut out);
        }
        window.clear(&mut out);
        window.clear(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_a_terminal_that_gives_it_back_gets_a_title() {
        assert_eq!(played(&[]), "");
        assert_eq!(played(&[("TERM", "linux")]), "");
        assert_eq!(
            played(&[("TERM_PROGRAM", "WezTerm"), ("TMUX", "/tmp/tmux")]),
            ""
        );
        assert_eq!(
            played(&[("WT_SESSION", "1")]),
            "\x1b]9;4;1;0\x1b\\\x1b]9;4;1;50\x1b\\\x1b]9;4;0\x1b\\"
        );
        let titled = played(&[("VTE_VERSION", "7600")]);
        assert!(titled.starts_with("\x1b[22;2t\x1b]2;shop"), "{titled:?}");
        assert!(titled.ends_with(" 50 %\x1b\\\x1b[23;2t"), "{titled:?}");
        assert_eq!(titled.matches("\x1b[22;2t").count(), 1);
        assert!(!titled.contains('\x07'), "{titled:?}");
    }
}
