//! Connects to the cluster that the flags and the environment name.

use std::{ffi::OsString, io::IsTerminal, path::PathBuf, time::Duration};

use argo_core::client::{self, Connection, LoginSource};
use argo_core::{Level, text::chain};

use crate::{
    args::{TargetArgs, Via},
    error::Failure,
    lookup::Lookup,
};

/// Time limit for the first answer of the cluster; after it, the cluster counts as
/// unreachable.
const FIRST_ANSWER: Duration = Duration::from_secs(15);

/// The connections to the clusters of an application.
pub(crate) struct Clusters {
    /// The cluster of the workloads.
    pub workloads: Connection,
    /// The cluster of the Application resource, if that is another.
    pub applications: Option<Connection>,
    /// Argo CD's API of these clusters, if it was found beside them: it alone compares with git.
    pub argocd: Option<argo_core::argocd::Client>,
    /// Sentences on how the cluster was chosen, for the reader.
    pub notes: Vec<(Level, String)>,
}

/// Connects to the cluster of the workloads, and to that of the Application where it is
/// another one; both have answered once.
///
/// # Errors
///
/// When there is no configuration, no answer, or the credentials are refused.
pub(crate) fn connect<'a>(
    target: &'a TargetArgs,
    env: Lookup<'_>,
) -> impl Future<Output = Result<Clusters, Failure>> + Send + use<'a> {
    let options = target_options(target, env);
    let elsewhere = target.app_kubeconfig.is_some() || target.app_context.is_some();
    let elsewhere = elsewhere.then(|| application_options(target, env));
    async move {
        if target.via == Via::Argocd {
            return Err(Failure::usage(
                "--via argocd is for sync and follow; this command needs the cluster",
            ));
        }
        let mut notes = Vec::new();
        let workloads = choose(&options, target, &mut notes).await?;
        if let LoginSource::User {
            name,
            is_anonymous: true,
        } = &workloads.login
        {
            notes.push((Level::Warning, anonymous(&workloads.described, name)));
        }
        let applications = match &elsewhere {
            Some(options) => Some(connect_to(options).await?),
            None => None,
        };
        Ok(Clusters {
            workloads,
            applications,
            argocd: None,
            notes,
        })
    }
}

/// Returns the places where the cluster of the workloads is looked for.
pub(crate) fn target_options(target: &TargetArgs, env: Lookup<'_>) -> client::Options {
    let mut options = options(target.kubeconfig.clone(), target.context.clone(), env);
    options.overrides = target.kubectl.overrides();
    options
}

fn application_options(target: &TargetArgs, env: Lookup<'_>) -> client::Options {
    let file = target
        .app_kubeconfig
        .clone()
        .or_else(|| target.kubeconfig.clone());
    options(file, target.app_context.clone(), env)
}

/// Returns options that find the configuration where kubectl finds it.
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

/// Tries the pod's service account first. In a pipeline's pod it often has no rights at
/// all, and the kubeconfig names the cluster that is meant.
async fn choose(
    options: &client::Options,
    target: &TargetArgs,
    notes: &mut Vec<(Level, String)>,
) -> Result<Connection, Failure> {
    let Some(fallback) = options.fallback() else {
        return connect_to(options).await;
    };
    let files = fallback.files_in_words();
    let why = match connect_to(options).await {
        Ok(connection) => match refusal(&connection, target).await {
            None => {
                let note = format!(
                    "using the pod's service account; {files} was ignored (select it with --context or --kubeconfig)"
                );
                notes.push((Level::Info, note));
                return Ok(connection);
            }
            Some(why) => why,
        },
        Err(failure) => failure.message,
    };
    let connection = connect_to(&fallback).await?;
    let note = format!(
        "the pod's service account cannot read the application ({why}); using {} from {files}",
        connection.described
    );
    notes.push((Level::Info, note));
    Ok(connection)
}

/// Returns the server's refusal if the service account cannot follow the application, as it
/// may read neither the Application nor pods.
async fn refusal(connection: &Connection, target: &TargetArgs) -> Option<String> {
    // Nobody is known before the selector is resolved.
    let app = target.apps.first()?;
    let path = format!(
        "/apis/argoproj.io/v1alpha1/namespaces/{}/applications/{}",
        app.namespace, app.name
    );
    forbidden(connection, &path).await?;
    let named = target.namespaces.first();
    let namespace = named.unwrap_or(&app.namespace);
    let path = format!("/api/v1/namespaces/{namespace}/pods?limit=1");
    forbidden(connection, &path).await
}

/// Returns the server's words if a GET of the path is answered with 401 or 403.
async fn forbidden(connection: &Connection, path: &str) -> Option<String> {
    let request = http::Request::get(path).body(Vec::new()).ok()?;
    let answer = connection.client.request_text(request);
    match tokio::time::timeout(FIRST_ANSWER, answer).await {
        Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => {
            Some(format!("{} {}", status.code, status.message))
        }
        _ => None,
    }
}

fn anonymous(described: &str, user: &str) -> String {
    let entry = match user {
        "" => "names no user".to_owned(),
        user => format!("has the user entry \"{user}\", which is missing or holds no credentials"),
    };
    format!(
        "{described} {entry}: the server treats us as system:anonymous (give the entry a token, a client certificate or an exec plugin)"
    )
}

async fn connect_to(options: &client::Options) -> Result<Connection, Failure> {
    let connection = client::connect(options).await?;
    // /version is open to everybody unless anonymous access is off, so a refusal is about the
    // credentials and not about a missing rule.
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

/// Judges a server that refused to tell its version. It is there unless the refusal is a 404
/// or a server error, but a 401 means that the credentials are wrong.
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
