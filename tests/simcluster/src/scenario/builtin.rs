//! The scenarios that ship with this crate.

use super::{Scenario, ScenarioError};
use crate::player::Recording;

include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Every scenario that ships with this crate: those of `tests/scenarios`, and one for each
/// recording that has none there.
///
/// # Errors
///
/// If one is wrong, which a test of this crate rules out.
pub fn builtin() -> Result<Vec<Scenario>, ScenarioError> {
    let written = SCENARIOS.iter();
    let mut scenarios = written
        .map(|(file, text)| Scenario::parse(file, text))
        .collect::<Result<Vec<_>, _>>()?;
    for name in Recording::names() {
        scenarios.push(Scenario::parse(&name, &recorded(&name))?);
    }
    Ok(scenarios)
}

/// One of them by its name.
///
/// # Errors
///
/// As [`builtin`], and if there is none of that name.
pub fn find(name: &str) -> Result<Scenario, ScenarioError> {
    let mut all = builtin()?;
    match all.iter().position(|scenario| scenario.name == name) {
        Some(index) => Ok(all.swap_remove(index)),
        None => Err(ScenarioError::Invalid {
            file: name.to_owned(),
            problem: format!(
                "there is no such scenario; there are {}",
                all.iter()
                    .map(|scenario| scenario.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }),
    }
}

/// The scenario of a recording: it happens from the start, as the work of one Application.
fn recorded(name: &str) -> String {
    let number = name.split('-').next().unwrap_or_default();
    format!(
        "name: {name}\n\
         description: Recording {name} of a real cluster, namespace s{number}.\n\
         application: {{name: recorded, destination: s{number}}}\n\
         steps:\n\
         - {{at: 1s, recording: {{name: {name}, application: recorded}}}}\n\
         argocd: {{follow: application}}\n"
    )
}
