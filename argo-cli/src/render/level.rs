//! The text and colour of each level.

use anstyle::{AnsiColor, Style};
use argo_core::Level;

use crate::settings::Settings;

const ALL: [Level; 5] = [
    Level::Error,
    Level::Warning,
    Level::Info,
    Level::Debug,
    Level::Trace,
];

/// The texts of the levels, each with its colour and a blank after it.
#[derive(Debug)]
pub(super) struct Levels([Vec<u8>; 5]);

impl Levels {
    pub(super) fn new(settings: &Settings) -> Self {
        Self(ALL.map(|level| {
            let text = settings.level_text(level);
            let style = if settings.colors {
                style(level)
            } else {
                Style::new()
            };
            format!("{style}{text}{style:#} ").into_bytes()
        }))
    }

    pub(super) fn of(&self, level: Level) -> &[u8] {
        &self.0[level as usize]
    }
}

/// Returns the colour of a level, as in logrus (`text_formatter.go`, `printColored`).
fn style(level: Level) -> Style {
    let color = match level {
        Level::Error => AnsiColor::Red,
        Level::Warning => AnsiColor::Yellow,
        Level::Info => AnsiColor::Cyan,
        Level::Debug | Level::Trace => AnsiColor::White,
    };
    color.on_default()
}
