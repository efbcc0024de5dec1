//! Readers of logs as CI systems are, but strict: a command that a system would drop, cut or take
//! for text is a failure.
//!
//! Sources: `actions/runner` (`ActionCommand.cs`), GitLab (`lib/gitlab/ci/ansi2json`),
//! `azure-pipelines-agent` (`Command.cs`), Buildkite's terminal-to-html and its guide to headings,
//! TeamCity's guide to service messages, Jenkins (`ConsoleNote.java`, pipeline-graph-view).

use std::collections::BTreeSet;

/// The commands of a log, in their order, each as `name text`.
pub(super) type Commands = Vec<String>;

/// Reads a log as a system does.
pub(super) fn read(system: &str, log: &str) -> Commands {
    match system {
        "github" => github(log),
        "gitlab" => gitlab(log),
        "azure" => azure(log),
        "buildkite" => buildkite(log),
        "teamcity" => teamcity(log),
        "text" => plain(log),
        other => panic!("no reader for {other}"),
    }
}

/// The only sequences of a terminal that the log viewers show are colours.
fn only_colours(line: &str) {
    let mut rest = line;
    while let Some(at) = rest.find('\x1b') {
        let sequence = &rest[at + 1..];
        let end = sequence.find('m').unwrap_or_else(|| panic!("{line:?}"));
        let parameters = sequence[..end].strip_prefix('[');
        let is_colour =
            parameters.is_some_and(|p| p.chars().all(|c| c.is_ascii_digit() || c == ';'));
        assert!(is_colour, "{line:?}");
        // Hidden text is where Jenkins keeps its notes.
        assert_ne!(parameters, Some("8"), "{line:?}");
        rest = &sequence[end + 1..];
    }
    let bad = |c: char| c.is_control() && !matches!(c, '\t' | '\x1b');
    assert!(!line.contains(bad), "{line:?}");
}

/// A line without what is invisible, as a lenient reader may see it.
fn visible(line: &str) -> String {
    let is_seen = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    line.chars().filter(is_seen).collect()
}

fn has_marker(line: &str) -> bool {
    let line = visible(line).to_lowercase();
    ["##[", "##vso[", "##teamcity["]
        .iter()
        .any(|marker| line.contains(marker))
        || line.trim_start().starts_with("::")
}

/// Decodes `%25` and the like; a `%` that stands for nothing is an error.
fn percent(text: &str, codes: &[(&str, char)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = codes.iter().find(|(code, _)| rest[at..].starts_with(code));
        let (code, stands_for) = code.unwrap_or_else(|| panic!("{text}"));
        out.push(*stands_for);
        rest = &rest[at + code.len()..];
    }
    out + rest
}

/// Commands begin a line with `::`; a step shows ten errors, groups do not nest, and what failed
/// is in no group.
fn github(log: &str) -> Commands {
    const DATA: &[(&str, char)] = &[("%25", '%'), ("%0D", '\r'), ("%0A", '\n')];
    const PROPERTY: &[(&str, char)] = &[
        ("%25", '%'),
        ("%0D", '\r'),
        ("%0A", '\n'),
        ("%3A", ':'),
        ("%2C", ','),
    ];
    let mut commands = Commands::new();
    let mut group = false;
    for line in log.lines() {
        only_colours(line);
        let Some(command) = line.strip_prefix("::") else {
            assert!(!has_marker(line), "{line}");
            assert!(!group || line.starts_with('✔'), "folded: {line}");
            continue;
        };
        let (head, data) = command.split_once("::").unwrap_or_else(|| panic!("{line}"));
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        let data = percent(data, DATA);
        assert!(!data.contains('\n'), "{line}");
        match name {
            "group" | "endgroup" => {
                assert_eq!(group, name == "endgroup", "{line}");
                group = !group;
            }
            "error" => {
                let title = properties
                    .strip_prefix("title=")
                    .unwrap_or_else(|| panic!("{line}"));
                assert!(!title.contains([':', ',']), "{line}");
                let title = percent(title, PROPERTY);
                // The limits of an annotation of a check run.
                assert!(!title.is_empty() && title.chars().count() <= 255, "{line}");
                assert!(!data.is_empty() && data.len() <= 64 * 1024, "{line}");
            }
            other => panic!("{other}: {line}"),
        }
        commands.push(format!("{name} {data}"));
    }
    assert!(!group, "a group is open at the end");
    let errors = commands.iter().filter(|it| it.starts_with("error "));
    assert!(errors.count() <= 10, "{commands:?}");
    commands
}

/// Sections have whole seconds and names that are used once; each is closed.
fn gitlab(log: &str) -> Commands {
    const CLEAR: &str = "\x1b[0K";
    let mut commands = Commands::new();
    let (mut open, mut used) = (None, BTreeSet::new());
    for line in log.lines() {
        let Some(section) = line.strip_prefix(&format!("{CLEAR}section_")) else {
            only_colours(line);
            // A marker ends with a carriage return, which is no colour.
            continue;
        };
        let (marker, title) = section
            .split_once(&format!("\r{CLEAR}"))
            .unwrap_or_else(|| panic!("{line:?}"));
        only_colours(title);
        let parts: Vec<&str> = marker.split(':').collect();
        let [kind, time, name] = parts[..] else {
            panic!("{line:?}")
        };
        assert!(time.len() == 10 && time.parse::<u64>().is_ok(), "{line:?}");
        let (name, option) = name.split_once('[').unwrap_or((name, ""));
        let is_name = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_');
        assert!(name.chars().all(is_name) && !name.is_empty(), "{line:?}");
        assert!(["", "collapsed=true]"].contains(&option), "{line:?}");
        match kind {
            "start" => {
                assert_eq!(open.replace(name.to_owned()), None, "{line:?}");
                assert!(
                    used.insert(name.to_owned()) && !title.is_empty(),
                    "{line:?}"
                );
                // What failed is never folded.
                assert!(
                    name != "argo_assistant_verdict" || option.is_empty(),
                    "{line:?}"
                );
            }
            "end" => assert_eq!(open.take().as_deref(), Some(name), "{line:?}"),
            _ => panic!("{line:?}"),
        }
        commands.push(format!("{kind} {name}"));
    }
    assert_eq!(open, None, "a section is open at the end");
    commands
}

/// The agent looks for `##vso[` anywhere in a line, the page for `##[` at its start.
fn azure(log: &str) -> Commands {
    const DATA: &[(&str, char)] = &[("%AZP25", '%'), ("%0D", '\r'), ("%0A", '\n')];
    let mut commands = Commands::new();
    let mut group = false;
    for line in log.lines() {
        only_colours(line);
        if let Some(title) = line.strip_prefix("##[group]") {
            assert!(!group && !title.is_empty() && !has_marker(title), "{line}");
            group = true;
            commands.push(format!("group {title}"));
        } else if line == "##[endgroup]" {
            assert!(group, "{line}");
            group = false;
        } else if let Some(command) = line.strip_prefix("##vso[") {
            let (head, data) = command.split_once(']').unwrap_or_else(|| panic!("{line}"));
            assert!(!data.is_empty() && !has_marker(data), "{line}");
            let data = percent(data, DATA);
            assert!(!data.contains(['\r', '\n']), "{line}");
            assert!(
                ["task.logissue type=error", "task.uploadsummary"].contains(&head),
                "{line}"
            );
            commands.push(format!("{head} {data}"));
        } else {
            assert!(!has_marker(line), "{line}");
            assert!(!group || line.starts_with('✔'), "folded: {line}");
        }
    }
    assert!(!group, "a group is open at the end");
    commands
}

/// A heading is `---`, `+++` or `~~~` with a space behind it, at the start of a line.
fn buildkite(log: &str) -> Commands {
    let mut commands = Commands::new();
    for line in log.lines() {
        only_colours(line);
        let line = visible(line);
        let is_heading = ["--- ", "+++ ", "~~~ "]
            .iter()
            .any(|start| line.starts_with(start));
        if is_heading || line.starts_with("^^^ ") {
            let (_, title) = line.split_at(4);
            assert!(!title.trim().is_empty(), "{line}");
            commands.push(line);
        }
    }
    let verdicts = commands.iter().filter(|it| *it == "+++ Verdict");
    assert_eq!(verdicts.count(), 1, "{commands:?}");
    // `^^^ +++` opens the group above it: nothing has begun another one before.
    if let Some(at) = commands.iter().position(|it| it == "^^^ +++") {
        assert_eq!(at, 0, "{commands:?}");
    }
    commands
}

/// A message is a line of its own, its values are ASCII with TeamCity's escapes.
fn teamcity(log: &str) -> Commands {
    let mut commands = Commands::new();
    let mut blocks = Vec::new();
    for line in log.lines() {
        only_colours(line);
        let Some(message) = line.strip_prefix("##teamcity[") else {
            assert!(!has_marker(line), "{line}");
            continue;
        };
        let message = message
            .strip_suffix(']')
            .unwrap_or_else(|| panic!("{line}"));
        let (name, attributes) = message.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        let attributes = attributes_of(attributes);
        let value = |name: &str| {
            let found = attributes.iter().find(|(own, _)| own == name);
            found
                .map(|(_, value)| value.as_str())
                .unwrap_or_else(|| panic!("no {name}: {line}"))
        };
        match name {
            "blockOpened" => blocks.push(value("name").to_owned()),
            "blockClosed" => assert_eq!(blocks.pop().as_deref(), Some(value("name")), "{line}"),
            "buildProblem" => {
                assert!(value("description").chars().count() <= 4000, "{line}");
                is_java_name(value("identity"));
            }
            other => panic!("{other}: {line}"),
        }
        commands.push(format!("{name} {}", attributes[0].1));
    }
    assert!(blocks.is_empty(), "{blocks:?}");
    commands
}

/// TeamCity wants an identity that is a Java identifier of at most 60 characters.
fn is_java_name(name: &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
    assert!(
        starts_well && name.len() <= 60 && name.chars().all(is_part),
        "{name}"
    );
}

fn attributes_of(text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, value) = rest.split_once("='").unwrap_or_else(|| panic!("{text}"));
        let (value, after) = teamcity_value(value);
        attributes.push((name.trim().to_owned(), value));
        rest = after.trim_start();
    }
    attributes
}

/// Reads a value to its quote.
fn teamcity_value(text: &str) -> (String, &str) {
    let mut units: Vec<u16> = Vec::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        assert!((' '..='~').contains(&character), "{text}");
        match character {
            '\'' => return (String::from_utf16(&units).unwrap(), &text[at + 1..]),
            '[' | ']' => panic!("not escaped: {text}"),
            '|' => units.extend(teamcity_escape(&mut characters, text)),
            other => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    panic!("no end: {text}")
}

fn teamcity_escape(characters: &mut std::str::CharIndices<'_>, text: &str) -> Vec<u16> {
    let (_, code) = characters.next().unwrap_or_else(|| panic!("{text}"));
    let one = |c: char| vec![u16::try_from(u32::from(c)).unwrap()];
    match code {
        '\'' | '|' | '[' | ']' => one(code),
        'n' => one('\n'),
        'r' => one('\r'),
        '0' => {
            let digits: String = characters.by_ref().take(5).map(|(_, c)| c).collect();
            let digits = digits.strip_prefix('x').unwrap_or_else(|| panic!("{text}"));
            vec![u16::from_str_radix(digits, 16).unwrap()]
        }
        other => panic!("|{other}: {text}"),
    }
}

/// Jenkins, Bitbucket, Tekton and the rest get lines; nothing in them is a command of any system.
fn plain(log: &str) -> Commands {
    for line in log.lines() {
        assert!(!line.contains('\x1b'), "{line:?}");
        only_colours(line);
        assert!(!has_marker(line), "{line}");
    }
    Commands::new()
}

#[test]
fn a_strict_reader_finds_what_is_wrong() {
    let wrong = [
        ("github", "::error title=a,b::c\n"),
        ("github", "::error title=a::100%\n"),
        ("github", "::group::a\nfailed\n::endgroup::\n"),
        ("github", "  ::warning::x\n"),
        ("gitlab", "\x1b[0Ksection_start:1795428000123:a\r\x1b[0Kx\n"),
        ("gitlab", "\x1b[0Ksection_start:1795428000:A-b\r\x1b[0Kx\n"),
        ("gitlab", "\x1b[0Ksection_start:1795428000:a\r\x1b[0Kx\n"),
        ("azure", "##vso[task.logissue type=error]100%\n"),
        ("azure", "text ##vso[task.complete]x\n"),
        ("buildkite", "no verdict\n"),
        ("teamcity", "##teamcity[blockOpened name='a]']\n"),
        ("teamcity", "##teamcity[blockOpened name='ä']\n"),
        (
            "teamcity",
            "##teamcity[buildProblem description='a' identity='1a']\n",
        ),
        ("teamcity", "##teamcity[blockOpened name='a']\n"),
        ("text", "\x1b[8mha:////\x1b[0m\n"),
        ("text", "a ##[group]x\n"),
    ];
    for (system, log) in wrong {
        let result = std::panic::catch_unwind(|| read(system, log));
        assert!(result.is_err(), "{system}: {log:?}");
    }
}
