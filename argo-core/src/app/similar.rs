//! The application that somebody may have meant.

use std::collections::BTreeSet;

use super::AppRef;
use crate::text::suggestion::{listing, similar};

impl AppRef {
    /// Returns what somebody may have meant who named this application, which does not exist, as
    /// a sentence without a full stop. `others` are the applications that exist, as far as they
    /// may be listed. Returns `None` if there are none.
    ///
    /// ```
    /// # use argo_core::AppRef;
    /// let others = [AppRef::new("shop", "argocd"), AppRef::new("pay", "team-a")];
    /// let said = |name, namespace| AppRef::new(name, namespace).did_you_mean(&others).unwrap();
    /// assert_eq!(said("shp", "argocd"), "did you mean \"shop\"?");
    /// assert_eq!(said("shop", "argcd"), "did you mean \"argocd/shop\"?");
    /// assert_eq!(said("kind", "argocd"), "the Applications in argocd are: shop");
    /// ```
    pub fn did_you_mean(&self, others: &[Self]) -> Option<String> {
        if others.is_empty() {
            return None;
        }
        let here = others.iter().filter(|app| app.namespace == self.namespace);
        let here: Vec<&str> = here.map(|app| app.name.as_str()).collect();
        let candidates = [
            self.in_other_namespaces(others),
            self.swapped(others),
            quoted(&similar(&self.name, here.iter().copied())),
            self.similar_elsewhere(others),
        ];
        let found = candidates.into_iter().flatten().next();
        Some(found.unwrap_or_else(|| match here.as_slice() {
            [] => namespaces(others),
            here => format!(
                "the Applications in {} are: {}",
                self.namespace,
                listing(here)
            ),
        }))
    }

    fn in_other_namespaces(&self, others: &[Self]) -> Option<String> {
        let same = others.iter().filter(|app| app.name == self.name);
        let names: Vec<String> = same.map(Self::to_string).collect();
        // The one that looks most like it comes first.
        let nearest = similar(&self.to_string(), names.iter().map(String::as_str));
        let rest = names.iter().map(String::as_str);
        let rest: Vec<&str> = rest.filter(|name| !nearest.contains(name)).collect();
        let names: Vec<&str> = nearest.into_iter().chain(rest).take(3).collect();
        quoted(&names)
    }

    /// Finds the application whose name was written in the place of its namespace.
    fn swapped(&self, others: &[Self]) -> Option<String> {
        let swapped = Self::new(&self.namespace, &self.name);
        others.contains(&swapped).then(|| {
            format!(
                "the namespace comes last: {} {}",
                swapped.name, swapped.namespace
            )
        })
    }

    fn similar_elsewhere(&self, others: &[Self]) -> Option<String> {
        let names: BTreeSet<&str> = others.iter().map(|app| app.name.as_str()).collect();
        let nearest = similar(&self.name, names.into_iter());
        let apps = others
            .iter()
            .filter(|app| nearest.contains(&app.name.as_str()));
        let apps: Vec<String> = apps.take(3).map(Self::to_string).collect();
        quoted(&apps.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// `did you mean "a" or "b"?`
fn quoted(names: &[&str]) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

fn namespaces(others: &[AppRef]) -> String {
    let names: BTreeSet<&str> = others.iter().map(|app| app.namespace.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    format!("Applications are in: {}", listing(&names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(wanted: (&str, &str), others: &[&str]) -> String {
        let app = |text: &&str| {
            let (namespace, name) = text.split_once('/').unwrap();
            AppRef::new(name, namespace)
        };
        let others: Vec<AppRef> = others.iter().map(app).collect();
        AppRef::new(wanted.0, wanted.1)
            .did_you_mean(&others)
            .unwrap_or_default()
    }

    #[test]
    fn the_nearest_application_is_named() {
        let all = [
            "argocd/shop",
            "argocd/shop-staging",
            "argocd/pay",
            "team-a/cart",
        ];
        for (wanted, sentence) in [
            (("shpo", "argocd"), "did you mean \"shop\"?"),
            (
                ("SHOP", "argocd"),
                "did you mean \"shop\" or \"shop-staging\"?",
            ),
            (("pay", "argcd"), "did you mean \"argocd/pay\"?"),
            (("cart", "argocd"), "did you mean \"team-a/cart\"?"),
            (("carts", "argocd"), "did you mean \"team-a/cart\"?"),
            (("argocd", "pay"), "the namespace comes last: pay argocd"),
            (("xyz", "team-a"), "the Applications in team-a are: cart"),
            (("xyz", "nowhere"), "Applications are in: argocd, team-a"),
        ] {
            assert_eq!(said(wanted, &all), sentence, "{wanted:?}");
        }
        assert_eq!(said(("shop", "argocd"), &[]), "");
    }

    #[test]
    fn the_most_similar_namespace_comes_first() {
        let all = ["argocd/shop", "team-a/shop", "team-b/shop", "team-c/shop"];
        let said = said(("shop", "team-bb"), &all);
        assert!(said.starts_with("did you mean \"team-b/shop\""), "{said}");
        assert_eq!(said.matches('/').count(), 3, "{said}");
    }
}
