//! The file that `argocd login` writes (argo-cd `util/localconfig`).

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;

use crate::text::{suggestion, yaml};

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file exists and cannot be read.
    #[error("cannot read argocd's configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is not YAML of this shape. The reason is left out, since it may quote a token.
    #[error("argocd's configuration {} cannot be parsed", .0.display())]
    Parse(PathBuf),
    /// Neither the file nor a flag names a context.
    #[error("argocd's configuration {} has no current-context: argocd context NAME sets it", .0.display())]
    NoContext(PathBuf),
    /// An entry is missing.
    #[error("argocd's configuration {} has no {what} \"{name}\"{}", path.display(), suggestion(name, names))]
    Missing {
        /// The file.
        path: PathBuf,
        /// `context`, `server` or `user`.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// A certificate is not base64.
    #[error("{field} in argocd's configuration {} is not base64", path.display())]
    Base64 {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
    },
}

/// One context: a server and a user.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) server: Server,
    pub(super) token: String,
    pub(super) authority: Option<Vec<u8>>,
    pub(super) certificate: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct File {
    current_context: String,
    contexts: Vec<ContextRef>,
    servers: Vec<Server>,
    users: Vec<User>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ContextRef {
    name: String,
    server: String,
    user: String,
}

/// A server of the file.
#[derive(Clone, Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Server {
    pub(super) server: String,
    pub(super) insecure: bool,
    pub(super) grpc_web_root_path: String,
    pub(super) plain_text: bool,
    pub(super) core: bool,
    certificate_authority_data: String,
    client_certificate_data: String,
    client_certificate_key_data: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    name: String,
    auth_token: String,
}

/// Reads a context of the file; `None` if there is no file.
pub(super) fn read(path: &Path, context: Option<&str>) -> Result<Option<Context>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(ConfigError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    parse(&text, path, context).map(Some)
}

fn file(text: &str) -> Option<File> {
    match yaml(text.as_bytes()).ok()? {
        Value::Null => Some(File::default()),
        file => serde_json::from_value(file).ok(),
    }
}

fn parse(text: &str, path: &Path, context: Option<&str>) -> Result<Context, ConfigError> {
    let file = file(text).ok_or_else(|| ConfigError::Parse(path.to_owned()))?;
    let name = context.filter(|name| !name.is_empty());
    let name = name.unwrap_or(&file.current_context);
    if name.is_empty() {
        return Err(ConfigError::NoContext(path.to_owned()));
    }
    let missing = |what, name: &str, names: Vec<&str>| ConfigError::Missing {
        path: path.to_owned(),
        what,
        name: name.to_owned(),
        names: names.into_iter().map(str::to_owned).collect(),
    };
    let context = file.contexts.iter().find(|found| found.name == name);
    let context = context.ok_or_else(|| {
        let names = file.contexts.iter().map(|context| &*context.name);
        missing("context", name, names.collect())
    })?;
    let server = file
        .servers
        .iter()
        .find(|found| found.server == context.server);
    let server = server.ok_or_else(|| missing("server", &context.server, Vec::new()))?;
    let user = file.users.iter().find(|found| found.name == context.user);
    let user = user.ok_or_else(|| missing("user", &context.user, Vec::new()))?;
    let decoded = |field, data: &str| match data {
        "" => Ok(None),
        data => STANDARD
            .decode(data)
            .map(Some)
            .map_err(|_| ConfigError::Base64 {
                path: path.to_owned(),
                field,
            }),
    };
    Ok(Context {
        authority: decoded(
            "certificate-authority-data",
            &server.certificate_authority_data,
        )?,
        certificate: decoded("client-certificate-data", &server.client_certificate_data)?,
        key: decoded(
            "client-certificate-key-data",
            &server.client_certificate_key_data,
        )?,
        server: server.clone(),
        token: user.auth_token.clone(),
    })
}

/// Leaves out the token and the key.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("server", &self.server.server)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
current-context: cd.example.com
prompts-enabled: false
contexts:
- {name: cd.example.com, server: cd.example.com, user: cd.example.com}
- {name: other, server: 'other:8080', user: other}
- {name: broken, server: nowhere, user: other}
servers:
- {server: cd.example.com, grpc-web: true, grpc-web-root-path: argo, insecure: true}
- {server: 'other:8080', plain-text: true, grpc-web-root-path: ''}
users:
- {name: cd.example.com, auth-token: one, refresh-token: r}
- {name: other, auth-token: two}
";

    fn parsed(context: Option<&str>) -> Result<Context, ConfigError> {
        parse(FILE, Path::new("/c"), context)
    }

    #[test]
    fn a_context_is_a_server_and_a_user() {
        let current = parsed(None).unwrap();
        assert_eq!(current.server.server, "cd.example.com");
        assert!(current.server.insecure && !current.server.plain_text);
        assert_eq!(
            (
                current.server.grpc_web_root_path.as_str(),
                current.token.as_str()
            ),
            ("argo", "one")
        );
        let other = parsed(Some("other")).unwrap();
        assert!(other.server.plain_text && other.token == "two");
        assert!(!format!("{other:?}").contains("two"));
    }

    #[test]
    fn an_empty_file_has_no_context() {
        for text in ["", "{}", "# nothing\n"] {
            let error = parse(text, Path::new("/c"), None).unwrap_err();
            assert!(
                error.to_string().contains("has no current-context"),
                "{error}"
            );
        }
    }

    #[test]
    fn missing_entries_are_named() {
        let error = |context| parsed(Some(context)).unwrap_err().to_string();
        assert_eq!(
            error("othr"),
            "argocd's configuration /c has no context \"othr\": did you mean \"other\"?"
        );
        assert_eq!(
            error("broken"),
            "argocd's configuration /c has no server \"nowhere\""
        );
        let broken = parse("users: [{auth-token: s3cret", Path::new("/c"), None).unwrap_err();
        assert!(!format!("{broken:?} {broken}").contains("s3cret"));
    }
}
