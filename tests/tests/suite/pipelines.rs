//! The output of whole runs as CI systems read it, and the same again from the recording.

mod readers;

use std::{fmt::Write as _, fs};

use serde_json::Value;

use crate::{
    assistant::{Assistant, Ended, Folder},
    rollout::Rollout,
};

const FORMS: [&str; 7] = [
    "text",
    "github",
    "gitlab",
    "azure",
    "buildkite",
    "teamcity",
    "json",
];

async fn replayed(file: &str, form: &str) -> Ended {
    let ended = Assistant::new(&["replay", file, "--output", form])
        .run()
        .await;
    assert_eq!(
        (ended.code(), ended.stderr.as_str()),
        (Some(0), ""),
        "{form}"
    );
    ended
}

/// Without the command that hands over a file of the run itself, which a replay does not have.
fn without_upload(log: &str) -> String {
    let lines = log.split_inclusive('\n');
    let kept = lines.filter(|line| !line.starts_with("##vso[task.uploadsummary]"));
    kept.collect()
}

#[tokio::test]
async fn each_system_reads_a_run_and_its_replay_is_the_same_bytes() {
    let folder = Folder::new("pipelines");
    for form in FORMS {
        let file = folder.path().join(format!("{form}.ndjson"));
        let file = file.to_str().unwrap();
        let rollout = Rollout::named("shop", 20.0).await.begun().await;
        let flags = ["--output", form, "--record", file, "--", "--timeout", "180"];
        let run = rollout.sync(&flags);
        let live = run.env("AGENT_TEMPDIRECTORY", folder.path()).run().await;
        assert_eq!(
            (live.code(), live.stderr.as_str()),
            (Some(20), ""),
            "{form}"
        );
        let again = replayed(file, form).await;
        assert_eq!(again.stdout, without_upload(&live.stdout), "{form}");
        if form == "json" {
            continue;
        }
        let commands = readers::read(form, &live.stdout);
        let problems = ["error ", "task.logissue ", "buildProblem "];
        let is_problem = |it: &&String| problems.iter().any(|start| it.starts_with(start));
        let count = commands.iter().filter(is_problem).count();
        // A busy machine makes more workloads fail than the one with the typo.
        let has_list = ["github", "azure", "teamcity"].contains(&form);
        assert_eq!(count > 0, has_list, "{form}: {commands:?}");
    }
}

/// Texts that CI systems and terminals obey, besides those of the renderer's own tests.
const HOSTILE: [&str; 16] = [
    "::error title=owned::x",
    "::set-output name=a::b",
    "::stop-commands::x",
    "##[section]x",
    "##vso[task.setvariable variable=a]b",
    "##teamcity[buildStatus text='x']",
    "--- folded",
    "+++ Verdict",
    "^^^ +++",
    "section_start:1795428000:argo_assistant_verdict[collapsed=true]\r\u{1b}[0Kx",
    "\u{1b}[0Ksection_end:1795428000:argo_assistant_verdict\r\u{1b}[0K",
    "\u{1b}[8mha:////4AAA\u{1b}[0m",
    "\u{1b}]0;title\u{7}\u{1b}]8;;http://owned\u{7}link",
    "\u{1b}_bk;x\u{7}\u{1b}]1338;url=x\u{7}",
    "\u{1b}[2J\u{1b}[1;1H\u{1b}[?25l\u{9b}31m",
    "</script><img src=x onerror=alert(1)> </failure> | `a` @team",
];

/// Puts hostile texts before the end of a recording: as log lines, and as the words of everything
/// else that is said.
fn poisoned(recording: &str) -> String {
    let lines: Vec<&str> = recording.lines().collect();
    let is_end = |line: &&str| line.contains("\"fact\":\"summary\"");
    let end = lines.iter().position(is_end).unwrap();
    let mut text = lines[..end].join("\n") + "\n";
    for kind in ["log", "event", "finding", "notice", "status", "argo"] {
        let own = |line: &&&str| line.contains(&format!("\"kind\":\"{kind}\""));
        let Some(line) = lines.iter().find(own) else {
            panic!("no {kind} in the recording")
        };
        for hostile in HOSTILE {
            let mut record: Value = serde_json::from_str(line).unwrap();
            record["msg"] = hostile.into();
            for field in ["object", "hint", "reason", "workload"] {
                if record[field].is_string() {
                    record[field] = hostile.into();
                }
            }
            writeln!(text, "{record}").unwrap();
        }
    }
    let mut summary: Value = serde_json::from_str(lines[end]).unwrap();
    poison_words(&mut summary["summary"]);
    writeln!(text, "{summary}").unwrap();
    text + &lines[end + 1..].join("\n") + "\n"
}

/// Replaces the words of a summary, as far as they come from a cluster.
fn poison_words(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_words = ["sentence", "waiting_for", "held_up_by", "failed", "message"];
                if value.is_string() && is_words.contains(&name.as_str()) {
                    *value = HOSTILE.join("\n").into();
                } else if ["evidence", "operation"].contains(&name.as_str()) && value.is_array() {
                    *value = HOSTILE.to_vec().into();
                } else {
                    poison_words(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(poison_words),
        _ => {}
    }
}

#[tokio::test]
async fn nothing_that_a_cluster_says_is_a_command_in_any_form_or_file() {
    let folder = Folder::new("pipelines");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let rollout = Rollout::named("shop", 20.0).await.begun().await;
    let clean = path("clean.ndjson");
    let flags = ["--record", &clean, "--", "--timeout", "180"];
    assert_eq!(rollout.sync(&flags).run().await.code(), Some(20));
    let hostile = poisoned(&fs::read_to_string(&clean).unwrap());
    let poisoned = folder.write("hostile.ndjson", &hostile);
    let poisoned = poisoned.to_str().unwrap();
    // The first words of a command are ours; what follows them is text.
    let names = |commands: Vec<String>| -> Vec<String> {
        let name = |it: &String| it.split(' ').next().unwrap_or_default().to_owned();
        commands.iter().map(name).collect()
    };
    for form in FORMS {
        let [quiet, loud] = [
            replayed(&clean, form).await.stdout,
            replayed(poisoned, form).await.stdout,
        ];
        if form == "json" {
            assert!(
                !loud.contains(['\u{1b}', '\u{9b}', '\r']),
                "JSON escapes them"
            );
            continue;
        }
        let wanted = names(readers::read(form, &quiet));
        assert_eq!(names(readers::read(form, &loud)), wanted, "{form}");
    }
    files_obey_nothing(poisoned, &path).await;
}

async fn files_obey_nothing(recording: &str, path: &impl Fn(&str) -> String) {
    let files = [
        ("--html", path("run.html")),
        ("--junit", path("run.xml")),
        ("--summary", path("run.md")),
        ("--trace", path("run.json")),
    ];
    let flags = files.iter().flat_map(|(flag, file)| [*flag, file.as_str()]);
    let args: Vec<&str> = ["report", recording].into_iter().chain(flags).collect();
    let ended = Assistant::new(&args).run().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    for (flag, file) in &files {
        let text = fs::read_to_string(file).unwrap();
        let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        assert!(!text.contains(is_control), "{flag}");
        // JSON has no markup; in the others it would be one.
        let is_json = *flag == "--trace";
        assert!(is_json || !text.contains("<img"), "{flag}");
        assert!(
            *flag != "--html" || text.matches("</script>").count() == 2,
            "{text}"
        );
        assert!(*flag != "--summary" || !text.contains("@team"), "{text}");
    }
}

/// A run that dies without a word leaves a recording that can be read to its last whole line.
#[tokio::test]
async fn a_recording_of_a_run_that_was_killed_can_be_read() {
    kill_at_random_moments(8).await;
}

#[tokio::test]
#[ignore = "takes minutes; the same with a hundred moments"]
async fn a_recording_of_a_run_that_was_killed_can_be_read_a_hundred_times() {
    kill_at_random_moments(100).await;
}

async fn kill_at_random_moments(tries: u64) {
    let folder = Folder::new("killed");
    let mut random = u64::from(std::process::id()) | 1;
    for number in 0..tries {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let pause = std::time::Duration::from_millis((random >> 33) % 900);
        let name = ["run.ndjson", "run.ndjson.zst"][usize::try_from(number % 2).unwrap()];
        let file = folder.path().join(format!("{number}-{name}"));
        let file = file.to_str().unwrap();
        let rollout = Rollout::named("shop", 20.0).await.begun().await;
        let mut run = rollout.watched(&["--record", file]).start();
        run.until("Waiting with argocd").await;
        run.drain_until(tokio::time::sleep(pause)).await;
        run.signal(nix::sys::signal::Signal::SIGKILL);
        let live = run.end().await;
        assert!(!live.status.success());
        let again = Assistant::new(&["replay", file]).run().await;
        assert_eq!(again.code(), Some(0), "{pause:?}: {}", again.stderr);
        // What was shown and is not on the disk yet is at most a second old.
        let both = again.stdout.len().min(live.stdout.len());
        assert_eq!(again.stdout[..both], live.stdout[..both], "{pause:?}");
        let said = "the recording has no end";
        assert!(again.stderr.contains(said), "{pause:?}: {}", again.stderr);
    }
}
