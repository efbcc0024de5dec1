//! A panic of the program.

use std::{env, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use argo_assistant::{
    argocd::{Argocd, ArgocdConfig},
    last_acts,
    output::{Output, SpoolLimits},
};
use argo_core::AppRef;
use nix::unistd::Pid;

use crate::assistant::{Folder, is_alive, until};

/// Names the folder of a program that panics, in the environment of that program.
const FOLDER: &str = "SUITE_PANICS_IN";

/// The program: it runs only where the test below starts it.
#[test]
fn a_program_that_panics() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    last_acts::install();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _within = runtime.enter();
    let config = ArgocdConfig {
        program: folder.join("argocd").into(),
        ..ArgocdConfig::new(AppRef::new("shop", "argocd"))
    };
    let _argocd = Argocd::spawn(&config, env::vars_os()).unwrap();
    let output = Output::stdout(SpoolLimits::default());
    while fs::read(folder.join("pid")).unwrap_or_default().is_empty() {
        std::thread::yield_now();
    }
    output.push(b"the last line\n".repeat(50_000));
    panic!("broken on purpose");
}

#[tokio::test]
async fn a_panic_ends_argocd_and_loses_no_line() {
    let folder = Folder::new("panic");
    let (program, pid) = (folder.path().join("argocd"), folder.path().join("pid"));
    let script = format!("#!/bin/sh\necho $$ > {}\nexec sleep 600\n", pid.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let ended = Command::new(env::current_exe().unwrap())
        .args(["last_acts::a_program_that_panics", "--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr),
    );
    assert_eq!(ended.status.code(), Some(101), "{stderr}");
    assert!(stderr.contains("broken on purpose"), "{stderr}");
    assert!(stderr.contains("argocd was ended too"), "{stderr}");
    assert_eq!(stdout.matches("the last line\n").count(), 50_000);
    let pid = fs::read_to_string(pid).unwrap().trim().parse().unwrap();
    until("end of argocd", || !is_alive(Pid::from_raw(pid))).await;
}
