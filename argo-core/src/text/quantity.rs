//! Quantities of Kubernetes (`256Mi`, `53687091200m`) in words.

/// Binary suffixes with their factors, the largest first.
const BINARY: [(&str, u64); 5] = [
    ("Pi", 1 << 50),
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
];

/// Returns a quantity of memory as people write it. The API server serves `0.05Gi` as
/// `53687091200m`, thousandths of a byte, and `0.1Gi` as `107374182400m`.
pub fn memory(quantity: &str) -> String {
    let thousandths = quantity
        .strip_suffix('m')
        .and_then(|number| number.parse::<u64>().ok());
    let plain = quantity.parse::<u64>().ok();
    match (thousandths, plain) {
        (Some(thousandths), _) => bytes(thousandths / 1000),
        (None, Some(count)) => bytes(count),
        (None, None) => quantity.to_owned(),
    }
}

/// Returns a number of bytes with the largest binary suffix that leaves at least 1, and at
/// most two digits behind the point.
#[allow(
    clippy::cast_precision_loss,
    reason = "two digits behind the point are shown"
)]
pub fn bytes(count: u64) -> String {
    let Some((suffix, factor)) = BINARY.iter().find(|(_, factor)| count >= *factor) else {
        return format!("{count} bytes");
    };
    let number = format!("{:.2}", count as f64 / *factor as f64);
    let number = number.trim_end_matches('0').trim_end_matches('.');
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_of_a_byte_are_read() {
        for (quantity, words) in [
            ("53687091200m", "51.2Mi"),
            ("107374182400m", "102.4Mi"),
            ("1610612736m", "1.54Mi"),
            ("128974848", "123Mi"),
            ("500m", "0 bytes"),
            ("256Mi", "256Mi"),
            ("1.5Gi", "1.5Gi"),
            ("129M", "129M"),
            ("1e3", "1e3"),
            ("", ""),
        ] {
            assert_eq!(memory(quantity), words, "{quantity}");
        }
        assert_eq!(bytes(u64::MAX), "16384Pi");
        assert_eq!(bytes(1000), "1000 bytes");
    }
}
