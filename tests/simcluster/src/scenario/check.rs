//! Checks of a scenario before it is played.

use serde_json::{Value, json};

use super::{Action, Scenario};
use crate::kubelet::Behaviour;
use crate::player::Recording;

/// One sentence that says what is wrong and what would be right.
pub(super) fn check(scenario: &Scenario) -> Result<(), String> {
    if !(scenario.speed.is_finite() && scenario.speed > 0.0) {
        return Err(format!(
            "speed is {}; it must be a number above 0, 1 is real time",
            scenario.speed
        ));
    }
    behaviours("objects", &scenario.objects.0)?;
    for other in &scenario.others {
        behaviours("others.deployed", &other.deployed.0)?;
    }
    if let Some(application) = &scenario.application {
        behaviours("application.deployed", &application.deployed.0)?;
    }
    for (index, step) in scenario.steps.iter().enumerate() {
        let place = format!("steps[{index}] (at {:?})", step.at);
        action(scenario, &step.action).map_err(|problem| format!("{place}: {problem}"))?;
    }
    Ok(())
}

fn action(scenario: &Scenario, action: &Action) -> Result<(), String> {
    match action {
        Action::Sync(sync) => {
            needs_application(scenario, "sync")?;
            behaviours("sync", &sync.manifests.0)
        }
        Action::Application(_) => needs_application(scenario, "application"),
        Action::Apply(manifests) => behaviours("apply", &manifests.0),
        Action::Recording(step) => match Recording::builtin(&step.name) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        Action::FireCronJob(_) if !scenario.has_controllers() => {
            Err("fire_cron_job needs controllers: true".to_owned())
        }
        _ => Ok(()),
    }
}

fn needs_application(scenario: &Scenario, step: &str) -> Result<(), String> {
    if scenario.application.is_some() {
        return Ok(());
    }
    Err(format!(
        "{step} needs an Application: add application: {{name: …, destination: …}} to the scenario"
    ))
}

/// Scripts of containers are read when a pod starts; better to say now that one is wrong.
fn behaviours(place: &str, objects: &[Value]) -> Result<(), String> {
    for object in objects {
        let spec = &object["spec"];
        let template = match object["kind"].as_str() {
            Some("Pod") => object,
            Some("CronJob") => &spec["jobTemplate"]["spec"]["template"],
            _ => &spec["template"],
        };
        // `Behaviour` wants to see the containers that the pod will have.
        let pod = json!({"metadata": template["metadata"], "spec": template["spec"]});
        Behaviour::of_pod(&pod).map_err(|error| {
            format!(
                "{place}: {} {}: {error}",
                object["kind"].as_str().unwrap_or_default(),
                object["metadata"]["name"].as_str().unwrap_or_default(),
            )
        })?;
    }
    Ok(())
}
