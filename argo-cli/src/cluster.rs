//! From flags and environment to a connection that works.

use std::{ffi::OsString, io::IsTerminal, path::PathBuf, time::Duration};

use argo_core::client::{self, Connection};
use argo_core::text::chain;

use crate::{args::TargetArgs, error::Failure, settings::Lookup};

/// How long the first answer of the cluster may take.
const FIRST_ANSWER: Duration = Duration::from_secs(15);

/// The ways to the clusters of an application.
pub struct Clusters {
    /// Where the workloads are.
    pub workloads: Connection,
    /// Where the Application is, if elsewhere.
    pub applications: Option<Connection>,
}

/// Connects to the cluster of the workloads, and to that of the Application where it is
/// another one; both have answered once.
///
/// # Errors
///
/// When there is no configuration, no answer, or the credentials are refused.
pub async fn connect(target: &TargetArgs, env: Lookup<'_>) -> Result<Clusters, Failure> {
    let options = options(target.kubeconfig.clone(), target.context.clone(), env);
    let workloads = connect_to(&options).await?;
    let elsewhere = target.app_kubeconfig.is_some() || target.app_context.is_some();
    let applications = match elsewhere {
        false => None,
        true => Some(connect_to(&application_options(target, env)).await?),
    };
    Ok(Clusters {
        workloads,
        applications,
    })
}

fn application_options(target: &TargetArgs, env: Lookup<'_>) -> client::Options {
    let file = target
        .app_kubeconfig
        .clone()
        .or_else(|| target.kubeconfig.clone());
    options(file, target.app_context.clone(), env)
}

/// Looks where kubectl looks.
fn options(
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    env: Lookup<'_>,
) -> client::Options {
    let mut options = client::Options::inferred(|name| env(name).map(OsString::from));
    options.kubeconfig = kubeconfig;
    options.context = context;
    options.interactive(std::io::stdin().is_terminal())
}

async fn connect_to(options: &client::Options) -> Result<Connection, Failure> {
    let connection = client::connect(options).await?;
    let answer = connection.client.apiserver_version();
    match tokio::time::timeout(FIRST_ANSWER, answer).await {
        Ok(Ok(version)) => {
            log::debug!(
                "{}: Kubernetes {}",
                connection.described,
                version.git_version
            );
            Ok(connection)
        }
        Ok(Err(error)) => refused(&connection, &error),
        Err(_) => Err(unreachable(&connection, "no answer within 15 s")),
    }
}

/// A server that answers is there, even if it will not tell its version.
fn refused(connection: &Connection, error: &kube::Error) -> Result<Connection, Failure> {
    match error {
        kube::Error::Api(status) if status.code == 401 => Err(unauthorized(connection)),
        kube::Error::Api(status) if status.code == 404 => Err(unreachable(
            connection,
            "what answers there is no Kubernetes API (404)",
        )),
        kube::Error::Api(status) if status.code < 500 => Ok(connection.clone()),
        error => Err(unreachable(connection, &chain(error))),
    }
}

fn unauthorized(connection: &Connection) -> Failure {
    let described = &connection.described;
    Failure::usage(format!(
        "the cluster refuses the credentials of {described}: 401 Unauthorized"
    ))
    .hint("log in again, or pass --context or --kubeconfig with other credentials")
}

fn unreachable(connection: &Connection, why: &str) -> Failure {
    let described = &connection.described;
    let at = connection
        .server()
        .map_or_else(String::new, |url| format!(" at {url}"));
    Failure::usage(format!(
        "cannot reach the cluster of {described}{at}: {why}"
    ))
    .hint("check the network, or pass --context or --kubeconfig of another cluster")
}
