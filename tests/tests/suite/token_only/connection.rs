//! The connection to the API: its token, its paths, messages that are large or are errors.

use argo_core::{
    argocd::{Client, Error, LogQuery, Options, Refresh, StreamItem},
    resource::Application,
};
use argo_tests::fake_argocd::{FakeArgocd, Step, answer, events};
use futures::StreamExt;
use serde_json::json;

use super::{TOKEN, app, client, entry, options};

#[tokio::test]
async fn errors_inside_a_stream_end_it() {
    let error = r#"{"error":{"grpc_code":13,"http_code":500,"message":"token is expired"}}"#;
    for text in [
        "{}\n".to_owned(),
        error.to_owned(),
        format!("data: {error} \n\n\n"),
    ] {
        let fake = FakeArgocd::start(move |_, _| {
            let first = format!("data: {} \n\n\n{text}", entry(1, "one"));
            vec![
                Step::Head(200, "text/event-stream"),
                Step::Body(first.into_bytes()),
            ]
        });
        let fake = fake.await.unwrap();
        let items: Vec<_> = client(&fake)
            .logs(&app(), &LogQuery::default())
            .collect()
            .await;
        let [
            Ok(StreamItem::Opened { .. }),
            Ok(StreamItem::Message(_)),
            Err(Error::Refused(_)),
        ] = &items[..]
        else {
            panic!("{items:?}")
        };
    }
}

#[tokio::test]
async fn a_message_of_32_mib_is_read() {
    let fake = FakeArgocd::start(|_, _| {
        let name = "x".repeat(32 << 20);
        let tree = json!({"result": {"nodes": [{"kind": "ConfigMap", "name": name, "uid": "u"}]}});
        events(&[tree.to_string()])
    });
    let fake = fake.await.unwrap();
    let mut stream = client(&fake).watch_tree(&app());
    let message = loop {
        match stream.next().await.unwrap().unwrap() {
            StreamItem::Message(tree) => break tree,
            _ => continue,
        }
    };
    assert_eq!(message.nodes[0].object.name.len(), 32 << 20);
}

#[tokio::test]
async fn a_token_that_expired_is_read_again_from_the_configuration() {
    let fake = FakeArgocd::start(|request, _| {
        if request.headers.contains("new-token") {
            answer(200, r#"{"metadata":{"name":"shop"}}"#)
        } else {
            answer(
                401,
                r#"{"error":"invalid session: token is expired","code":16,"message":"invalid session: token is expired"}"#,
            )
        }
    });
    let fake = fake.await.unwrap();
    let folder = std::env::temp_dir().join(format!("argocd-config-{}", std::process::id()));
    let config = |token: &str| {
        let text = format!(
            "current-context: c\ncontexts: [{{name: c, server: '{0}', user: u}}]\nservers: [{{server: '{0}', plain-text: true}}]\nusers: [{{name: u, auth-token: {token}}}]\n",
            fake.address
        );
        std::fs::write(&folder, text).unwrap();
    };
    config("old-token");
    let path = folder.to_str().unwrap();
    let options = Options::inferred(|_| None, [("config", path)]).unwrap();
    let client = Client::new(options).unwrap();
    let shop = app();
    let read = || client.application::<Application>(&shop, Refresh::No);
    let refused = read().await.unwrap_err();
    assert!(refused.refused().unwrap().is_unauthorized(), "{refused}");
    assert_eq!(fake.requests().len(), 1, "the same token is not sent twice");
    config("new-token");
    assert_eq!(read().await.unwrap().metadata.name.as_deref(), Some("shop"));
    std::fs::remove_file(&folder).unwrap();
}

#[tokio::test]
async fn a_root_path_stands_before_every_path_and_another_namespace_in_the_query() {
    let fake = FakeArgocd::start(|_, _| answer(200, r#"{"nodes":[]}"#))
        .await
        .unwrap();
    let client = Client::new(options(&fake, &[("grpc-web-root-path", "/argo")])).unwrap();
    client.tree(&app()).await.unwrap();
    assert_eq!(
        fake.requests()[0].path,
        "/argo/api/v1/applications/shop/resource-tree?appNamespace=team-a"
    );
}

#[tokio::test]
async fn the_token_goes_to_the_configured_server_only() {
    let other = FakeArgocd::start(|_, _| answer(200, "{}")).await.unwrap();
    let to = format!("http://{}/stolen", other.address);
    let fake = FakeArgocd::start(move |_, _| {
        let head = format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        vec![Step::Body(head.into_bytes())]
    });
    let fake = fake.await.unwrap();
    let error = client(&fake).version().await.unwrap_err();
    assert!(matches!(error, Error::Redirected { .. }), "{error}");
    assert!(other.requests().is_empty());
    assert!(fake.requests()[0].headers.contains(TOKEN));
    // Plain HTTP has to be asked for, also where the server's answer would be plain.
    let env = |name: &str| match name {
        "ARGOCD_SERVER" => Some(other.address.clone().into()),
        "ARGOCD_AUTH_TOKEN" => Some(TOKEN.into()),
        _ => None,
    };
    let options = Options::inferred(env, [("insecure", "")]).unwrap();
    let client = Client::new(options).unwrap();
    let error = client.version().await.unwrap_err();
    assert!(
        other
            .requests()
            .iter()
            .all(|request| !request.headers.contains(TOKEN))
    );
    assert!(!format!("{error:?} {error} {client:?}").contains(TOKEN));
}
