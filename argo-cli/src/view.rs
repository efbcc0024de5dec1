//! The form of the output: chosen once, from the flags, the environment and the terminal.
//!
//! [`choose`] is a pure function. `docs/output.md` holds its table, and a test plays each row.

use clap::ValueEnum;

use crate::lookup::Lookup;

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFlag {
    /// The form that fits the pipeline or the terminal
    #[default]
    Auto,
    /// Lines for people
    Text,
    /// Lines above a live table of the workloads
    Terminal,
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
    /// Azure Pipelines
    Azure,
    /// Buildkite
    Buildkite,
    /// TeamCity
    Teamcity,
    /// One JSON object per line
    Json,
}

/// A form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    /// Lines for people.
    Text,
    /// Lines above a live table.
    Terminal,
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Azure Pipelines.
    Azure,
    /// Buildkite.
    Buildkite,
    /// TeamCity.
    Teamcity,
    /// One JSON object per line.
    Json,
}

impl View {
    /// Returns the name, as `--output` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Terminal => "terminal",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Azure => "azure",
            Self::Buildkite => "buildkite",
            Self::Teamcity => "teamcity",
            Self::Json => "json",
        }
    }

    /// True if what is written is read on a terminal: only then markers of pipelines may stay.
    /// Some CI systems give their jobs a terminal, so it is not enough that there is one.
    pub(crate) fn is_read_on_terminal(self, is_terminal: bool, variables: Lookup<'_>) -> bool {
        let is_for_people = matches!(self, Self::Text | Self::Terminal);
        let systems = SYSTEMS.iter().map(|(name, _)| name);
        let is_job = systems
            .chain(&OTHER_SYSTEMS)
            .any(|name| variables(name).is_some());
        is_terminal && is_for_people && !is_job
    }

    /// True if the log viewer of the CI system shows colours, although it is no terminal.
    fn is_coloured_pipeline(self) -> bool {
        matches!(
            self,
            Self::Github | Self::Gitlab | Self::Azure | Self::Buildkite
        )
    }
}

impl OutputFlag {
    /// Returns the form that was asked for, `None` for `auto`.
    fn asked(self) -> Option<View> {
        Some(match self {
            Self::Auto => return None,
            Self::Text => View::Text,
            Self::Terminal => View::Terminal,
            Self::Github => View::Github,
            Self::Gitlab => View::Gitlab,
            Self::Azure => View::Azure,
            Self::Buildkite => View::Buildkite,
            Self::Teamcity => View::Teamcity,
            Self::Json => View::Json,
        })
    }
}

/// The facts that decide.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// `--output`, or `ARGO_ASSISTANT_OUTPUT`.
    pub flag: OutputFlag,
    /// The environment.
    pub variables: Lookup<'a>,
    /// True if stdout is a terminal.
    pub stdout: bool,
    /// True if stderr is a terminal.
    pub stderr: bool,
    /// Columns of the terminal, where they are known.
    pub columns: Option<u16>,
}

/// The chosen form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The form.
    pub view: View,
    /// True if the reader of stdout shows colours.
    pub shows_colors: bool,
}

/// The fewest columns of a terminal in which a table can be read.
const NARROWEST: u16 = 20;

/// The variables by which CI systems make themselves known, with the form for each.
const SYSTEMS: [(&str, View); 5] = [
    ("GITHUB_ACTIONS", View::Github),
    ("GITLAB_CI", View::Gitlab),
    ("TF_BUILD", View::Azure),
    ("BUILDKITE", View::Buildkite),
    ("TEAMCITY_VERSION", View::Teamcity),
];

/// Variables of CI systems that have no form of their own.
const OTHER_SYSTEMS: [&str; 3] = ["CI", "JENKINS_URL", "BITBUCKET_BUILD_NUMBER"];

/// Chooses the form: the flag, else its variable, else `LOG_FORMAT`, else the CI system, else
/// the terminal.
pub fn choose(around: &Surroundings<'_>) -> Choice {
    let format = || format(around);
    let asked = around.flag.asked().or_else(format);
    let view = asked.unwrap_or_else(|| detected(around));
    Choice {
        view,
        shows_colors: view.is_coloured_pipeline() || (around.stdout && !is_dumb(around)),
    }
}

/// Returns the form that `LOG_FORMAT` names; a foreign value names none.
fn format(around: &Surroundings<'_>) -> Option<View> {
    match value(around, "LOG_FORMAT")?.to_ascii_lowercase().as_str() {
        "json" => Some(View::Json),
        "text" => Some(View::Text),
        _ => None,
    }
}

fn detected(around: &Surroundings<'_>) -> View {
    // CI=false is how people turn such detection off; other tools read it so too.
    let is_set = |name: &str| value(around, name).is_some_and(|value| !is_no(&value));
    if let Some((_, view)) = SYSTEMS.iter().find(|(name, _)| is_set(name)) {
        return *view;
    }
    let is_pipeline = OTHER_SYSTEMS.into_iter().any(is_set);
    let is_wide = around.columns.is_none_or(|columns| columns >= NARROWEST);
    let redraws = around.stdout && around.stderr && !is_dumb(around) && is_wide;
    // A screen reader would read the table aloud at each redrawing.
    if redraws && !is_pipeline && !is_set("ACCESSIBLE") {
        View::Terminal
    } else {
        View::Text
    }
}

fn is_dumb(around: &Surroundings<'_>) -> bool {
    value(around, "TERM").as_deref() == Some("dumb")
}

fn is_no(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "0" | "false" | "no" | "off"
    )
}

/// Returns the value of a variable that is neither unset nor blank.
fn value(around: &Surroundings<'_>, name: &str) -> Option<String> {
    let value = (around.variables)(name)?.trim().to_owned();
    Some(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
