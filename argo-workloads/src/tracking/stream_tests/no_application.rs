//! Applications that are missing, late or may not be read.

use super::*;

#[tokio::test(start_paused = true)]
async fn without_the_application_its_namespace_is_looked_into() {
    let cluster = Cluster::default();
    cluster.refuse(APPLICATIONS, 403).set(
        "/apis/apps/v1/namespaces/argocd/deployments",
        &[of("argocd_shop", object("Deployment", "argocd", "web"))],
    );
    let mut told = Told::new(&cluster, config());
    assert_eq!(told.until_synced().await, set(&["+Deployment/web"]));
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert_eq!(
        (notice.code, notice.level),
        (NoticeCode::ApplicationUnreadable, Level::Info)
    );
    assert!(
        notice.message.contains("only namespace argocd is watched"),
        "{}",
        notice.message
    );
}

#[tokio::test(start_paused = true)]
async fn that_there_is_no_application_is_taken_back_when_it_comes() {
    let cluster = shop();
    let objects = |state: &mut State| std::mem::take(state.objects.get_mut(APPLICATIONS).unwrap());
    assert_eq!(objects(&mut cluster.state.lock().unwrap()).len(), 1);
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert!(
        notice
            .message
            .starts_with("there is no Application argocd/shop: only")
    );

    let app = application("shop", &["shop", "jobs"]);
    let back = "Application argocd/shop is there now: jobs, shop, its hooks and sync errors are followed from here on";
    cluster.change(APPLICATIONS, "ADDED", &app);
    assert_eq!(told.next().await, "+Application/shop");
    let notice = told.notices.pop().unwrap();
    assert_eq!(
        (notice.code, notice.level),
        (NoticeCode::Restored, Level::Info)
    );
    assert_eq!(notice.message, back);
    for word in ["app shop", "+Deployment/web"] {
        assert_eq!(told.next().await, word);
    }
    while told.next().await != SHOP[4] {}
    // It goes and comes once more; a change of it is nothing to speak of.
    cluster.change(APPLICATIONS, "MODIFIED", &app);
    cluster.change(APPLICATIONS, "DELETED", &app);
    assert!(told.notice().await.message.ends_with("was deleted"));
    cluster.change(APPLICATIONS, "ADDED", &app);
    assert_eq!(told.notice().await.message, back);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_may_be_meant_is_named() {
    let all = [application("shop", &[]), application("cart", &[])];
    for (is_listed_everywhere, wanted, sentence) in [
        (
            false,
            AppRef::new("shpo", "argocd"),
            Some("did you mean \"shop\"?"),
        ),
        (
            true,
            AppRef::new("shop", "argcd"),
            Some("did you mean \"argocd/shop\"?"),
        ),
        // The only namespace that may be listed has none.
        (false, AppRef::new("shop", "argcd"), None),
    ] {
        let cluster = Cluster::default();
        cluster.set(APPLICATIONS, &all);
        if is_listed_everywhere {
            cluster.set("/apis/argoproj.io/v1alpha1/applications", &all);
        }
        let empty = APPLICATIONS.replace("argocd", "argcd");
        cluster
            .state
            .lock()
            .unwrap()
            .objects
            .insert(empty, Vec::new());
        let mut told = Told::of(&cluster, wanted.clone(), config());
        told.until_synced().await;
        let late = tokio::time::timeout(Duration::from_secs(5), told.notice()).await;
        told.notices.extend(late);
        let found = told
            .notices
            .iter()
            .find(|notice| notice.code == NoticeCode::DidYouMean);
        assert_eq!(found.map(|notice| &*notice.message), sentence, "{wanted}");
        let lists = cluster.requests().into_iter();
        let asked = lists.filter(|request| request.contains("limit=500"));
        assert_eq!(asked.count(), 2 - usize::from(is_listed_everywhere));
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_does_not_exist_is_named() {
    let cluster = Cluster::default();
    let namespaces = ["shop-prod", "argocd"].map(|name| json!({"metadata": {"name": name}}));
    cluster.set("/api/v1/namespaces", &namespaces);
    cluster.set(APPLICATIONS, &[application("shop", &[])]);
    let config = TrackConfig {
        namespaces: vec!["shop-prd".into(), "argocd".into()],
        ..config()
    };
    let mut told = Told::new(&cluster, config);
    let said = loop {
        let notice = told.notice().await;
        if notice.code == NoticeCode::DidYouMean {
            break notice.message;
        }
    };
    assert_eq!(
        said,
        "namespace shop-prd does not exist: did you mean \"shop-prod\"?"
    );
}

#[tokio::test(start_paused = true)]
async fn that_the_application_may_not_be_read_is_taken_back_too() {
    let cluster = shop();
    cluster.refuse(APPLICATIONS, 403);
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    cluster.state.lock().unwrap().refused.clear();
    while told.next().await != "+Application/shop" {}
    let last = told.notices.pop().unwrap();
    assert_eq!(
        last.message,
        "Application argocd/shop is there now: shop, its hooks and sync errors are followed from here on"
    );
}

#[tokio::test(start_paused = true)]
async fn an_application_that_does_not_answer_is_not_waited_for_long() {
    let cluster = shop();
    cluster.refuse(APPLICATIONS, 500);
    let named = TrackConfig {
        namespaces: vec!["shop".into()],
        ..config()
    };
    let mut told = Told::new(&cluster, named);
    let began = tokio::time::Instant::now();
    assert_eq!(told.next().await, "+Deployment/web");
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn nothing_found_has_a_reason() {
    let cluster = shop();
    let deployments = "/apis/apps/v1/namespaces/shop/deployments";
    cluster.state.lock().unwrap().objects.remove(deployments);
    let other = |name| of("shop-staging", object("Deployment", "shop", name));
    let mut labelled = object("Deployment", "shop", "debug");
    labelled["metadata"]["labels"] = json!({"app.kubernetes.io/instance": "shop"});
    cluster.set(deployments, &[other("a"), other("b"), labelled]);
    let mut told = Told::new(&cluster, config());
    let began = tokio::time::Instant::now();
    let notice = told.notice().await;
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert_eq!(notice.code, NoticeCode::NothingFound);
    assert_eq!(
        notice.message,
        "nothing of application shop found in shop after 10 s: found there: 2 objects of \"shop-staging\", 1 object with its label but no tracking id"
    );
    assert_eq!(notice.hint.as_deref(), Some("try --tracking label"));
    told.silent(600).await;
}

#[tokio::test(start_paused = true)]
async fn what_its_applications_deploy_is_followed_on_this_cluster() {
    let cluster = Cluster::default();
    let mut parent = application("shop", &[]);
    parent["status"]["resources"] = json!([
        {"group": "argoproj.io", "kind": "Application", "name": "cart", "namespace": "argocd"},
        {"group": "argoproj.io", "kind": "Application", "name": "edge", "namespace": "argocd"}]);
    let mut edge = application("edge", &["edge"]);
    edge["spec"]["destination"]["server"] = "https://edge.example.com".into();
    cluster
        .set(
            APPLICATIONS,
            &[
                parent,
                application("cart", &["cart"]),
                edge,
                application("other", &["other"]),
            ],
        )
        .set(
            "/apis/apps/v1/namespaces/cart/deployments",
            &[of("cart", object("Deployment", "cart", "web"))],
        );
    let mut told = Told::new(&cluster, config());
    let words = told.until_synced().await;
    for word in [
        "+Application/cart",
        "app cart",
        "app edge",
        "+Deployment/web",
    ] {
        assert!(words.contains(word), "{word} of {words:?}");
    }
    assert!(!words.contains("app other"));
    // The URL may be another one of this cluster: only the objects can tell.
    let mut requests = cluster.requests().into_iter();
    assert!(requests.any(|request| request.contains("/namespaces/edge/deployments")));
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert!(
        notice
            .message
            .contains("edge deploys to cluster \"https://edge.example.com\"")
    );
}
