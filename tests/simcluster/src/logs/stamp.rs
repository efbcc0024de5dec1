//! The time in front of each line: RFC 3339 in UTC with nine digits, 30 bytes.

/// Nanoseconds since the Unix epoch written as `2026-11-23T23:49:14.694372251Z`.
#[must_use]
pub fn stamp(nanos: i64) -> [u8; 30] {
    let (seconds, fraction) = (
        nanos.div_euclid(1_000_000_000),
        nanos.rem_euclid(1_000_000_000),
    );
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let mut out = *b"0000-00-00T00:00:00.000000000Z";
    digits(&mut out[0..4], year);
    digits(&mut out[5..7], month);
    digits(&mut out[8..10], day);
    digits(&mut out[11..13], of_day / 3600);
    digits(&mut out[14..16], of_day / 60 % 60);
    digits(&mut out[17..19], of_day % 60);
    digits(&mut out[20..29], fraction);
    out
}

/// Reads a time that [`stamp`] wrote, or the shorter form of a CRI file (trailing zeros cut).
#[must_use]
pub fn parse_stamp(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

fn digits(out: &mut [u8], mut value: i64) {
    for byte in out.iter_mut().rev() {
        *byte = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

/// Days since 1970-01-01 to a civil date (Howard Hinnant's algorithm, years 0 to 9999).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_thirty_bytes_and_reads_back() {
        for text in [
            "2026-11-23T23:49:14.698739160Z",
            "1970-01-01T00:00:00.000000001Z",
            "2024-02-29T12:00:00.000000000Z",
            "2099-12-31T23:59:59.999999999Z",
        ] {
            let nanos = parse_stamp(text.as_bytes()).unwrap();
            assert_eq!(std::str::from_utf8(&stamp(nanos)).unwrap(), text);
        }
        assert_eq!(
            parse_stamp(b"2026-11-23T23:49:14.69873916Z"),
            parse_stamp(b"2026-11-23T23:49:14.698739160Z")
        );
    }
}
