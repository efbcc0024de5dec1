//! Runs the program as a user does: a process with an environment of its own.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{io::AsyncReadExt, process::Command, time::timeout};

/// No run of a test takes longer, however busy the machine.
const LONGEST: Duration = Duration::from_secs(60);

/// A folder that goes away with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("argo-tests-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file; its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
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
pub struct Assistant {
    command: Command,
    folder: Folder,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ended {
    pub stdout: String,
    pub stderr: String,
    pub status: ExitStatus,
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The lines of stdout without their times.
    pub fn lines(&self) -> Vec<&str> {
        self.stdout.lines().map(|line| line.get(20..).unwrap_or(line)).collect()
    }

    /// How many lines of stdout contain a text.
    pub fn count(&self, text: &str) -> usize {
        self.stdout.lines().filter(|line| line.contains(text)).count()
    }
}

impl Assistant {
    /// `args` after the program's name; nothing of the tests' environment but `PATH`.
    pub fn new(args: &[&str]) -> Self {
        let folder = Folder::new("assistant");
        let mut command = Command::new(env!("CARGO_BIN_EXE_assistant"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .env("ARGOCD", env!("CARGO_BIN_EXE_scripted-argocd"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self { command, folder }
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// The cluster to talk to.
    pub fn kubeconfig(self, text: &str) -> Self {
        let path = self.folder.write("kubeconfig", text);
        self.env("KUBECONFIG", path)
    }

    /// What argocd does.
    pub fn script(self, text: &str) -> Self {
        let path = self.folder.write("script.yaml", text);
        self.env("ARGO_SCRIPT", path)
    }

    /// Runs to the end.
    pub async fn run(self) -> Ended {
        self.start().end().await
    }

    /// Starts, for tests that do something meanwhile.
    pub fn start(mut self) -> Running {
        let child = self.command.spawn().unwrap();
        Running {
            child,
            _folder: self.folder,
            stdout: Vec::new(),
        }
    }
}

/// A run that goes on.
pub struct Running {
    pub child: tokio::process::Child,
    _folder: Folder,
    stdout: Vec<u8>,
}

impl Running {
    /// Reads stdout until a text was there.
    pub async fn until(&mut self, text: &str) {
        let pipe = self.child.stdout.as_mut().unwrap();
        let read = async {
            let mut buffer = vec![0; 64 * 1024];
            while !contains(&self.stdout, text) {
                let length = pipe.read(&mut buffer).await.unwrap();
                assert!(length > 0, "no {text:?} in:\n{}", String::from_utf8_lossy(&self.stdout));
                self.stdout.extend_from_slice(&buffer[..length]);
            }
        };
        let done = timeout(LONGEST, read).await;
        assert!(done.is_ok(), "no {text:?} within a minute in:\n{}", String::from_utf8_lossy(&self.stdout));
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
    }

    pub async fn end(mut self) -> Ended {
        let (mut stdout, mut stderr) = (self.child.stdout.take().unwrap(), self.child.stderr.take().unwrap());
        let mut text = std::mem::take(&mut self.stdout);
        let mut errors = Vec::new();
        let all = async {
            let (out, err) = tokio::join!(stdout.read_to_end(&mut text), stderr.read_to_end(&mut errors));
            out.unwrap();
            err.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = timeout(LONGEST, all).await.expect("it ends within a minute");
        Ended {
            stdout: String::from_utf8(text).unwrap(),
            stderr: String::from_utf8(errors).unwrap(),
            status,
        }
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
