//! The complete logs, a file for each run of a container.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use argo_core::record::Log;

/// The most files that are open at one time.
const OPEN: usize = 64;

/// Writes `<folder>/<namespace>/<pod>/<container>.log`, and `<container>.<n>.log` for the run
/// after the n-th restart; lines of a log store go to files of their own, such as
/// `<container>.from-loki.log`. The second pod of one name, which a StatefulSet makes, has the
/// folder `<pod>~2`, and so on. A file that was there before is replaced.
#[derive(Debug)]
pub struct LogFiles {
    folder: PathBuf,
    open: HashMap<PathBuf, BufWriter<File>>,
    /// Uids of the pods of one namespace and name, in the order in which they were seen.
    pods: HashMap<(String, String), Vec<String>>,
    /// Files that this run has begun.
    begun: std::collections::HashSet<PathBuf>,
    failure: Option<io::Error>,
}

impl LogFiles {
    /// Creates the writer for a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            open: HashMap::new(),
            pods: HashMap::new(),
            begun: std::collections::HashSet::new(),
            failure: None,
        }
    }

    /// Writes a line.
    pub fn line(&mut self, log: &Log, text: &[u8]) {
        if self.failure.is_none() {
            self.failure = self.try_line(log, text).err();
        }
    }

    fn try_line(&mut self, log: &Log, text: &[u8]) -> io::Result<()> {
        let path = self.path(log);
        if !self.open.contains_key(&path) {
            self.make_room()?;
            let file = self.file(&path)?;
            self.open.insert(path.clone(), BufWriter::new(file));
        }
        let Some(file) = self.open.get_mut(&path) else {
            return Ok(());
        };
        file.write_all(text)?;
        if !log.partial {
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    fn path(&mut self, log: &Log) -> PathBuf {
        let restart = match log.restart {
            0 => String::new(),
            restart => format!(".{restart}"),
        };
        // Lines of a store are not mixed with those of the kubelet, which are complete or said
        // not to be.
        let store = log.store.as_deref();
        let store = store.map_or_else(String::new, |store| format!(".from-{}", safe(store)));
        let name = format!("{}{restart}{store}.log", safe(&log.container));
        let folder = self.folder.join(safe(&log.namespace));
        folder.join(self.pod(log)).join(name)
    }

    /// Returns the folder of a pod. No pod can have a `~` in its name.
    fn pod(&mut self, log: &Log) -> String {
        let uid = log.uid.clone().unwrap_or_default();
        let name = (log.namespace.clone(), log.pod.clone());
        let uids = self.pods.entry(name).or_default();
        let number = uids.iter().position(|own| *own == uid);
        let number = number.unwrap_or_else(|| {
            uids.push(uid);
            uids.len() - 1
        });
        match number {
            0 => safe(&log.pod),
            number => format!("{}~{}", safe(&log.pod), number + 1),
        }
    }

    fn file(&mut self, path: &Path) -> io::Result<File> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if self.begun.insert(path.to_owned()) {
            return File::create(path);
        }
        File::options().append(true).open(path)
    }

    fn make_room(&mut self) -> io::Result<()> {
        if self.open.len() >= OPEN {
            for (_, mut file) in self.open.drain() {
                file.flush()?;
            }
        }
        Ok(())
    }

    /// Writes the rest. Returns a sentence if something could not be written.
    pub fn finish(mut self) -> Option<String> {
        for file in self.open.values_mut() {
            if let Err(error) = file.flush() {
                self.failure.get_or_insert(error);
            }
        }
        let error = self.failure?;
        Some(format!(
            "cannot write logs into {}: {error}",
            self.folder.display()
        ))
    }
}

/// Returns a name that is one part of a path. A recording may come from anybody.
fn safe(name: &str) -> String {
    let plain = |c: char| match c {
        '/' | '\\' | '\0' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    let name: String = name.chars().map(plain).take(200).collect();
    match name.as_str() {
        "" | "." | ".." => "_".to_owned(),
        _ => name,
    }
}
