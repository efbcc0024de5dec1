//! Runs the program as a user does: a process with an environment of its own.

use std::{
    ffi::{OsStr, OsString},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::AsyncReadExt,
    process::Command,
    time::{sleep, timeout},
};

/// No run of a test takes longer, however busy the machine.
const LONGEST: Duration = Duration::from_secs(60);

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("argo-tests-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file; its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One run of argo-assistant.
pub(crate) struct Assistant {
    command: Command,
    folder: Folder,
    /// Other folders that the run needs.
    others: Vec<Folder>,
}

/// Output and status of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The lines of stdout without their times.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout
            .lines()
            .map(|line| line.get(20..).unwrap_or(line))
            .collect()
    }

    /// Returns the number of lines of stdout that contain a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.stdout
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }
}

impl Assistant {
    /// `args` after the program's name; nothing of the tests' environment but `PATH`.
    pub(crate) fn new(args: &[&str]) -> Self {
        Self::program(env!("CARGO_BIN_EXE_assistant"), args)
    }

    /// The program under another file name, as a plugin of argocd or kubectl.
    pub(crate) fn called(name: &str, args: &[&str]) -> Self {
        let folder = Folder::new("called");
        let file = folder.path().join(name);
        symlink(env!("CARGO_BIN_EXE_assistant"), &file).unwrap();
        let mut assistant = Self::program(&file, args);
        assistant.others.push(folder);
        assistant
    }

    /// The program with two kinds of workload from outside: CloneSet and PetSet.
    pub(crate) fn with_kinds(args: &[&str]) -> Self {
        Self::program(env!("CARGO_BIN_EXE_assistant-with-kinds"), args)
    }

    /// The demo, which runs argo-assistant.
    pub(crate) fn demo(args: &[&str]) -> Self {
        Self::program(env!("CARGO_BIN_EXE_demo"), args)
    }

    fn program(program: impl AsRef<OsStr>, args: &[&str]) -> Self {
        let folder = Folder::new("assistant");
        let mut command = Command::new(program.as_ref());
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .env("ARGOCD", env!("CARGO_BIN_EXE_scripted-argocd"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            folder,
            others: Vec::new(),
        }
    }

    /// Limits the number of open files, hard and soft.
    pub(crate) fn open_files(mut self, limit: u32) -> Self {
        let plain = self.command.as_std();
        let mut limited = Command::new("sh");
        limited
            .arg("-c")
            .arg(format!("ulimit -n {limit} && exec \"$0\" \"$@\""))
            .arg(plain.get_program())
            .args(plain.get_args())
            .env_clear()
            .envs(
                plain
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.command = limited;
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// The cluster to talk to.
    pub(crate) fn kubeconfig(self, text: &str) -> Self {
        let path = self.folder.write("kubeconfig", text);
        self.env("KUBECONFIG", path)
    }

    /// Sets the script of argocd.
    pub(crate) fn script(self, text: &str) -> Self {
        let path = self.folder.write("script.yaml", text);
        self.env("ARGO_SCRIPT", path)
    }

    /// Runs to the end.
    pub(crate) async fn run(self) -> Ended {
        self.start().end().await
    }

    /// Starts, for tests that do something meanwhile.
    pub(crate) fn start(mut self) -> Running {
        let child = self.command.spawn().unwrap();
        Running {
            child,
            _folders: (self.folder, self.others),
            stdout: Vec::new(),
        }
    }
}

/// A run that goes on.
pub(crate) struct Running {
    pub(crate) child: tokio::process::Child,
    _folders: (Folder, Vec<Folder>),
    stdout: Vec<u8>,
}

impl Drop for Running {
    /// The second signal makes it end argocd at once, and itself: nothing outlives a test that
    /// failed.
    fn drop(&mut self) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
    }
}

impl Running {
    /// Reads stdout until a text was there.
    pub(crate) async fn until(&mut self, text: &str) {
        let pipe = self.child.stdout.as_mut().unwrap();
        let read = async {
            let mut buffer = vec![0; 64 * 1024];
            while !contains(&self.stdout, text) {
                let length = pipe.read(&mut buffer).await.unwrap();
                assert!(
                    length > 0,
                    "no {text:?} in:\n{}",
                    String::from_utf8_lossy(&self.stdout)
                );
                self.stdout.extend_from_slice(&buffer[..length]);
            }
        };
        let done = timeout(LONGEST, read).await;
        assert!(
            done.is_ok(),
            "no {text:?} within a minute in:\n{}",
            String::from_utf8_lossy(&self.stdout)
        );
    }

    /// Goes on reading stdout until something else is done.
    pub(crate) async fn drain_until<T>(&mut self, done: impl Future<Output = T>) -> T {
        let pipe = self.child.stdout.as_mut().unwrap();
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                done = &mut done => return done,
                length = pipe.read_buf(&mut self.stdout) => {
                    assert!(length.unwrap() > 0, "it ended:\n{}", String::from_utf8_lossy(&self.stdout));
                }
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Its end, where nobody reads its output any more.
    pub(crate) async fn without_stdout(mut self) -> (ExitStatus, String) {
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        let all = async {
            stderr.read_to_string(&mut text).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = timeout(LONGEST, all)
            .await
            .expect("it ends within a minute");
        (status, text)
    }

    pub(crate) async fn end(mut self) -> Ended {
        let (mut stdout, mut stderr) = (
            self.child.stdout.take().unwrap(),
            self.child.stderr.take().unwrap(),
        );
        let mut text = std::mem::take(&mut self.stdout);
        let mut errors = Vec::new();
        let all = async {
            let (out, err) = tokio::join!(
                stdout.read_to_end(&mut text),
                stderr.read_to_end(&mut errors)
            );
            out.unwrap();
            err.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = timeout(LONGEST, all)
            .await
            .expect("it ends within a minute");
        Ended {
            stdout: String::from_utf8(text).unwrap(),
            stderr: String::from_utf8(errors).unwrap(),
            status,
        }
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let done = timeout(LONGEST, wait).await;
    assert!(done.is_ok(), "no {what} within a minute");
}

/// Neither gone nor waiting to be reaped by whoever inherited it.
pub(crate) fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default();
    kill(pid, None).is_ok() && !state.trim_start().starts_with('Z')
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
