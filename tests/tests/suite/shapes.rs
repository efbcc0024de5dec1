//! Shapes of applications and the objects followed in them. `cargo test -p argo-tests shapes -- --nocapture`
//! prints the table.

use std::collections::BTreeSet;

use argo_core::AppRef;
use argo_workloads::{TrackConfig, TrackingMethod};
use serde_json::{Value, json};
use simcluster::{
    cluster::{Cluster, Options},
    scenario::Scenario,
};

use crate::{
    assistant::Assistant,
    hand_made::{
        Hand, annotated, application, chain, labelled, marked, object, of, owned, rollout_of,
    },
};

/// An application and the objects of it that are followed.
struct Shape {
    name: &'static str,
    app: AppRef,
    config: TrackConfig,
    objects: Vec<Value>,
    followed: Vec<&'static str>,
    /// Part of the expected notice; empty if none is expected.
    said: &'static str,
}

/// The application `shop` in `argocd`, which is synced to `prod`.
fn shape(name: &'static str, objects: Vec<Value>, followed: &[&'static str]) -> Shape {
    let mut objects = objects;
    if !objects.iter().any(|object| object["kind"] == "Application") {
        objects.push(application("argocd", "shop", &["prod"]));
    }
    Shape {
        name,
        app: AppRef::new("shop", "argocd"),
        config: TrackConfig::default(),
        objects,
        followed: followed.to_vec(),
        said: "",
    }
}

impl Shape {
    fn of(self, namespace: &str) -> Self {
        Self {
            app: AppRef::new("shop", namespace),
            ..self
        }
    }

    fn said(self, said: &'static str) -> Self {
        Self { said, ..self }
    }

    fn with(mut self, change: impl FnOnce(&mut TrackConfig)) -> Self {
        change(&mut self.config);
        self
    }
}

const WEB: [&str; 3] = [
    "Deployment prod/web",
    "ReplicaSet prod/web-1 < Deployment/web",
    "Pod prod/web-1-a < Deployment/web",
];

#[tokio::test]
async fn shapes_of_applications() {
    let mut shapes = places();
    shapes.extend(kinds());
    shapes.extend(marks());
    shapes.extend(families());
    println!("{:<66} followed", "shape");
    let mut wrong = Vec::new();
    for shape in shapes {
        let hand = Hand::new(shape.objects).await;
        let mut told = hand.track(&shape.app, shape.config).await;
        let followed = told.until_synced().await;
        let wanted: BTreeSet<_> = shape.followed.iter().map(|&word| word.to_owned()).collect();
        let roots: Vec<_> = followed.iter().filter(|word| !word.contains('<')).collect();
        let rest = followed.len() - roots.len();
        let yes = match roots[..] {
            [] => "no".to_owned(),
            _ => format!(
                "yes: {} and {rest} owned",
                roots
                    .iter()
                    .map(|word| word.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        println!("{:<66} {yes}", shape.name);
        let said = told.said();
        if followed != wanted
            || said.is_empty() != shape.said.is_empty()
            || !said.contains(shape.said)
        {
            wrong.push(format!(
                "{}: {followed:#?}\nnot\n{wanted:#?}\n{}",
                shape.name,
                told.said()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Places of an application and of its objects.
fn places() -> Vec<Shape> {
    let mut spread = vec![application("argocd", "shop", &["a", "b", "c"])];
    for namespace in ["a", "b", "c", "d"] {
        spread.extend(rollout_of("shop", namespace, "web"));
    }
    let mut applied = application("argocd", "shop", &[]);
    applied["spec"]["destination"]["namespace"] = "prod".into();
    let mut jobs = rollout_of("shop", "jobs", "web");
    applied["status"]["operationState"] = json!({"phase": "Running",
        "startedAt": "2026-11-20T08:00:00Z", "operation": {}, "syncResult": {"resources": [
        {"group": "batch", "version": "v1", "kind": "Job", "namespace": "jobs", "name": "migrate",
         "hookType": "PreSync"}]}});
    jobs.push(applied);
    vec![
        shape(
            "workload named otherwise than the application",
            rollout_of("shop", "prod", "web"),
            &WEB,
        ),
        shape(
            "application in argocd's namespace, workloads elsewhere",
            [
                rollout_of("shop", "prod", "web"),
                rollout_of("shop", "argocd", "not-named"),
            ]
            .concat(),
            &WEB,
        ),
        shape(
            "application in any namespace (team-a_shop)",
            [
                vec![application("team-a", "shop", &["prod"])],
                rollout_of("team-a_shop", "prod", "web"),
            ]
            .concat(),
            &WEB,
        )
        .of("team-a"),
        shape(
            "application in any namespace, not readable, with --namespace",
            [
                vec![application("x", "x", &[])],
                rollout_of("team-a_shop", "prod", "web"),
            ]
            .concat(),
            &WEB,
        )
        .of("team-a")
        .with(|config| config.namespaces = vec!["prod".into()])
        .said("there is no Application team-a/shop"),
        shape(
            "workloads in three namespaces, and a fourth not named",
            spread.clone(),
            &[
                "Deployment a/web",
                "ReplicaSet a/web-1 < Deployment/web",
                "Pod a/web-1-a < Deployment/web",
                "Deployment b/web",
                "ReplicaSet b/web-1 < Deployment/web",
                "Pod b/web-1-a < Deployment/web",
                "Deployment c/web",
                "ReplicaSet c/web-1 < Deployment/web",
                "Pod c/web-1-a < Deployment/web",
            ],
        ),
        shape(
            "a namespace that only a hook of the running operation names",
            jobs,
            &[
                "Deployment jobs/web",
                "ReplicaSet jobs/web-1 < Deployment/web",
                "Pod jobs/web-1-a < Deployment/web",
            ],
        ),
        shape(
            "all namespaces",
            rollout_of("shop", "nobody-named-it", "web"),
            &[
                "Deployment nobody-named-it/web",
                "ReplicaSet nobody-named-it/web-1 < Deployment/web",
                "Pod nobody-named-it/web-1-a < Deployment/web",
            ],
        )
        .with(|config| config.all_namespaces = true),
    ]
}

/// Kinds that run the pods.
fn kinds() -> Vec<Shape> {
    let report = of("shop", object("CronJob", "prod", "report"));
    let fired = owned(&report, object("Job", "prod", "report-29398560"));
    let by_hand = annotated(
        "cronjob.kubernetes.io/instantiate",
        "manual",
        owned(&report, object("Job", "prod", "report-manual-x1")),
    );
    let jobs = [
        owned(&fired, object("Pod", "prod", "report-29398560-a")),
        owned(&by_hand, object("Pod", "prod", "report-manual-x1-a")),
        report,
        fired,
        by_hand,
    ];
    let database = of("shop", object("Cluster", "prod", "db"));
    let id = database["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"].clone();
    let set = marked(
        id.as_str().unwrap(),
        owned(&database, object("StatefulSet", "prod", "db-main")),
    );
    let operator = vec![
        owned(&set, object("Pod", "prod", "db-main-0")),
        set,
        database,
    ];
    let clones = of("shop", object("CloneSet", "prod", "web"));
    let single = |kind| {
        let top = of("shop", object(kind, "prod", "one"));
        vec![owned(&top, object("Pod", "prod", "one-0")), top]
    };
    vec![
        shape(
            "StatefulSet",
            single("StatefulSet"),
            &["StatefulSet prod/one", "Pod prod/one-0 < StatefulSet/one"],
        ),
        shape(
            "DaemonSet",
            single("DaemonSet"),
            &["DaemonSet prod/one", "Pod prod/one-0 < DaemonSet/one"],
        ),
        shape(
            "Job",
            single("Job"),
            &["Job prod/one", "Pod prod/one-0 < Job/one"],
        ),
        shape(
            "bare Pod",
            vec![of("shop", object("Pod", "prod", "toolbox"))],
            &["Pod prod/toolbox"],
        ),
        shape(
            "CronJob: job fired by its time, and job created by hand",
            jobs.to_vec(),
            &[
                "CronJob prod/report",
                "Job prod/report-29398560 < CronJob/report",
                "Pod prod/report-29398560-a < CronJob/report",
                "Job prod/report-manual-x1 < CronJob/report",
                "Pod prod/report-manual-x1-a < CronJob/report",
            ],
        ),
        shape(
            "Argo Rollout",
            chain(of("shop", object("Rollout", "prod", "web"))),
            &[
                "Rollout prod/web",
                "ReplicaSet prod/web-1 < Rollout/web",
                "Pod prod/web-1-a < Rollout/web",
            ],
        ),
        shape(
            "operator: custom resource → StatefulSet → pod",
            operator,
            &[
                "Cluster prod/db",
                "StatefulSet prod/db-main < Cluster/db",
                "Pod prod/db-main-0 < Cluster/db",
            ],
        ),
        shape(
            "operator: pods of a CloneSet, a kind that nobody watches",
            vec![owned(&clones, object("Pod", "prod", "web-x")), clones],
            &["CloneSet prod/web", "Pod prod/web-x < CloneSet/web"],
        ),
    ]
}

/// Marks of objects.
fn marks() -> Vec<Shape> {
    let by_label = || chain(labelled("shop", object("Deployment", "prod", "web")));
    let deployment = |name| object("Deployment", "prod", name);
    let web_id = "shop:apps/Deployment:prod/web";
    let copies = [
        rollout_of("shop", "prod", "web"),
        chain(marked(web_id, deployment("copy-by-an-operator"))),
        vec![marked(web_id, object("Pod", "prod", "copy-without-owner"))],
    ];
    let mut generated = hook(
        "PreSync",
        "",
        object("Job", "prod", "migrate-8a1c9-presync-1795"),
    );
    generated["metadata"]["generateName"] = "migrate-".into();
    let named = hook("PostSync", "notify", object("Job", "prod", "notify"));
    let helm = annotated(
        "helm.sh/hook",
        "pre-upgrade",
        of("shop", object("Job", "prod", "seed")),
    );
    let pod = |job: &Value| {
        let name = job["metadata"]["name"].as_str().unwrap();
        owned(job, object("Pod", "prod", &format!("{name}-p")))
    };
    let installed = |id, name| {
        let top = of("shop", object("Deployment", "prod", name));
        annotated("argocd.argoproj.io/installation-id", id, top)
    };
    let two = || {
        [
            chain(installed("blue", "web")),
            chain(installed("green", "other")),
        ]
        .concat()
    };
    let both = [
        WEB.to_vec(),
        vec![
            "Deployment prod/other",
            "ReplicaSet prod/other-1 < Deployment/other",
            "Pod prod/other-1-a < Deployment/other",
        ],
    ]
    .concat();
    vec![
        shape(
            "label only, tracking by annotation (the default)",
            by_label(),
            &[],
        ),
        shape("label only, --tracking label", by_label(), &WEB)
            .with(|config| config.tracking = TrackingMethod::Label),
        shape(
            "annotation and label, --tracking annotation+label",
            chain(labelled("shop", of("shop", deployment("web")))),
            &WEB,
        )
        .with(|config| config.tracking = TrackingMethod::AnnotationAndLabel),
        shape(
            "hook with a name",
            vec![pod(&named), named],
            &[
                "Job prod/notify (PostSync)",
                "Pod prod/notify-p < Job/notify (PostSync)",
            ],
        ),
        shape(
            "hook with generateName",
            vec![pod(&generated), generated],
            &[
                "Job prod/migrate-8a1c9-presync-1795 (PreSync)",
                "Pod prod/migrate-8a1c9-presync-1795-p < Job/migrate-8a1c9-presync-1795 (PreSync)",
            ],
        ),
        shape(
            "hook of Helm",
            vec![pod(&helm), helm],
            &[
                "Job prod/seed (PreSync)",
                "Pod prod/seed-p < Job/seed (PreSync)",
            ],
        ),
        shape(
            "copied annotations: by an operator, on a pod without owner",
            copies.concat(),
            &WEB,
        ),
        shape(
            "ids of other applications (shop-staging, sho, shop2)",
            [
                rollout_of("shop-staging", "prod", "a"),
                rollout_of("sho", "prod", "b"),
                rollout_of("shop2", "prod", "c"),
            ]
            .concat(),
            &[],
        ),
        shape("two Argo CDs, --installation-id blue", two(), &WEB)
            .with(|config| config.installation_id = Some("blue".into())),
        shape("two Argo CDs, without --installation-id", two(), &both),
    ]
}

/// A hook Job; without a name in its id it was generated.
fn hook(phase: &str, name: &str, job: Value) -> Value {
    let id = format!("shop:batch/Job:prod/{name}");
    annotated("argocd.argoproj.io/hook", phase, marked(&id, job))
}

/// Applications that have to do with each other.
fn families() -> Vec<Shape> {
    let mut parent = application("argocd", "shop", &[]);
    parent["status"]["resources"] = json!([{"group": "argoproj.io", "version": "v1alpha1",
        "kind": "Application", "namespace": "argocd", "name": "cart"}]);
    let of_apps = || {
        let cart = application("argocd", "cart", &["cart"]);
        [
            vec![parent.clone(), cart],
            rollout_of("cart", "cart", "web"),
        ]
        .concat()
    };
    let twins = || {
        let apps = vec![
            application("argocd", "shop", &["prod"]),
            application("team-a", "shop", &["prod"]),
        ];
        [
            apps,
            rollout_of("shop", "prod", "web"),
            rollout_of("team-a_shop", "prod", "theirs"),
        ]
        .concat()
    };
    vec![
        shape(
            "app of apps: what the child deploys",
            of_apps(),
            &[
                "Deployment cart/web",
                "ReplicaSet cart/web-1 < Deployment/web",
                "Pod cart/web-1-a < Deployment/web",
            ],
        ),
        shape("app of apps, --no-children", of_apps(), &[]).with(|config| config.children = false),
        shape("two applications of one name: argocd/shop", twins(), &WEB),
        shape(
            "two applications of one name: team-a/shop",
            twins(),
            &[
                "Deployment prod/theirs",
                "ReplicaSet prod/theirs-1 < Deployment/theirs",
                "Pod prod/theirs-1-a < Deployment/theirs",
            ],
        )
        .of("team-a"),
    ]
}

#[tokio::test]
async fn a_pod_that_comes_again_under_its_name_is_another() {
    let mut objects = vec![application("argocd", "shop", &["prod"])];
    let set = of("shop", object("StatefulSet", "prod", "db"));
    let pod = owned(&set, object("Pod", "prod", "db-0"));
    objects.extend([set, pod.clone()]);
    let hand = Hand::new(objects).await;
    let mut told = hand
        .track(&AppRef::new("shop", "argocd"), TrackConfig::default())
        .await;
    assert!(
        told.until_synced()
            .await
            .contains("Pod prod/db-0 < StatefulSet/db")
    );
    hand.store.delete("pods", "prod", "db-0").unwrap();
    let mut again = pod;
    again["metadata"]["uid"] = "another".into();
    hand.store.put_raw(again).unwrap();
    assert_eq!(told.word().await, "-Pod prod/db-0");
    assert_eq!(told.word().await, "Pod prod/db-0 < StatefulSet/db");
    assert!(told.notices.is_empty(), "{}", told.said());
}

/// Hooks that end at once and are deleted at once, a CronJob that is fired meanwhile, and
/// workloads in two namespaces: through the whole program, each line once.
#[tokio::test]
async fn hooks_that_are_gone_at_once_are_complete() {
    let scenario = Scenario::parse("hooks.yaml", &hooks()).unwrap();
    let options = Options {
        speed: Some(2.0),
        ..Options::default()
    };
    let cluster = Cluster::start(&scenario, options).await.unwrap();
    until_it_syncs(&cluster).await;
    let ended = Assistant::new(&["sync", "shop", "argocd", "--", "--timeout", "120"])
        .kubeconfig(&cluster.kubeconfig())
        .env("ARGO_SIM_SERVER", cluster.url())
        .env("ARGO_SPEED", "2")
        .run()
        .await;
    assert_eq!(ended.code(), Some(0), "{}\n{}", ended.stdout, ended.stderr);
    for hook in ["migrate", "warm", "notify"] {
        for line in 1..=20 {
            let text = format!("{hook} line {line} of 20");
            assert_eq!(ended.count(&text), 1, "{text} in\n{}", ended.stdout);
        }
        assert_eq!(ended.count(&format!("{hook} done")), 1, "{}", ended.stdout);
    }
    for text in ["report made", "web is up", "worker is up"] {
        assert_eq!(ended.count(text), 1, "{text} in\n{}", ended.stdout);
    }
    println!("{}", ended.stdout);
}

/// Waits until the sync has begun, as in a pipeline that waits after it asked for one.
async fn until_it_syncs(cluster: &Cluster) {
    const APPLICATIONS: &str = "applications.argoproj.io";
    let store = cluster.store();
    let mut changes = store.watch(APPLICATIONS, store.resource_version()).unwrap();
    let syncs = || {
        let found = store.get(APPLICATIONS, "argocd", "shop");
        found.is_some_and(|app| app.value()["status"]["operationState"]["phase"] == "Running")
    };
    while !syncs() {
        changes.next().await.unwrap();
    }
}

/// The scenario of the test above, as JSON, which is YAML too.
fn hooks() -> String {
    let quick = |name: &str| {
        format!(
            "app: {{run: [{{lines: {{count: 20, text: \"{name} line {{n}} of 20\"}}}}, {{log: \"{name} done\"}}, {{exit: 0}}]}}"
        )
    };
    let up = |name: &str| {
        format!("app: {{run: [{{log: \"{name} is up\"}}, {{ready: true}}, {{forever: true}}]}}")
    };
    let template = |behaviour: &str, restart: &str| {
        json!({"metadata": {"labels": {"app": "x"}, "annotations": {"simcluster/behaviour": behaviour}},
            "spec": {"restartPolicy": restart, "containers": [{"name": "app", "image": "app:1"}]}})
    };
    let hook = |phase: &str, name: &str, generated: bool| {
        let mut meta = json!({"annotations": {"argocd.argoproj.io/hook": phase,
            "argocd.argoproj.io/hook-delete-policy": "HookSucceeded"}});
        match generated {
            true => meta["generateName"] = format!("{name}-").into(),
            false => meta["name"] = name.into(),
        }
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta,
            "spec": {"backoffLimit": 0, "template": template(&quick(name), "Never")}})
    };
    let deployment = |namespace: &str, name: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}, "template": template(&up(name), "Always")}})
    };
    let report = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "report", "namespace": "prod"},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template":
            template("app: {run: [{log: report made}, {exit: 0}]}", "Never")}}}});
    let documents = |all: &[Value]| {
        let all: Vec<_> = all.iter().map(Value::to_string).collect();
        all.join("\n---\n")
    };
    let manifests = [
        hook("PreSync", "migrate", false),
        hook("Sync", "warm", true),
        hook("PostSync", "notify", true),
        deployment("prod", "web"),
        deployment("jobs", "worker"),
        report.clone(),
    ];
    json!({"name": "hooks", "seed": 3,
    "application": {"name": "shop", "destination": "prod", "deployed": documents(&[report])},
    "steps": [
        {"at": "0s", "sync": {"user": "ci", "manifests": documents(&manifests)}},
        {"at": "3s", "fire_cron_job": "prod/report"},
    ]})
    .to_string()
}
