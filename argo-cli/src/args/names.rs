//! The applications that a command line names.

use argo_core::AppRef;

use super::object_name;

/// The applications that are named, and the namespace that goes with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The applications, each once.
    pub apps: Vec<AppRef>,
    /// The namespace of the applications that were named without one.
    pub namespace: Option<String>,
}

/// Reads `APP… NAMESPACE`, in which an application may be written `NAMESPACE/APP` as argocd
/// takes it. The last name is the namespace unless it holds a slash. `is_selecting` is true if
/// a selector or a project names applications too, so that a namespace may stand alone.
///
/// # Errors
///
/// One sentence that says what is missing or contradicts.
pub fn named(names: &[String], is_selecting: bool) -> Result<Named, String> {
    let (names, namespace) = match names.split_last() {
        Some((last, [])) if !last.contains('/') && !is_selecting => {
            return Err(format!(
                "the namespace of application {last} is missing: {last} NAMESPACE, or NAMESPACE/{last}"
            ));
        }
        Some((last, names)) if !last.contains('/') => (names, Some(last.clone())),
        _ => (names, None),
    };
    let mut found = Named {
        apps: Vec::new(),
        namespace: namespace.clone(),
    };
    for name in names {
        let app = match (name.split_once('/'), &namespace) {
            (Some((namespace, name)), _) => AppRef::new(name, namespace),
            (None, Some(namespace)) => AppRef::new(name, namespace),
            (None, None) => {
                return Err(format!(
                    "the namespace of application {name} is missing: write it as the last name, or NAMESPACE/{name}"
                ));
            }
        };
        if !found.apps.contains(&app) {
            found.apps.push(app);
        }
    }
    let is_used = names.is_empty() || names.iter().any(|name| !name.contains('/'));
    match namespace {
        // It would be ignored, and a slip of the keyboard would not be noticed.
        Some(namespace) if !is_used && !found.apps.iter().all(|app| app.namespace == namespace) => {
            Err(format!(
                "{namespace} is taken for a namespace, but each application is named with its own: leave it \
                 out, or write NAMESPACE/{namespace} for an application"
            ))
        }
        _ => Ok(found),
    }
}

/// Checks the name of an application with or without its namespace, or a namespace.
pub(super) fn name(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some((namespace, app)) => {
            object_name(namespace)?;
            object_name(app)?;
        }
        None => drop(object_name(text)?),
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, is_selecting: bool) -> Result<String, String> {
        let names: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let found = named(&names, is_selecting)?;
        let apps: Vec<String> = found.apps.iter().map(AppRef::to_string).collect();
        let namespace = found.namespace.unwrap_or_else(|| "-".to_owned());
        Ok(format!("{} in {namespace}", apps.join(" ")))
    }

    #[test]
    fn the_last_name_is_the_namespace_unless_it_holds_a_slash() {
        for (line, wanted) in [
            ("shop argocd", "argocd/shop in argocd"),
            ("shop pay argocd", "argocd/shop argocd/pay in argocd"),
            ("shop shop argocd", "argocd/shop in argocd"),
            ("team-a/shop", "team-a/shop in -"),
            ("team-a/shop team-b/pay", "team-a/shop team-b/pay in -"),
            ("team-a/shop pay argocd", "team-a/shop argocd/pay in argocd"),
            ("argocd/shop argocd", "argocd/shop in argocd"),
        ] {
            assert_eq!(read(line, false).as_deref(), Ok(wanted), "{line}");
        }
        assert_eq!(read("", true).as_deref(), Ok(" in -"));
        assert_eq!(read("argocd", true).as_deref(), Ok(" in argocd"));
        assert_eq!(
            read("shop argocd", true).as_deref(),
            Ok("argocd/shop in argocd")
        );
    }

    #[test]
    fn what_is_missing_or_contradicts_is_said() {
        for (line, part) in [
            ("shop", "the namespace of application shop is missing"),
            (
                "shop argocd/pay",
                "write it as the last name, or NAMESPACE/shop",
            ),
            ("argocd/shop x", "x is taken for a namespace"),
        ] {
            let said = read(line, false).unwrap_err();
            assert!(said.contains(part), "{line}: {said}");
        }
        assert!(name("a/b/c").is_err() && name("/b").is_err() && name("A/b").is_err());
        assert!(name("team-a/shop").is_ok());
    }
}
