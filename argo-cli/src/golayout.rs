//! Go's time layouts: `2006-01-02 15:04:05`.
//!
//! A layout is Go's reference time, written as the user wants times written. The elements
//! and their order of precedence follow Go's `time/format.go` (`nextStdChunk`).

use std::fmt::Write;

use jiff::Zoned;

/// The named layouts of Go's `time` package.
const NAMED: &[(&str, &str)] = &[
    ("ANSIC", "Mon Jan _2 15:04:05 2006"),
    ("UnixDate", "Mon Jan _2 15:04:05 MST 2006"),
    ("RubyDate", "Mon Jan 02 15:04:05 -0700 2006"),
    ("RFC822", "02 Jan 06 15:04 MST"),
    ("RFC822Z", "02 Jan 06 15:04 -0700"),
    ("RFC850", "Monday, 02-Jan-06 15:04:05 MST"),
    ("RFC1123", "Mon, 02 Jan 2006 15:04:05 MST"),
    ("RFC1123Z", "Mon, 02 Jan 2006 15:04:05 -0700"),
    ("RFC3339", "2006-01-02T15:04:05Z07:00"),
    ("RFC3339Nano", "2006-01-02T15:04:05.999999999Z07:00"),
    ("Kitchen", "3:04PM"),
    ("Stamp", "Jan _2 15:04:05"),
    ("StampMilli", "Jan _2 15:04:05.000"),
    ("StampMicro", "Jan _2 15:04:05.000000"),
    ("StampNano", "Jan _2 15:04:05.000000000"),
    ("DateTime", "2006-01-02 15:04:05"),
    ("DateOnly", "2006-01-02"),
    ("TimeOnly", "15:04:05"),
];

/// A parsed layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Text(String),
    Element(Element),
    /// A fraction of a second. `trim` is true if trailing zeros are cut off.
    Fraction {
        separator: char,
        digits: usize,
        trim: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekDay,
    WeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    Zone,
    /// An offset with 1 to 3 parts: hours, minutes and seconds. `z` is true if zero is written as
    /// `Z`, and `colon` if colons separate the parts.
    Offset {
        z: bool,
        colon: bool,
        parts: u8,
    },
}

/// Elements by their text, longer before shorter; `Jan` and `Mon` are refused before a
/// lower-case letter (`January` was tried before).
const ELEMENTS: &[(&str, Element)] = &[
    ("January", Element::LongMonth),
    ("Jan", Element::Month),
    ("Monday", Element::LongWeekDay),
    ("Mon", Element::WeekDay),
    ("MST", Element::Zone),
    ("002", Element::ZeroYearDay),
    ("01", Element::ZeroMonth),
    ("02", Element::ZeroDay),
    ("03", Element::ZeroHour12),
    ("04", Element::ZeroMinute),
    ("05", Element::ZeroSecond),
    ("06", Element::Year),
    ("15", Element::Hour),
    ("1", Element::NumMonth),
    ("2006", Element::LongYear),
    ("2", Element::Day),
    ("__2", Element::UnderYearDay),
    ("_2", Element::UnderDay),
    ("3", Element::Hour12),
    ("4", Element::Minute),
    ("5", Element::Second),
    ("PM", Element::UpperPm),
    ("pm", Element::LowerPm),
    ("-07:00:00", offset(false, true, 3)),
    ("-070000", offset(false, false, 3)),
    ("-07:00", offset(false, true, 2)),
    ("-0700", offset(false, false, 2)),
    ("-07", offset(false, false, 1)),
    ("Z07:00:00", offset(true, true, 3)),
    ("Z070000", offset(true, false, 3)),
    ("Z07:00", offset(true, true, 2)),
    ("Z0700", offset(true, false, 2)),
    ("Z07", offset(true, false, 1)),
];

const fn offset(z: bool, colon: bool, parts: u8) -> Element {
    Element::Offset { z, colon, parts }
}

impl Default for Layout {
    /// `2006-01-02 15:04:05`
    fn default() -> Self {
        Self {
            items: items("2006-01-02 15:04:05"),
        }
    }
}

impl Layout {
    /// Reads a layout, or the name of one (`RFC3339`, in any case). `None` if the text holds
    /// no element of the reference time: each time would print the same text.
    pub fn parse(text: &str) -> Option<Self> {
        let named = NAMED
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        let items = items(named.map_or(text, |(_, layout)| layout));
        let some = items.iter().any(|item| !matches!(item, Item::Text(_)));
        some.then_some(Self { items })
    }

    /// True if two times within one second may be written differently.
    pub fn has_fraction(&self) -> bool {
        self.items
            .iter()
            .any(|item| matches!(item, Item::Fraction { .. }))
    }

    /// Writes a time.
    pub fn write(&self, time: &Zoned, out: &mut String) {
        for item in &self.items {
            match item {
                Item::Text(text) => out.push_str(text),
                Item::Element(element) => element.write(time, out),
                Item::Fraction {
                    separator,
                    digits,
                    trim,
                } => {
                    write_fraction(time, *separator, *digits, *trim, out);
                }
            }
        }
    }
}

fn items(mut rest: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut text = String::new();
    while let Some(first) = rest.chars().next() {
        let (item, length) = element_at(rest).unwrap_or_else(|| {
            text.push(first);
            (Item::Text(String::new()), first.len_utf8())
        });
        if item != Item::Text(String::new()) {
            push_text(&mut items, &mut text);
            items.push(item);
        }
        rest = &rest[length..];
    }
    push_text(&mut items, &mut text);
    items
}

fn push_text(items: &mut Vec<Item>, text: &mut String) {
    if !text.is_empty() {
        items.push(Item::Text(std::mem::take(text)));
    }
}

fn element_at(rest: &str) -> Option<(Item, usize)> {
    if let Some(found) = fraction_at(rest) {
        return Some(found);
    }
    // "_2006" is an underscore and a year, not a padded day and "006".
    if rest.starts_with("_2006") {
        return None;
    }
    let (text, element) = ELEMENTS.iter().find(|(text, _)| rest.starts_with(text))?;
    let lower_follows = rest[text.len()..].starts_with(|next: char| next.is_ascii_lowercase());
    if matches!(element, Element::Month | Element::WeekDay) && lower_follows {
        return None;
    }
    Some((Item::Element(*element), text.len()))
}

fn fraction_at(rest: &str) -> Option<(Item, usize)> {
    let separator = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest[1..]
        .chars()
        .next()
        .filter(|c| matches!(c, '0' | '9'))?;
    let digits = rest[1..].chars().take_while(|c| *c == digit).count();
    if rest[1 + digits..].starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    let item = Item::Fraction {
        separator,
        digits,
        trim: digit == '9',
    };
    Some((item, 1 + digits))
}

fn write_fraction(time: &Zoned, separator: char, digits: usize, trim: bool, out: &mut String) {
    let mut text = format!("{:09}", time.subsec_nanosecond());
    text.truncate(digits);
    while text.len() < digits {
        text.push('0');
    }
    if trim {
        text.truncate(text.trim_end_matches('0').len());
        if text.is_empty() {
            return;
        }
    }
    out.push(separator);
    out.push_str(&text);
}

impl Element {
    fn write(self, time: &Zoned, out: &mut String) {
        let hour12 = (time.hour() + 11) % 12 + 1;
        let written = match self {
            Self::LongMonth => write!(out, "{}", time.strftime("%B")),
            Self::Month => write!(out, "{}", time.strftime("%b")),
            Self::NumMonth => write!(out, "{}", time.month()),
            Self::ZeroMonth => write!(out, "{:02}", time.month()),
            Self::LongWeekDay => write!(out, "{}", time.strftime("%A")),
            Self::WeekDay => write!(out, "{}", time.strftime("%a")),
            Self::Day => write!(out, "{}", time.day()),
            Self::UnderDay => write!(out, "{:2}", time.day()),
            Self::ZeroDay => write!(out, "{:02}", time.day()),
            Self::UnderYearDay => write!(out, "{:3}", time.day_of_year()),
            Self::ZeroYearDay => write!(out, "{:03}", time.day_of_year()),
            Self::Hour => write!(out, "{:02}", time.hour()),
            Self::Hour12 => write!(out, "{hour12}"),
            Self::ZeroHour12 => write!(out, "{hour12:02}"),
            Self::Minute => write!(out, "{}", time.minute()),
            Self::ZeroMinute => write!(out, "{:02}", time.minute()),
            Self::Second => write!(out, "{}", time.second()),
            Self::ZeroSecond => write!(out, "{:02}", time.second()),
            Self::LongYear => write!(out, "{:04}", time.year()),
            Self::Year => write!(out, "{:02}", time.year().rem_euclid(100)),
            Self::UpperPm => write!(out, "{}", if time.hour() >= 12 { "PM" } else { "AM" }),
            Self::LowerPm => write!(out, "{}", if time.hour() >= 12 { "pm" } else { "am" }),
            Self::Zone => write!(out, "{}", time.strftime("%Z")),
            Self::Offset { z, colon, parts } => write_offset(time, z, colon, parts, out),
        };
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
}

fn write_offset(
    time: &Zoned,
    z: bool,
    colon: bool,
    parts: u8,
    out: &mut String,
) -> std::fmt::Result {
    let seconds = time.offset().seconds();
    if z && seconds == 0 {
        out.push('Z');
        return Ok(());
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    let separator = if colon { ":" } else { "" };
    write!(out, "{sign}{hours:02}")?;
    if parts > 1 {
        write!(out, "{separator}{minutes:02}")?;
    }
    if parts > 2 {
        write!(out, "{separator}{:02}", seconds.abs() % 60)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layout: &str, expected: &str) {
        let time: Zoned = "2026-08-05T15:04:09.012300000+02:00[+02:00]"
            .parse()
            .unwrap();
        let mut out = String::new();
        Layout::parse(layout).unwrap().write(&time, &mut out);
        assert_eq!(out, expected, "{layout}");
    }

    #[test]
    fn layouts_write_what_go_writes() {
        check("2006-01-02 15:04:05", "2026-08-05 15:04:09");
        check("RFC3339", "2026-08-05T15:04:09+02:00");
        check("RFC3339Nano", "2026-08-05T15:04:09.0123+02:00");
        check("Kitchen", "3:04PM");
        check(
            "Mon Jan _2 15:04:05.000 2006",
            "Wed Aug  5 15:04:09.012 2026",
        );
        check(
            "Monday, 02-January-06 03:04 pm -0700",
            "Wednesday, 05-August-26 03:04 pm +0200",
        );
        check("002 __2 1/2 5s", "217 217 8/5 9s");
        check("15:04:05,000000", "15:04:09,012300");
        check("log_2006", "log_2026");
        check("Janus 06", "Janus 26");
    }

    #[test]
    fn what_is_no_layout_of_go() {
        for text in ["", "%Y-%m-%d", "yyyy-MM-dd HH:mm:ss", "iso"] {
            assert_eq!(Layout::parse(text), None, "{text}");
        }
    }
}
