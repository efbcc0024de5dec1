use serde_json::json;

use super::*;

fn exec(script: &str) -> ExecConfig {
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "sh",
        "args": ["-c", script, "--client-secret", "hunter2", "--key=hunter4"],
        "env": [{"name": "AZURE_CLIENT_SECRET", "value": "hunter3"}],
        "interactiveMode": "Never",
        "installHint": "install it\nlike this",
    });
    serde_json::from_value(exec).unwrap()
}

async fn failure(script: &str) -> String {
    match run(&exec(script)).await {
        Ok(_) => panic!("it gave something"),
        Err(error) => format!("{error} {error:?}"),
    }
}

#[tokio::test]
async fn a_failure_names_plugin_code_and_complaint_and_no_secret() {
    let token = r#"{"kind":"ExecCredential","status":{"token":"eyJsecret.token.value"}}"#;
    let text = failure(&format!(
        "echo '{token}'; echo cannot write the cache >&2; echo \"$AZURE_CLIENT_SECRET hunter2 hunter4 eyJsecret.token.value\" >&2; exit 3"
    ))
    .await;
    let expected = "the credential plugin \"sh\" failed with exit code 3: cannot write the cache; *** *** *** ***";
    assert!(text.starts_with(expected), "{text}");
    for secret in ["hunter2", "hunter3", "hunter4", "eyJsecret"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_not_shown() {
    for (answer, expected) in [
        ("eyJsecret: [", "wrote text that is no ExecCredential"),
        ("eyJsecret", "wrote text that is no ExecCredential"),
        ("{}", "gave no status"),
        (
            r#"{"status":{"token":""}}"#,
            "gave neither a token nor a certificate",
        ),
        (
            r#"{"status":{"clientKeyData":"eyJsecret"}}"#,
            "gave a certificate or a key, but not both",
        ),
        (
            r#"{"status":{"token":"eyJsecret","expirationTimestamp":"soon"}}"#,
            "gave an expirationTimestamp that is no time",
        ),
    ] {
        let text = failure(&format!("echo '{answer}'")).await;
        assert!(
            text.starts_with(&format!("the credential plugin \"sh\" {expected}")),
            "{text}"
        );
        assert!(!text.contains("eyJsecret"), "{text}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_with_its_hint() {
    let mut exec = exec("");
    exec.command = Some("no-such-login-plugin".into());
    let text = run(&exec).await.err().unwrap().to_string();
    assert_eq!(
        text,
        "the credential plugin \"no-such-login-plugin\" was not found: install it; like this"
    );
}

#[tokio::test]
async fn a_plugin_is_told_what_it_may_and_gives_a_token() {
    let script = r#"echo "kind: ExecCredential"; echo "status: {token: '$KUBERNETES_EXEC_INFO'}" | tr '"' . "#;
    let given = run(&exec(script)).await.unwrap();
    let info = given.token.unwrap();
    assert!(info.contains(".interactive.:false"), "{info}");
    assert!(info.contains("client.authentication.k8s.io/v1"), "{info}");
    let script = r#"echo '{"status":{"token":"t","expirationTimestamp":"2030-01-01T00:00:00Z"}}'"#;
    let given = run(&exec(script)).await.unwrap();
    assert_eq!(given.expires.unwrap().to_string(), "2030-01-01T00:00:00Z");
}

/// A shell's trace repeats its arguments, its environment and what it writes.
#[tokio::test]
async fn a_trace_on_stderr_shows_no_secret() {
    let mut exec = exec("");
    let script = "set -x; echo \"$1 $KEY\" >&2; echo tok3n-without-json; exit 1";
    exec.args = Some(
        ["-c", script, "sh", "p0sitional-secret"]
            .map(str::to_owned)
            .into(),
    );
    let key = [
        ("name", "KEY"),
        ("value", "first line of it\nsecond line of it"),
    ];
    let key = key.map(|(name, value)| (name.to_owned(), value.to_owned()));
    exec.env = Some(vec![key.into()]);
    let text = run(&exec).await.err().unwrap().to_string();
    assert!(text.contains("exit code 1"), "{text}");
    for secret in ["p0sitional", "first line", "second line", "tok3n"] {
        assert!(!text.contains(secret), "{text}");
    }
}
