//! What stands in front of a line, and how two lines are told to be the same.

use jiff::{civil, tz::TimeZone};

/// A longer line comes in pieces of this size.
pub(crate) const CAP: usize = 1 << 20;

/// `2026-11-24T00:11:`: what the lines of one minute have in common.
const MINUTE: usize = 17;
const SECOND: i64 = 1_000_000_000;
/// More seconds than a zone (two digits of hours) and what is below a minute can add.
const MOST: i64 = 102 * 3600;

/// Reads the timestamps in front of lines, the minute of the last one kept: a log changes
/// its minute rarely.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamps {
    minute: [u8; MINUTE],
    second: i64,
}

impl Stamps {
    /// The time in nanoseconds since 1970, and where the text begins. RFC 3339 with up to
    /// nine digits, as the node's zone has it, and one space. A year before 1677 or after
    /// 2262 is no timestamp: 64 bits do not hold it.
    #[inline]
    pub(crate) fn parse(&mut self, line: &[u8]) -> Option<(i64, usize)> {
        let minute: &[u8; MINUTE] = line.first_chunk()?;
        if *minute != self.minute {
            self.learn(minute)?;
        }
        let second = self.second + i64::from(two(line.get(MINUTE..)?)?);
        match line.get(19..31) {
            Some([b'.', digits @ .., b'Z', b' ']) => {
                Some((second * SECOND + i64::from(decimal(digits)?), 31))
            }
            _ => odd_length(second, line),
        }
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
        // Once a minute here, so that a line may reckon without: a zone and a second that
        // it adds are less than that.
        second.checked_sub(MOST)?.checked_mul(SECOND)?;
        second.checked_add(MOST)?.checked_mul(SECOND)?;
        self.minute = *minute;
        self.second = second;
        Some(())
    }
}

/// Fewer digits, or a zone other than UTC.
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

fn pair(tens: u8, ones: u8) -> Option<i8> {
    i8::try_from(decimal(&[tens, ones])?).ok()
}

#[inline]
fn two(bytes: &[u8]) -> Option<u32> {
    decimal(bytes.get(..2)?).filter(|second| *second <= 60)
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

/// A hash of a line (folded multiplication, as in wyhash). It has to be fast and to spread;
/// who writes a log gains nothing by a collision but one of the own lines less.
#[inline]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    const FIRST: u64 = 0xa076_1d64_78bd_642f;
    const SECOND: u64 = 0xe703_7ed1_a0b4_28db;
    let fold = |state: u64, block: &[u8; 16]| {
        let block = u128::from_le_bytes(*block);
        let (low, high) = (block as u64, (block >> 64) as u64);
        let product = u128::from(low ^ FIRST) * u128::from(high ^ state);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let (blocks, rest) = bytes.as_chunks::<16>();
    let mut state = bytes.len() as u64 ^ SECOND;
    for block in blocks {
        state = fold(state, block);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    fold(fold(state, &last), &[0x5a; 16])
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> i64 {
        let time: Timestamp = text.parse().unwrap();
        i64::try_from(time.as_nanosecond()).unwrap()
    }

    fn parse(line: &str) -> Option<(i64, usize)> {
        Stamps::default().parse(line.as_bytes())
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
        let mut stamps = Stamps::default();
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

    proptest! {
        #[test]
        fn it_agrees_with_jiff(nanos in 0_i64..4_000_000_000_000_000_000) {
            let time = Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            prop_assert_eq!(parse(&format!("{time:.9} x")), Some((nanos, 31)));
        }

        #[test]
        fn it_never_panics(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Stamps::default().parse(&line);
        }

        #[test]
        fn a_changed_byte_changes_the_hash(mut line in proptest::collection::vec(any::<u8>(), 1..200), at in any::<usize>(), by in 1..=255_u8) {
            let before = hash(&line);
            let at = at % line.len();
            line[at] ^= by;
            prop_assert_ne!(before, hash(&line));
            line[at] ^= by;
            line.push(0);
            prop_assert_ne!(before, hash(&line));
        }
    }
}
