//! Runs a credential plugin, the `exec` of a kubeconfig's user.
//!
//! kube-client 5.0 runs a plugin three times for each client, and puts its arguments, its
//! environment and its output on stdout into the error of a run that failed: secrets, all of
//! them.

use std::{io, process::Stdio};

use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::text::yaml;

/// Characters that are kept of the plugin's stderr, the last ones.
const MAX_STDERR: usize = 600;

/// The credentials that a plugin gave.
pub(super) struct Given {
    pub(super) token: Option<String>,
    /// PEM texts of a client certificate and its key.
    pub(super) certificate: Option<(String, String)>,
    pub(super) expires: Option<Timestamp>,
}

/// An error that kept a credential plugin from giving credentials. No variant holds the
/// plugin's output on stdout, its arguments or its environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The kubeconfig names no command.
    #[error("the kubeconfig's exec entry names no command")]
    NoCommand,
    /// The program does not exist.
    #[error(
        "the credential plugin \"{command}\" was not found{}",
        hint(install_hint)
    )]
    NotFound {
        /// The plugin's name.
        command: String,
        /// The kubeconfig's hint on installing the plugin; empty if it has none.
        install_hint: String,
    },
    /// The program cannot be run.
    #[error("the credential plugin \"{command}\" cannot be run: {why}")]
    NotRun {
        /// The plugin's name.
        command: String,
        /// The error of the operating system.
        why: String,
    },
    /// The program failed.
    #[error(
        "the credential plugin \"{command}\" failed with {status}{}",
        hint(stderr)
    )]
    Failed {
        /// The plugin's name.
        command: String,
        /// `exit code 1`, or the signal.
        status: String,
        /// The plugin's output on stderr, without secrets.
        stderr: String,
    },
    /// The program wrote something that is no `ExecCredential`.
    #[error("the credential plugin \"{command}\" {why}")]
    Answer {
        /// The plugin's name.
        command: String,
        /// The fault of the answer.
        why: &'static str,
    },
}

fn hint(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

#[derive(Deserialize)]
struct Answer {
    status: Option<Status>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// Runs a plugin to its end.
pub(super) async fn run(exec: &ExecConfig) -> Result<Given, PluginError> {
    let command = exec.command.clone().filter(|command| !command.is_empty());
    let command = command.ok_or(PluginError::NoCommand)?;
    let output = command_of(exec, &command).output().await;
    let output = output.map_err(|error| not_run(&command, exec, &error))?;
    if !output.status.success() {
        return Err(PluginError::Failed {
            status: output.status.code().map_or_else(
                || output.status.to_string(),
                |code| format!("exit code {code}"),
            ),
            stderr: shown(&output.stderr, &output.stdout, exec),
            command,
        });
    }
    given(&output.stdout).map_err(|why| PluginError::Answer { command, why })
}

fn command_of(exec: &ExecConfig, command: &str) -> Command {
    let is_interactive = exec.interactive_mode != Some(ExecInteractiveMode::Never);
    let mut process = Command::new(command);
    process.args(exec.args.iter().flatten());
    for pair in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
            process.env(name, value);
        }
    }
    process.env(
        "KUBERNETES_EXEC_INFO",
        exec_info(exec, is_interactive).to_string(),
    );
    for name in exec.drop_env.iter().flatten() {
        process.env_remove(name);
    }
    process.stdout(Stdio::piped());
    if is_interactive {
        // It asks for a login here, and says where: the terminal is its own.
        process.stdin(Stdio::inherit()).stderr(Stdio::inherit());
    } else {
        process.stdin(Stdio::null()).stderr(Stdio::piped());
    }
    process
}

fn exec_info(exec: &ExecConfig, is_interactive: bool) -> Value {
    let cluster = exec.cluster.as_ref().filter(|_| exec.provide_cluster_info);
    let mut spec = json!({ "interactive": is_interactive });
    if let Some(cluster) = cluster.and_then(|cluster| serde_json::to_value(cluster).ok()) {
        spec["cluster"] = cluster;
    }
    json!({ "kind": "ExecCredential", "apiVersion": exec.api_version, "spec": spec })
}

fn not_run(command: &str, exec: &ExecConfig, error: &io::Error) -> PluginError {
    let command = command.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => PluginError::NotFound {
            command,
            install_hint: one_line(exec.install_hint.as_deref().unwrap_or_default()),
        },
        _ => PluginError::NotRun {
            command,
            why: error.to_string(),
        },
    }
}

/// Reads JSON, or YAML as some plugins write it.
fn given(stdout: &[u8]) -> Result<Given, &'static str> {
    str::from_utf8(stdout).map_err(|_| "wrote text that is not UTF-8")?;
    let answer = yaml(stdout).ok();
    let answer = answer.and_then(|answer| serde_json::from_value::<Answer>(answer).ok());
    let answer = answer.ok_or("wrote text that is no ExecCredential")?;
    let status = answer.status.ok_or("gave no status")?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let expires = match filled(status.expiration_timestamp) {
        Some(time) => Some(
            time.parse()
                .map_err(|_| "gave an expirationTimestamp that is no time")?,
        ),
        None => None,
    };
    let token = filled(status.token);
    let pair = (
        filled(status.client_certificate_data),
        filled(status.client_key_data),
    );
    let certificate = match pair {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err("gave a certificate or a key, but not both"),
    };
    if token.is_none() && certificate.is_none() {
        return Err("gave neither a token nor a certificate");
    }
    Ok(Given {
        token,
        certificate,
        expires,
    })
}

/// Formats the plugin's complaint in one line, without the secrets that it was given or has
/// got.
fn shown(stderr: &[u8], stdout: &[u8], exec: &ExecConfig) -> String {
    let mut text = one_line(&String::from_utf8_lossy(stderr));
    for secret in secrets(stdout, exec) {
        text = text.replace(&secret, "***");
    }
    let text = crate::text::redact::redacted(&text).into_owned();
    let length = text.chars().count();
    if length <= MAX_STDERR {
        return text;
    }
    let end: String = text.chars().skip(length - MAX_STDERR).collect();
    format!("…{end}")
}

fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

/// Values that must not be shown: those of the environment and of the arguments, and what the
/// plugin wrote to stdout, whole or in part: a shell's trace repeats any of them.
fn secrets(stdout: &[u8], exec: &ExecConfig) -> Vec<String> {
    let env = exec
        .env
        .iter()
        .flatten()
        .filter_map(|pair| pair.get("value").cloned());
    let args = exec.args.as_deref().unwrap_or_default();
    let after_flags = args.windows(2).filter(|pair| pair[0].starts_with('-'));
    let after_flags = after_flags.map(|pair| pair[1].clone());
    let in_flags = args
        .iter()
        .filter_map(|arg| Some(arg.split_once('=')?.1.to_owned()));
    let bare = args.iter().filter(|arg| is_random(arg)).cloned();
    let given = given(stdout).ok().into_iter();
    let given = given.flat_map(|given| [given.token, given.certificate.map(|(_, key)| key)]);
    let stdout = String::from_utf8_lossy(stdout);
    let words = stdout.split(|c: char| c.is_whitespace() || "\"'{}[],;=".contains(c));
    let words = words.filter(|word| is_random(word)).map(str::to_owned);
    let all = env.chain(after_flags).chain(in_flags).chain(bare);
    let all = all.chain(given.flatten()).chain(words);
    // The complaint is on one line: a value of several is cut line by line.
    let lines = all.flat_map(|value| {
        value
            .lines()
            .map(str::trim)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let mut all: Vec<_> = lines
        .filter(|value| value.len() >= 4 && !value.starts_with('-'))
        .collect();
    all.sort_by_key(|value| std::cmp::Reverse(value.len()));
    all
}

/// True for a word that may be a password or a token: long, with digits, and no flag.
fn is_random(word: &str) -> bool {
    let has_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    let is_long = word.len() >= 8 && (has_digit || word.len() >= 24);
    is_long && !word.starts_with('-') && !word.contains(char::is_whitespace)
}

#[cfg(test)]
#[path = "plugin_tests.rs"]
mod tests;
