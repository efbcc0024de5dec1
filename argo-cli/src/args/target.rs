//! The application, its cluster, and how its objects are recognized.

use std::{path::PathBuf, sync::Arc};

use argo_core::AppRef;
use argo_workloads::Workload;
use clap::{Args, ValueEnum, builder::BoolishValueParser};

use super::{
    KubectlArgs,
    names::{self, Named},
    object_name,
};

/// The flags that choose the application and its cluster.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Kinds of workload besides the built-in ones, from [`main_with`](crate::command::main_with).
    #[arg(skip)]
    pub kinds: Vec<Arc<dyn Workload>>,

    /// The applications, once they are known: those that are named, and those that are selected.
    #[arg(skip)]
    pub apps: Vec<AppRef>,

    /// Argo CD applications, and last the namespace of their Application resources (argocd, or
    /// team-a for apps in any namespace) or the one that they deploy to. NAMESPACE/APP names an
    /// application in another one
    #[arg(value_name = "APP... APP_NAMESPACE", value_parser = names::name)]
    pub names: Vec<String>,

    /// Add the applications with these labels, as kubectl and argocd take them: team=shop,
    /// 'tier in (web, api)'
    #[arg(
        short = 'l',
        long,
        value_name = "SELECTOR",
        env = "ARGO_ASSISTANT_SELECTOR",
        help_heading = "Target"
    )]
    pub selector: Option<String>,

    /// Add the applications of this project (repeatable); with --selector those that have the
    /// labels and belong to the project
    #[arg(
        long = "project",
        value_name = "PROJECT",
        value_delimiter = ',',
        env = "ARGO_ASSISTANT_PROJECT",
        help_heading = "Target"
    )]
    pub projects: Vec<String>,

    /// Look for the application's objects in this namespace (repeatable) besides those that
    /// the Application names
    #[arg(short, long = "namespace", value_name = "NAMESPACE", value_delimiter = ',',
          value_parser = object_name, env = "ARGO_ASSISTANT_NAMESPACE", help_heading = "Target")]
    pub namespaces: Vec<String>,

    /// Look in all namespaces
    #[arg(
        short = 'A',
        long,
        value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_ALL_NAMESPACES",
        help_heading = "Target"
    )]
    pub all_namespaces: bool,

    /// Tracking method by which Argo CD marks the application's objects
    #[arg(
        long,
        value_enum,
        default_value_t,
        env = "ARGO_ASSISTANT_TRACKING",
        help_heading = "Target"
    )]
    pub tracking: Tracking,

    /// Label key for --tracking label
    #[arg(
        long,
        value_name = "KEY",
        default_value = "app.kubernetes.io/instance",
        env = "ARGO_ASSISTANT_TRACKING_LABEL",
        help_heading = "Target"
    )]
    pub tracking_label: String,

    /// Follow only objects with this installation id (several Argo CDs on one cluster)
    #[arg(
        long,
        value_name = "ID",
        env = "ARGO_ASSISTANT_INSTALLATION_ID",
        help_heading = "Target"
    )]
    pub installation_id: Option<String>,

    /// Neither follow nor wait for the applications that this application owns (app of apps)
    #[arg(long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_NO_CHILDREN", help_heading = "Target")]
    pub no_children: bool,

    /// Source of objects, logs and events: the cluster, or Argo CD's API with the server
    /// and the token of argocd (sync and follow)
    #[arg(
        long,
        value_enum,
        default_value_t,
        env = "ARGO_ASSISTANT_VIA",
        help_heading = "Cluster"
    )]
    pub via: Via,

    /// Kubeconfig file; default in-cluster, then KUBECONFIG, then ~/.kube/config
    #[arg(
        long,
        value_name = "FILE",
        env = "ARGO_ASSISTANT_KUBECONFIG",
        help_heading = "Cluster"
    )]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig
    #[arg(
        long,
        value_name = "CONTEXT",
        env = "ARGO_ASSISTANT_CONTEXT",
        help_heading = "Cluster"
    )]
    pub context: Option<String>,

    /// Kubeconfig file for the cluster that holds the Application resource, if it is a different one
    #[arg(
        long,
        value_name = "FILE",
        env = "ARGO_ASSISTANT_APP_KUBECONFIG",
        help_heading = "Cluster"
    )]
    pub app_kubeconfig: Option<PathBuf>,

    /// Context for the cluster that holds the Application resource, if it is a different one
    #[arg(
        long,
        value_name = "CONTEXT",
        env = "ARGO_ASSISTANT_APP_CONTEXT",
        help_heading = "Cluster"
    )]
    pub app_context: Option<String>,

    /// kubectl's connection flags.
    #[command(flatten)]
    pub kubectl: KubectlArgs,
}

impl TargetArgs {
    /// Reads the names on the command line.
    ///
    /// # Errors
    ///
    /// One sentence that says what is missing or contradicts.
    pub fn named(&self) -> Result<Named, String> {
        let named = names::named(&self.names, self.is_selecting())?;
        if named.apps.is_empty() && !self.is_selecting() {
            return Err("no application is named: APP... APP_NAMESPACE, or --selector".to_owned());
        }
        Ok(named)
    }

    /// True if applications are chosen by what they are and not by name.
    pub fn is_selecting(&self) -> bool {
        self.selector.as_ref().is_some_and(|text| !text.is_empty()) || !self.projects.is_empty()
    }

    /// Returns the first application.
    pub fn app(&self) -> AppRef {
        let first = self.apps.first().cloned();
        first.unwrap_or_else(|| AppRef::new("", ""))
    }
}

/// `--via`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// The cluster if a kubeconfig or service account works, else Argo CD's API
    #[default]
    Auto,
    /// The cluster
    Kubernetes,
    /// Argo CD's API
    Argocd,
}

/// `--tracking`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Tracking {
    /// The annotation argocd.argoproj.io/tracking-id
    #[default]
    Annotation,
    /// The label named by --tracking-label
    Label,
    /// Annotation or label
    #[value(name = "annotation+label")]
    AnnotationAndLabel,
}
