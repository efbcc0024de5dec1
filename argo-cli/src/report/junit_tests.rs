//! The file against the rules of those who read it.
//!
//! There is no standard. The tables below are what the schema of Jenkins' xUnit plugin
//! (`junit-10.xsd`) allows and demands, and what GitLab (`lib/gitlab/ci/parsers/test/junit.rb`),
//! Azure Pipelines (PublishTestResults@2) and reporters for GitHub Actions take from a file.

use std::collections::BTreeMap;

use super::*;
use crate::report::tests::story;

/// An element, the elements that may be in it, the attributes that it must and that it may have.
type Rule = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

const RULES: &[Rule] = &[
    (
        "testsuites",
        &["testsuite"],
        &[],
        &["name", "time", "tests", "failures", "errors"],
    ),
    (
        "testsuite",
        &[
            "testsuite",
            "properties",
            "testcase",
            "system-out",
            "system-err",
        ],
        &["name", "tests", "failures", "errors"],
        &[
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        ],
    ),
    (
        "testcase",
        &["skipped", "error", "failure", "system-out", "system-err"],
        // Azure and GitLab show a case by both.
        &["name", "classname", "time"],
        &["group"],
    ),
    ("failure", &[], &["message", "type"], &[]),
    ("skipped", &[], &["message"], &["type"]),
];

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn all<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a Element> + 'a> {
        let own = std::iter::once(self).filter(move |element| element.name == name);
        Box::new(own.chain(self.children.iter().flat_map(move |child| child.all(name))))
    }

    fn number(&self, attribute: &str) -> usize {
        self.attributes[attribute].parse().unwrap()
    }
}

/// Reads a file strictly: every `<` and `&` must be markup, and each element must be closed.
fn read(file: &str) -> Element {
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    let mut rest = file.strip_prefix(declaration).expect("a declaration first");
    let mut open = vec![Element::default()];
    while let Some(at) = rest.find('<') {
        open.last_mut().unwrap().text.push_str(&plain(&rest[..at]));
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let element = open.pop().unwrap();
            assert_eq!(element.name, name);
            open.last_mut().unwrap().children.push(element);
            continue;
        }
        let element = element(tag.trim_end_matches('/'));
        if tag.ends_with('/') {
            open.last_mut().unwrap().children.push(element);
        } else {
            open.push(element);
        }
    }
    assert_eq!(
        (open.len(), rest.trim()),
        (1, ""),
        "something is not closed"
    );
    let mut root = open.pop().unwrap();
    assert_eq!(root.children.len(), 1, "one element at the top");
    root.children.pop().unwrap()
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut element = Element {
        name: name.to_owned(),
        ..Element::default()
    };
    while let Some((name, value)) = rest.split_once("=\"") {
        let (value, next) = value.split_once('"').expect("the value ends");
        let twice = element
            .attributes
            .insert(name.trim().to_owned(), plain(value));
        assert_eq!(twice, None, "{name} twice in {tag}");
        rest = next;
    }
    assert_eq!(rest.trim(), "", "{tag}");
    element
}

fn plain(text: &str) -> String {
    let is_allowed = |c: char| {
        matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}')
    };
    assert!(
        text.chars().all(is_allowed),
        "XML has no form for a character of {text:?}"
    );
    assert!(!text.contains(['<', '>']), "{text}");
    let mut out = String::new();
    for (number, part) in text.split('&').enumerate() {
        if number == 0 {
            out.push_str(part);
            continue;
        }
        let (name, rest) = part.split_once(';').expect("an entity");
        out.push_str(match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            other => panic!("unknown entity {other}"),
        });
        out.push_str(rest);
    }
    out
}

fn check(element: &Element) {
    let rule = RULES.iter().find(|(name, ..)| *name == element.name);
    let (name, children, must, may) = rule.unwrap_or_else(|| panic!("{} is unknown", element.name));
    for child in &element.children {
        assert!(children.contains(&&*child.name), "{} in {name}", child.name);
        check(child);
    }
    for attribute in *must {
        assert!(
            element.attributes.contains_key(*attribute),
            "{name} without {attribute}"
        );
    }
    for attribute in element.attributes.keys() {
        let known = must.iter().chain(*may).any(|known| known == attribute);
        assert!(known, "{name} has {attribute}");
    }
    if let Some(time) = element.attributes.get("time") {
        assert!(time.parse::<f64>().is_ok_and(|time| time >= 0.0), "{time}");
    }
}

#[test]
fn the_file_is_what_ci_systems_read() {
    let mut cut = story(1, 1, 1);
    cut.summary = None;
    for story in [story(1, 1, 1), cut] {
        let file = junit(&story);
        let root = read(&file);
        assert_eq!(root.name, "testsuites");
        check(&root);
        let cases = root.all("testcase").count();
        let failures = root.all("failure").count();
        let skipped = root.all("skipped").count();
        for suite in std::iter::once(&root).chain(root.all("testsuite")) {
            assert_eq!(suite.number("tests"), cases, "{file}");
            assert_eq!(suite.number("failures"), failures, "{file}");
            assert_eq!(suite.number("errors"), 0);
        }
        let suite = root.all("testsuite").next().unwrap();
        assert_eq!(suite.number("skipped"), skipped, "{file}");
        // Without a zone, as Ant and Surefire write it.
        let stamp = &suite.attributes["timestamp"];
        assert!(stamp.parse::<jiff::civil::DateTime>().is_ok(), "{stamp}");
        let names = root.all("testcase").map(|case| {
            let of = |name: &str| case.attributes[name].clone();
            (of("classname"), of("name"))
        });
        let names: std::collections::BTreeSet<_> = names.collect();
        assert_eq!(names.len(), cases, "GitLab shows cases of one name once");
    }
}

#[test]
fn the_text_of_a_failure_says_it_all() {
    let file = junit(&story(1, 1, 1));
    let root = read(&file);
    let failure = root.all("failure").next().unwrap();
    let message = &failure.attributes["message"];
    assert!(
        failure.text.starts_with(&**message),
        "GitLab drops the message: {file}"
    );
    assert!(failure.text.chars().count() <= TEXT);
}

#[test]
fn what_a_cluster_wrote_is_text() {
    let mut story = story(1, 1, 1);
    let summary = story.summary.as_mut().unwrap();
    let hostile = "</failure><testcase name=\"x\"> & ]]> \u{1b}[31m\u{0}\u{ffff}\u{7} <!--";
    summary.workloads[0].waiting_for = Some(hostile.to_owned());
    summary.workloads[1].failed = Some(hostile.to_owned());
    summary.app = hostile.to_owned();
    story.header.app = hostile.to_owned();
    check(&read(&junit(&story)));
}

#[test]
fn each_application_has_a_suite() {
    let mut apps = Vec::new();
    for name in ["shop", "pay"] {
        let mut app = crate::replay::tests::summary();
        app.app = name.to_owned();
        apps.push(app);
    }
    // One that does not exist has no workload, and fails all the same.
    apps.push(Summary {
        app: "search".to_owned(),
        reason: "nothing-found".to_owned(),
        operation: vec!["Argo CD has no such application".to_owned()],
        ..Summary::default()
    });
    let mut story = story(1, 1, 1);
    let together = crate::summary::together(apps, None);
    story.header.app = together.app.clone();
    story.summary = Some(together);
    let file = junit(&story);
    let root = read(&file);
    check(&root);
    let suites: Vec<&Element> = root.all("testsuite").collect();
    let names: Vec<&str> = suites.iter().map(|it| &*it.attributes["name"]).collect();
    assert_eq!(names, ["shop", "pay", "search"]);
    for suite in &suites {
        let cases: Vec<&Element> = suite.all("testcase").collect();
        assert_eq!(suite.number("tests"), cases.len(), "{file}");
        assert_eq!(
            suite.number("failures"),
            suite.all("failure").count(),
            "{file}"
        );
        for case in cases {
            let class = &case.attributes["classname"];
            assert!(class.starts_with(&suite.attributes["name"]), "{class}");
        }
    }
    let sum = |name: &str| suites.iter().map(|suite| suite.number(name)).sum::<usize>();
    assert_eq!(root.number("tests"), sum("tests"));
    assert_eq!((root.number("failures"), sum("failures")), (3, 3), "{file}");
    assert!(!file.contains("applications."), "{file}");
}
