//! The flags about the look of the output and about the files that a run leaves behind.

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::BoolishValueParser};

use crate::view::OutputFlag;

/// The flags about the look of the output.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct ViewArgs {
    /// Form of the output
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        value_name = "FORM",
        env = "ARGO_ASSISTANT_OUTPUT"
    )]
    pub output: OutputFlag,

    /// Show only argocd's lines, findings and the verdict
    #[arg(short, long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_QUIET")]
    pub quiet: bool,

    /// Time at the start of a line; the default is what the LOG_* variables say
    #[arg(long, value_enum, env = "ARGO_ASSISTANT_TIMESTAMPS")]
    pub timestamps: Option<Timestamps>,

    /// Most lines of the verdict: the cause stays, the rest is shortened
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(u32).range(2..), env = "ARGO_ASSISTANT_BUDGET")]
    pub budget: Option<u32>,
}

/// `--timestamps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Timestamps {
    /// No time
    None,
    /// Seconds since the start
    Relative,
    /// Time of this machine's zone
    Local,
    /// Time in UTC
    Utc,
}

/// The flags about files.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Files")]
pub struct FileArgs {
    /// Record the run, for replay and report; compressed if the name ends in .zst
    #[arg(long, value_name = "FILE", env = "ARGO_ASSISTANT_RECORD")]
    pub record: Option<PathBuf>,

    /// The files made from the recording.
    #[command(flatten)]
    pub reports: ReportArgs,

    /// Size of the container logs on the screen; the rest goes to --log-dir or a new folder. 0 for
    /// no limit. Default 3MiB in GitLab, whose jobs lose what is beyond 4 MiB, else no limit
    #[arg(long, value_name = "SIZE", value_parser = super::size, env = "ARGO_ASSISTANT_LOG_BUDGET")]
    pub log_budget: Option<u64>,
}

/// The files that are made from a recording. They are written at the end of the run, also when
/// it fails, times out or is interrupted.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Files")]
pub struct ReportArgs {
    /// Write one HTML page with everything: verdict, time axis, events, logs
    #[arg(
        long = "report",
        visible_alias = "html",
        value_name = "FILE",
        env = "ARGO_ASSISTANT_REPORT"
    )]
    pub report: Option<PathBuf>,

    /// Write a JUnit file, a test case for each workload
    #[arg(long, value_name = "FILE", env = "ARGO_ASSISTANT_JUNIT")]
    pub junit: Option<PathBuf>,

    /// Write a summary in Markdown
    #[arg(long, value_name = "FILE", env = "ARGO_ASSISTANT_SUMMARY")]
    pub summary: Option<PathBuf>,

    /// Write a trace for Perfetto or Chrome
    #[arg(long, value_name = "FILE", env = "ARGO_ASSISTANT_TRACE")]
    pub trace: Option<PathBuf>,

    /// Write the complete logs into this directory, a file for each run of a container
    #[arg(long, value_name = "DIR", env = "ARGO_ASSISTANT_LOG_DIR")]
    pub log_dir: Option<PathBuf>,
}

impl ReportArgs {
    /// True if no file is wanted.
    pub fn is_empty(&self) -> bool {
        let files = [&self.report, &self.junit, &self.summary, &self.trace];
        files.into_iter().all(Option::is_none) && self.log_dir.is_none()
    }
}

/// `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// The recording
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Play at this multiple of the original speed; without it, everything is shown at once
    #[arg(long, value_name = "FACTOR", value_parser = speed, env = "ARGO_ASSISTANT_SPEED")]
    pub speed: Option<f64>,

    /// Show container output unchanged; terminal and pipeline commands in it take effect
    #[arg(long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_RAW")]
    pub raw: bool,

    /// Size of the container logs on the screen. 0 for no limit
    #[arg(long, value_name = "SIZE", value_parser = super::size, env = "ARGO_ASSISTANT_LOG_BUDGET")]
    pub log_budget: Option<u64>,

    /// The flags about the look of the output.
    #[command(flatten)]
    pub view: ViewArgs,
}

/// `demo`.
#[cfg(feature = "demo")]
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Play at this multiple of the original speed
    #[arg(long, value_name = "FACTOR", value_parser = speed, default_value = "1", env = "ARGO_ASSISTANT_SPEED")]
    pub speed: f64,

    /// The flags about the look of the output.
    #[command(flatten)]
    pub view: ViewArgs,
}

/// `report`.
#[derive(Args, Debug)]
pub struct ReportCommandArgs {
    /// The recording
    #[arg(value_name = "RECORDING")]
    pub file: PathBuf,

    /// The files to write.
    #[command(flatten)]
    pub reports: ReportArgs,
}

fn speed(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('x').parse::<f64>().ok();
    number
        .filter(|speed| speed.is_finite() && *speed > 0.0)
        .ok_or_else(|| "expected a number above 0 such as 1, 0.5 or 10x".to_owned())
}
