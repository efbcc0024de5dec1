//! The `LOG_*` settings: the look of the output, with the meanings of logrus' text formatter.

use argo_core::Level;
use jiff::tz::TimeZone;

use crate::{
    args::{Timestamps, ViewArgs},
    golayout::Layout,
    lookup::Lookup,
    view::{Choice, OutputFlag, Surroundings, View, choose},
};

/// Text for people or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line per record.
    Text,
    /// One JSON object per line.
    Json,
}

/// The look of the output.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Text for people or JSON for programs, as the form of the output has it.
    pub format: Format,
    /// The form of the output.
    pub view: View,
    /// `LOG_LEVEL`: more verbose records are left out. Default info.
    pub level: Level,
    /// `LOG_FULL_TIMESTAMP`: true for the time, false for the seconds since the start. Default
    /// true.
    pub full_timestamp: bool,
    /// `LOG_TIMESTAMP_FORMAT`: a Go layout. Default `2006-01-02 15:04:05`.
    pub layout: Layout,
    /// `LOG_DISABLE_LEVEL_TRUNCATION`: true for `WARNING` instead of `WARN`. Default false.
    pub whole_levels: bool,
    /// `LOG_PAD_LEVEL_TEXT`: true to pad levels to the widest. Default false.
    pub pad_levels: bool,
    /// True for colours: `LOG_FORCE_COLORS`, `LOG_DISABLE_COLORS`, `NO_COLOR`, the terminal.
    pub colors: bool,
    /// The time zone of the output.
    pub zone: TimeZone,
    /// True if lines begin with a time.
    pub has_stamps: bool,
    /// The most lines of the verdict.
    pub verdict_lines: Option<usize>,
    /// Columns of the terminal on which the verdict is read, if it is one.
    pub columns: Option<usize>,
}

impl Settings {
    /// Reads the settings, and returns a warning for each value that is not accepted. Other
    /// programs read `LOG_*` variables too, so a foreign value does not keep the program from
    /// starting: the default takes its place.
    pub fn read(lookup: Lookup<'_>, choice: Choice) -> (Self, Vec<String>) {
        let mut reader = Reader {
            lookup,
            warnings: Vec::new(),
        };
        let settings = Self {
            format: reader.format(choice.view),
            view: choice.view,
            level: reader.level(),
            full_timestamp: reader.boolean("LOG_FULL_TIMESTAMP", true),
            layout: reader.layout(),
            whole_levels: reader.boolean("LOG_DISABLE_LEVEL_TRUNCATION", false),
            pad_levels: reader.boolean("LOG_PAD_LEVEL_TEXT", false),
            colors: reader.colors(choice.shows_colors),
            zone: TimeZone::system(),
            has_stamps: true,
            verdict_lines: None,
            columns: None,
        };
        (settings, reader.warnings)
    }

    /// Reads the settings of a run whose output goes to a pipe, without flags.
    pub fn of_pipe(lookup: Lookup<'_>) -> (Self, Vec<String>) {
        let around = Surroundings {
            flag: OutputFlag::Auto,
            variables: lookup,
            stdout: false,
            stderr: false,
            columns: None,
        };
        Self::read(lookup, choose(&around))
    }

    /// Reads the settings of a run in UTC whose environment is these variables.
    #[cfg(test)]
    pub(crate) fn of_pairs(pairs: &[(&str, &str)]) -> Self {
        let lookup = |name: &str| {
            let found = pairs.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let mut settings = Self::of_pipe(&lookup).0;
        settings.zone = TimeZone::UTC;
        settings
    }

    /// Applies the flags about the look of the output.
    #[must_use]
    pub fn with(mut self, flags: &ViewArgs) -> Self {
        match flags.timestamps {
            None => {}
            Some(Timestamps::None) => self.has_stamps = false,
            Some(Timestamps::Relative) => self.full_timestamp = false,
            Some(Timestamps::Local) => self.full_timestamp = true,
            Some(Timestamps::Utc) => {
                self.full_timestamp = true;
                self.zone = TimeZone::UTC;
            }
        }
        self.verdict_lines = flags.budget.map(|lines| lines as usize);
        self
    }

    /// Takes over the columns of the terminal of stdout, if it is one. Logs of CI systems have none,
    /// even if their jobs get a terminal.
    pub fn fit(&mut self, columns: Option<u16>) {
        let is_for_people = matches!(self.view, View::Text | View::Terminal);
        self.columns = columns.filter(|_| is_for_people).map(usize::from);
    }

    /// Returns the level as written in a line: `INFO`, `WARN`, `ERRO`, or in full if set so.
    pub fn level_text(&self, level: Level) -> String {
        let name = level.name().to_ascii_uppercase();
        let shown = if self.whole_levels {
            name.as_str()
        } else {
            &name[..4]
        };
        if self.pad_levels && self.whole_levels {
            format!("{shown:<7}")
        } else {
            shown.to_owned()
        }
    }
}

/// Reads one variable after the other and collects the warnings.
struct Reader<'a> {
    lookup: Lookup<'a>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    /// Returns the value of a variable that is neither unset nor blank.
    fn value(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?.trim().to_owned();
        Some(value).filter(|value| !value.is_empty())
    }

    /// Returns the parsed value, or the default, with a warning if `parse` does not know the value.
    fn parsed<T>(
        &mut self,
        name: &str,
        accepted: &str,
        default: (T, &str),
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(value) = self.value(name) else {
            return default.0;
        };
        parse(&value).unwrap_or_else(|| {
            self.warnings.push(format!(
                "{name} is {value:?}, which is not {accepted}; using {}",
                default.1
            ));
            default.0
        })
    }

    /// Returns the format of a form; a foreign `LOG_FORMAT` is one warning.
    fn format(&mut self, view: View) -> Format {
        self.parsed(
            "LOG_FORMAT",
            "text or json",
            (Format::Text, "text"),
            |value| match value.to_ascii_lowercase().as_str() {
                "text" => Some(Format::Text),
                "json" => Some(Format::Json),
                _ => None,
            },
        );
        match view {
            View::Json => Format::Json,
            _ => Format::Text,
        }
    }

    fn level(&mut self) -> Level {
        self.parsed(
            "LOG_LEVEL",
            "error, warn, info, debug or trace",
            (Level::Info, "info"),
            |value| value.parse().ok(),
        )
    }

    fn layout(&mut self) -> Layout {
        self.parsed(
            "LOG_TIMESTAMP_FORMAT",
            "a Go time layout such as 2006-01-02T15:04:05Z07:00 or RFC3339",
            (Layout::default(), "DateTime"),
            Layout::parse,
        )
    }

    /// Accepts the spellings of Go's `strconv.ParseBool`, in any case.
    fn boolean(&mut self, name: &str, default: bool) -> bool {
        let shown = if default { "true" } else { "false" };
        self.parsed(name, "true or false", (default, shown), |value| match value
            .to_ascii_lowercase()
            .as_str()
        {
            "1" | "t" | "true" => Some(true),
            "0" | "f" | "false" => Some(false),
            _ => None,
        })
    }

    /// True if the output has colours. `LOG_DISABLE_COLORS` beats `LOG_FORCE_COLORS`, which
    /// beats `NO_COLOR`, which beats the reader.
    fn colors(&mut self, shows_colors: bool) -> bool {
        let disabled = self.boolean("LOG_DISABLE_COLORS", false);
        let forced = self.boolean("LOG_FORCE_COLORS", false);
        let no_color = self.value("NO_COLOR").is_some();
        !disabled && (forced || (shows_colors && !no_color))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], terminal: bool) -> (Settings, Vec<String>) {
        let lookup = |name: &str| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let around = Surroundings {
            flag: OutputFlag::Auto,
            variables: &lookup,
            stdout: terminal,
            stderr: terminal,
            columns: None,
        };
        Settings::read(&lookup, choose(&around))
    }

    #[test]
    fn a_foreign_value_is_one_warning_and_then_the_default() {
        let boolean = "which is not true or false; using";
        for (name, value, wanted) in [
            (
                "LOG_FORMAT",
                "logfmt",
                "LOG_FORMAT is \"logfmt\", which is not text or json; using text".to_owned(),
            ),
            (
                "LOG_LEVEL",
                "notice",
                "LOG_LEVEL is \"notice\", which is not error, warn, info, debug or trace; using info"
                    .to_owned(),
            ),
            (
                "LOG_TIMESTAMP_FORMAT",
                "%H:%M",
                "LOG_TIMESTAMP_FORMAT is \"%H:%M\", which is not a Go time layout such as \
                 2006-01-02T15:04:05Z07:00 or RFC3339; using DateTime"
                    .to_owned(),
            ),
            (
                "LOG_FULL_TIMESTAMP",
                "on",
                format!("LOG_FULL_TIMESTAMP is \"on\", {boolean} true"),
            ),
            (
                "LOG_DISABLE_COLORS",
                "ja",
                format!("LOG_DISABLE_COLORS is \"ja\", {boolean} false"),
            ),
            (
                "LOG_FORCE_COLORS",
                "2",
                format!("LOG_FORCE_COLORS is \"2\", {boolean} false"),
            ),
            (
                "LOG_DISABLE_LEVEL_TRUNCATION",
                "x",
                format!("LOG_DISABLE_LEVEL_TRUNCATION is \"x\", {boolean} false"),
            ),
            (
                "LOG_PAD_LEVEL_TEXT",
                "x",
                format!("LOG_PAD_LEVEL_TEXT is \"x\", {boolean} false"),
            ),
        ] {
            let (settings, warnings) = read(&[(name, value)], false);
            assert_eq!(warnings, [wanted]);
            let (defaults, none) = read(&[], false);
            assert!(none.is_empty());
            let shown = |mut settings: Settings| {
                settings.zone = TimeZone::UTC;
                format!("{settings:?}")
            };
            assert_eq!(shown(settings), shown(defaults), "{name}");
        }
    }

    #[test]
    fn values_are_read_without_regard_to_case_and_blanks() {
        for (name, value) in [
            ("LOG_FORMAT", "JSON"),
            ("LOG_LEVEL", "WARNING"),
            ("LOG_LEVEL", " Info "),
            ("LOG_TIMESTAMP_FORMAT", "rfc3339"),
            ("LOG_DISABLE_COLORS", "TrUe"),
            ("LOG_FULL_TIMESTAMP", "F"),
            ("LOG_LEVEL", ""),
            ("LOG_FORMAT", "  "),
        ] {
            let (_, warnings) = read(&[(name, value)], false);
            assert!(warnings.is_empty(), "{name}={value}: {warnings:?}");
        }
        let pairs = [("LOG_FORMAT", "Json"), ("LOG_LEVEL", "DEBUG")];
        let (settings, _) = read(&pairs, false);
        assert_eq!(
            (settings.format, settings.level),
            (Format::Json, Level::Debug)
        );
    }

    #[test]
    fn levels_are_four_letters_unless_told() {
        let level = |pairs: &[_], level| read(pairs, false).0.level_text(level);
        assert_eq!(level(&[], Level::Warning), "WARN");
        assert_eq!(level(&[], Level::Error), "ERRO");
        let whole = ("LOG_DISABLE_LEVEL_TRUNCATION", "true");
        assert_eq!(level(&[whole], Level::Warning), "WARNING");
        assert_eq!(
            level(&[whole, ("LOG_PAD_LEVEL_TEXT", "1")], Level::Info),
            "INFO   "
        );
    }

    #[test]
    fn colours_only_on_a_terminal_or_when_forced() {
        let colors = |pairs: &[_], terminal| read(pairs, terminal).0.colors;
        assert!(colors(&[], true) && !colors(&[], false));
        assert!(colors(&[("LOG_FORCE_COLORS", "true")], false));
        assert!(!colors(&[("NO_COLOR", "1")], true));
        assert!(!colors(
            &[("LOG_FORCE_COLORS", "true"), ("LOG_DISABLE_COLORS", "true")],
            true
        ));
        assert!(!colors(&[("TERM", "dumb")], true));
    }
}
