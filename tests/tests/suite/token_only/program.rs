//! The whole program with a token and no kubeconfig.

use argo_tests::fake_argocd::{FakeArgocd, answer};

use super::{TOKEN, path};
use crate::assistant::Assistant;

/// The program with a token and no kubeconfig.
pub(super) fn assistant(fake: &FakeArgocd, args: &[&str]) -> Assistant {
    Assistant::new(&[args, &["--via", "argocd"]].concat())
        .env("ARGOCD_SERVER", &fake.address)
        .env("ARGOCD_AUTH_TOKEN", TOKEN)
        .env("ARGOCD_OPTS", "--plaintext")
}

async fn refusing() -> FakeArgocd {
    FakeArgocd::start(|request, _| match path(request) {
        "/api/version" => answer(200, r#"{"Version":"v3.2.11"}"#),
        "/api/v1/session/userinfo" => answer(200, r#"{"loggedIn":true,"username":"ci"}"#),
        _ => answer(
            403,
            r#"{"error":"permission denied","code":7,"message":"permission denied"}"#,
        ),
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn an_application_that_may_not_be_read_is_exit_77() {
    let fake = refusing().await;
    let ended = assistant(&fake, &["follow", "shop", "team-a"]).run().await;
    assert_eq!(ended.code(), Some(77), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("p, ci, applications, get, PROJECT/shop, allow"),
        "{}",
        ended.stderr
    );
    // argocd says that all is well, and we cannot tell what.
    let run = assistant(&fake, &["sync", "shop", "team-a", "--settle", "0"]);
    let ended = run.script("steps: [{exit: 0}]").run().await;
    assert_eq!(ended.code(), Some(77), "{}", ended.stdout);
    let last = ended.stdout.lines().next_back().unwrap();
    assert!(
        last.contains("the Application team-a/shop may not be read"),
        "{last}"
    );
    // And what argocd says against it counts more.
    let run = assistant(&fake, &["sync", "shop", "team-a", "--settle", "0"]);
    let ended = run.script("steps: [{exit: 20}]").run().await;
    assert_eq!(ended.code(), Some(20), "{}", ended.stdout);
}

#[tokio::test]
async fn without_any_authority_on_the_system_plain_http_works() {
    let fake = refusing().await;
    let run = assistant(&fake, &["follow", "shop", "team-a"])
        .env("SSL_CERT_FILE", "/nowhere/ca.pem")
        .env("SSL_CERT_DIR", "/nowhere");
    let ended = run.run().await;
    assert_eq!(ended.code(), Some(77), "it was asked: {}", ended.stderr);
}
