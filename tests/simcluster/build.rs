//! Lists the files of `../recordings/rollouts` and `../scenarios`, so that they are part of the
//! library wherever its binary is copied to.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let recordings = listing("RECORDINGS", &here.join("../recordings/rollouts"), "jsonl")?;
    let scenarios = listing("SCENARIOS", &here.join("../scenarios"), "yaml")?;
    fs::write(out.join("recordings.rs"), recordings)?;
    fs::write(out.join("scenarios.rs"), scenarios)
}

/// `static NAME: &[(path below the folder, text)]`, ordered by path.
fn listing(name: &str, folder: &Path, extension: &str) -> io::Result<String> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(folder, extension, &mut files)?;
    files.sort();
    let mut text = format!("static {name}: &[(&str, &str)] = &[\n");
    for file in files {
        let below = file.strip_prefix(folder).unwrap_or(&file).to_string_lossy();
        let below = below.replace('\\', "/");
        let _ = writeln!(text, "    ({below:?}, include_str!({file:?})),");
    }
    text.push_str("];\n");
    Ok(text)
}

fn collect(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, extension, files)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    Ok(())
}
