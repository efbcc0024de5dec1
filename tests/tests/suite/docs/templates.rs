//! The snippets of the page on pipelines name what the templates have.

use std::fs;

use argo_assistant::args::Cli;
use clap::CommandFactory;
use serde_yaml_ng::Value;

use super::{Page, repository};

fn yaml(name: &str) -> Value {
    let text = fs::read_to_string(repository().join(name)).unwrap();
    let first = text.split("\n---\n").next().unwrap();
    serde_yaml_ng::from_str(first).unwrap()
}

fn names(map: &Value) -> Vec<&str> {
    let map = map.as_mapping().unwrap();
    map.keys().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn inputs_of_the_snippets_are_inputs_of_the_templates() {
    let page = Page::read(repository().join("docs/pipelines.md"));
    let snippets = page
        .marked("yaml")
        .into_iter()
        .map(|block| serde_yaml_ng::from_str::<Value>(&block.text).unwrap());
    let snippets: Vec<_> = snippets.collect();
    let [github, gitlab, pod] = &snippets[..] else {
        panic!("{} snippets", snippets.len());
    };
    let step = &github["jobs"]["rollout"]["steps"][0];
    let action = yaml("action.yml");
    for name in names(&step["with"]) {
        assert!(!action["inputs"][name].is_null(), "{name} of the action");
    }
    for (name, input) in action["inputs"].as_mapping().unwrap() {
        let is_given = !step["with"][name].is_null() || !input["default"].is_null();
        assert!(is_given, "{name:?} is required");
    }
    let outputs = names(&action["outputs"]);
    for output in ["verdict", "cause", "exit-code", "report-url"] {
        assert!(outputs.contains(&output) && page.text.contains(&format!("`{output}`")));
    }
    let component = yaml("templates/argo-assistant.yml");
    for name in names(&gitlab["include"][0]["inputs"]) {
        let input = &component["spec"]["inputs"][name];
        assert!(!input.is_null(), "{name} of the component");
    }
    let arguments = pod["containers"][0]["args"].as_sequence().unwrap();
    let arguments = arguments.iter().map(|word| word.as_str().unwrap());
    let line = ["argo-assistant"].into_iter().chain(arguments);
    Cli::command().try_get_matches_from(line).unwrap();
}
