//! How a level looks, and what argocd's lines say of theirs.

use anstyle::{AnsiColor, Style};
use argo_core::Level;

use crate::argocd::Stream;
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

/// The colours of logrus (`text_formatter.go`, `printColored`).
fn style(level: Level) -> Style {
    let color = match level {
        Level::Error => AnsiColor::Red,
        Level::Warning => AnsiColor::Yellow,
        Level::Info => AnsiColor::Cyan,
        Level::Debug | Level::Trace => AnsiColor::White,
    };
    color.on_default()
}

/// The level of a line of argocd: what it logs says it, as text (`level=warning`) or as
/// JSON; everything else is information.
pub(super) fn of_argocd(stream: Stream, line: &[u8]) -> Level {
    const KEYS: [&[u8]; 3] = [b"level=\"", b"level=", b"\"level\":\""];
    if stream == Stream::Stdout {
        return Level::Info;
    }
    let named = KEYS.iter().find_map(|key| {
        let rest = &line[memchr::memmem::find(line, key)? + key.len()..];
        let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic());
        let word = &rest[..end.unwrap_or(rest.len())];
        std::str::from_utf8(word).ok()?.parse().ok()
    });
    named.unwrap_or(Level::Info)
}
