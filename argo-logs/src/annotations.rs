//! The annotations by which a pod chooses the logs to be shown.

use std::collections::BTreeMap;

const LOGS: &str = "argo-assistant/logs";
const LOG_CONTAINERS: &str = "argo-assistant/log-containers";

const WERF_SKIP: &str = "werf.io/skip-logs";
const WERF_SKIP_CONTAINERS: &str = "werf.io/skip-logs-for-containers";
const WERF_ONLY_CONTAINERS: &str = "werf.io/show-logs-only-for-containers";
const KAPP_LOGS: &str = "kapp.k14s.io/deploy-logs";
const KAPP_CONTAINERS: &str = "kapp.k14s.io/deploy-logs-container-names";

/// The containers chosen by a pod's annotations. Each pod has the annotations of its
/// template.
///
/// | annotation | value | effect |
/// |---|---|---|
/// | `argo-assistant/logs` | `false`, `true` | no log of the pod; all of them |
/// | `argo-assistant/log-containers` | `a,b` | only these containers |
/// | `werf.io/skip-logs` | `true` | no log of the pod |
/// | `werf.io/skip-logs-for-containers` | `a,b` | all but these |
/// | `werf.io/show-logs-only-for-containers` | `a,b` | only these |
/// | `kapp.k14s.io/deploy-logs` | empty or `for-new` | only of new pods |
/// | | `for-existing` | only of pods that are not new |
/// | `kapp.k14s.io/deploy-logs-container-names` | `a,b` | only these |
///
/// Our own annotations decide; those of other tools count where ours are absent. No
/// annotation means everything, unlike in kapp.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    All,
    None,
    Only(Vec<&'a str>),
    Except(Vec<&'a str>),
}

impl<'a> Choice<'a> {
    pub(crate) fn from_annotations(
        annotations: &'a BTreeMap<String, String>,
        is_new: bool,
    ) -> Self {
        let value = |name: &str| annotations.get(name).map(String::as_str);
        let names = |name: &str| value(name).map(names).filter(|names| !names.is_empty());
        let wanted = value(LOGS).map(|logs| logs != "false");
        if !wanted.unwrap_or_else(|| others_want(&value, is_new)) {
            return Self::None;
        }
        if let Some(only) = names(LOG_CONTAINERS) {
            return Self::Only(only);
        }
        if let Some(only) = names(WERF_ONLY_CONTAINERS).or_else(|| names(KAPP_CONTAINERS)) {
            return Self::Only(only);
        }
        names(WERF_SKIP_CONTAINERS).map_or(Self::All, Self::Except)
    }

    pub(crate) fn admits(&self, container: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(names) => names.contains(&container),
            Self::Except(names) => !names.contains(&container),
        }
    }
}

fn others_want<'a>(value: &impl Fn(&str) -> Option<&'a str>, is_new: bool) -> bool {
    let werf_skips = value(WERF_SKIP) == Some("true");
    let kapp_wants = match value(KAPP_LOGS) {
        Some("" | "for-new") => is_new,
        Some("for-existing") => !is_new,
        _ => true,
    };
    !werf_skips && kapp_wants
}

fn names(list: &str) -> Vec<&str> {
    let names = list.split(',').map(str::trim);
    names.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(annotations: &[(&str, &str)], is_new: bool) -> String {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let annotations: BTreeMap<_, _> = annotations.iter().map(owned).collect();
        let choice = Choice::from_annotations(&annotations, is_new);
        let admitted = ["a", "b", "c"]
            .into_iter()
            .filter(|name| choice.admits(name));
        admitted.collect()
    }

    #[test]
    fn our_annotations_choose() {
        assert_eq!(admitted(&[], true), "abc");
        assert_eq!(admitted(&[(LOGS, "false")], true), "");
        assert_eq!(admitted(&[(LOG_CONTAINERS, " a , c,")], true), "ac");
        assert_eq!(admitted(&[(LOG_CONTAINERS, "")], true), "abc");
        assert_eq!(
            admitted(&[(LOGS, "false"), (LOG_CONTAINERS, "a")], true),
            ""
        );
    }

    #[test]
    fn those_of_other_tools_count_where_ours_say_nothing() {
        assert_eq!(admitted(&[(WERF_SKIP, "true")], true), "");
        assert_eq!(
            admitted(&[(WERF_SKIP, "true"), (LOGS, "true")], true),
            "abc"
        );
        assert_eq!(admitted(&[(WERF_SKIP_CONTAINERS, "a,b")], true), "c");
        assert_eq!(admitted(&[(WERF_ONLY_CONTAINERS, "a,b")], true), "ab");
        assert_eq!(admitted(&[(KAPP_CONTAINERS, "b")], true), "b");
        assert_eq!(
            admitted(&[(KAPP_CONTAINERS, "b"), (LOG_CONTAINERS, "c")], true),
            "c"
        );
    }

    #[test]
    fn kapp_tells_new_pods_from_others() {
        for (value, new, existing) in [
            ("", "abc", ""),
            ("for-new", "abc", ""),
            ("for-existing", "", "abc"),
            ("for-new-or-existing", "abc", "abc"),
        ] {
            assert_eq!(admitted(&[(KAPP_LOGS, value)], true), new, "{value}");
            assert_eq!(admitted(&[(KAPP_LOGS, value)], false), existing, "{value}");
        }
    }
}
