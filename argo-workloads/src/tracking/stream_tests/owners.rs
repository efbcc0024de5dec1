//! Owners of kinds that no watch delivers.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_owner_of_a_kind_that_nobody_knows_is_read_once() {
    let cluster = Cluster::default();
    let pods: Vec<_> = ["a", "b"]
        .map(|name| owned(object("Pod", "shop", name), "CloneSet", "web"))
        .to_vec();
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set("/api/v1/namespaces/shop/pods", &pods)
        .set(
            "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets",
            &[of("shop", object("CloneSet", "shop", "web"))],
        );
    let mut told = Told::new(&cluster, config());
    let words = told.until_synced().await;
    assert!(words.contains("+CloneSet/web") && words.contains("+Pod/a < CloneSet/web"));
    let kruise = |requests: Vec<String>| {
        requests
            .iter()
            .filter(|request| request.contains("kruise"))
            .count()
    };
    assert_eq!(kruise(cluster.requests()), 2, "{:?}", cluster.requests());
    assert!(told.notices.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_marked_later_is_read_again_for_its_next_pod() {
    let cluster = Cluster::default();
    let pod = |name| owned(object("Pod", "shop", name), "CloneSet", "web");
    let clonesets = "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets";
    let pods = "/api/v1/namespaces/shop/pods";
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set(pods, &[pod("a")])
        .set(clonesets, &[object("CloneSet", "shop", "web")]);
    let mut told = Told::new(&cluster, config());
    assert_eq!(
        told.until_synced().await,
        set(&["+Application/shop", "app shop"])
    );
    cluster.change(
        clonesets,
        "MODIFIED",
        &of("shop", object("CloneSet", "shop", "web")),
    );
    assert_eq!(told.notice().await.code, NoticeCode::NothingFound);
    told.silent(10).await;
    cluster.change(pods, "ADDED", &pod("b"));
    let words = [told.next().await, told.next().await, told.next().await];
    let all = [
        "+CloneSet/web",
        "+Pod/a < CloneSet/web",
        "+Pod/b < CloneSet/web",
    ];
    assert_eq!(BTreeSet::from(words), set(&all));
}

/// A CloneSet that is nobody's, which has a pod, and gets its mark after it was read.
async fn marked_later() -> (Cluster, Told) {
    let cluster = Cluster::default();
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set(
            PODS,
            &[owned(object("Pod", "shop", "a"), "CloneSet", "web")],
        )
        .set(CLONESETS, &[object("CloneSet", "shop", "web")]);
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    told.notice().await;
    let marked = of("shop", object("CloneSet", "shop", "web"));
    cluster.change(CLONESETS, "MODIFIED", &marked);
    (cluster, told)
}

const CLONESETS: &str = "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets";

fn owner_reads(cluster: &Cluster) -> usize {
    let requests = cluster.requests();
    let reads = requests.iter().filter(|it| it.ends_with("/clonesets/web"));
    reads.count()
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_marked_later_is_read_again_when_its_pod_changes_but_not_often() {
    let (cluster, mut told) = marked_later().await;
    let pod = owned(object("Pod", "shop", "a"), "CloneSet", "web");
    for _ in 0..20 {
        cluster.change(PODS, "MODIFIED", &pod);
        told.silent(2).await;
    }
    assert_eq!(owner_reads(&cluster), 1, "a minute has not passed");
    told.silent(20).await;
    cluster.change(PODS, "MODIFIED", &pod);
    let words = [told.next().await, told.next().await];
    assert_eq!(words, ["+CloneSet/web", "+Pod/a < CloneSet/web"]);
    assert_eq!(owner_reads(&cluster), 2);
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_marked_later_is_read_again_when_the_application_lists_it() {
    let (cluster, mut told) = marked_later().await;
    let mut app = application("shop", &["shop"]);
    app["status"]["resources"][0] = json!({"group": "apps.kruise.io", "kind": "CloneSet",
        "name": "web", "namespace": "shop"});
    cluster.change(APPLICATIONS, "MODIFIED", &app);
    let mut words = Vec::new();
    for _ in 0..4 {
        words.push(told.next().await);
    }
    assert_eq!(words[2..], ["+CloneSet/web", "+Pod/a < CloneSet/web"]);
    cluster.change(APPLICATIONS, "MODIFIED", &app);
    told.next().await;
    told.next().await;
    told.silent(60).await;
    assert_eq!(
        owner_reads(&cluster),
        2,
        "what is followed is not read again"
    );
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_the_server_fails_to_give_is_asked_for_again_and_then_told() {
    let cluster = Cluster::default();
    let pods = [owned(object("Pod", "shop", "a"), "CloneSet", "web")];
    cluster
        .set(APPLICATIONS, &[application("shop", &["shop"])])
        .set("/api/v1/namespaces/shop/pods", &pods)
        .refuse(
            "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets/web",
            500,
        );
    let mut told = Told::new(&cluster, config());
    told.until_synced().await;
    let [notice] = &told.notices[..] else {
        panic!("{:?}", told.notices)
    };
    assert!(
        notice
            .message
            .starts_with("cannot read CloneSet/web, which owns pods in shop")
    );
    let asked = cluster.requests();
    let asked = asked.iter().filter(|path| path.ends_with("/clonesets/web"));
    assert_eq!(asked.count(), 5);
}
