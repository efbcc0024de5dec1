//! `report`: files from a recording.

use crate::{
    args::ReportCommandArgs,
    error::Failure,
    exit,
    files::Targets,
    recording::{ReadError, Reader},
};

/// Writes the files that are asked for.
pub(super) fn report(args: &ReportCommandArgs) -> Result<i32, Failure> {
    if args.reports.is_empty() {
        return Err(Failure::usage("no file to write was named")
            .hint("name at least one: --html, --junit, --summary, --trace FILE, --log-dir DIR"));
    }
    let targets = Targets::open(&args.reports)?;
    let reader = Reader::open(&args.file).map_err(|error| unreadable(&args.file, &error))?;
    match &targets.write(reader)[..] {
        [] => Ok(exit::OK),
        failed => Err(Failure::usage(failed.join("; ")).code(exit::FAILED)),
    }
}

pub(super) fn unreadable(file: &std::path::Path, error: &ReadError) -> Failure {
    Failure::usage(format!(
        "cannot read the recording {}: {error}",
        file.display()
    ))
}
