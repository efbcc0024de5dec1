//! The pages say what is true: commands parse and run, links lead somewhere.
//!
//! The mark behind the language of a block tells how it is tried: `run` on the simulated cluster, `api` with nothing
//! but a token, `jq` on a recorded run (in docs/ only), `install` with a stand-in for the release (`packaging.rs`: the
//! first such block of the quickstart). Every other block of commands stands in [`NOT_RUN`] with the reason.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use argo_assistant::args::Cli;
use clap::CommandFactory;

use crate::{assistant::Folder, rollout::Rollout};

mod run;
mod templates;

/// Links to the repository's files, for pages that also stand on a site.
const FILES: &str = "https://github.com/argo-assistant/argo-assistant/blob/main/";

/// Blocks of commands that no test runs: the page, the beginning of the block, the reason.
const NOT_RUN: [(&str, &str, &str); 7] = [
    ("quickstart.md", "cargo demo", ".ci/run runs it"),
    ("quickstart.md", "cargo install", "it compiles for minutes"),
    (
        "quickstart.md",
        "argo-assistant demo",
        "demo.rs runs it, faster",
    ),
    ("CONTRIBUTING.md", "cargo demo", ".ci/run runs them"),
    ("README.md", "cargo demo", ".ci/run runs them"),
    ("README.md", "cargo install", "it compiles for minutes"),
    (
        "SECURITY.md",
        "cosign verify-blob",
        "no release is published",
    ),
];

/// A fenced block: its language with marks behind commas, and its text.
struct Block {
    language: String,
    text: String,
}

struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        Self { path, text }
    }

    fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut rest = self.text.split("\n```");
        rest.next();
        while let (Some(opened), _) = (rest.next(), rest.next()) {
            let (language, text) = opened.split_once('\n').unwrap_or((opened, ""));
            blocks.push(Block {
                language: language.to_owned(),
                text: text.to_owned(),
            });
        }
        blocks
    }

    /// Shell blocks with a mark, such as `run` in `sh,run`.
    fn marked(&self, mark: &str) -> Vec<Block> {
        let mut blocks = self.blocks();
        blocks.retain(|block| block.marks().any(|one| one == mark));
        blocks
    }

    /// True if a test runs the block: some look for their mark on certain pages only.
    fn runs(&self, block: &Block) -> bool {
        let is_in_docs = self.path.starts_with(repository().join("docs"));
        block.marks().any(|mark| match mark {
            "run" | "api" => true,
            "jq" => is_in_docs,
            "install" => {
                let first = self.marked("install").into_iter().next();
                is_in_docs
                    && self.name() == "quickstart.md"
                    && first.is_some_and(|first| first.text == block.text)
            }
            _ => false,
        })
    }

    /// Anchors of the headings, as GitHub and mdBook make them.
    fn anchors(&self) -> BTreeSet<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings.map(anchor).collect()
    }
}

impl Block {
    fn marks(&self) -> impl Iterator<Item = &str> {
        self.language.split(',')
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn docs() -> Vec<Page> {
    let files = fs::read_dir(repository().join("docs")).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    paths.into_iter().map(Page::read).collect()
}

fn pages() -> Vec<Page> {
    let mut pages = docs();
    for name in [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
    ] {
        pages.push(Page::read(repository().join(name)));
    }
    pages
}

fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Splits a line as a shell does, up to a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut inside) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => (quote, inside) = (Some(c), true),
            (None, '|' | '>' | '#' | ';') => break,
            (None, c) if c.is_whitespace() => {
                if inside || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                inside = false;
            }
            (_, c) => word.push(c),
        }
    }
    if inside || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Returns the arguments if the line calls this program under one of its names.
fn call(line: &str) -> Option<Vec<String>> {
    let words = words(line);
    let is_variable = |word: &String| {
        let name = word.split('=').next().unwrap_or_default();
        word.contains('=') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    let start = words.iter().position(|word| !is_variable(word))?;
    let words = &words[start..];
    let names: [&[&str]; 3] = [
        &["argo-assistant"],
        &["argocd", "assistant"],
        &["kubectl", "argo-assistant"],
    ];
    let name = names
        .iter()
        .find(|name| words.len() > name.len() && words[..name.len()] == name[..])?;
    Some(words[name.len()..].to_vec())
}

/// Commands in the middle of a sentence or in a table, with something in place of each word such as `APP`.
fn spans(text: &str) -> Vec<String> {
    let filled = |word: &str| {
        let name = word.trim_matches(['<', '>']);
        let is_capital = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        match name.len() > 2 && name.bytes().all(is_capital) {
            true => name.to_lowercase().replace('_', "-"),
            false => word.to_owned(),
        }
    };
    let prose = text.split("```").step_by(2);
    let spans = prose.flat_map(|part| part.split('`').skip(1).step_by(2));
    let whole = spans.filter(|span| !span.contains('…'));
    whole
        .map(|span| span.split(' ').map(filled).collect::<Vec<_>>().join(" "))
        .collect()
}

fn assert_parses(page: &Page, arguments: Vec<String>) {
    let arguments = [vec!["argo-assistant".to_owned()], arguments].concat();
    if let Err(error) = Cli::command().try_get_matches_from(&arguments) {
        assert!(
            !error.use_stderr(),
            "{}: {arguments:?}\n{error}",
            page.name()
        );
    }
}

#[test]
fn commands_of_the_pages_parse() {
    let mut seen = 0;
    for page in pages() {
        for block in page.blocks() {
            if !block.marks().any(|mark| mark == "sh") {
                continue;
            }
            let text = block.text.replace("\\\n", " ");
            for arguments in text.lines().filter_map(|line| call(line.trim())) {
                seen += 1;
                assert_parses(&page, arguments);
            }
        }
        for arguments in spans(&page.text).iter().filter_map(|span| call(span)) {
            seen += 1;
            assert_parses(&page, arguments);
        }
    }
    assert!(seen > 10, "only {seen} commands were found");
}

/// Programs that the pages call.
const PROGRAMS: [&str; 9] = [
    "argo-assistant",
    "argocd",
    "cargo",
    "cosign",
    "curl",
    "docker",
    "kubectl",
    "packaging/",
    "sh ",
];

#[test]
fn every_block_of_commands_is_run_or_says_why_not() {
    let mut excused = BTreeSet::new();
    for page in pages() {
        for block in page.blocks() {
            let has_command = block
                .text
                .lines()
                .any(|line| PROGRAMS.iter().any(|program| line.starts_with(program)));
            if page.runs(&block) || !(has_command || block.language.starts_with("sh")) {
                continue;
            }
            let reason = NOT_RUN.iter().find(|(name, beginning, _)| {
                *name == page.name() && block.text.starts_with(beginning)
            });
            let about = format!("{}: {}", page.name(), block.text);
            excused.insert(reason.unwrap_or_else(|| panic!("nothing runs {about}")));
        }
    }
    assert_eq!(excused.len(), NOT_RUN.len(), "an excuse without a block");
}

#[tokio::test]
async fn jq_recipes_find_something() {
    if !Path::new("/usr/bin/jq").exists() {
        println!("skipped: jq is not installed");
        return;
    }
    let rollout = Rollout::named("shop", 20.0).await.begun().await;
    let run = rollout
        .command("sync", &["--settle", "0"])
        .env("LOG_FORMAT", "json")
        .run()
        .await;
    let folder = Folder::new("recipes");
    folder.write("run.jsonl", &run.stdout);
    let mut seen = 0;
    for page in docs() {
        for block in page.marked("jq") {
            seen += 1;
            let done = tokio::process::Command::new("sh")
                .args(["-c", &block.text])
                .current_dir(folder.path())
                .output()
                .await
                .unwrap();
            let stderr = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{}{stderr}", block.text);
            let may_be_empty = block.marks().any(|mark| mark == "empty");
            assert!(
                may_be_empty || !done.stdout.is_empty(),
                "nothing from {}",
                block.text
            );
        }
    }
    assert!(seen > 0);
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let folder = page.path.parent().unwrap();
        for target in page
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let (target, base) = match target.strip_prefix(FILES) {
                Some(file) => (file, repository()),
                None => (target, folder.to_owned()),
            };
            if target.contains("://") || target.starts_with("mailto:") || target.contains(' ') {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => page.path.clone(),
                _ => base.join(file),
            };
            let has_anchor = || Page::read(path.clone()).anchors().contains(anchor);
            if !path.exists() || (!anchor.is_empty() && !has_anchor()) {
                broken.push(format!("{}: {target}", page.name()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_table_of_contents_names_every_page() {
    let summary = fs::read_to_string(repository().join("docs/SUMMARY.md")).unwrap();
    for page in docs() {
        let name = page.name();
        assert!(
            name == "SUMMARY.md" || summary.contains(&format!("]({name})")),
            "{name}"
        );
    }
}
