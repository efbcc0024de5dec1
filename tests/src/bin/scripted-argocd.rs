//! An argocd that does what a script says; see [`argo_tests::scripted_argocd`].

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    argo_tests::scripted_argocd::main().await
}
