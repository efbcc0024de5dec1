use super::*;

fn problem(text: &str) -> String {
    let error = Scenario::parse("x.yaml", text).unwrap_err().to_string();
    assert!(error.starts_with("x.yaml: "), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn every_scenario_that_ships_can_be_read() {
    let scenarios = builtin().unwrap();
    let names: Vec<&str> = scenarios
        .iter()
        .map(|scenario| scenario.name.as_str())
        .collect();
    for name in [
        "shop",
        "good",
        "crash-loop",
        "hook-failed",
        "oom",
        "noisy-but-healthy",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), names.len());
    for scenario in &scenarios {
        assert!(!scenario.description.is_empty(), "{}", scenario.name);
        assert!(!scenario.steps.is_empty(), "{}", scenario.name);
    }
}

#[test]
fn every_step_can_be_written() {
    let scenario = Scenario::parse(
        "all.yaml",
        r#"
name: all
controllers: true
application: {name: shop, destination: shop-prod}
steps:
- {at: 14s, end_log: {pod: a/x, container: app}}
- {at: 1s, sync: {manifests: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}]}}
- at: 2s
  apply: |
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: one}
    ---
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: two}
    ---
- {at: 3s, delete: {resource: pods, namespace: a, name: web-}}
- {at: 4s, fire_cron_job: a/report}
- {at: 5s, application: {status: {conditions: []}}}
- {at: 6s, fault: {on: {verb: log}, do: {kind: reset}}}
- {at: 7s, end_open: {on: {verb: watch}, do: {kind: end}}}
- {at: 8s, clear_faults: true}
- {at: 9s, recording: 03-crash-loop}
- {at: 9.5s, recording: {name: 03-crash-loop, application: shop}}
- {at: 10, kubelet: down}
- {at: 11s, rotate: {pod: a/web-, container: app, how: skip}}
- {at: 12s, put: {apiVersion: v1, kind: Pod, metadata: {name: x, namespace: a}}}
- {at: 13s, log: {pod: a/x, container: app, lines: "one\ntwo\n"}}
argocd: {lines: [], exit: 0}
"#,
    )
    .unwrap();
    let times: Vec<f64> = scenario
        .steps
        .iter()
        .map(|step| step.at.as_secs_f64())
        .collect();
    assert!(times.is_sorted());
    assert_eq!(times.len(), 15);
    let Action::Apply(manifests) = &scenario.steps[1].action else {
        panic!()
    };
    assert_eq!(manifests.0.len(), 2);
    assert!(scenario.has_controllers());
}

#[test]
fn what_is_wrong_is_one_sentence_with_its_place() {
    let says = |text: &str, parts: &[&str]| {
        let problem = problem(text);
        for part in parts {
            assert!(problem.contains(part), "{problem}\nlacks {part}");
        }
    };
    says(
        "name: x\nstep: []\n",
        &["unknown field `step`", "`steps`", "line 2"],
    );
    says(
        "name: x\nsteps:\n- {at: 1s, aply: x}\n",
        &["steps[0]", "unknown field `aply`", "`apply`", "line 3"],
    );
    says(
        "name: x\nsteps:\n- {at: soon, kubelet: up}\n",
        &["2s, 300ms or 1m30s", "line 3"],
    );
    says(
        "name: x\nsteps:\n- {at: 1s}\n",
        &["at 1s", "exactly one of sync", "line 3"],
    );
    says(
        "name: x\nsteps:\n- at: 1s\n  apply: |\n    apiVersion: v1\n    kind: [\n",
        &["manifest 1 of this text"],
    );
    says(
        "name: x\nsteps:\n- {at: 1s, apply: {apiVersion: v1, kind: Pod}}\n",
        &["manifest 1 (Pod, no name) has no metadata.name"],
    );
    says("name: x\nspeed: 0\n", &["speed is 0", "above 0"]);
    says(
        "name: x\nsteps:\n- {at: 1s, recording: 99-none}\n",
        &[
            "steps[0] (at 1s)",
            "no recording \"99-none\"",
            "01-deployment",
        ],
    );
    says(
        "name: x\nsteps:\n- {at: 1s, sync: {manifests: []}}\n",
        &["sync needs an Application"],
    );
    says(
        "name: x\nsteps:\n- {at: 1s, fire_cron_job: report}\n",
        &["not namespace/name"],
    );
    says(
        "name: x\nobjects:\n  apiVersion: v1\n  kind: Pod\n  metadata: {name: p, annotations: {simcluster/behaviour: 'app: {rum: []}'}}\n  spec: {containers: [{name: app}]}\n",
        &["objects: Pod p", "unknown field `rum`"],
    );
    says("name: [", &["line"]);
}

#[test]
fn a_missing_file_is_named() {
    let error = Scenario::open(Path::new("no/such.yaml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read no/such.yaml");
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = find("nothing").unwrap_err().to_string();
    assert!(error.contains("there is no such scenario"), "{error}");
    assert!(error.contains("01-deployment-rollout-ok"), "{error}");
}
