//! The names that a user may have meant: asked for once, where an Application or a namespace does
//! not exist.

use std::{sync::Arc, time::Duration};

use argo_core::{AppRef, resource::Application};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt, api::ListParams};
use tokio::{sync::OnceCell, time::timeout};

/// Time limit for a list: a suggestion is worth no longer wait.
const ANSWER: Duration = Duration::from_secs(3);
/// The most names that are listed.
const NAMES: u32 = 500;

/// A question for the names that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// The Applications: this one does not exist.
    Applications(AppRef),
    /// The namespaces: nothing was found in these, which the user named.
    Namespaces(Vec<String>),
}

/// The answer to an [`Inquiry`]. What may not be listed is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// The Applications that exist.
    Applications(Vec<AppRef>),
    /// The namespaces that exist.
    Namespaces(Vec<String>),
}

/// Lists names in a cluster. Several trackers share the answers.
#[derive(Clone)]
pub(crate) struct NamesReader {
    workloads: Client,
    applications: Client,
    known: Arc<Known>,
}

#[derive(Default)]
struct Known {
    applications: OnceCell<Vec<AppRef>>,
    namespaces: OnceCell<Vec<String>>,
}

impl NamesReader {
    pub(crate) fn new(workloads: Client, applications: Client) -> Self {
        Self {
            workloads,
            applications,
            known: Arc::default(),
        }
    }

    /// Answers with nothing where the rights are missing: that is no news to the user.
    pub(crate) async fn read(&self, inquiry: Inquiry) -> Names {
        match inquiry {
            Inquiry::Applications(app) => {
                let list = || async { in_time(self.applications(&app.namespace)).await };
                Names::Applications(self.known.applications.get_or_init(list).await.clone())
            }
            Inquiry::Namespaces(_) => {
                let list = || async { in_time(self.namespaces()).await };
                Names::Namespaces(self.known.namespaces.get_or_init(list).await.clone())
            }
        }
    }

    /// Lists the Applications of all namespaces, or of the one that was named if only those may
    /// be listed.
    async fn applications(&self, namespace: &str) -> Result<Vec<AppRef>, kube::Error> {
        let params = ListParams::default().limit(NAMES);
        let everywhere: Api<Application> = Api::all(self.applications.clone());
        let listed = match everywhere.list_metadata(&params).await {
            Err(kube::Error::Api(_)) => {
                let here: Api<Application> = Api::namespaced(self.applications.clone(), namespace);
                here.list_metadata(&params).await?
            }
            listed => listed?,
        };
        let app = |found: &kube::core::PartialObjectMeta<Application>| {
            AppRef::new(found.name_any(), found.namespace().unwrap_or_default())
        };
        Ok(listed.items.iter().map(app).collect())
    }

    async fn namespaces(&self) -> Result<Vec<String>, kube::Error> {
        let all: Api<Namespace> = Api::all(self.workloads.clone());
        let listed = all
            .list_metadata(&ListParams::default().limit(NAMES))
            .await?;
        Ok(listed.items.iter().map(ResourceExt::name_any).collect())
    }
}

async fn in_time<T>(list: impl Future<Output = Result<Vec<T>, kube::Error>>) -> Vec<T> {
    match timeout(ANSWER, list).await {
        Ok(Ok(names)) => names,
        Ok(Err(error)) => {
            log::debug!("no names to suggest: {error}");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}
