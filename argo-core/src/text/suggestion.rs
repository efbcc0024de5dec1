//! The names that somebody may have meant.

/// The most names that are suggested.
const SUGGESTED: usize = 3;
/// The most names that are listed if none of them is similar.
const LISTED: usize = 10;
/// Jaro-Winkler similarity, from 0 to 1, from which a name is suggested: one or two wrong letters
/// in a name of usual length.
const SIMILAR: f64 = 0.85;

/// Returns the end of a sentence that says that a name does not exist: the most similar names, or
/// the first ones if none is similar.
///
/// ```
/// # use argo_core::text::suggestion;
/// let names = ["prod-eu", "prod-us", "test"];
/// assert_eq!(suggestion("prd-eu", &names), ": did you mean \"prod-eu\" or \"prod-us\"?");
/// assert_eq!(suggestion("kind", &names), " (there are: prod-eu, prod-us, test)");
/// ```
pub fn suggestion(wanted: &str, names: &[impl AsRef<str>]) -> String {
    let names = names.iter().map(AsRef::as_ref);
    let similar = similar(wanted, names.clone());
    if similar.is_empty() {
        return list(&names.collect::<Vec<_>>());
    }
    let quoted: Vec<_> = similar.iter().map(|name| format!("\"{name}\"")).collect();
    format!(": did you mean {}?", quoted.join(" or "))
}

/// Returns the most similar names, the nearest first.
pub(crate) fn similar<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let rated = names.map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name));
    let mut rated: Vec<_> = rated.filter(|(rate, _)| *rate >= SIMILAR).collect();
    rated.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    rated
        .into_iter()
        .map(|(_, name)| name)
        .take(SUGGESTED)
        .collect()
}

fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => format!(" (there are: {})", listing(names)),
    }
}

/// `a, b, c and 4 more`
pub(crate) fn listing(names: &[&str]) -> String {
    match names.len().saturating_sub(LISTED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..LISTED].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_comes_first() {
        let names = ["shop-staging", "shop-prod", "billing"];
        assert_eq!(
            suggestion("shop-prd", &names[1..]),
            ": did you mean \"shop-prod\"?"
        );
        assert!(suggestion("shop-prd", &names).starts_with(": did you mean \"shop-prod\""));
        assert_eq!(suggestion("BILLING", &names), ": did you mean \"billing\"?");
    }

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<_> = (0..12).map(|number| format!("{number}-x")).collect();
        let said = suggestion("zzzz", &names);
        assert!(said.ends_with("9-x and 2 more)"), "{said}");
        assert_eq!(suggestion("zzzz", &[""; 0]), "");
    }
}
