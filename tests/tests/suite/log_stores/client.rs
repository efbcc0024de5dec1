//! The client of a store: pages, names, and the credentials that go nowhere else.

use argo_logs::{LogStore, StoreClient, StoreOptions, StoreUrl};
use argo_tests::fake_store::{FakeStore, Kind, MOST};

use super::{KINDS, minute_ago, nanos, range, store::Store, unique};

/// More lines of one nanosecond than a page holds, at its border and within.
#[tokio::test]
async fn lines_of_one_nanosecond_come_once_and_in_order() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let name = unique("web");
        let begin = nanos(minute_ago());
        let times = (0..MOST * 2 + 700).map(|n| match n {
            // A page's border lies in a run of equal times.
            990..1100 => begin + 990,
            n => begin + i64::try_from(n).unwrap(),
        });
        let lines: Vec<_> = times
            .zip(0..)
            .map(|(t, n)| (t, format!("line {n}")))
            .collect();
        store.add(&name, &lines).await;
        let client = store.client();
        let mut found = Vec::new();
        let mut pages = 0;
        let mut next = Some(range(&name, begin, begin + 10_000));
        while let Some(range) = next {
            let page = client.read(&range).await.unwrap();
            assert!(!page.is_cut);
            found.extend(page.lines.into_iter().map(|line| line.text));
            next = page.next;
            pages += 1;
        }
        let wanted: Vec<_> = lines.iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(found.len(), wanted.len());
        assert!(found == wanted, "the order is another");
        if kind == Kind::Loki {
            assert!(pages > 2, "{pages}");
        }
        let last = client
            .last(&range(&name, begin, begin + 10_000), 3)
            .await
            .unwrap();
        let last: Vec<_> = last.into_iter().map(|line| line.text).collect();
        assert_eq!(last, wanted[wanted.len() - 3..]);
    }
}

#[tokio::test]
async fn names_that_look_like_a_query_find_nothing_else() {
    for kind in KINDS {
        let store = Store::start(kind).await;
        let begin = nanos(minute_ago());
        let name = unique("web");
        store.add(&name, &[(begin, "ours".to_owned())]).await;
        let client = store.client();
        for evil in ["x\"} or {a=\"b", "\\", "`", "x\" or \"y", "a\nb", "*"] {
            let asked = range(evil, begin - 1_000_000, begin + 1_000_000);
            let page = client.read(&asked).await;
            let page = page.unwrap_or_else(|error| panic!("{kind:?} {evil:?}: {error}"));
            assert_eq!(page.lines, [], "{kind:?} {evil:?}");
        }
    }
}

#[tokio::test]
async fn a_token_goes_to_the_store_that_was_named_and_nowhere_else() {
    let fake = FakeStore::start(Kind::Loki).await.unwrap();
    fake.add(("shop", "web", "app"), nanos(minute_ago()), "x");
    let url = fake.url().replace("http://", "http://me:hunter2@");
    let mut options = StoreOptions::new(StoreUrl::parse(&url).unwrap());
    options.tenant = Some("team-a".to_owned());
    let client = StoreClient::new(&options).unwrap();
    let described = client.describe().await.unwrap();
    assert!(!described.contains("hunter2") && !format!("{client:?}").contains("hunter2"));
    assert!(
        described.starts_with("Loki at http://127.0.0.1"),
        "{described}"
    );
    let sent = fake.requests().remove(0).headers.to_lowercase();
    assert!(sent.contains("authorization: basic "), "{sent}");
    assert!(sent.contains("x-scope-orgid: team-a"), "{sent}");

    // A redirect, perhaps to a login page, is not followed.
    let elsewhere = FakeStore::start(Kind::Loki).await.unwrap();
    let to = elsewhere.url();
    let redirecting = argo_tests::fake_argocd::FakeArgocd::start(move |_, _| {
        vec![argo_tests::fake_argocd::Step::Body(
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into(),
        )]
    });
    let redirecting = redirecting.await.unwrap();
    let url = format!("http://me:hunter2@{}", redirecting.address);
    let client = StoreClient::new(&StoreOptions::new(StoreUrl::parse(&url).unwrap())).unwrap();
    let error = client.describe().await.unwrap_err().to_string();
    assert!(
        error.contains("302") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_is_no_store_is_told_so() {
    let other = argo_tests::fake_argocd::FakeArgocd::start(|_, _| {
        argo_tests::fake_argocd::answer(200, "<html>Grafana</html>")
    });
    let other = other.await.unwrap();
    let url = StoreUrl::parse(&format!("http://{}", other.address)).unwrap();
    let client = StoreClient::new(&StoreOptions::new(url)).unwrap();
    let error = client.describe().await.unwrap_err().to_string();
    assert!(error.contains("is neither Loki"), "{error}");
}
