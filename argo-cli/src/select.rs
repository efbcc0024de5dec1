//! The applications that a selector or a project chooses, at the start and [`later`].

mod later;

use std::time::Duration;

use argo_core::{AppRef, argocd, client::Connection};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    args::{TargetArgs, Via},
    cluster,
    error::Failure,
    exit,
    lookup::Lookup,
    streams::track_config,
    way::Ways,
};

use later::Known;
pub(crate) use later::{Later, Lookout};

/// Time limit for the list.
const ANSWER: Duration = Duration::from_secs(30);
/// Applications on one page of a list.
const PAGE: u32 = 250;
/// The annotation by which Argo CD orders the objects of a sync.
const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// The parts of an Application that a selection needs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Listed {
    metadata: ObjectMeta,
    spec: Spec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    project: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    metadata: PageMetadata,
    items: Vec<Listed>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PageMetadata {
    #[serde(rename = "continue")]
    next: String,
}

/// The applications of a run.
pub(crate) struct Selection {
    /// Those that are named, and those that are chosen now.
    pub apps: Vec<AppRef>,
    /// Looks for those that are chosen later.
    pub lookout: Lookout,
}

/// The server that gave the list, which is asked again for what appears later.
enum Source {
    Api(argocd::Client),
    Cluster(Connection),
}

/// The criteria of a selection.
#[derive(Clone, Debug)]
struct Choice {
    selector: String,
    projects: Vec<String>,
    namespace: Option<String>,
}

impl Choice {
    /// Returns the chosen ones in the order of their sync waves.
    fn of(&self, mut listed: Vec<Listed>) -> Vec<Listed> {
        listed.retain(|app| {
            let namespace = self.namespace.as_ref();
            namespace.is_none_or(|namespace| Some(namespace) == app.metadata.namespace.as_ref())
                && (self.projects.is_empty() || self.projects.contains(&app.spec.project))
        });
        listed.sort_by_key(|app| {
            let meta = &app.metadata;
            (app.wave(), meta.namespace.clone(), meta.name.clone())
        });
        listed
    }

    /// `the labels team=shop in namespace argocd`
    fn described(&self) -> String {
        let mut parts = Vec::new();
        if !self.selector.is_empty() {
            parts.push(format!("the labels {}", self.selector));
        }
        if !self.projects.is_empty() {
            parts.push(format!("the project {}", self.projects.join(" or ")));
        }
        let place = self.namespace.as_ref();
        let place = place.map_or_else(String::new, |place| format!(" in namespace {place}"));
        format!("{}{place}", parts.join(" and "))
    }

    /// Returns the path of a page of the list.
    fn path(&self, next: &str) -> String {
        let namespace = self.namespace.as_ref();
        let namespace = namespace.map_or_else(String::new, |of| format!("namespaces/{of}/"));
        let mut path = format!("/apis/argoproj.io/v1alpha1/{namespace}applications?limit={PAGE}");
        for (name, value) in [("labelSelector", &*self.selector), ("continue", next)] {
            if !value.is_empty() {
                path.push_str(&format!("&{name}={}", escaped(value)));
            }
        }
        path
    }
}

impl Listed {
    fn wave(&self) -> i64 {
        let annotations = self.metadata.annotations.as_ref();
        let wave = annotations.and_then(|annotations| annotations.get(WAVE));
        wave.and_then(|wave| wave.parse().ok()).unwrap_or(0)
    }

    fn app(&self) -> AppRef {
        let meta = &self.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        AppRef::new(text(&meta.name), text(&meta.namespace))
    }
}

/// Adds the applications that the flags choose to those that are named. argocd lists them once;
/// one that appears later is found by the lookout.
///
/// # Errors
///
/// When neither Argo CD's API nor the cluster gives the list, or nothing is chosen.
pub(crate) async fn select(
    target: &TargetArgs,
    ways: &Ways,
    env: Lookup<'_>,
) -> Result<Selection, Failure> {
    let named = target.named().map_err(Failure::usage)?;
    let choice = Choice {
        selector: target.selector.clone().unwrap_or_default(),
        projects: target.projects.clone(),
        namespace: named.namespace,
    };
    let listed = timeout(ANSWER, first_list(target, ways, &choice, env)).await;
    let listed = listed.unwrap_or_else(|_| Err(Failure::usage("no answer within 30 s")));
    let (listed, source) = listed.map_err(|failure| Failure {
        message: format!(
            "cannot list the Applications with {}: {}",
            choice.described(),
            failure.message
        ),
        ..failure
    })?;
    let chosen = choice.of(listed);
    if chosen.is_empty() {
        let message = format!("no Application has {}", choice.described());
        return Err(Failure::usage(message)
            .code(exit::NOTHING_FOUND)
            .hint("argocd app list -l SELECTOR shows what the token may see"));
    }
    let mut apps = named.apps;
    let new = chosen.iter().map(Listed::app);
    let new: Vec<AppRef> = new.filter(|app| !apps.contains(app)).collect();
    apps.extend(new);
    let track = track_config(target, Timestamp::UNIX_EPOCH);
    let known = Known::new(&apps, track);
    let lookout = Lookout::new(choice, source, known);
    Ok(Selection { apps, lookout })
}

/// Asks Argo CD's API, as argocd does, or else the cluster.
async fn first_list(
    target: &TargetArgs,
    ways: &Ways,
    choice: &Choice,
    env: Lookup<'_>,
) -> Result<(Vec<Listed>, Source), Failure> {
    // The API first: it is what argocd will ask, and it shows just what the token may see.
    let failed = match &ways.api {
        Some(api) => match Source::Api(api.clone()).listed(choice).await {
            Ok(listed) => return Ok(listed),
            Err(failure) if !ways.has_cluster => return Err(failure),
            Err(failure) => Some(failure),
        },
        None => None,
    };
    if target.via == Via::Argocd {
        return Err(failed.unwrap_or_else(|| Failure::usage("there is no way to Argo CD's API")));
    }
    let listed = match cluster::connect(target, env).await {
        Ok(clusters) => {
            let connection = clusters.applications.unwrap_or(clusters.workloads);
            Source::Cluster(connection).listed(choice).await
        }
        Err(failure) => Err(failure),
    };
    listed.map_err(|failure| match failed {
        Some(first) => Failure {
            message: format!("{}; {}", first.message, failure.message),
            ..failure
        },
        None => failure,
    })
}

impl Source {
    async fn listed(self, choice: &Choice) -> Result<(Vec<Listed>, Self), Failure> {
        let listed = self.list(choice).await?;
        Ok((listed, self))
    }

    async fn list(&self, choice: &Choice) -> Result<Vec<Listed>, Failure> {
        match self {
            Self::Api(api) => over_api(api, choice).await,
            Self::Cluster(connection) => over_cluster(connection, choice).await,
        }
    }
}

async fn over_api(api: &argocd::Client, choice: &Choice) -> Result<Vec<Listed>, Failure> {
    let listed = api.applications(&choice.selector, &choice.projects).await;
    listed.map_err(|error| {
        let at = api.address().authority();
        let failure = Failure::usage(format!("Argo CD at {at}: {error}"));
        match error.refused() {
            Some(refused) if refused.is_forbidden() => failure.code(exit::NO_PERMISSION),
            _ => failure,
        }
    })
}

async fn over_cluster(connection: &Connection, choice: &Choice) -> Result<Vec<Listed>, Failure> {
    let (mut listed, mut next) = (Vec::new(), String::new());
    loop {
        let request = http::Request::get(choice.path(&next)).body(Vec::new());
        let request = request.map_err(|error| Failure::usage(error.to_string()))?;
        let page: Page = connection
            .client
            .request(request)
            .await
            .map_err(|error| refused(&error, choice))?;
        listed.extend(page.items);
        next = page.metadata.next;
        if next.is_empty() {
            return Ok(listed);
        }
    }
}

fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn refused(error: &kube::Error, choice: &Choice) -> Failure {
    let kube::Error::Api(status) = error else {
        return Failure::usage(argo_core::text::chain(error));
    };
    let failure = Failure::usage(format!("{} ({})", status.message, status.code));
    match (status.code, &choice.namespace) {
        (403, None) => failure
            .code(exit::NO_PERMISSION)
            .hint("name a namespace: Applications may perhaps be listed in one"),
        (403, Some(_)) => failure.code(exit::NO_PERMISSION),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, namespace: &str, project: &str, wave: Option<&str>) -> Listed {
        let wave = wave.map(|wave| (WAVE.to_owned(), wave.to_owned()));
        Listed {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                annotations: Some(wave.into_iter().collect()),
                ..ObjectMeta::default()
            },
            spec: Spec {
                project: project.to_owned(),
            },
        }
    }

    fn choice(projects: &[&str], namespace: Option<&str>) -> Choice {
        Choice {
            selector: "team in (a,b)".to_owned(),
            projects: projects.iter().map(|&project| project.to_owned()).collect(),
            namespace: namespace.map(str::to_owned),
        }
    }

    #[test]
    fn waves_order_what_projects_and_the_namespace_leave() {
        let all = vec![
            listed("web", "argocd", "shop", Some("2")),
            listed("db", "argocd", "shop", Some("-1")),
            listed("api", "argocd", "shop", None),
            listed("other", "argocd", "pay", None),
            listed("far", "team-a", "shop", None),
        ];
        let names = |choice: Choice| -> Vec<String> {
            let apps = choice.of(all.clone());
            apps.iter().map(|app| app.app().to_string()).collect()
        };
        assert_eq!(
            names(choice(&["shop"], Some("argocd"))),
            ["argocd/db", "argocd/api", "argocd/web"]
        );
        assert_eq!(names(choice(&[], None)).len(), 5);
        assert_eq!(names(choice(&["none"], None)), [""; 0]);
    }

    #[test]
    fn a_selector_stays_where_it_is_put() {
        assert_eq!(
            choice(&[], Some("argocd")).path("a&b"),
            "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications?limit=250\
             &labelSelector=team%20in%20%28a%2Cb%29&continue=a%26b"
        );
        assert!(
            choice(&[], None)
                .path("")
                .starts_with("/apis/argoproj.io/v1alpha1/applications?")
        );
    }
}
