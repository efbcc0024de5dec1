//! The time at the start of a line, written once for all lines that share it.

use jiff::{Timestamp, tz::TimeZone};

use crate::{golayout::Layout, settings::Settings};

pub(super) const SECOND: i64 = 1_000_000_000;

/// Writes times. It keeps the last text, because most lines share their second with the
/// line before.
#[derive(Debug)]
pub(super) struct Stamp {
    form: Form,
    zone: TimeZone,
    key: Option<i64>,
    text: Vec<u8>,
}

#[derive(Debug)]
enum Form {
    /// The time, as a layout has it.
    Full(Layout),
    /// The time, where the second is all that it depends on.
    Second(Layout),
    /// Seconds since the start, as logrus writes them: `[0012]`.
    Elapsed { started: i64 },
    /// Nothing.
    None,
}

impl Stamp {
    pub(super) fn new(settings: &Settings, started: Timestamp) -> Self {
        let form = if !settings.has_stamps {
            Form::None
        } else if settings.full_timestamp {
            let layout = settings.layout.clone();
            if layout.has_fraction() {
                Form::Full(layout)
            } else {
                Form::Second(layout)
            }
        } else {
            Form::Elapsed {
                started: nanos(started),
            }
        };
        Self {
            form,
            zone: settings.zone.clone(),
            key: None,
            text: Vec::new(),
        }
    }

    /// Returns a number that is the same for times of the same text.
    #[inline]
    pub(super) fn key(&self, nanos: i64) -> i64 {
        match &self.form {
            Form::Full(_) => nanos,
            Form::Second(_) => nanos.div_euclid(SECOND),
            // Towards zero, as Go divides: logrus calls everything within a second [0000].
            Form::Elapsed { started } => nanos.saturating_sub(*started) / SECOND,
            Form::None => 0,
        }
    }

    /// Returns the text of a time, with a blank after it.
    pub(super) fn of(&mut self, nanos: i64) -> &[u8] {
        let key = self.key(nanos);
        if self.key != Some(key) {
            self.key = Some(key);
            self.write(nanos, key);
        }
        &self.text
    }

    fn write(&mut self, nanos: i64, key: i64) {
        let mut text = String::new();
        match &self.form {
            Form::Full(layout) | Form::Second(layout) => {
                let time = timestamp(nanos).to_zoned(self.zone.clone());
                layout.write(&time, &mut text);
            }
            Form::Elapsed { .. } => text = format!("[{key:04}]"),
            Form::None => return,
        }
        text.push(' ');
        self.text = text.into_bytes();
    }
}

/// Returns a time in nanoseconds since 1970, clamped to the years 1677 to 2262.
pub(super) fn nanos(time: Timestamp) -> i64 {
    let nanos = time.as_nanosecond();
    let limit = if nanos < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(nanos).unwrap_or(limit)
}

/// Returns the time of a number of nanoseconds since 1970.
pub(super) fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanos.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}
