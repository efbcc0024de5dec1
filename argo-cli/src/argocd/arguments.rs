//! The arguments of argocd.

use std::ffi::OsString;

use argo_core::AppRef;

use super::{
    ArgocdCommand, ArgocdConfig, NamespaceForm, Wait,
    flags::{Flag, flags, without},
};

/// Returns `app wait <APP>…` with the conditions of the wait, then the user's own flags: of a
/// flag given twice argocd takes the last.
///
/// `--operation` makes argocd wait for PostSync hooks. `--grpc-web` works against every
/// server, and with `--core`, where argocd talks to a server inside itself.
pub fn arguments(config: &ArgocdConfig) -> Vec<OsString> {
    let verb = match config.command {
        ArgocdCommand::Wait => "wait",
        ArgocdCommand::Sync => "sync",
        ArgocdCommand::Refresh => "get",
    };
    let mut arguments: Vec<OsString> = vec!["app".into(), verb.into()];
    let one = one_namespace(&config.apps);
    match one.filter(|_| config.namespace_form == NamespaceForm::Flag) {
        Some(namespace) => {
            arguments.extend(config.apps.iter().map(|app| OsString::from(&app.name)));
            arguments.push(format!("{NAMESPACE_FLAG}={namespace}").into());
        }
        None => arguments.extend(config.apps.iter().map(|app| app.to_string().into())),
    }
    match config.command {
        ArgocdCommand::Wait => arguments.extend(Wait::of(&config.extra).arguments()),
        ArgocdCommand::Sync => {
            arguments.push("--async".into());
            let revision = config.revision.as_ref();
            arguments.extend(revision.map(|revision| format!("--revision={revision}").into()));
        }
        // Nobody reads it; `name` is a form of `app list` alone, and ends `app get` with 20.
        ArgocdCommand::Refresh => arguments.extend(["--refresh".into(), "--output=json".into()]),
    }
    arguments.push("--grpc-web".into());
    match config.command {
        ArgocdCommand::Wait => arguments.extend(config.extra.iter().cloned()),
        ArgocdCommand::Sync => arguments.extend(without(&config.extra, OF_WAIT)),
        ArgocdCommand::Refresh => {
            arguments.extend(without(&config.extra, &[OF_WAIT, OF_SYNC].concat()));
        }
    }
    arguments
}

/// Returns the namespace of all the applications, if it is one.
fn one_namespace(apps: &[AppRef]) -> Option<&str> {
    let first = apps.first()?;
    let is_same = |app: &AppRef| app.namespace == first.namespace;
    apps.iter().all(is_same).then_some(&first.namespace)
}

/// Flags of `argocd app wait` that no other command takes, or that mean something else there.
const OF_WAIT: &[&str] = &[
    "health",
    "sync",
    "operation",
    "suspended",
    "degraded",
    "delete",
    "hydrated",
    "output",
    "o",
    "timeout",
];

/// Flags of `argocd app wait` that `argocd app sync` takes as well.
const OF_SYNC: &[&str] = &["resource", "selector", "l"];

/// The flag for the namespace of the Application; argocd knows it since 2.11.
pub(super) const NAMESPACE_FLAG: &str = "--app-namespace";

/// True unless the user turned `--grpc-web` off.
pub fn uses_grpc_web(extra: &[OsString]) -> bool {
    let flags = flags(extra);
    let own = flags.iter().filter(|flag| flag.is("grpc-web"));
    own.map(|flag| flag.is_on()).next_back().unwrap_or(true)
}

/// Returns the flags for argocd as names without dashes and values, which are empty where
/// there is none.
pub fn flag_pairs(extra: &[OsString]) -> Vec<(String, String)> {
    let name = |flag: &Flag<'_>| String::from_utf8_lossy(flag.name).into_owned();
    let flags = flags(extra);
    flags.iter().map(|flag| (name(flag), flag.text())).collect()
}

/// Returns argocd's own time limit in seconds: `None` without one, or if argocd will refuse
/// the value.
pub fn time_limit(extra: &[OsString]) -> Option<u64> {
    let flags = flags(extra);
    let last = flags.iter().rfind(|flag| flag.is("timeout"))?;
    last.text().parse().ok().filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(texts: &[&str]) -> Vec<OsString> {
        texts.iter().map(OsString::from).collect()
    }

    fn line(config: &ArgocdConfig) -> String {
        let arguments = arguments(config);
        let texts: Vec<_> = arguments.iter().map(|a| a.to_string_lossy()).collect();
        texts.join(" ")
    }

    #[test]
    fn our_conditions_come_first_and_the_users_flags_last() {
        let mut config = ArgocdConfig::new(AppRef::new("shop", "team-a"));
        config.extra = os(&["--timeout", "300"]);
        assert_eq!(
            line(&config),
            "app wait shop --app-namespace=team-a --health --sync --operation --grpc-web --timeout 300"
        );
        config.extra = os(&[
            "--timeout",
            "300",
            "--insecure",
            "--server",
            "h",
            "--resource=apps:Deployment:web",
            "--health",
        ]);
        config.command = ArgocdCommand::Sync;
        assert_eq!(
            line(&config),
            "app sync shop --app-namespace=team-a --async --grpc-web --insecure --server h --resource=apps:Deployment:web"
        );
        config.command = ArgocdCommand::Refresh;
        assert_eq!(
            line(&config),
            "app get shop --app-namespace=team-a --refresh --output=json --grpc-web --insecure --server h"
        );
        config.command = ArgocdCommand::Wait;
        config.namespace_form = NamespaceForm::QualifiedName;
        config.extra = os(&["--suspended"]);
        assert_eq!(line(&config), "app wait team-a/shop --grpc-web --suspended");
    }

    #[test]
    fn several_applications_are_one_argocd() {
        let mut config = ArgocdConfig::new(AppRef::new("shop", "argocd"));
        config.apps.push(AppRef::new("pay", "argocd"));
        config.extra = os(&["--health"]);
        assert_eq!(
            line(&config),
            "app wait shop pay --app-namespace=argocd --grpc-web --health"
        );
        config.apps.push(AppRef::new("cart", "team-a"));
        assert_eq!(
            line(&config),
            "app wait argocd/shop argocd/pay team-a/cart --grpc-web --health"
        );
        config.command = ArgocdCommand::Sync;
        config.revision = Some("abc1234".to_owned());
        assert_eq!(
            line(&config),
            "app sync argocd/shop argocd/pay team-a/cart --async --revision=abc1234 --grpc-web"
        );
    }

    #[test]
    fn the_time_limit_is_the_last_one_that_argocd_takes() {
        for (extra, wanted) in [
            (&[][..], None),
            (&["--timeout", "300"], Some(300)),
            (&["--timeout=5", "--timeout=7"], Some(7)),
            (&["--timeout=0"], None),
            (&["--timeout", "5m"], None),
            (&["--timeout"], None),
        ] {
            assert_eq!(time_limit(&os(extra)), wanted, "{extra:?}");
        }
    }

    #[test]
    fn the_last_grpc_web_counts() {
        for (extra, wanted) in [
            (&[][..], true),
            (&["--core"], true),
            (&["--grpc-web=false"], false),
            (&["--grpc-web=false", "--grpc-web"], true),
            (&["--grpc-web-root-path=/argo"], true),
            (
                &["--grpc-web=false", "--grpc-web-root-path", "false"],
                false,
            ),
        ] {
            assert_eq!(uses_grpc_web(&os(extra)), wanted, "{extra:?}");
        }
    }
}
