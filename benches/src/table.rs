//! Numbers for people.

/// Returns a quantile of the values; 0.5 is the median.
#[must_use]
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * part).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// Returns the median.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Whether a target is met, as a word.
#[must_use]
pub fn verdict(value: f64, limit: f64) -> &'static str {
    if value <= limit { "met" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let values = [3.0, 1.0, 2.0];
        assert_eq!((median(&values), quantile(&values, 1.0)), (2.0, 3.0));
        assert!(median(&[]).is_nan());
    }
}
