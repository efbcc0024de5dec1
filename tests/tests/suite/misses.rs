//! Objects that the tool that this one replaces missed or got wrong, one test each.

use std::collections::BTreeSet;

use argo_core::AppRef;
use argo_workloads::TrackConfig;

use crate::{
    assistant::Assistant,
    hand_made::{Hand, Told, application, chain, labelled, object, of, owned, rollout_of},
};

async fn followed(
    objects: Vec<serde_json::Value>,
    namespace: &str,
) -> (BTreeSet<String>, Hand, Told) {
    let hand = Hand::new(objects).await;
    let mut told = hand
        .track(&AppRef::new("shop", namespace), TrackConfig::default())
        .await;
    (told.until_synced().await, hand, told)
}

/// The old tool wanted ids that begin with `<namespace>_<app>`, which Argo CD writes only for
/// applications outside of its own namespace.
#[tokio::test]
async fn the_id_of_an_application_in_argocds_namespace() {
    let (all, ..) = followed(
        [
            rollout_of("shop", "prod", "shop"),
            vec![application("argocd", "shop", &["prod"])],
        ]
        .concat(),
        "argocd",
    )
    .await;
    assert!(
        all.contains("Pod prod/shop-1-a < Deployment/shop"),
        "{all:?}"
    );
}

/// The old tool wanted the workload to have the name and the namespace of the application.
#[tokio::test]
async fn a_workload_of_another_name_in_another_namespace() {
    let objects = [
        rollout_of("team-a_shop", "prod", "web"),
        vec![application("team-a", "shop", &["prod"])],
    ]
    .concat();
    let (all, ..) = followed(objects, "team-a").await;
    assert!(all.contains("Pod prod/web-1-a < Deployment/web"), "{all:?}");
}

/// The old tool knew Deployments and StatefulSets: no DaemonSet, Job, CronJob, Rollout, bare Pod.
#[tokio::test]
async fn every_kind_that_runs_pods() {
    let mut objects = vec![
        application("argocd", "shop", &["prod"]),
        of("shop", object("Pod", "prod", "bare")),
    ];
    objects.extend(chain(of("shop", object("Rollout", "prod", "ro"))));
    for kind in ["DaemonSet", "Job", "CronJob", "StatefulSet"] {
        objects.push(of("shop", object(kind, "prod", "x")));
    }
    let (all, ..) = followed(objects, "argocd").await;
    for word in [
        "Pod prod/bare",
        "Pod prod/ro-1-a < Rollout/ro",
        "DaemonSet prod/x",
        "Job prod/x",
        "CronJob prod/x",
        "StatefulSet prod/x",
    ] {
        assert!(all.contains(word), "{word} of {all:?}");
    }
}

/// A Job whose owner it did not know was "a circular reference", and chains of more than
/// two owners ended as "no owner". Real circles end, too.
#[tokio::test]
async fn owners_that_are_unknown_deep_or_go_round_in_circles() {
    let top = of("shop", object("Cluster", "prod", "db"));
    let clones = owned(&top, object("CloneSet", "prod", "db-clones"));
    let set = owned(&clones, object("StatefulSet", "prod", "db-set"));
    let job = owned(&set, object("Job", "prod", "db-job"));
    let pod = owned(&job, object("Pod", "prod", "db-pod"));
    let (mut one, mut two) = (object("Job", "prod", "one"), object("Job", "prod", "two"));
    one = owned(&two, one);
    two = owned(&one, two);
    let lost = owned(
        &object("Cluster", "prod", "gone"),
        object("Job", "prod", "lost"),
    );
    let objects = vec![
        top,
        clones,
        set,
        job,
        pod,
        one,
        two,
        lost,
        application("argocd", "shop", &["prod"]),
    ];
    let (all, hand, told) = followed(objects, "argocd").await;
    assert!(all.contains("Pod prod/db-pod < Cluster/db"), "{all:?}");
    assert_eq!(all.len(), 5, "{all:?}");
    assert!(told.notices.is_empty(), "{}", told.said());
    let gets = hand.server.requests();
    let gets = gets
        .iter()
        .filter(|request| request.verb == "get" && request.resource.ends_with("example.com"));
    assert_eq!(
        gets.count(),
        2,
        "one for each unknown owner, though it is gone"
    );
}

/// The old tool asked for the owner of each event and polled each log. Here one list and one watch a
/// kind bring fifty pods, and owners are not asked for at all.
#[tokio::test]
async fn no_request_for_each_pod() {
    let mut objects = rollout_of("shop", "prod", "web");
    let set = objects[1].clone();
    objects.extend(
        (0..49).map(|number| owned(&set, object("Pod", "prod", &format!("web-1-{number}")))),
    );
    objects.push(application("argocd", "shop", &["prod"]));
    let (all, hand, _) = followed(objects, "argocd").await;
    assert_eq!(all.len(), 52);
    let requests = hand.server.requests();
    let asked = |verb: &'static str| {
        requests
            .iter()
            .filter(move |request| request.verb == verb && !request.resource.is_empty())
    };
    assert_eq!(
        asked("get").count(),
        0,
        "{:?}",
        asked("get").collect::<Vec<_>>()
    );
    let mut lists: Vec<_> = asked("list")
        .map(|request| (&request.resource, &request.namespace))
        .collect();
    let before = lists.len();
    lists.sort();
    lists.dedup();
    assert_eq!(
        lists.len(),
        before,
        "each kind once in each namespace: {lists:?}"
    );
    // Applications, pods, seven kinds of workloads, claims and autoscalers.
    assert_eq!(before, 11, "{lists:?}");
}

/// The old tool printed nothing. This one lists after 10 s the objects that it saw instead.
#[tokio::test]
async fn nothing_found_says_why() {
    let mut objects = vec![application("argocd", "shop", &["prod"])];
    objects.extend(rollout_of("shop-staging", "prod", "a"));
    objects.extend(chain(labelled("shop", object("Deployment", "prod", "b"))));
    let hand = Hand::new(objects).await;
    let kubeconfig = hand.server.kubeconfig();
    let sync = |args: &[&str]| {
        Assistant::new(args)
            .kubeconfig(&kubeconfig)
            .script("steps: [{sleep: 13}, {exit: 0}]")
            .run()
    };
    let (label, place) = tokio::join!(
        sync(&["sync", "shop", "argocd"]),
        sync(&["sync", "shop", "elsewhere"])
    );
    println!("{}\n{}", label.stdout, place.stdout);
    for (ended, texts) in [
        (
            label,
            [
                r#"nothing of application shop found in prod after 10 s: found there: 1 object of "shop-staging", 1 object with its label but no tracking id"#,
                "try --tracking label",
            ],
        ),
        (
            place,
            [
                "nothing of application shop found in elsewhere after 10 s: no workload is there",
                "name the namespaces with -n",
            ],
        ),
    ] {
        for text in texts {
            assert_eq!(ended.count(text), 1, "{text} in\n{}", ended.stdout);
        }
    }
}

/// `explain` is the long answer to the same.
#[tokio::test]
async fn explain_says_of_each_object_why() {
    let mut objects = vec![application("argocd", "shop", &["prod"])];
    objects.extend(rollout_of("shop", "prod", "web"));
    objects.extend(chain(labelled(
        "shop",
        object("Deployment", "prod", "debug"),
    )));
    objects.extend(rollout_of("shop-old", "prod", "old"));
    let hand = Hand::new(objects).await;
    let ended = Assistant::new(&["explain", "shop", "argocd"])
        .kubeconfig(&hand.server.kubeconfig())
        .run()
        .await;
    println!("{}", ended.stdout);
    for words in [
        [
            "followed",
            "prod/web ",
            "tracking id shop:apps/Deployment:prod/web",
        ],
        [
            "followed",
            "prod/web-1-a",
            "owned by ReplicaSet/web-1 ← Deployment/web",
        ],
        [
            "ignored",
            "prod/debug ",
            "no tracking id; label app.kubernetes.io/instance=shop (use --tracking label)",
        ],
        [
            "ignored",
            "prod/old-1 ",
            "tracking id is a copy of Deployment/old's, which belongs to \"shop-old\"",
        ],
    ] {
        let found = ended
            .stdout
            .lines()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} in\n{}", ended.stdout);
    }
}
