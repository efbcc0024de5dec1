//! The first questions to Argo CD's API, and the answers in words.

use std::time::Duration;

use argo_core::{
    AppRef, Level,
    argocd::{Client, Error, Refresh, Trees, UserInfo},
    resource::Application,
};
use futures::{StreamExt, stream};
use serde::Deserialize;
use tokio::{sync::OnceCell, time::timeout};

use super::Api;
use crate::{args::TargetArgs, error::Failure, exit};

const FIRST_ANSWER: Duration = Duration::from_secs(15);
/// A suggestion is worth no longer wait.
const SUGGESTION: Duration = Duration::from_secs(3);
/// Applications that are asked about at once.
const CONCURRENT: usize = 8;
/// Applications without logs that get a sentence each.
const SILENT: usize = 3;

/// The project of an application, which names it in policies.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Project {
    spec: ProjectSpec,
}

/// The name of an application in a list.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Listed {
    metadata: ListedName,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ListedName {
    name: String,
    namespace: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProjectSpec {
    project: String,
}

/// Asks whether the application may be read, and its logs.
pub(super) async fn connect(
    client: &Client,
    target: &TargetArgs,
    suggested: &OnceCell<Option<String>>,
) -> Result<Api, Failure> {
    let asked = timeout(FIRST_ANSWER, ask(client, target, suggested)).await;
    asked.map_err(|_| unreachable(client, &Error::Silent(FIRST_ANSWER)))?
}

async fn ask(
    client: &Client,
    target: &TargetArgs,
    suggested: &OnceCell<Option<String>>,
) -> Result<Api, Failure> {
    // The version needs no login, which tells a server that is away from a token that is refused.
    let version = client
        .version()
        .await
        .map_err(|error| unreachable(client, &error))?;
    let asked = stream::iter(target.apps.clone())
        .map(|app| {
            let client = client.clone();
            async move {
                let found = find(&client, &app).await;
                let silent = match &found {
                    Ok((app, found)) => without_logs(&client, app, found).await,
                    Err(_) => None,
                };
                (app, found, silent)
            }
        })
        .buffered(CONCURRENT);
    let found: Vec<_> = asked.collect().await;
    // An account that may do nothing is still told who it is.
    let user = client.user_info().await.unwrap_or_default();
    let is_any = found.iter().any(|(_, found, _)| found.is_ok());
    let mut api = Api {
        trees: Trees::new(client.clone()),
        apps: Vec::new(),
        may_read_logs: false,
        notes: Vec::new(),
    };
    // Before 3.0 a setting decides whether the right is needed, so the log itself will tell.
    let is_enforced = version.major_minor().is_none_or(|(major, _)| major >= 3);
    let mut silent = Vec::new();
    for (named, found, without_logs) in found {
        match found {
            Ok((app, _)) => {
                match without_logs {
                    Some(object) if is_enforced => silent.push(object),
                    _ => api.may_read_logs = true,
                }
                api.apps.push(app);
            }
            Err(error) if !is_any => {
                let failure = refused(client, &user, &named, &error);
                let suggestion = || suggestion(client, &named, &error);
                let suggestion = suggested.get_or_init(suggestion).await;
                return Err(failure.suggestion(suggestion.clone()));
            }
            Err(error) => {
                let failure = refused(client, &user, &named, &error);
                api.notes.push((Level::Warning, failure.message));
                api.apps.push(named);
            }
        }
    }
    api.notes.extend(notes_on_logs(&user, &silent));
    Ok(api)
}

/// Returns a sentence for each application whose logs may not be read; the rest is counted.
fn notes_on_logs(user: &UserInfo, silent: &[String]) -> Vec<(Level, String)> {
    let few = silent.iter().take(SILENT);
    let mut notes: Vec<_> = few
        .map(|object| (Level::Warning, no_logs(user, object)))
        .collect();
    if silent.len() > SILENT {
        let more = silent.len() - SILENT;
        let note = format!("nor the logs of {more} more applications");
        notes.push((Level::Warning, note));
    }
    notes
}

/// Lists the applications that we may see, of which one may be meant by a name that the server
/// does not know.
async fn suggestion(client: &Client, named: &AppRef, error: &Error) -> Option<String> {
    error
        .refused()
        .filter(|refused| !refused.is_unauthorized())?;
    let listed = client.applications::<Listed>("", &[]);
    let listed = timeout(SUGGESTION, listed).await.ok()?.ok()?;
    let apps: Vec<AppRef> = listed
        .into_iter()
        .map(|app| AppRef::new(app.metadata.name, app.metadata.namespace))
        .collect();
    named.did_you_mean(&apps)
}

/// Returns the name of the application in policies if its logs may not be read.
async fn without_logs(client: &Client, app: &AppRef, found: &Application) -> Option<String> {
    let project: Project = client
        .application(app, Refresh::No)
        .await
        .unwrap_or_default();
    let object = policy_object(app, found, &project.spec.project);
    let is_refused = matches!(client.can_i("get", "logs", &object).await, Ok(false));
    is_refused.then_some(object)
}

/// Reads the application in the namespace that was named. That may be the one that it deploys
/// to: then in the control plane's.
async fn find(client: &Client, app: &AppRef) -> Result<(AppRef, Application), Error> {
    let error = match client.application::<Application>(app, Refresh::No).await {
        Ok(found) => return Ok((app.clone(), found)),
        Err(error) => error,
    };
    // Argo CD answers 403 for what does not exist, so that nobody can probe for names.
    let is_absent = error
        .refused()
        .is_some_and(|refused| refused.is_forbidden() || refused.is_not_found());
    if !is_absent {
        return Err(error);
    }
    let anywhere = AppRef::new(&app.name, "");
    let found = client
        .application::<Application>(&anywhere, Refresh::No)
        .await;
    let found = found.map_err(|_| error)?;
    let namespace = found.metadata.namespace.clone().unwrap_or_default();
    Ok((AppRef::new(&app.name, namespace), found))
}

/// Returns the name of the application in policies: `PROJECT/APP`, or `PROJECT/NAMESPACE/APP`
/// outside the control plane's namespace.
fn policy_object(app: &AppRef, found: &Application, project: &str) -> String {
    let controller = found
        .status
        .controller_namespace
        .as_deref()
        .unwrap_or_default();
    if controller.is_empty() || controller == app.namespace {
        format!("{project}/{}", app.name)
    } else {
        format!("{project}/{}/{}", app.namespace, app.name)
    }
}

fn no_logs(user: &UserInfo, object: &str) -> String {
    format!(
        "Argo CD does not allow {} to read logs, so none are shown; status and events continue. Policy line to add: p, {}, logs, get, {object}, allow",
        named(user),
        subject(user)
    )
}

fn named(user: &UserInfo) -> String {
    match user.username.as_str() {
        "" => "us".to_owned(),
        name => format!("\"{name}\""),
    }
}

fn subject(user: &UserInfo) -> &str {
    match user.username.as_str() {
        "" => "SUBJECT",
        name => name,
    }
}

fn unreachable(client: &Client, error: &Error) -> Failure {
    let at = client.address().authority();
    let failure = Failure::usage(format!("cannot reach Argo CD at {at}: {error}"));
    match error {
        Error::Redirected { .. } => {
            failure.hint("set ARGOCD_SERVER to the address that it names, or --grpc-web-root-path")
        }
        _ => failure.hint("check with: argocd version (same flags)"),
    }
}

fn refused(client: &Client, user: &UserInfo, app: &AppRef, error: &Error) -> Failure {
    let at = client.address().authority();
    let Some(refused) = error.refused() else {
        return unreachable(client, error);
    };
    if refused.is_unauthorized() {
        let what = if client.has_token() {
            "refuses the token"
        } else {
            "wants a token"
        };
        let failure = Failure::usage(format!("Argo CD at {at} {what}: {refused}"));
        return failure.hint("set ARGOCD_AUTH_TOKEN, or log in again with argocd relogin");
    }
    let failure = Failure::usage(format!(
        "Argo CD at {at} does not show application {app} to {}: {refused}; it does not exist, or the right is missing",
        named(user)
    ));
    failure.code(exit::NO_PERMISSION).hint(format!(
        "p, {}, applications, get, PROJECT/{}, allow",
        subject(user),
        app.name
    ))
}
