//! The log store to ask.

use std::{
    ffi::OsString,
    fmt,
    str::FromStr,
    sync::{Arc, OnceLock},
};

use argo_core::client::ProxyVariables;
use argo_logs::{LabelNames, StoreClient, StoreKind, StoreOptions, StoreOptionsError, StoreUrl};
use clap::{Args, ValueEnum, builder::NonEmptyStringValueParser};

use crate::{error::Failure, lookup::Lookup};

/// The variables that hold credentials, which no flag does: command lines are no secret.
const TOKEN: &str = "ARGO_ASSISTANT_LOG_STORE_TOKEN";
const USER: &str = "ARGO_ASSISTANT_LOG_STORE_USER";
const PASSWORD: &str = "ARGO_ASSISTANT_LOG_STORE_PASSWORD";

/// The flags about a log store.
#[derive(Debug, Args)]
#[command(next_help_heading = "Log store")]
pub struct LogStoreArgs {
    /// The place where logs are followed: the cluster, or the log store
    #[arg(
        long,
        value_enum,
        default_value_t,
        requires_ifs = [("loki", "log_store"), ("victorialogs", "log_store")],
        env = "ARGO_ASSISTANT_LOGS_FROM"
    )]
    pub logs_from: LogsFrom,

    /// Ask the Loki or VictoriaLogs at this address for lines that the cluster no longer has:
    /// rotated files, pods that are gone, nodes that refuse. A token, or user and password, come
    /// from ARGO_ASSISTANT_LOG_STORE_TOKEN, _USER and _PASSWORD
    #[arg(
        long,
        value_name = "URL",
        hide_env_values = true,
        env = "ARGO_ASSISTANT_LOG_STORE"
    )]
    pub log_store: Option<PrivateText>,

    /// Kind of the log store; found out if not given
    #[arg(
        long,
        value_enum,
        value_name = "KIND",
        requires = "log_store",
        env = "ARGO_ASSISTANT_LOG_STORE_TYPE"
    )]
    pub log_store_type: Option<StoreType>,

    /// Tenant of the log store: Loki's X-Scope-OrgID, or VictoriaLogs' ACCOUNT:PROJECT
    #[arg(
        long,
        value_name = "TENANT",
        requires = "log_store",
        value_parser = NonEmptyStringValueParser::new(),
        env = "ARGO_ASSISTANT_LOG_STORE_TENANT"
    )]
    pub log_store_tenant: Option<String>,

    /// Send this header to the log store (repeatable), as NAME: VALUE
    #[arg(
        long,
        value_name = "HEADER",
        requires = "log_store",
        hide_env_values = true,
        env = "ARGO_ASSISTANT_LOG_STORE_HEADER"
    )]
    pub log_store_header: Vec<PrivateText>,

    /// Names of the log store's labels for namespace, pod and container; found out if not given
    #[arg(
        long,
        value_name = "NAMESPACE,POD,CONTAINER",
        requires = "log_store",
        value_parser = labels,
        env = "ARGO_ASSISTANT_LOG_STORE_LABELS"
    )]
    pub log_store_labels: Option<LabelNames>,

    /// The client, once it is made.
    #[arg(skip)]
    pub client: Client,
}

/// The client of the log store, once it is made.
#[derive(Debug, Default)]
pub struct Client(OnceLock<Arc<StoreClient>>);

/// `--logs-from`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogsFrom {
    /// The cluster
    #[default]
    Kubernetes,
    /// The Loki of --log-store
    Loki,
    /// The VictoriaLogs of --log-store
    #[value(name = "victorialogs")]
    VictoriaLogs,
}

/// `--log-store-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreType {
    /// Grafana Loki
    Loki,
    /// VictoriaLogs
    #[value(name = "victorialogs")]
    VictoriaLogs,
}

/// A value that may hold a secret and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateText(String);

impl FromStr for PrivateText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for PrivateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl LogStoreArgs {
    /// Makes the client of the log store, if one is named. It asks the store nothing yet.
    ///
    /// # Errors
    ///
    /// When the flags or variables cannot be used.
    pub fn prepare(&self, env: Lookup<'_>) -> Result<(), Failure> {
        if let Some(url) = self.log_store.as_ref().filter(|url| !url.0.is_empty()) {
            let options = self.options(url, env).map_err(|error| failure(&error))?;
            let client = StoreClient::new(&options).map_err(|error| failure(&error))?;
            let _ = self.client.0.set(Arc::new(client));
        }
        Ok(())
    }

    /// Returns the client, if there is a log store.
    pub fn client(&self) -> Option<&Arc<StoreClient>> {
        self.client.0.get()
    }

    fn options(
        &self,
        url: &PrivateText,
        env: Lookup<'_>,
    ) -> Result<StoreOptions, StoreOptionsError> {
        let mut options = StoreOptions::new(StoreUrl::parse(&url.0)?);
        options.kind = match (self.logs_from, self.log_store_type) {
            (LogsFrom::Loki, _) | (_, Some(StoreType::Loki)) => Some(StoreKind::Loki),
            (LogsFrom::VictoriaLogs, _) | (_, Some(StoreType::VictoriaLogs)) => {
                Some(StoreKind::VictoriaLogs)
            }
            _ => None,
        };
        options.tenant.clone_from(&self.log_store_tenant);
        options.labels.clone_from(&self.log_store_labels);
        let headers = self.log_store_header.iter();
        options.headers = headers.map(|header| header.0.clone().into()).collect();
        let set = |name| env(name).filter(|value| !value.is_empty());
        options.token = set(TOKEN).map(Into::into);
        let password = set(PASSWORD).unwrap_or_default();
        options.user = set(USER).map(|user| (user, password.into()));
        options.proxies = ProxyVariables::from_env(|name| env(name).map(OsString::from));
        Ok(options)
    }
}

fn failure(error: &StoreOptionsError) -> Failure {
    let flag = match error {
        StoreOptionsError::Url(_) | StoreOptionsError::Connection(_) => "--log-store",
        StoreOptionsError::Header => "--log-store-header",
        _ => "--log-store-tenant",
    };
    Failure::usage(format!("{flag}: {error}"))
        .hint("for example --log-store http://loki-gateway.monitoring")
}

fn labels(text: &str) -> Result<LabelNames, String> {
    let names: Vec<&str> = text.split(',').map(str::trim).collect();
    match names[..] {
        [namespace, pod, container] if names.iter().all(|name| !name.is_empty()) => {
            Ok(LabelNames::new(namespace, pod, container))
        }
        _ => Err("expected three names, for example namespace,pod,container".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: LogStoreArgs,
    }

    fn parsed(args: &[&str]) -> Result<LogStoreArgs, String> {
        let line = ["x"].iter().chain(args);
        let line = Line::try_parse_from(line).map_err(|error| error.to_string())?;
        Ok(line.args)
    }

    fn prepared(args: &[&str], env: Lookup<'_>) -> Result<LogStoreArgs, String> {
        let args = parsed(args)?;
        args.prepare(env).map_err(|failure| failure.render())?;
        Ok(args)
    }

    #[test]
    fn a_store_is_off_unless_it_is_named() {
        assert!(prepared(&[], &|_| None).unwrap().client().is_none());
        let args = prepared(&["--log-store", "http://vl:9428/"], &|_| None).unwrap();
        assert_eq!(
            args.client().unwrap().to_string(),
            "the log store at http://vl:9428"
        );
        let said = parsed(&["--logs-from", "loki"]).unwrap_err();
        assert!(said.contains("--log-store"), "{said}");
    }

    #[test]
    fn no_secret_is_shown() {
        let args = [
            "--log-store",
            "http://me:hunter2@vl",
            "--log-store-header",
            "A: hunter2",
        ];
        let env = |name: &str| name.contains("LOG_STORE").then(|| "hunter2".to_owned());
        let args = prepared(&args, &env).unwrap();
        assert!(!format!("{args:?}").contains("hunter2"));
        for args in [
            &["--log-store", "ftp://me:hunter2@vl"][..],
            &["--log-store", "http://vl", "--log-store-header", "hunter2"],
        ] {
            let said = prepared(args, &|_| None).unwrap_err();
            assert!(
                said.contains("--log-store") && !said.contains("hunter2"),
                "{said}"
            );
        }
    }

    #[test]
    fn labels_are_three() {
        let args = [
            "--log-store",
            "http://l",
            "--log-store-labels",
            "ns, pod_name,c",
        ];
        let names = parsed(&args).unwrap().log_store_labels;
        assert_eq!(names, Some(LabelNames::new("ns", "pod_name", "c")));
        assert!(labels("a,b").is_err() && labels("a,,c").is_err());
    }
}
