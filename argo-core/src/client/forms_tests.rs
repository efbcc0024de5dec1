// The table of docs/kubeconfig.md: each form against a server, and on demand kubectl too.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

#[path = "forms_tests/server.rs"]
mod server;
#[path = "forms_tests/table.rs"]
mod table;

use server::{SHOWN, server};
use table::{Form, SEEN, TOKEN, ca, form, forms};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/certificates")
}

fn pem(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.pem"))).unwrap()
}

fn data(text: &str) -> String {
    STANDARD.encode(text)
}

fn kubeconfig(form: &Form, port: u16) -> String {
    let name = if form.cluster.contains("server:") {
        ""
    } else {
        "server: "
    };
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: a, cluster: {{{name}'https://127.0.0.1:{port}', {}}}}}]\n\
         users: [{{name: b, user: {{{}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: a, user: b, namespace: ''}}}}]\n",
        form.cluster, form.user
    )
}

async fn seen(path: &Path) -> String {
    let options = Options::default().kubeconfig(path);
    let connection = match connect(&options).await {
        Ok(connection) => connection,
        Err(error) => return format!("refused: {}", crate::text::chain(&error)),
    };
    match connection.client.apiserver_version().await {
        Ok(version) => version.git_version,
        Err(error) => format!("refused: {}", crate::text::chain(&error)),
    }
}

fn kubectl(path: &Path) -> String {
    let mut command = std::process::Command::new("kubectl");
    let output = command
        .arg("--kubeconfig")
        .arg(path)
        .args(["get", "--raw", "/version"])
        .output();
    let output = output.unwrap();
    let version: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
    let version = version.and_then(|version| Some(version["gitVersion"].as_str()?.to_owned()));
    version.unwrap_or_else(|| {
        format!(
            "refused: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })
}

#[tokio::test]
async fn each_form_of_a_kubeconfig_is_read_as_kubectl_reads_it() {
    let scratch = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for form in forms() {
        let path = scratch.path().join("config");
        std::fs::write(&path, kubeconfig(&form, server(form.server).await)).unwrap();
        let seen = seen(&path).await;
        if !seen.starts_with(form.seen) {
            wrong.push(format!("{}: {seen}, expected {}", form.name, form.seen));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Writes the rows of docs/kubeconfig.md with what the kubectl on PATH does.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs kubectl"]
async fn kubectl_does_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let mut rows = String::new();
    for form in forms() {
        let path = scratch.path().join("config");
        std::fs::write(&path, kubeconfig(&form, server(form.server).await)).unwrap();
        let theirs = path.clone();
        let theirs = tokio::task::spawn_blocking(move || kubectl(&theirs))
            .await
            .unwrap();
        let ours = seen(&path).await;
        rows.push_str(&row(form.name, &theirs, &ours));
    }
    std::fs::write(std::env::temp_dir().join("kubeconfig-forms.md"), &rows).unwrap();
}

/// Returns who another build of the program is to the server on this port.
fn other_build(program: &str, path: &Path, port: u16) -> String {
    let mut command = std::process::Command::new("timeout");
    command.args(["6", program, "explain", "shop", "argocd"]);
    let output = command.env("KUBECONFIG", path).output().unwrap();
    let shown = SHOWN.lock().unwrap();
    let shown = shown.iter().find(|(asked, _)| *asked == port);
    match shown {
        Some((_, who)) => who.clone(),
        None => format!(
            "refused: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    }
}

/// Writes what another build does, for comparisons between versions.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs another build in OTHER_BUILD"]
async fn another_build_does_the_same() {
    let Ok(program) = std::env::var("OTHER_BUILD") else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let mut rows = String::new();
    for form in forms() {
        let (path, port) = (scratch.path().join("config"), server(form.server).await);
        std::fs::write(&path, kubeconfig(&form, port)).unwrap();
        let ours = seen(&path).await;
        SHOWN.lock().unwrap().retain(|(asked, _)| *asked != port);
        let (program, theirs) = (program.clone(), path.clone());
        let theirs = tokio::task::spawn_blocking(move || other_build(&program, &theirs, port));
        rows.push_str(&row(form.name, &theirs.await.unwrap(), &ours));
    }
    std::fs::write(std::env::temp_dir().join("kubeconfig-builds.md"), &rows).unwrap();
}

fn row(name: &str, theirs: &str, ours: &str) -> String {
    let mut row = format!("| {name} | {} | {} |\n", word(theirs), word(ours));
    if word(theirs) != word(ours) {
        row.push_str(&format!("<!-- {theirs} -- {ours} -->\n"));
    }
    row
}

#[test]
fn each_form_stands_in_the_documentation() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    // A published crate stands alone, without the pages of the repository.
    if !docs.is_dir() {
        return;
    }
    let docs = std::fs::read_to_string(docs.join("kubeconfig.md")).unwrap();
    for form in forms() {
        assert!(
            docs.contains(&format!("| {} |", form.name)),
            "{}",
            form.name
        );
    }
}

fn word(seen: &str) -> &str {
    seen.split(':').next().unwrap_or(seen)
}

#[path = "proxies_tests.rs"]
mod proxies;
