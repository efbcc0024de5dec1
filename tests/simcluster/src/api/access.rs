//! Users, tokens and rules.

use serde::Deserialize;

use super::reply::Refusal;
use super::request::{Asked, Route, Target};

const ANONYMOUS: &str = "system:anonymous";
/// Paths that everybody can read (recording 14, `SelfSubjectRulesReview`).
const OPEN_PATHS: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// A bearer token and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Token {
    /// The token that the client sends.
    pub token: String,
    /// User name, as refusals show it: `system:serviceaccount:argocd:deployer`.
    pub user: String,
}

/// Forbids the requests that agree with every field that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// User name; anybody if not set.
    #[serde(default)]
    pub user: Option<String>,
    /// Verb as RBAC knows it: `get` for logs as well.
    #[serde(default)]
    pub verb: Option<String>,
    /// Full name with subresource, if any: `pods`, `pods/log`, `deployments.apps`.
    #[serde(default)]
    pub resource: Option<String>,
    /// Namespace. A request for all namespaces is in none: only a rule without one forbids it.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl Rule {
    fn forbids(&self, user: &str, target: &Target) -> bool {
        let agrees = |wanted: &Option<String>, actual: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == actual)
        };
        agrees(&self.user, user)
            && agrees(&self.verb, target.rbac_verb())
            && agrees(&self.resource, &target.full_name())
            && agrees(&self.namespace, target.namespace.as_deref().unwrap_or(""))
    }
}

/// The tokens of a server.
#[derive(Debug)]
pub(super) struct Access {
    tokens: Vec<Token>,
}

impl Access {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        Self { tokens }
    }

    pub(super) fn first_token(&self) -> Option<&str> {
        self.tokens.first().map(|token| token.token.as_str())
    }

    /// The user behind an `Authorization` header.
    pub(super) fn user(
        &self,
        header: Option<&str>,
        expired: impl Fn(&str) -> bool,
    ) -> Result<String, Refusal> {
        if self.tokens.is_empty() {
            return Ok("kubernetes-admin".to_owned());
        }
        let Some(header) = header else {
            return Ok(ANONYMOUS.to_owned());
        };
        let given = header
            .strip_prefix("Bearer ")
            .unwrap_or_default()
            .trim_start();
        let known = self.tokens.iter().find(|token| token.token == given);
        match known {
            Some(token) if !expired(given) => Ok(token.user.clone()),
            _ => Err(Refusal::unauthorized()),
        }
    }

    /// Refuses a request that a rule forbids to the user.
    pub(super) fn check(&self, user: &str, asked: &Asked, rules: &[Rule]) -> Result<(), Refusal> {
        match &asked.route {
            Route::Resource(target) if self.may(user, target, rules) => Ok(()),
            Route::Resource(target) => Err(forbidden(user, target)),
            Route::Path if user == ANONYMOUS && !OPEN_PATHS.contains(&asked.path.as_str()) => {
                Err(Refusal::forbidden(
                    format!(
                        "forbidden: User \"{user}\" cannot {} path \"{}\"",
                        asked.verb(),
                        asked.path
                    ),
                    serde_json::json!({}),
                ))
            }
            Route::Path => Ok(()),
        }
    }

    pub(super) fn may(&self, user: &str, target: &Target, rules: &[Rule]) -> bool {
        user != ANONYMOUS && !rules.iter().any(|rule| rule.forbids(user, target))
    }
}

/// The 403 for this user and target, in the words of recording 14.
pub(super) fn forbidden(user: &str, target: &Target) -> Refusal {
    let what = match &target.name {
        Some(name) => format!("{} \"{name}\"", target.qualified()),
        None => target.qualified(),
    };
    let place = match &target.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let resource = match &target.subresource {
        Some(subresource) => format!("{}/{subresource}", target.resource),
        None => target.resource.clone(),
    };
    let message = format!(
        "{what} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" {place}",
        verb = target.rbac_verb(),
        group = target.group,
    );
    Refusal::forbidden(message, target.details())
}
