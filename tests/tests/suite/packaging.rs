//! The shell parts of the installer and of the CI templates, with a stand-in for the release.

mod release;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal::SIGTERM, kill},
    unistd::Pid,
};
use serde_yaml_ng::Value;

use crate::assistant::Folder;

/// The version of the stand-in; the templates name the real one.
const VERSION: &str = "9.9.9";

/// Stands in for the program: tells what it was given, and ends as the test wants.
const PROGRAM: &str = r#"#!/bin/sh
for word in "$@"; do printf '<%s>' "$word"; done
printf ' report=%s junit=%s timeout=%s\n' "$ARGO_ASSISTANT_REPORT" "$ARGO_ASSISTANT_JUNIT" "$ARGO_ASSISTANT_TIMEOUT"
[ -z "$ARGO_ASSISTANT_REPORT" ] || echo report > "$ARGO_ASSISTANT_REPORT"
[ -z "$ARGO_ASSISTANT_SUMMARY" ] || printf '## shop: failed\n\nthe moon is full\n' > "$ARGO_ASSISTANT_SUMMARY"
[ -z "$FAKE_OUTPUT" ] || echo "verdict=doomed" >> "$GITHUB_OUTPUT"
if [ -n "$FAKE_WAITS" ]; then
  trap 'echo interrupted; exit 143' TERM
  echo waiting > "$FAKE_WAITS"
  while :; do sleep 0.05; done
fi
exit "${FAKE_CODE:-0}"
"#;

/// Stands in for curl: takes releases from a folder, the installer from this repository.
const CURL: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    -o) file=$2; shift ;;
    http*) url=$1 ;;
  esac
  shift
done
case $url in
  https://github.com/*/releases/download/*) cp "$FAKE_RELEASES/${url##*/}" "$file" ;;
  https://github.com/*/packaging/install) cp "$REPOSITORY/packaging/install" "$file" ;;
  https://argocd.example.com/download/argocd-linux-*) printf '#!/bin/sh\n# %s\n' "$url" > "$file" ;;
  *) echo "unexpected $url" >&2; exit 22 ;;
esac
"#;

/// Stands in for uname: a hosted runner with Linux.
const UNAME: &str = r#"#!/bin/sh
case $1 in
  -s) echo Linux ;;
  *) echo "${FAKE_CPU:-x86_64}" ;;
esac
"#;

/// A machine with a shell and the stand-ins, and nothing of this one's settings.
struct Machine {
    folder: Folder,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            folder: Folder::new("packaging"),
        };
        fs::create_dir_all(machine.path("bin")).unwrap();
        fs::create_dir_all(machine.path("releases")).unwrap();
        machine.program("bin/curl", CURL);
        machine.release(VERSION, "x86_64-unknown-linux-gnu");
        machine.release(&real_version(), "x86_64-unknown-linux-gnu");
        machine.sums();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.folder.write(name, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes an archive as `packaging/dist` makes it.
    fn release(&self, version: &str, target: &str) {
        let name = format!("argo-assistant-{version}-{target}");
        fs::create_dir_all(self.path(&format!("releases/{name}"))).unwrap();
        self.program(&format!("releases/{name}/argo-assistant"), PROGRAM);
        let made = Command::new("tar")
            .current_dir(self.path("releases"))
            .args(["-czf", &format!("{name}.tar.gz"), &name])
            .status()
            .unwrap();
        assert!(made.success());
    }

    fn sums(&self) {
        let made = Command::new("sh")
            .current_dir(self.path("releases"))
            .args(["-c", "sha256sum -- *.tar.gz > SHA256SUMS"])
            .status()
            .unwrap();
        assert!(made.success());
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let path = format!(
            "{}:{}:/usr/bin:/bin",
            self.path("home/.local/bin").display(),
            self.path("bin").display()
        );
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("FAKE_RELEASES", self.path("releases"))
            .env("REPOSITORY", repository())
            .stdin(Stdio::null());
        command
    }

    fn install(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(repository().join("packaging/install"))
            .args(arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    /// Runs the shell part of a template.
    fn script(&self, shell: &[&str], script: &str, variables: &[(&str, &str)]) -> Output {
        self.command(shell[0])
            .args(&shell[1..])
            .arg(script)
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    /// A folder for the `PATH` with the tools of `packaging/install` and a stand-in for uname:
    /// what else is installed here, argocd and curl among it, is not found.
    fn tools(&self) -> PathBuf {
        const NAMES: &str = "sh bash env tar gzip mktemp sed cut cp mv ln mkdir chmod rm cat \
                             dirname sha256sum shasum";
        let tools = self.path("tools");
        fs::create_dir_all(&tools).unwrap();
        self.program("tools/uname", UNAME);
        let path = std::env::var_os("PATH").unwrap();
        for name in NAMES.split_whitespace() {
            let found = std::env::split_paths(&path).find(|folder| folder.join(name).is_file());
            if let Some(folder) = found {
                symlink(folder.join(name), tools.join(name)).unwrap();
            }
        }
        tools
    }

    /// `packaging/ci/run` with the program on the `PATH`.
    fn step(&self) -> Command {
        self.program("bin/argo-assistant", PROGRAM);
        self.command(repository().join("packaging/ci/run"))
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn real_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_yaml_ng::from_str(&read(name)).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_installer_installs_all_names_of_the_program() {
    let machine = Machine::new();
    let done = machine.install(&["v9.9.9"], &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    for name in [
        "argo-assistant",
        "argocd-assistant",
        "kubectl-argo_assistant",
    ] {
        let path = machine.path(&format!("home/.local/bin/{name}"));
        assert!(
            machine
                .command(path)
                .arg("version")
                .status()
                .unwrap()
                .success()
        );
    }
    // Again, over the ones that are there.
    assert!(machine.install(&["9.9.9"], &[]).status.success());
}

#[test]
fn the_lines_of_the_quickstart_install_it() {
    let machine = Machine::new();
    let page = read("docs/quickstart.md");
    let block = page.split("```sh,install\n").nth(1).unwrap();
    let block = block.split("```").next().unwrap();
    let done = machine.script(&["sh", "-ec"], block, &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let installed = machine.path("home/.local/bin/argo-assistant");
    assert!(installed.exists(), "{}", text(&done.stdout));
}

#[test]
fn the_installer_refuses_what_it_cannot_trust() {
    let machine = Machine::new();
    let zeros = "0".repeat(64);
    let target = ("ARGO_ASSISTANT_TARGET", "riscv64gc-unknown-linux-gnu");
    machine.release(VERSION, target.1);
    for (arguments, variables, message) in [
        (
            &["9.9.9"][..],
            vec![("ARGO_ASSISTANT_SHA256", &*zeros)],
            "checksum of argo-assistant-9.9.9",
        ),
        (
            &["9.9.9"],
            vec![target],
            "SHA256SUMS of v9.9.9 has no line for",
        ),
        (&["9.9.8"], vec![], "cannot download https://github.com/"),
        (
            &["9.9.9"],
            vec![("ARGO_ASSISTANT_VERIFY_REPOSITORY", "a/b")],
            "gh is not installed",
        ),
        (&["../../x"], vec![], "is no version such as 0.1.0"),
        (&[], vec![], "usage: install VERSION"),
    ] {
        let refused = machine.install(arguments, &variables);
        let stderr = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(message), "no {message:?} in {stderr}");
        assert!(!machine.path("home/.local/bin/argo-assistant").exists());
    }
}

/// A hosted runner has no argocd: without it the first `sync` of a new user would end with 127.
#[test]
fn a_github_job_gets_argocd_from_the_server_if_it_needs_it() {
    let argocd = "temp/argo-assistant/bin/argocd";
    let job = |client: &str, variables: &[(&str, &str)]| {
        let machine = Machine::new();
        if client == "wget" {
            fs::remove_file(machine.path("bin/curl")).unwrap();
            machine.program("bin/wget", &CURL.replace("-o)", "-O)"));
        }
        let path = std::env::join_paths([machine.path("bin"), machine.tools()]).unwrap();
        let done = machine
            .command(repository().join("packaging/ci/install-in-job"))
            .arg(VERSION)
            .env("PATH", path)
            .env("RUNNER_TEMP", machine.path("temp"))
            .env("GITHUB_PATH", machine.path("github-path"))
            .env("ARGO_ASSISTANT_VERIFY", "false")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        (machine, done)
    };
    let server = ("ARGOCD_SERVER", "argocd.example.com");
    // The release is for one kind of processor only; argocd is for the runner's.
    let release = ("ARGO_ASSISTANT_TARGET", "x86_64-unknown-linux-gnu");
    for (client, cpu, file) in [
        ("curl", "x86_64", "argocd-linux-amd64"),
        ("wget", "aarch64", "argocd-linux-arm64"),
        ("curl", "arm64", "argocd-linux-arm64"),
    ] {
        let (machine, done) = job(client, &[server, release, ("FAKE_CPU", cpu)]);
        assert!(done.status.success(), "{}", text(&done.stderr));
        let program = machine.path(argocd);
        let content = fs::read_to_string(&program).unwrap();
        assert!(content.ends_with(&format!("/{file}\n")), "{content}");
        assert!(machine.command(program).status().unwrap().success());
        let path = fs::read_to_string(machine.path("github-path")).unwrap();
        assert!(path.ends_with("temp/argo-assistant/bin\n"), "{path}");
    }

    for variables in [
        &[server, ("COMMAND", "follow")][..],
        // One that the caller named, even if it is not there: sync says so.
        &[server, ("ARGOCD", "/nowhere/argocd")],
        &[],
    ] {
        let (machine, done) = job("curl", variables);
        assert!(done.status.success(), "{}", text(&done.stderr));
        assert!(!machine.path(argocd).exists(), "{variables:?}");
    }

    let (_machine, done) = job("curl", &[("ARGOCD_SERVER", "argocd.invalid")]);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("set command to follow"));
}

#[test]
fn a_step_passes_flags_as_they_are_and_leaves_results() {
    let machine = Machine::new();
    let outputs = machine.path("outputs");
    let done = machine
        .step()
        .env("APP", "shop")
        .env(
            "FLAGS",
            "  --fail-fast\n\n  --include=a b $(false)\n  --\n  --timeout\n  600\n",
        )
        .env("REPORT", "report.html")
        .env("GITHUB_OUTPUT", &outputs)
        .env("GITHUB_STEP_SUMMARY", machine.path("step-summary"))
        .env("FAKE_OUTPUT", "yes")
        .env("FAKE_CODE", "20")
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(20));
    let stdout = text(&done.stdout);
    let words = "<sync><shop><argocd><--fail-fast><--include=a b $(false)><--><--timeout><600> report=report.html";
    assert!(stdout.starts_with(words), "{stdout}");
    let outputs = fs::read_to_string(outputs).unwrap();
    let expected = "verdict=doomed\ncause=the moon is full\nexit-code=20\nreport=report.html\n";
    assert_eq!(outputs, expected);
    let summary = fs::read_to_string(machine.path("step-summary")).unwrap();
    assert!(summary.starts_with("## shop: failed"), "{summary}");
}

#[test]
fn each_exit_code_has_its_verdict() {
    let machine = Machine::new();
    for (code, verdict) in [
        ("0", "succeeded"),
        ("1", "failed"),
        ("2", "usage"),
        ("20", "failed"),
        ("70", "timeout"),
        ("127", "usage"),
        ("143", "interrupted"),
    ] {
        let results = machine.path(&format!("results-{code}"));
        let done = machine
            .step()
            .env("APP", "shop")
            .env("RESULTS", &results)
            .env("FAKE_CODE", code)
            .output()
            .unwrap();
        assert_eq!(done.status.code().unwrap().to_string(), code);
        assert_eq!(
            fs::read_to_string(results.join("verdict")).unwrap(),
            verdict
        );
        assert_eq!(fs::read_to_string(results.join("exit-code")).unwrap(), code);
    }
}

#[test]
fn a_cancelled_step_waits_for_the_verdict() {
    let machine = Machine::new();
    let waiting = machine.path("waiting");
    let step = machine
        .step()
        .env("APP", "shop")
        .env("FAKE_WAITS", &waiting)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let since = Instant::now();
    while !waiting.exists() {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "it did not start"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    kill(Pid::from_raw(step.id().try_into().unwrap()), SIGTERM).unwrap();
    let done = step.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(143));
    assert!(text(&done.stdout).ends_with("interrupted\n"));
}

#[test]
fn a_step_refuses_wrong_use() {
    let machine = Machine::new();
    let refused = machine
        .step()
        .env("APP", "shop")
        .env("COMMAND", "rm")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("expected sync, follow or diagnose"));
    let refused = machine.step().output().unwrap();
    assert!(text(&refused.stderr).contains("is the name of the application"));
}

/// The script of a template, as its CI system hands it to the shell.
struct Script {
    name: &'static str,
    shell: &'static str,
    text: String,
    /// The command line that the program gets.
    words: &'static str,
}

fn scripts() -> [Script; 5] {
    const FLAGS: &str = "<sync><shop><team-a><--fail-fast>";
    const ALL_FLAGS: &str = "<sync><shop><team-a><--fail-fast><--><--timeout><600>";
    let script = |name, shell, text: Option<&str>, words| Script {
        name,
        shell,
        text: text.unwrap().to_owned(),
        words,
    };
    let gitlab = read("templates/argo-assistant.yml");
    let gitlab: Value = serde_yaml_ng::from_str(gitlab.split("\n---\n").nth(1).unwrap()).unwrap();
    let gitlab = &gitlab["$[[ inputs.job ]]"]["script"][0];
    let include = &yaml("packaging/ci/gitlab.yml")[".argo-assistant"]["script"][0];
    let azure = &yaml("packaging/ci/azure-pipelines.yml")["jobs"][0]["steps"][2]["bash"];
    let buildkite = &yaml("packaging/ci/buildkite.yml")["steps"][0]["command"];
    let buildkite = buildkite.as_str().unwrap().replace("$$", "$");
    let jenkins = read("packaging/ci/Jenkinsfile");
    [
        script("gitlab", "sh", gitlab.as_str(), ALL_FLAGS),
        script("include", "sh", include.as_str(), ALL_FLAGS),
        script("azure", "bash", azure.as_str(), FLAGS),
        script("buildkite", "bash", Some(&buildkite), FLAGS),
        script("jenkins", "sh", jenkins.split("'''").nth(1), FLAGS),
    ]
}

#[test]
fn each_template_installs_runs_and_keeps_the_exit_code() {
    for Script {
        name,
        shell,
        text: script,
        words,
    } in scripts()
    {
        let machine = Machine::new();
        if name == "include" {
            machine.program("bin/argo-assistant", PROGRAM);
        }
        let (version, agent) = (real_version(), machine.path("agent").display().to_string());
        let releases = "https://github.com/a/b/releases/download";
        let variables = [
            ("ARGO_ASSISTANT_VERSION", version.as_str()),
            ("ARGO_ASSISTANT_RELEASES", releases),
            ("ARGO_ASSISTANT_SHA256", ""),
            ("ARGO_ASSISTANT_COMMAND", "sync"),
            ("ARGO_ASSISTANT_APP", "shop"),
            ("ARGO_ASSISTANT_APP_NAMESPACE", "team-a"),
            ("ARGO_ASSISTANT_FLAGS", "--fail-fast -- --timeout 600"),
            ("FLAGS", "--fail-fast -- --timeout 600"),
            ("COMMAND", "sync"),
            ("APP", "shop"),
            ("APP_NAMESPACE", "team-a"),
            ("ARGOCD_SERVER", "argocd.example.com"),
            ("AGENT_TEMPDIRECTORY", &agent),
            ("FAKE_CODE", "20"),
        ];
        let done = machine.script(&[shell, "-c"], &script, &variables);
        let (stdout, stderr) = (text(&done.stdout), text(&done.stderr));
        assert_eq!(done.status.code(), Some(20), "{name}: {stderr}");
        assert!(stdout.contains(words), "{name}: {stdout}{stderr}");
    }
}

/// A version that a release forgets to raise would install the release before it.
#[test]
fn every_template_names_this_version() {
    let version = real_version();
    for name in [
        "action.yml",
        "templates/argo-assistant.yml",
        "packaging/ci/gitlab.yml",
        "packaging/ci/Jenkinsfile",
        "packaging/ci/tekton-task.yaml",
        "packaging/ci/argo-workflow-template.yaml",
        "packaging/ci/azure-pipelines.yml",
        "packaging/ci/buildkite.yml",
    ] {
        assert!(read(name).contains(&version), "{name}");
    }
}

/// Tekton and Argo Workflows start their images with a command line that we accept.
#[test]
fn templates_without_a_shell_start_the_program() {
    let tekton = yaml("packaging/ci/tekton-task.yaml");
    let workflow = yaml("packaging/ci/argo-workflow-template.yaml");
    for container in [
        &tekton["spec"]["steps"][0],
        &workflow["spec"]["templates"][0]["container"],
    ] {
        assert_eq!(container["command"][0], "/usr/bin/argo-assistant");
        assert!(container["args"][0].as_str().unwrap().contains("command"));
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["securityContext"]["runAsNonRoot"], true);
    }
}
