//! Jobs and CronJobs.

use super::*;

fn job(name: &str, spec: Value, script: &str) -> Value {
    let mut spec = spec;
    if spec["restartPolicy"].is_null() {
        spec["restartPolicy"] = json!("Never");
    }
    workload("Job", name, &spec, script)
}

#[tokio::test(start_paused = true)]
async fn a_job_completes_one_pod_after_the_other() {
    let mut story = Story::new(true);
    story
        .store
        .create(job(
            "ok",
            json!({"completions": 2, "parallelism": 1}),
            "app: {run: [{log: begin}, {sleep: 2s}, {log: end}]}",
        ))
        .unwrap();
    story
        .until("done", |store| {
            condition(&get(store, "jobs.batch", "ok"), "Complete") == "True CompletionsReached"
        })
        .await;
    story.pass(5.0).await;
    let ok = get(&story.store, "jobs.batch", "ok");
    assert_eq!(ok["status"]["succeeded"], 2);
    assert!(ok["status"]["active"].is_null() && ok["status"]["completionTime"].is_string());
    let pods = story.names("pods");
    assert_eq!(pods.len(), 2);
    for pod in &pods {
        assert_eq!(story.log(SHOP, pod, "app").await, "begin\nend\n");
        assert_eq!(
            get(&story.store, "pods", pod)["metadata"]["finalizers"],
            json!([])
        );
    }
    let events = story.events("Job/ok");
    assert_eq!(
        events.last().unwrap(),
        "Normal Completed x1 : Job completed"
    );
    assert_eq!(events.len(), 3);
    let pod = story.pod(&pods[0]);
    assert!(
        pod.last()
            .unwrap()
            .starts_with("Succeeded app=terminated(Completed,0)"),
        "{pod:#?}"
    );
}

/// Recording 08, `bad`: pods at about 0, 13 and 35 seconds, then `FailureTarget` and `Failed`.
#[tokio::test(start_paused = true)]
async fn a_job_fails_after_its_back_off_limit() {
    let mut story = Story::new(true);
    story
        .store
        .create(job(
            "bad",
            json!({"backoffLimit": 2}),
            "app: {run: [{stderr: boom}, {sleep: 1s}, {exit: 2}]}",
        ))
        .unwrap();
    let failed = |store: &Store| {
        condition(&get(store, "jobs.batch", "bad"), "Failed") == "True BackoffLimitExceeded"
    };
    let took = story.until("failed", failed).await;
    assert!((32.0..48.0).contains(&took), "{took}");
    let bad = get(&story.store, "jobs.batch", "bad");
    assert_eq!(bad["status"]["failed"], 3);
    assert_eq!(
        condition(&bad, "FailureTarget"),
        "True BackoffLimitExceeded"
    );
    let events = story.events("Job/bad");
    assert_eq!(
        events.last().unwrap(),
        "Warning BackoffLimitExceeded x1 : Job has reached the specified backoff limit"
    );
}

/// Recording 08, `bad-onfailure`: the pod is deleted, its logs are gone with it.
#[tokio::test(start_paused = true)]
async fn a_job_that_restarts_its_pod_deletes_it_in_the_end() {
    let mut story = Story::new(true);
    story
        .store
        .create(job(
            "bad",
            json!({"backoffLimit": 2, "restartPolicy": "OnFailure"}),
            "app: {run: [{exit: 2}]}",
        ))
        .unwrap();
    story
        .until("failed", |store| {
            condition(&get(store, "jobs.batch", "bad"), "Failed") == "True BackoffLimitExceeded"
        })
        .await;
    let events = story.events("Job/bad");
    let reasons: Vec<&str> = events
        .iter()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "SuccessfulCreate",
            "SuccessfulDelete",
            "BackoffLimitExceeded"
        ]
    );
    story.pass(2.0).await;
    assert!(story.names("pods").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_has_a_deadline_a_pause_and_an_end_of_life() {
    let mut story = Story::new(true);
    story
        .store
        .create(job(
            "late",
            json!({"activeDeadlineSeconds": 8}),
            "app: {run: [{forever: true}], term: [{exit: 0}]}",
        ))
        .unwrap();
    let took = story
        .until("late", |store| {
            condition(&get(store, "jobs.batch", "late"), "Failed") == "True DeadlineExceeded"
        })
        .await;
    assert!((8.0..12.0).contains(&took), "{took}");
    assert!(story.names("pods").is_empty());

    story
        .store
        .create(job(
            "quick",
            json!({"ttlSecondsAfterFinished": 0}),
            "app: {run: [{log: hello}]}",
        ))
        .unwrap();
    story
        .until("quick is gone", |store| {
            store.get("jobs.batch", SHOP, "quick").is_none()
        })
        .await;
    story.pass(1.0).await;
    assert!(story.names("pods").is_empty());
    assert!(
        story
            .events("Job/quick")
            .contains(&"Normal Completed x1 : Job completed".to_owned())
    );

    story
        .store
        .create(job(
            "later",
            json!({"suspend": true}),
            "app: {run: [{exit: 0}]}",
        ))
        .unwrap();
    story.pass(5.0).await;
    assert_eq!(
        condition(&get(&story.store, "jobs.batch", "later"), "Suspended"),
        "True JobSuspended"
    );
    story
        .store
        .merge_patch(
            "jobs.batch",
            SHOP,
            "later",
            &json!({"spec": {"suspend": false}}),
        )
        .unwrap();
    story
        .until("resumed", |store| {
            condition(&get(store, "jobs.batch", "later"), "Complete") == "True CompletionsReached"
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_cron_job_is_fired_and_keeps_three_successes() {
    let mut story = Story::new(false);
    let template = job("x", json!({}), "app: {run: [{log: tick}]}")["spec"].clone();
    let cron = json!({"kind": "CronJob", "apiVersion": "batch/v1", "metadata": {"name": "tick", "namespace": SHOP},
        "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": template}}});
    story.store.create(cron).unwrap();
    assert!(story.controllers.fire_cron_job(SHOP, "tock").is_err());
    for _ in 0..5 {
        let name = story.controllers.fire_cron_job(SHOP, "tick").unwrap();
        story
            .until("done", |store| {
                let job = store.get("jobs.batch", SHOP, &name);
                job.is_some_and(|job| condition(&job, "Complete").starts_with("True"))
            })
            .await;
    }
    story.pass(1.0).await;
    assert_eq!(story.names("jobs.batch").len(), 3);
    let tick = get(&story.store, "cronjobs.batch", "tick");
    assert!(tick["status"]["active"].is_null() && tick["status"]["lastSuccessfulTime"].is_string());
    let events = story.events("CronJob/tick");
    assert!(
        events[0].starts_with("Normal SuccessfulCreate x1 : Created job tick-"),
        "{events:#?}"
    );
    assert!(
        events[1].starts_with("Normal SawCompletedJob x1 : Saw completed job: tick-"),
        "{events:#?}"
    );
}
