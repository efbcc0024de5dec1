//! The `LOG_*` settings: how the output looks, as logrus' text formatter understands them.

use std::fmt::Write as _;

use argo_core::Level;
use jiff::tz::TimeZone;

use crate::{error::Failure, golayout::Layout};

/// Text for people or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line a record.
    Text,
    /// A JSON object a line.
    Json,
}

/// How the output looks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `LOG_FORMAT`: text (default) or json.
    pub format: Format,
    /// `LOG_LEVEL`: what is more verbose is left out. Default info.
    pub level: Level,
    /// `LOG_FULL_TIMESTAMP`: the time instead of the seconds since the start. Default true.
    pub full_timestamp: bool,
    /// `LOG_TIMESTAMP_FORMAT`: a Go layout. Default `2006-01-02 15:04:05`.
    pub layout: Layout,
    /// `LOG_DISABLE_LEVEL_TRUNCATION`: `WARNING` instead of `WARN`. Default false.
    pub whole_levels: bool,
    /// `LOG_PAD_LEVEL_TEXT`: levels as wide as the widest. Default false.
    pub pad_levels: bool,
    /// Colours: `LOG_FORCE_COLORS`, `LOG_DISABLE_COLORS`, `NO_COLOR`, the terminal.
    pub colors: bool,
    /// The zone that times are written in.
    pub zone: TimeZone,
}

/// Where a setting comes from: the environment, or a table in a test.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// A value that is none of the accepted ones, with its variable and what is accepted.
    pub fn read(lookup: Lookup<'_>, is_terminal: bool) -> Result<Self, Failure> {
        Ok(Self {
            format: format(lookup)?,
            level: level(lookup)?,
            full_timestamp: boolean(lookup, "LOG_FULL_TIMESTAMP", true)?,
            layout: layout(lookup)?,
            whole_levels: boolean(lookup, "LOG_DISABLE_LEVEL_TRUNCATION", false)?,
            pad_levels: boolean(lookup, "LOG_PAD_LEVEL_TEXT", false)?,
            colors: colors(lookup, is_terminal)?,
            zone: TimeZone::system(),
        })
    }

    /// The level as it stands in a line: `INFO`, `WARN`, `ERRO`; in full where asked for.
    pub fn level_text(&self, level: Level) -> String {
        let name = level.name().to_ascii_uppercase();
        let shown = if self.whole_levels {
            name.as_str()
        } else {
            &name[..4]
        };
        match (self.pad_levels, self.whole_levels) {
            (true, true) => format!("{shown:<7}"),
            _ => shown.to_owned(),
        }
    }
}

fn value(lookup: Lookup<'_>, name: &str) -> Option<String> {
    lookup(name).filter(|value| !value.is_empty())
}

fn format(lookup: Lookup<'_>) -> Result<Format, Failure> {
    match value(lookup, "LOG_FORMAT").as_deref() {
        None | Some("text") => Ok(Format::Text),
        Some("json") => Ok(Format::Json),
        Some(other) => Err(wrong("LOG_FORMAT", other, "text or json")),
    }
}

fn level(lookup: Lookup<'_>) -> Result<Level, Failure> {
    let Some(text) = value(lookup, "LOG_LEVEL") else {
        return Ok(Level::Info);
    };
    text.parse()
        .map_err(|_| wrong("LOG_LEVEL", &text, "error, warning, info, debug or trace"))
}

fn layout(lookup: Lookup<'_>) -> Result<Layout, Failure> {
    let text = value(lookup, "LOG_TIMESTAMP_FORMAT");
    let text = text.as_deref().unwrap_or("DateTime");
    Layout::parse(text).ok_or_else(|| {
        let accepted = "a Go time layout, for example 2006-01-02T15:04:05Z07:00 or RFC3339";
        wrong("LOG_TIMESTAMP_FORMAT", text, accepted)
    })
}

/// The spellings of Go's `strconv.ParseBool`.
fn boolean(lookup: Lookup<'_>, name: &str, default: bool) -> Result<bool, Failure> {
    match value(lookup, name).as_deref() {
        None => Ok(default),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(wrong(name, other, "true or false")),
    }
}

/// Disabled beats forced, forced beats `NO_COLOR`, and that beats the terminal.
fn colors(lookup: Lookup<'_>, is_terminal: bool) -> Result<bool, Failure> {
    let disabled = boolean(lookup, "LOG_DISABLE_COLORS", false)?;
    let forced = boolean(lookup, "LOG_FORCE_COLORS", false)?;
    let no_color = value(lookup, "NO_COLOR").is_some();
    let dumb = value(lookup, "TERM").as_deref() == Some("dumb");
    Ok(!disabled && (forced || (is_terminal && !no_color && !dumb)))
}

fn wrong(name: &str, value: &str, accepted: &str) -> Failure {
    let mut message = String::new();
    let written = write!(message, "{name} is {value:?}; use {accepted}");
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
    Failure::usage(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], terminal: bool) -> Result<Settings, Failure> {
        let lookup = |name: &str| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Settings::read(&lookup, terminal)
    }

    #[test]
    fn a_bad_value_names_the_variable_and_what_is_accepted() {
        for (name, value, message) in [
            (
                "LOG_FORMAT",
                "xml",
                "LOG_FORMAT is \"xml\"; use text or json",
            ),
            (
                "LOG_LEVEL",
                "loud",
                "LOG_LEVEL is \"loud\"; use error, warning, info, debug or trace",
            ),
            (
                "LOG_FULL_TIMESTAMP",
                "ja",
                "LOG_FULL_TIMESTAMP is \"ja\"; use true or false",
            ),
        ] {
            let failure = read(&[(name, value)], false).unwrap_err();
            assert_eq!((failure.message.as_str(), failure.code), (message, 2));
        }
        let failure = read(&[("LOG_TIMESTAMP_FORMAT", "%H:%M")], false).unwrap_err();
        assert!(
            failure.message.contains("a Go time layout"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn levels_are_four_letters_unless_told() {
        let level = |pairs: &[_], level| read(pairs, false).unwrap().level_text(level);
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
        let colors = |pairs: &[_], terminal| read(pairs, terminal).unwrap().colors;
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
