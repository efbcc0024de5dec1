//! The files of a run: its recording, and what is made from it at the end.
//!
//! [`Files::prepare`] opens everything before the run begins, so that a path that cannot be
//! written is told before anything is deployed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempDir, TempPath};

use crate::{
    args::{FileArgs, ReportArgs},
    error::Failure,
    recording::{Reader, RecordingFile},
    report::{self, Story},
    screen::Screen,
};

/// The target of a run's recording.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// The recording; `None` if neither it nor a report is wanted.
    pub recording: Option<RecordingFile>,
    /// A second handle of that file, from which the reports read it.
    source: Option<File>,
    targets: Targets,
    /// True if the user keeps the recording.
    is_kept: bool,
    /// A folder for logs that the screen has no room for; it goes away if it is not needed.
    spare: Option<TempDir>,
    /// The recording in the folder of the logs. It goes away once they are written, and stays if
    /// this program is killed before.
    beside_logs: Option<TempPath>,
}

/// The files that are made from a recording.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    files: Vec<(Form, Target)>,
    log_dir: Option<PathBuf>,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Junit,
    Markdown,
    Trace,
}

impl Form {
    fn render(self, story: &Story) -> String {
        match self {
            Self::Html => report::html(story),
            Self::Junit => report::junit(story),
            Self::Markdown => report::markdown(story),
            Self::Trace => report::trace(story),
        }
    }
}

/// A file that appears whole or not at all.
#[derive(Debug)]
enum Target {
    /// Written under another name beside its place, and then renamed.
    Regular { file: NamedTempFile, path: PathBuf },
    /// A pipe or a device, which cannot be replaced.
    Special { file: File, path: PathBuf },
}

impl Target {
    /// Opens the place of a file. The file that may lie there is not touched before the end.
    fn open(path: &Path) -> Result<Self, Failure> {
        let cannot = |error: io::Error| {
            Failure::usage(format!("cannot write {}: {error}", path.display()))
                .hint("the directory must exist and be writable")
        };
        let path = path.to_owned();
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                return Err(Failure::usage(format!(
                    "cannot write {}: it is a directory; name a file in it",
                    path.display()
                )));
            }
            Ok(meta) if !meta.is_file() => {
                let file = OpenOptions::new().write(true).open(&path).map_err(cannot)?;
                return Ok(Self::Special { file, path });
            }
            _ => {}
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new("."));
        let file = tempfile::Builder::new()
            .prefix(".argo-assistant-")
            // tempfile makes files for their owner alone; what archives a report may be another user.
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(folder)
            // The error would name the file beside the place, which nobody knows.
            .map_err(|error| cannot(io::Error::from(error.kind())))?;
        Ok(Self::Regular { file, path })
    }

    fn write(self, text: &str) -> Result<(), String> {
        let path = match &self {
            Self::Regular { path, .. } | Self::Special { path, .. } => path.display().to_string(),
        };
        let result = match self {
            Self::Regular { mut file, path } => file
                .write_all(text.as_bytes())
                .and_then(|()| file.persist(path).map(drop).map_err(|error| error.error)),
            Self::Special { mut file, .. } => file.write_all(text.as_bytes()),
        };
        result.map_err(|error| format!("cannot write {path}: {error}"))
    }
}

impl Targets {
    /// Opens the places of the files.
    ///
    /// # Errors
    ///
    /// A usage error that names the first file that cannot be written.
    pub(crate) fn open(args: &ReportArgs) -> Result<Self, Failure> {
        let wanted = [
            (Form::Html, &args.report),
            (Form::Junit, &args.junit),
            (Form::Markdown, &args.summary),
            (Form::Trace, &args.trace),
        ];
        let mut files = Vec::new();
        for (form, path) in wanted {
            if let Some(path) = path {
                files.push((form, Target::open(path)?));
            }
        }
        if let Some(folder) = &args.log_dir {
            let made = fs::create_dir_all(folder).and_then(|()| {
                // Whether files can be made in it shows only by making one.
                tempfile::tempfile_in(folder)
                    .map(drop)
                    .map_err(|error| io::Error::from(error.kind()))
            });
            made.map_err(|error| {
                Failure::usage(format!("cannot write into {}: {error}", folder.display()))
            })?;
        }
        Ok(Self {
            files,
            log_dir: args.log_dir.clone(),
        })
    }

    /// Reads the recording once and writes every file. Returns a sentence for each that could
    /// not be written.
    pub(crate) fn write(self, mut reader: Reader) -> Vec<String> {
        let mut failed = Vec::new();
        let mut logs = self.log_dir.map(report::LogFiles::new);
        let story = Story::read(&mut reader, logs.as_mut());
        failed.extend(logs.and_then(report::LogFiles::finish));
        for (form, target) in self.files {
            failed.extend(target.write(&form.render(&story)).err());
        }
        failed
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.log_dir.is_none()
    }
}

impl Files {
    /// Opens everything that the run will write.
    ///
    /// # Errors
    ///
    /// A usage error that names the first file that cannot be written.
    pub(crate) fn prepare(args: &FileArgs, screen: &mut Screen) -> Result<Self, Failure> {
        let targets = Targets::open(&args.reports)?;
        let mut files = Self {
            is_kept: args.record.is_some(),
            targets,
            ..Self::default()
        };
        if let Some(path) = &args.record {
            files.recording = Some(RecordingFile::create(path)?);
            let file = File::open(path);
            files.source = Some(file.map_err(|error| unreadable(path, &error))?);
        } else if let Some(folder) = files.targets.log_dir.clone() {
            let made = files.record_in(&folder);
            made.map_err(|error| unreadable(&folder, &error))?;
        } else if !files.targets.is_empty() {
            let made = files.record_aside();
            made.map_err(|error| unreadable(&std::env::temp_dir(), &error))?;
        }
        // Without a place for the rest of the logs the screen takes them all: nobody asked for
        // less than that, and nothing may be lost.
        if screen.log_budget().is_some() && files.make_spare().is_err() {
            screen.lift_log_budget();
        }
        Ok(files)
    }

    /// Records into a file in the folder of the logs, so that a run that is killed leaves them.
    fn record_in(&mut self, folder: &Path) -> io::Result<()> {
        let (file, path) = tempfile::Builder::new()
            .prefix(".argo-assistant-")
            .suffix(".jsonl")
            .tempfile_in(folder)?
            .into_parts();
        self.source = Some(File::open(&path)?);
        self.recording = Some(RecordingFile::temporary(file));
        self.beside_logs = Some(path);
        Ok(())
    }

    /// Records into a file without a name.
    fn record_aside(&mut self) -> io::Result<()> {
        let file = tempfile::tempfile()?;
        self.source = Some(file.try_clone()?);
        self.recording = Some(RecordingFile::temporary(file));
        Ok(())
    }

    /// Makes sure that there is a place for the logs that the screen has no room for.
    fn make_spare(&mut self) -> io::Result<()> {
        if self.targets.log_dir.is_some() {
            return Ok(());
        }
        let mut folder = tempfile::Builder::new();
        let folder = folder.prefix("argo-assistant-logs-").tempdir()?;
        if !self.is_kept {
            self.record_in(folder.path())?;
        }
        self.spare = Some(folder);
        Ok(())
    }

    /// Says in half a sentence where the logs will be that the screen has no room for.
    pub(crate) fn place_for_logs(&mut self) -> String {
        if let Some(spare) = self.spare.take() {
            self.targets.log_dir = Some(spare.keep());
        }
        match &self.targets.log_dir {
            Some(folder) => format!(
                "the complete logs will be in {} at the end{}",
                folder.display(),
                self.until_then()
            ),
            None if self.is_kept => "the recording has everything".to_owned(),
            None => "the rest is not kept".to_owned(),
        }
    }

    fn until_then(&self) -> String {
        let name = self.beside_logs.as_deref().and_then(Path::file_name);
        let name = name.map(|name| format!(" (until then, in its file {})", name.display()));
        name.unwrap_or_default()
    }

    /// Writes the files from the recording, which is closed. Returns a sentence for each that
    /// could not be written.
    pub(crate) fn write(self) -> Vec<String> {
        let Some(source) = self.source else {
            return Vec::new();
        };
        if self.targets.is_empty() {
            return Vec::new();
        }
        let mut failed = match Reader::of(source) {
            Ok(reader) => self.targets.write(reader),
            Err(error) => vec![format!("the reports cannot be written: {error}")],
        };
        // What could not be made can still be made from it.
        if let Some(path) = self.beside_logs.filter(|_| !failed.is_empty())
            && let Ok(kept) = path.keep()
        {
            failed.push(format!("the recording of the run is {}", kept.display()));
        }
        failed
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!(
        "cannot record the run in {}: {error}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        let args = ReportArgs {
            junit: Some(path.to_owned()),
            ..ReportArgs::default()
        };
        Targets::open(&args).unwrap_err().message
    }

    #[test]
    fn a_path_that_cannot_be_written_is_told_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let said = refused(&folder.path().join("no/such/run.xml"));
        assert!(said.ends_with("run.xml: entity not found"), "{said}");
        assert!(refused(folder.path()).contains("it is a directory"));
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(refused(&file.join("run.xml")).contains("file/run.xml: "));
    }

    #[test]
    fn a_run_that_is_killed_leaves_its_recording_beside_the_logs() {
        let recordings = |folder: &Path| {
            let files = fs::read_dir(folder).unwrap().flatten();
            files
                .filter(|file| file.path().extension().is_some_and(|end| end == "jsonl"))
                .count()
        };
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files {
            targets: Targets {
                log_dir: Some(folder.path().to_owned()),
                ..Targets::default()
            },
            ..Files::default()
        };
        files.record_in(folder.path()).unwrap();
        let place = files.place_for_logs();
        assert!(
            place.contains("(until then, in its file .argo-assistant-"),
            "{place}"
        );
        assert_eq!(recordings(folder.path()), 1);
        // It has no header: the logs cannot be made from it, and it stays.
        let failed = files.write();
        assert_eq!(failed.len(), 2, "{failed:?}");
        assert!(
            failed[1].starts_with("the recording of the run is "),
            "{failed:?}"
        );
        assert_eq!(recordings(folder.path()), 1);
    }

    #[test]
    fn a_file_that_was_there_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.xml");
        fs::write(&path, "old").unwrap();
        let target = Target::open(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        target.write("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        drop(Target::open(&path).unwrap());
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
