//! The credential plugin that `argocd --core` runs, and the variables that it needs.
//!
//! With `--core` argocd talks to the cluster itself, with the kubeconfig's user. If that user
//! has an `exec` plugin, client-go runs it with argocd's environment, so a plugin that reads
//! `AWS_PROFILE` fails unless argocd has the variable too.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use argo_core::text::yaml;
use serde_json::Value;

use super::{
    flags::{Flag, flags},
    variables::{matches, value},
};

/// A plugin, and the patterns of its documented variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CredentialPlugin {
    /// The command's name without its path.
    pub(super) name: String,
    patterns: Vec<&'static str>,
}

/// Programs, and the variables that their documentation names. A wrapper (`sh -c`,
/// `aws-vault exec`) counts by the programs among its arguments.
const PROGRAMS: &[(&[&str], &[&str])] = &[
    (
        &[
            "aws",
            "aws-iam-authenticator",
            "aws-vault",
            "saml2aws",
            "granted",
            "assume",
        ],
        &["AWS_*"],
    ),
    (
        &["gke-gcloud-auth-plugin", "gcloud"],
        &["CLOUDSDK_*", "GOOGLE_*", "GCE_METADATA_*"],
    ),
    (
        &["kubelogin", "az"],
        &["AAD_*", "AZURE_*", "ARM_*", "IDENTITY_*", "MSI_*"],
    ),
    (&["doctl"], &["DIGITALOCEAN_*"]),
    (&["oci"], &["OCI_*"]),
    (&["ibmcloud"], &["IBMCLOUD_*", "BLUEMIX_*"]),
    (&["tsh", "tbot"], &["TELEPORT_*", "TSH_*"]),
    (&["vault"], &["VAULT_*"]),
    (&["boundary"], &["BOUNDARY_*"]),
    (&["pinniped"], &["PINNIPED_*"]),
    (&["yc"], &["YC_*"]),
    (&["scw"], &["SCW_*"]),
    (&["hcloud"], &["HCLOUD_*"]),
    (&["civo"], &["CIVO_*"]),
    (&["linode-cli"], &["LINODE_*"]),
    (&["exo"], &["EXOSCALE_*"]),
    (&["openstack", "client-keystone-auth"], &["OS_*"]),
    (
        &["aliyun", "ack-ram-tool"],
        &["ALIBABA_CLOUD_*", "ALIBABACLOUD_*"],
    ),
    (&["tccli"], &["TENCENTCLOUD_*"]),
];

impl CredentialPlugin {
    /// Returns the plugin that an argocd with these arguments and variables will run, if any.
    pub(super) fn of(extra: &[OsString], environment: &[(OsString, OsString)]) -> Option<Self> {
        let flags = flags(extra);
        if !is_core(&flags, environment) {
            return None;
        }
        let files = kubeconfigs(&flags, environment);
        exec(&files, &flags).map(Self::from_exec)
    }

    /// Returns the patterns of a plugin. An undocumented plugin gets the variables of all
    /// plugins; kubectl, too, would hand it the whole environment.
    fn from_exec(exec: &Value) -> Self {
        let command = exec["command"].as_str().unwrap_or_default();
        let arguments = exec["args"].as_array().into_iter().flatten();
        let arguments = arguments.filter_map(Value::as_str);
        let words: Vec<&str> = [command]
            .into_iter()
            .chain(arguments)
            .flat_map(str::split_whitespace)
            .map(file_name)
            .collect();
        let is_known = |names: &[&str]| names.iter().any(|name| words.contains(name));
        let mut known: Vec<_> = PROGRAMS
            .iter()
            .filter(|(names, _)| is_known(names))
            .collect();
        if known.is_empty() {
            known = PROGRAMS.iter().collect();
        }
        Self {
            name: file_name(command).to_owned(),
            patterns: known
                .iter()
                .flat_map(|(_, patterns)| patterns.iter().copied())
                .collect(),
        }
    }

    /// True if the plugin's documentation names the variable.
    pub(super) fn needs(&self, name: &OsStr) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern, name))
    }
}

fn file_name(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.strip_suffix(".exe").unwrap_or(name)
}

/// True with `--core`; the command line beats `ARGOCD_OPTS`.
fn is_core(flags: &[Flag<'_>], environment: &[(OsString, OsString)]) -> bool {
    let typed = flags.iter().filter(|flag| flag.is("core"));
    typed
        .map(Flag::is_on)
        .next_back()
        .unwrap_or_else(|| is_core_in(value(environment, "ARGOCD_OPTS")))
}

/// True if `ARGOCD_OPTS` turns `--core` on. A flag there may have its value in the next word,
/// and only `true` turns it on (argo-cd `util/config/env.go`).
fn is_core_in(options: Option<&OsString>) -> bool {
    let options = options.map(|options| options.to_string_lossy().replace(['"', '\''], " "));
    let options = options.unwrap_or_default();
    let mut words = options.split_whitespace().peekable();
    let mut is_on = false;
    while let Some(word) = words.next() {
        if word == "--core" {
            let value = words.next_if(|next| !next.starts_with("--"));
            is_on = value.unwrap_or("true") == "true";
        } else if let Some(value) = word.strip_prefix("--core=") {
            is_on = value == "true";
        }
    }
    is_on
}

/// Reads the files that client-go would merge. Missing or broken ones are left out; argocd will report them.
fn kubeconfigs(flags: &[Flag<'_>], environment: &[(OsString, OsString)]) -> Vec<Value> {
    let typed = last(flags, &["kubeconfig"]).map(PathBuf::from);
    let files = match (typed, value(environment, "KUBECONFIG")) {
        (Some(file), _) => vec![file],
        (None, Some(list)) => env::split_paths(list).collect(),
        (None, None) => {
            let home = value(environment, "HOME").map(Path::new);
            home.map(|home| home.join(".kube/config"))
                .into_iter()
                .collect()
        }
    };
    let read = |file: &PathBuf| yaml(&fs::read(file).ok()?).ok();
    files.iter().filter_map(read).collect()
}

/// Returns the plugin of the user that the flags or the context name.
fn exec<'a>(files: &'a [Value], flags: &[Flag<'_>]) -> Option<&'a Value> {
    let text = |value: &'a Value| value.as_str().filter(|text| !text.is_empty());
    let current = || files.iter().find_map(|file| text(&file["current-context"]));
    let context =
        last(flags, &["context", "kube-context"]).or_else(|| current().map(str::to_owned));
    let context = context.and_then(|name| named(files, "contexts", "context", &name));
    let user = last(flags, &["user"]).or_else(|| Some(text(&context?["user"])?.to_owned()))?;
    let exec = &named(files, "users", "user", &user)?["exec"];
    exec.is_object().then_some(exec)
}

/// Returns the entry of a name. Of several the first one counts, as where client-go merges.
fn named<'a>(files: &'a [Value], list: &str, entry: &str, name: &str) -> Option<&'a Value> {
    let items = files.iter().filter_map(|file| file[list].as_array());
    let item = items.flatten().find(|item| item["name"] == name)?;
    Some(&item[entry])
}

fn last(flags: &[Flag<'_>], names: &[&str]) -> Option<String> {
    let own = flags
        .iter()
        .filter(|flag| names.iter().any(|name| flag.is(name)));
    own.map(Flag::text).rfind(|value| !value.is_empty())
}

#[cfg(test)]
#[path = "credential_plugin_tests.rs"]
mod tests;
