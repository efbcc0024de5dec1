//! The names of the applications of a run.

use argo_core::{AppRef, text::counted};

use super::Member;
use crate::session::Config;

/// The most applications that a line names.
const NAMED: usize = 5;

/// `application argocd/shop`, or `3 applications: argocd/shop, …`
pub(super) fn described(apps: &[String]) -> String {
    match apps {
        [one] => format!("application {one}"),
        all => {
            let shown = all
                .iter()
                .take(NAMED)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let more = match all.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{}: {shown}{more}", counted(all.len(), "application"))
        }
    }
}

/// Returns the names by which the applications are told apart: with their namespace where two
/// have the same name.
pub(super) fn names(configs: &[Config]) -> Vec<String> {
    let name = |config: &Config| {
        let app = &config.app;
        let same = configs.iter().filter(|other| other.app.name == app.name);
        if same.count() > 1 {
            app.to_string()
        } else {
            app.name.clone()
        }
    };
    configs.iter().map(name).collect()
}

/// Returns the name of one more application, which leaves the names of the others as they are.
pub(super) fn beside(members: &[Member], app: &AppRef) -> String {
    let is_taken = members.iter().any(|member| {
        let other = &member.session.config().app;
        other.name == app.name
    });
    if is_taken {
        app.to_string()
    } else {
        app.name.clone()
    }
}
