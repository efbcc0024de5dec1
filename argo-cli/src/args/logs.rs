//! The logs to show.

use std::time::Duration;

use clap::{
    Args,
    builder::{ArgPredicate, BoolishValueParser},
};
use regex::Regex;

use super::{duration, regex, size};

/// The flags about logs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Show this many recent lines of pods that already existed; -1 for all
    #[arg(
        long,
        value_name = "LINES",
        default_value_t = 10,
        default_value_if("since", ArgPredicate::IsPresent, "-1"),
        allow_negative_numbers = true,
        env = "ARGO_ASSISTANT_TAIL"
    )]
    pub tail: i64,

    /// For pods that already existed, show lines from this recent period instead of the last
    /// --tail lines
    #[arg(long, value_name = "DURATION", value_parser = duration, env = "ARGO_ASSISTANT_SINCE")]
    pub since: Option<Duration>,

    /// Show only containers whose name matches this regular expression
    #[arg(short, long, value_name = "REGEX", value_parser = regex::<Regex>, env = "ARGO_ASSISTANT_CONTAINER")]
    pub container: Option<Regex>,

    /// Hide containers whose name matches this regular expression
    #[arg(long, value_name = "REGEX", value_parser = regex::<Regex>, env = "ARGO_ASSISTANT_EXCLUDE_CONTAINER")]
    pub exclude_container: Option<Regex>,

    /// Show only lines that match this regular expression
    #[arg(short, long, value_name = "REGEX", value_parser = regex::<regex::bytes::Regex>, env = "ARGO_ASSISTANT_INCLUDE")]
    pub include: Option<regex::bytes::Regex>,

    /// Hide lines that match this regular expression
    #[arg(short, long, value_name = "REGEX", value_parser = regex::<regex::bytes::Regex>, env = "ARGO_ASSISTANT_EXCLUDE")]
    pub exclude: Option<regex::bytes::Regex>,

    /// Stop showing a container after this many lines
    #[arg(
        long,
        value_name = "LINES",
        env = "ARGO_ASSISTANT_MAX_LINES_PER_CONTAINER"
    )]
    pub max_lines_per_container: Option<u64>,

    /// Show at most this many lines per second of each container
    #[arg(long, value_name = "LINES", env = "ARGO_ASSISTANT_MAX_RATE")]
    pub max_rate: Option<u64>,

    /// Follow only this many pods of each workload, and others once they fail
    #[arg(long, value_name = "PODS", env = "ARGO_ASSISTANT_REPLICAS")]
    pub replicas: Option<usize>,

    /// Detect the level of a line from its text (JSON, logfmt, leading ERROR or WARN)
    #[arg(long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_DETECT_LEVEL")]
    pub detect_level: bool,

    /// Show container output unchanged; terminal and pipeline commands in it take effect
    #[arg(long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_RAW")]
    pub raw: bool,

    /// Show no logs
    #[arg(long, value_parser = BoolishValueParser::new(), env = "ARGO_ASSISTANT_NO_LOGS")]
    pub no_logs: bool,

    /// Maximum output to buffer on disk while stdout is read slowly
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size, env = "ARGO_ASSISTANT_SPOOL_LIMIT")]
    pub spool_limit: u64,
}
