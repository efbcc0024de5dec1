//! The scripted argocd that follows an Application on its own.

use super::*;

/// An API server that knows one Application, or none.
async fn serve(application: watch::Receiver<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let path = "GET /apis/argoproj.io/v1alpha1/namespaces/team-a/applications/shop ";
            let known = request[..length].starts_with(path.as_bytes());
            let body = application.borrow().clone();
            let status = if known && !body.is_null() {
                "200 OK"
            } else {
                "404 Not Found"
            };
            let answer = format!("HTTP/1.0 {status}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}")
}

fn application(sync: &str, health: &str) -> Value {
    json!({
        "metadata": {"name": "shop", "namespace": "team-a"},
        "status": {
            "sync": {"status": sync},
            "health": {"status": health},
            "resources": [{"group": "apps", "kind": "Deployment", "namespace": "shop",
                           "name": "web", "status": sync, "health": {"status": health}}],
        },
    })
}

/// An argocd that follows the application in that server.
async fn follower(given: watch::Receiver<Value>, extra: &[&str]) -> Argocd {
    let server = serve(given).await;
    let config = ArgocdConfig {
        extra: extra.iter().map(OsString::from).collect(),
        ..config()
    };
    let environment = pairs(&[("ARGO_SIM_SERVER", &server), ("ARGO_SPEED", "1000")]);
    Argocd::spawn(&config, environment.into_iter()).unwrap()
}

/// The line of the table, without its time, that comes next.
async fn row(argocd: &mut Argocd) -> String {
    match next(argocd).await {
        ArgocdEvent::Line { text, .. } => {
            let line = String::from_utf8(text.to_vec()).unwrap();
            line.split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ")
        }
        ArgocdEvent::Exited(exit) => panic!("{exit:?}"),
    }
}

#[tokio::test]
async fn following_it_waits_until_all_is_synced_and_healthy() {
    let (set, given) = watch::channel(application("OutOfSync", "Missing"));
    let mut argocd = follower(given, &[]).await;
    assert_eq!(
        row(&mut argocd).await,
        "GROUP KIND NAMESPACE NAME STATUS HEALTH HOOK MESSAGE"
    );
    assert_eq!(
        row(&mut argocd).await,
        "apps Deployment shop web OutOfSync Missing"
    );
    set.send(application("Synced", "Progressing")).unwrap();
    assert_eq!(
        row(&mut argocd).await,
        "apps Deployment shop web Synced Progressing"
    );
    set.send(application("Synced", "Healthy")).unwrap();
    assert_eq!(
        row(&mut argocd).await,
        "apps Deployment shop web Synced Healthy"
    );
    let (written, exit) = end(&mut argocd).await;
    assert!(
        written
            .stdout()
            .starts_with("Name:               team-a/shop\n"),
        "{written:?}"
    );
    assert_eq!(exit, ArgocdExit::Code(0));
    assert_eq!(argocd.outcome(), Some(ArgocdOutcome::Ok));
}

#[tokio::test]
async fn following_it_gives_up_when_something_becomes_degraded() {
    let (set, given) = watch::channel(application("Synced", "Progressing"));
    let mut argocd = follower(given, &[]).await;
    row(&mut argocd).await;
    row(&mut argocd).await;
    set.send(application("Synced", "Degraded")).unwrap();
    let (_, exit) = end(&mut argocd).await;
    assert_eq!(exit, ArgocdExit::Code(20));
    let degraded = ArgocdOutcome::Degraded {
        app: "team-a/shop".to_owned(),
        from: "Progressing".to_owned(),
        to: "Degraded".to_owned(),
    };
    assert_eq!(argocd.outcome(), Some(degraded));
}

#[tokio::test]
async fn following_it_gives_up_when_the_time_is_over() {
    let (_set, given) = watch::channel(application("Synced", "Progressing"));
    let mut argocd = follower(given, &["--timeout", "20"]).await;
    let (written, exit) = end(&mut argocd).await;
    assert!(
        written.stderr().contains("timed out (20s) waiting"),
        "{written:?}"
    );
    assert_eq!(exit, ArgocdExit::Code(20));
    assert_eq!(argocd.outcome(), Some(ArgocdOutcome::TimedOut));
}

#[tokio::test]
async fn following_what_is_not_there_is_not_permitted() {
    let (_set, given) = watch::channel(Value::Null);
    let mut argocd = follower(given, &[]).await;
    assert_eq!(end(&mut argocd).await.1, ArgocdExit::Code(20));
    let denied = ArgocdOutcome::PermissionDenied("permission denied".to_owned());
    assert_eq!(argocd.outcome(), Some(denied));
}

#[tokio::test]
async fn without_a_script_it_says_that_all_is_well() {
    let mut argocd = Argocd::spawn(&config(), pairs(&[]).into_iter()).unwrap();
    let (written, exit) = end(&mut argocd).await;
    assert!(
        written.stdout().contains("Health Status:      Healthy"),
        "{written:?}"
    );
    assert_eq!(exit, ArgocdExit::Code(0));
}
