//! One paged list of one kind.

use argo_core::DegradedReason;
use kube::{Api, Resource, api::ListParams};
use serde::de::DeserializeOwned;

use crate::Scope;

/// Objects in a page of a list.
const PAGE: u32 = 250;
/// Tries of a list whose pages expire while they are read; after the last the list fails.
const TRIES: u32 = 3;

/// An error that kept a list from being read.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {resource} in {scope}")]
pub struct Error {
    /// The plural with its group, as RBAC names it: `deployments.apps`.
    pub resource: String,
    /// The namespace or the cluster that was listed.
    pub scope: Scope,
    /// The error of the server or the connection.
    pub source: Box<kube::Error>,
}

impl Error {
    /// Returns the reason, for programs. Only [`Unreachable`](DegradedReason::Unreachable)
    /// may go away by trying again.
    pub fn reason(&self) -> DegradedReason {
        match code(&self.source) {
            401 => DegradedReason::Unauthorized,
            403 => DegradedReason::Forbidden,
            404 => DegradedReason::NotServed,
            _ => DegradedReason::Unreachable,
        }
    }
}

/// Lists all objects of a kind.
pub(crate) async fn scan<K>(api: &Api<K>, resource: &str, scope: &Scope) -> Result<Vec<K>, Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut tries = 1;
    loop {
        match pages(api).await {
            Ok(objects) => return Ok(objects),
            Err(error) if code(&error) == 410 && tries < TRIES => tries += 1,
            Err(source) => {
                return Err(Error {
                    resource: resource.to_owned(),
                    scope: scope.clone(),
                    source: Box::new(source),
                });
            }
        }
    }
}

async fn pages<K>(api: &Api<K>) -> Result<Vec<K>, kube::Error>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut params = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let page = api.list(&params).await?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
}

/// Returns the HTTP status of an error, 0 where there was no answer.
pub(crate) fn code(error: &kube::Error) -> u16 {
    match error {
        kube::Error::Api(status) => status.code,
        _ => 0,
    }
}
