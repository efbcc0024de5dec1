//! The way to the objects of an application: a cluster, or Argo CD's API.
//!
//! [`Ways::find`] reads what is configured and asks nobody; only a configuration that was named
//! and cannot be used ends the program there. [`join_once`] tries the ways once. [`Joining`]
//! does so until one works, while argocd already runs. A way is chosen once: a container is
//! never read over both.

mod api;
mod app_streams;
mod join;
mod same_cluster;
mod sources;

use std::{ffi::OsString, sync::Arc};

use argo_core::{
    AppRef, Level,
    argocd::{self, Trees},
    client,
    text::chain,
};

use tokio::sync::OnceCell;

use crate::{
    argocd::flag_pairs,
    args::{TargetArgs, Via},
    cluster::{self, Clusters},
    error::Failure,
    lookup::Lookup,
    select::select,
};

pub(crate) use app_streams::AppStreams;
pub(crate) use join::{JoinEvent, Joining, join_once};
pub(crate) use sources::Sources;

/// The ways that are configured.
pub(crate) struct Ways {
    /// True if a kubeconfig or a service account is there.
    pub has_cluster: bool,
    /// The client of Argo CD's API, if a server is known.
    pub api: Option<argocd::Client>,
    /// The application that may be meant, once Argo CD's API was asked: a retry of the search asks
    /// no second time.
    suggestion: OnceCell<Option<String>>,
}

/// A way that works.
#[expect(clippy::large_enum_variant, reason = "a handful lives at a time")]
pub(crate) enum Way {
    /// The cluster.
    Cluster(Clusters),
    /// Argo CD's API.
    Argocd(Api),
}

/// An application that Argo CD's API shows.
pub(crate) struct Api {
    /// The trees, of which none is followed yet.
    pub trees: Arc<Trees>,
    /// The applications, each in the namespace that it was found in.
    pub apps: Vec<AppRef>,
    /// True if logs may be read.
    pub may_read_logs: bool,
    /// Sentences for the reader.
    pub notes: Vec<(Level, String)>,
}

/// The streams of a way that works.
pub(crate) struct Joined {
    /// The streams.
    pub streams: AppStreams,
    /// The way in words: `context "prod"`.
    pub described: String,
    /// Sentences for the reader.
    pub notes: Vec<(Level, String)>,
}

impl Ways {
    /// Reads what is configured.
    ///
    /// # Errors
    ///
    /// When a configuration that was named cannot be used, or `--via` names a way that is not
    /// configured, or there is none at all.
    pub(crate) fn find(
        target: &TargetArgs,
        env: Lookup<'_>,
        flags: &[OsString],
    ) -> Result<Self, Failure> {
        let cluster = match target.via {
            Via::Argocd => None,
            _ => Some(client::prepare(&cluster::target_options(target, env))),
        };
        let api = match target.via {
            Via::Kubernetes => None,
            _ => Some(api_client(env, flags)),
        };
        let nowhere = match cluster {
            Some(Err(error @ client::Error::NoConfiguration(_))) => Some(error),
            // A file that nobody named, such as a half-made ~/.kube/config, must not stand in
            // the way of a token that works.
            Some(Err(error))
                if is_unnamed(target, env) && api.as_ref().is_some_and(Result::is_ok) =>
            {
                Some(error)
            }
            Some(Err(error)) => return Err(error.into()),
            _ => None,
        };
        let has_cluster = target.via != Via::Argocd && nowhere.is_none();
        match (nowhere, api) {
            (_, Some(Ok(api))) => Ok(Self {
                has_cluster,
                api: Some(api),
                suggestion: OnceCell::new(),
            }),
            (None, Some(Err(error))) if target.via == Via::Argocd => Err(no_api(&error)),
            (None, None | Some(Err(_))) => Ok(Self {
                has_cluster,
                api: None,
                suggestion: OnceCell::new(),
            }),
            (Some(cluster), Some(Err(api))) => Err(no_way(cluster, &api)),
            (Some(cluster), None) => Err(cluster.into()),
        }
    }
}

/// Returns the applications that a command looks at once, chosen ones among them.
///
/// # Errors
///
/// If the flags ask for Argo CD's API, which such a command does not read, or the applications
/// cannot be listed.
pub(crate) async fn looked_at(
    target: &TargetArgs,
    env: Lookup<'_>,
) -> Result<Vec<AppRef>, Failure> {
    if target.via == Via::Argocd {
        let message =
            "--via argocd works with sync and follow; diagnose and explain read the cluster";
        return Err(Failure::usage(message));
    }
    if !target.is_selecting() {
        return Ok(target.apps.clone());
    }
    let ways = Ways::find(target, env, &[])?;
    let selection = select(target, &ways, env).await?;
    Ok(selection.apps)
}

/// True if no kubeconfig and no entry of one was named.
fn is_unnamed(target: &TargetArgs, env: Lookup<'_>) -> bool {
    target.kubeconfig.is_none()
        && target.context.is_none()
        && env("KUBECONFIG").is_none_or(|files| files.is_empty())
        && target.via != Via::Kubernetes
}

fn api_client(env: Lookup<'_>, flags: &[OsString]) -> Result<argocd::Client, argocd::OptionsError> {
    let env = |name: &str| env(name).map(OsString::from);
    argocd::Client::new(argocd::Options::inferred(env, flag_pairs(flags))?)
}

fn no_api(error: &argocd::OptionsError) -> Failure {
    Failure::usage(chain(error))
        .hint("set ARGOCD_SERVER and ARGOCD_AUTH_TOKEN, or log in with argocd login")
}

fn no_way(cluster: client::Error, api: &argocd::OptionsError) -> Failure {
    let failure = Failure::from(cluster);
    let message = format!("{}; {}", failure.message, chain(api));
    Failure { message, ..failure }
        .hint("or set ARGOCD_SERVER and ARGOCD_AUTH_TOKEN: a token of Argo CD is enough")
}
