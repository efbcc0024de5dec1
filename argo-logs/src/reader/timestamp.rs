//! The timestamps in front of lines.

use jiff::{Timestamp, civil, tz::TimeZone};

/// The length of `2026-11-24T00:11:`, which the lines of one minute share.
const MINUTE: usize = 17;
/// The length of `2026-11-24T00:11:01.`, which the lines of one second share.
const POINT: usize = 20;
/// The length of a timestamp with nine digits, and its space.
const USUAL: usize = 31;
const SECOND: i64 = 1_000_000_000;
/// Seconds; more than a zone offset (two digits of hours) and a second of the minute can add.
const MOST: i64 = 102 * 3600;

/// Reads the timestamps in front of lines. The parser remembers the minute and the second of the
/// last one, since most lines of a log share them with the line before.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimestampParser {
    minute: Option<[u8; MINUTE]>,
    second: i64,
    /// The last timestamp in UTC up to its fraction, and its time without that, in nanoseconds.
    known: Option<[u8; POINT]>,
    whole: i64,
}

impl TimestampParser {
    /// Returns the time in nanoseconds since 1970 and the offset of the text. A timestamp
    /// is RFC 3339 with up to nine digits, in the node's zone, and one space. Years before
    /// 1677 and after 2262 do not fit in 64 bits and are no timestamps.
    #[inline]
    pub(crate) fn parse(&mut self, line: &[u8]) -> Option<(i64, usize)> {
        if let Some(usual) = line.first_chunk::<USUAL>()
            && let Some((known, [digits @ .., b'Z', b' '])) = usual.split_first_chunk::<POINT>()
            && self.known.as_ref() == Some(known)
            && let Some(nanos) = nine(digits)
        {
            return Some((self.whole + nanos, USUAL));
        }
        self.parse_other(line)
    }

    #[cold]
    fn parse_other(&mut self, line: &[u8]) -> Option<(i64, usize)> {
        let minute: &[u8; MINUTE] = line.first_chunk()?;
        if self.minute.as_ref() != Some(minute) {
            self.learn(minute)?;
        }
        let second = self.second + i64::from(two(line.get(MINUTE..)?)?);
        // A shorter timestamp has the same shape if the text behind it begins with `Z `.
        if let Some([b'.', digits @ .., b'Z', b' ']) = line.get(POINT - 1..USUAL)
            && let Some(nanos) = nine(digits)
        {
            self.known = line.first_chunk().copied();
            self.whole = second * SECOND;
            return Some((self.whole + nanos, USUAL));
        }
        odd_length(second, line)
    }

    #[cold]
    fn learn(&mut self, minute: &[u8; MINUTE]) -> Option<()> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', rest @ ..] = minute else {
            return None;
        };
        let [h1, h2, b':', i1, i2, b':'] = rest else {
            return None;
        };
        let year = i16::try_from(decimal(&[*y1, *y2, *y3, *y4])?).ok()?;
        let (month, day) = (pair(*m1, *m2)?, pair(*d1, *d2)?);
        let (hour, min) = (pair(*h1, *h2)?, pair(*i1, *i2)?);
        let date = civil::Date::new(year, month, day).ok()?;
        let time = civil::Time::new(hour, min, 0, 0).ok()?;
        let zoned = date.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
        let second = zoned.timestamp().as_second();
        // Checked once a minute, so that `parse` can calculate without overflow checks: a
        // zone and a second add less than `MOST`.
        second.checked_sub(MOST)?.checked_mul(SECOND)?;
        second.checked_add(MOST)?.checked_mul(SECOND)?;
        self.minute = Some(*minute);
        self.second = second;
        Some(())
    }
}

/// Parses a timestamp with fewer digits, or with a zone other than UTC.
#[cold]
fn odd_length(second: i64, line: &[u8]) -> Option<(i64, usize)> {
    let (mut at, mut nanos) = (19, 0);
    if line.get(at) == Some(&b'.') {
        let digits = &line[20..];
        let len = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(1..=9).contains(&len) {
            return None;
        }
        nanos = i64::from(decimal(&digits[..len])?) * 10_i64.pow(9 - u32::try_from(len).ok()?);
        at = 20 + len;
    }
    let (offset, len) = zone(line.get(at..)?)?;
    let text = at + len + 1;
    (line.get(text - 1) == Some(&b' ')).then_some(((second - offset) * SECOND + nanos, text))
}

fn zone(rest: &[u8]) -> Option<(i64, usize)> {
    match rest {
        [b'Z', ..] => Some((0, 1)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2, ..] => {
            let minutes = i64::from(pair(*h1, *h2)?) * 60 + i64::from(pair(*m1, *m2)?);
            let sign = if *sign == b'-' { -1 } else { 1 };
            Some((sign * minutes * 60, 6))
        }
        _ => None,
    }
}

/// True for a text that is nothing but the beginning of a timestamp.
pub(super) fn is_beginning(text: &[u8]) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000000000Z";
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    };
    (1..=FORM.len()).contains(&text.len()) && text.iter().zip(FORM).all(fits)
}

fn pair(tens: u8, ones: u8) -> Option<i8> {
    i8::try_from(decimal(&[tens, ones])?).ok()
}

#[inline]
fn two(bytes: &[u8]) -> Option<u32> {
    decimal(bytes.get(..2)?).filter(|second| *second <= 60)
}

#[inline]
fn nine(digits: &[u8]) -> Option<i64> {
    let (first, rest) = digits.split_first()?;
    Some(i64::from(decimal(&[*first])?) * 100_000_000 + i64::from(eight(rest)?))
}

/// Parses eight digits at a time: pairs of neighbours become one number, three times.
#[inline]
fn eight(digits: &[u8]) -> Option<u32> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let digits = u64::from_le_bytes(digits.try_into().ok()?) ^ ZEROS;
    // A byte above 9 has its top bit set now, or gets it by the addition.
    let above = digits | (digits & !TOPS).wrapping_add(0x7676_7676_7676_7676);
    if above & TOPS != 0 {
        return None;
    }
    let twos = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    u32::try_from((fours * 10_000 + (fours >> 32)) & 0xffff_ffff).ok()
}

#[inline]
fn decimal(digits: &[u8]) -> Option<u32> {
    let (mut number, mut valid) = (0_u32, true);
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        valid &= digit < 10;
        number = number.wrapping_mul(10).wrapping_add(u32::from(digit));
    }
    valid.then_some(number)
}

/// Returns a time in nanoseconds since 1970.
pub(crate) fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> i64 {
        let time: Timestamp = text.parse().unwrap();
        i64::try_from(time.as_nanosecond()).unwrap()
    }

    fn parse(line: &str) -> Option<(i64, usize)> {
        TimestampParser::default().parse(line.as_bytes())
    }

    #[test]
    fn every_form_that_a_kubelet_writes() {
        for stamp in [
            "2026-11-24T00:11:01.550173479Z",
            "2026-11-24T02:11:01.550173479+02:00",
            "2026-11-23T18:41:01.550173479-05:30",
            "2026-11-24T00:11:01.5Z",
            "2026-11-24T00:11:01Z",
            "1969-12-31T23:59:59.999999999Z",
            "2024-02-29T23:59:59.000000001Z",
        ] {
            let expected = Some((nanos(stamp), stamp.len() + 1));
            assert_eq!(parse(&format!("{stamp} text")), expected, "{stamp}");
            assert_eq!(parse(&format!("{stamp} ")), expected, "{stamp}");
            assert_eq!(parse(stamp), None, "a space belongs to it: {stamp}");
        }
    }

    #[test]
    fn a_timestamp_that_is_cut_is_told_from_a_line() {
        let stamp = b"2026-11-24T00:11:01.550173479Z";
        for len in 1..=stamp.len() {
            assert!(is_beginning(&stamp[..len]), "{len}");
        }
        for text in [
            "",
            "2026-11-24T00:11:01.550173479Z ",
            "2026-11-24 00",
            "2026-11-24T00:11:01 x",
            "20 files",
            "failed",
        ] {
            assert!(!is_beginning(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_no_timestamp() {
        for line in [
            "",
            "stderr one",
            "2026-11-24",
            "2026-11-24T00:11:01.550173479Zx",
            "2026-11-24T00:11:01.5501734790Z x",
            "2026-11-24T00:11:01.Z x",
            "2026-11-24 00:11:01.550173479Z x",
            "2026-13-24T00:11:01.550173479Z x",
            "2026-02-30T00:11:01.550173479Z x",
            "2026-11-24T25:11:01.550173479Z x",
            "2026-11-24T00:11:01.55017347aZ x",
            "2026-11-24T00:11:01.550173479+0200 x",
            "2262-04-11T23:47:16.854775808Z x",
            "2262-04-11T23:47:00Z x",
            "9999-12-31T23:59:59.999999999Z x",
            "1677-09-21T00:12:43.145224192Z x",
            "0001-01-01T00:00:00Z x",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_short_timestamp_before_a_text_that_begins_like_the_end_of_one() {
        let short = Some((nanos("2026-11-24T00:11:01.1234567Z"), 29));
        let line = "2026-11-24T00:11:01.1234567Z Z x";
        assert_eq!(parse(line), short);
        let mut stamps = TimestampParser::default();
        let usual = b"2026-11-24T00:11:01.550173479Z x";
        assert!(stamps.parse(usual).is_some());
        assert_eq!(stamps.parse(line.as_bytes()), short);
    }

    #[test]
    fn a_parser_that_has_read_nothing_knows_no_time() {
        for line in [
            ["\0".repeat(POINT), "550173479Z x".to_owned()].concat(),
            ["\0".repeat(MINUTE), "01Z x".to_owned()].concat(),
        ] {
            assert_eq!(parse(&line), None, "{line:?}");
        }
    }

    #[test]
    fn a_year_that_64_bits_do_not_hold_is_no_timestamp() {
        for year in 0..=9999 {
            for zone in ["Z", ".999999999Z", "+99:99", "-99:99"] {
                let read = parse(&format!("{year:04}-06-01T00:00:60{zone} x"));
                assert_eq!(read.is_some(), (1678..2262).contains(&year), "{year}{zone}");
            }
        }
    }

    #[test]
    fn the_minute_is_read_anew_when_it_changes() {
        let mut stamps = TimestampParser::default();
        for text in [
            "2026-11-24T00:11:59.1Z x",
            "2026-11-24T00:12:00.1Z x",
            "junk",
            "2026-11-24T00:11:58.1Z x",
        ] {
            let expected = (text != "junk").then(|| nanos(text.split(' ').next().unwrap()));
            assert_eq!(
                stamps.parse(text.as_bytes()).map(|(time, _)| time),
                expected
            );
        }
    }

    /// A line whose timestamp shares most with those of the other lines, and may be broken.
    fn similar() -> impl Strategy<Value = Vec<u8>> {
        let seconds = vec![
            "2026-11-24T00:11:01",
            "2026-11-24T00:11:02",
            "2026-11-24T00:12:01",
            "2026-11-24 00:11:01",
        ];
        let digit = prop_oneof![100 => b'0'..=b'9', 1 => any::<u8>()];
        (
            prop::sample::select(seconds),
            proptest::collection::vec(digit, 10),
            prop_oneof![4 => Just(9_usize), 1 => 0..=10_usize],
            prop::sample::select(vec!["Z ", "Z ", "Z ", "Z Z ", "+02:00 ", "Zx"]),
        )
            .prop_map(|(second, digits, len, end)| {
                let point: &[u8] = if len > 0 { b"." } else { b"" };
                [second.as_bytes(), point, &digits[..len], end.as_bytes()].concat()
            })
    }

    proptest! {
        #[test]
        fn the_lines_before_change_nothing(lines in proptest::collection::vec(similar(), 1..50)) {
            let mut stamps = TimestampParser::default();
            for line in lines {
                let alone = TimestampParser::default().parse(&line);
                prop_assert_eq!(stamps.parse(&line), alone, "{}", line.escape_ascii());
            }
        }

        #[test]
        fn it_agrees_with_jiff(nanos in 0_i64..4_000_000_000_000_000_000) {
            let time = Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            prop_assert_eq!(parse(&format!("{time:.9} x")), Some((nanos, 31)));
        }

        #[test]
        fn eight_digits_are_what_they_are_one_by_one(digits in proptest::collection::vec(
            prop_oneof![20 => b'0'..=b'9', 1 => any::<u8>()], 8)) {
            prop_assert_eq!(eight(&digits), decimal(&digits));
        }

        #[test]
        fn it_never_panics(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = TimestampParser::default().parse(&line);
        }
    }
}
