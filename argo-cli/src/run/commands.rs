//! The commands of argocd in a run, one after the other: a look at git, a sync, the wait.

use argo_core::{AppRef, Level};
use argo_workloads::resources::Report;

use crate::{
    apps::{About, Apps},
    argocd::{
        Argocd, ArgocdCommand, ArgocdConfig, ArgocdEvent, ArgocdExit, ArgocdOutcome, NamespaceForm,
        Signal, Stream, rows::Rows,
    },
    error::Failure,
    session::Exited,
};

/// A command of argocd that is run before it waits.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    /// The command.
    pub command: ArgocdCommand,
    /// The applications that it is about.
    pub apps: Vec<AppRef>,
}

/// The commands of argocd in a run.
#[derive(Default)]
pub(crate) struct Commands {
    /// The command line and environment of argocd; `None` for `follow`.
    config: Option<ArgocdConfig>,
    /// Commands that are still to be run before argocd waits, the next one last.
    before: Vec<Before>,
    /// argocd, while it runs.
    process: Option<Argocd>,
    /// The meaning of argocd's exit, once it has ended.
    outcome: Option<ArgocdOutcome>,
    /// Reads argocd's table.
    rows: Rows,
}

/// The step after an exit of argocd.
pub(super) enum Step {
    /// Runs the command again, in words that an old argocd knows.
    Again(String),
    /// Another command follows.
    Next(Option<(Level, String)>),
    /// Ends: it was the last command.
    Over {
        words: Option<(Level, String)>,
        exited: Exited,
        about: About,
    },
}

impl Commands {
    /// Starts the first command: the last one of `before`, or the wait for the applications.
    ///
    /// # Errors
    ///
    /// Those of [`Argocd::spawn`].
    pub(crate) fn start(
        config: ArgocdConfig,
        mut before: Vec<Before>,
        apps: &[AppRef],
    ) -> Result<Self, Failure> {
        let first = before.pop().unwrap_or_else(|| Before {
            command: ArgocdCommand::Wait,
            apps: apps.to_vec(),
        });
        let config = ArgocdConfig {
            command: first.command,
            apps: first.apps,
            ..config
        };
        Ok(Self {
            process: Some(Argocd::spawn(&config, std::env::vars_os())?),
            config: Some(config),
            before,
            ..Self::default()
        })
    }

    /// Waits for argocd; for ever if it does not run.
    pub(super) async fn next(&mut self) -> ArgocdEvent {
        match &mut self.process {
            Some(process) => process.next().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn interrupt(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.interrupt(signal);
        }
    }

    pub(super) fn kill(&self) {
        if let Some(process) = &self.process {
            process.kill();
        }
    }

    pub(super) fn outcome(&self) -> Option<&ArgocdOutcome> {
        self.outcome.as_ref()
    }

    /// Takes the line about the variables that a credential plugin gets.
    pub(super) fn take_notice(&mut self) -> Option<String> {
        self.process.as_mut().and_then(Argocd::take_notice)
    }

    /// True if the line is no news: a refresh prints the name of the application and nothing
    /// else.
    pub(super) fn is_silent(&self, stream: Stream) -> bool {
        self.command() == ArgocdCommand::Refresh && stream == Stream::Stdout
    }

    /// Returns the row of argocd's table that a line ends.
    pub(super) fn row(&mut self, text: &[u8], continues: bool) -> Option<Report> {
        self.rows.line(text).filter(|_| !continues)
    }

    /// Takes the exit of argocd. No command follows once the applications are decided.
    pub(super) fn ended(&mut self, exit: ArgocdExit, apps: &Apps) -> Step {
        let process = self.process.take();
        // An argocd before 2.11 has not begun to wait: the session need not know.
        if process.as_ref().is_some_and(Argocd::refuses_namespace_flag) {
            return Step::Again(self.leave_namespace_flag_out());
        }
        self.outcome = process.as_ref().and_then(Argocd::outcome);
        let words = self.hidden_children(apps);
        let exit = words.as_ref().map_or(exit, |_| ArgocdExit::Code(0));
        if !apps.are_decided()
            && let Some(step) = self.following(exit == ArgocdExit::Code(0))
        {
            return step;
        }
        let degraded = matches!(self.outcome, Some(ArgocdOutcome::Degraded { .. }));
        Step::Over {
            words,
            exited: Exited { exit, degraded },
            about: self.about(process.as_ref()),
        }
    }

    /// Takes the failure of an argocd that may not see the applications that ours deploys: ours is
    /// done, and they are followed all the same.
    fn hidden_children(&mut self, apps: &Apps) -> Option<(Level, String)> {
        let is_refused = matches!(
            self.outcome,
            Some(ArgocdOutcome::PermissionDenied(_) | ArgocdOutcome::NotFound(_))
        );
        if !is_refused || !apps.wait_for_children() || self.command() != ArgocdCommand::Wait {
            return None;
        }
        let outcome = self.outcome.take()?;
        let text = format!(
            "argocd cannot wait for the applications that this one deploys: {outcome}; it was \
             done with the application itself"
        );
        Some((Level::Warning, text))
    }

    /// Has Argo CD look at these applications again before the next command.
    pub(super) fn refresh_first(&mut self, apps: Vec<AppRef>) {
        let refresh = |app| Before {
            command: ArgocdCommand::Refresh,
            apps: vec![app],
        };
        self.before.extend(apps.into_iter().rev().map(refresh));
    }

    /// Returns the step to the next command, if one follows the one that has ended. A look at
    /// git may fail: argocd then waits for what Argo CD knows.
    fn following(&mut self, succeeded: bool) -> Option<Step> {
        match self.command() {
            ArgocdCommand::Wait => None,
            ArgocdCommand::Sync if succeeded => Some(Step::Next(None)),
            ArgocdCommand::Sync => self.sync_to_its_own_revision(),
            ArgocdCommand::Refresh if succeeded => Some(Step::Next(None)),
            ArgocdCommand::Refresh => {
                let outcome = self.outcome.take();
                let words = |outcome| {
                    let text = format!("Argo CD was not made to look at git again: {outcome}");
                    (Level::Warning, text)
                };
                Some(Step::Next(outcome.map(words)))
            }
        }
    }

    /// Asks for another sync if Argo CD refused to sync to the wanted revision because the
    /// application syncs by itself to the one that it names.
    fn sync_to_its_own_revision(&mut self) -> Option<Step> {
        let outcome = self.outcome.as_ref()?.to_string();
        // argocd exits 20 for whatever the server refuses (`errors.ErrorGeneric`), so only the
        // text tells this refusal from others.
        if !outcome.contains("auto-sync currently set to") {
            return None;
        }
        let config = self.config.as_mut()?;
        let revision = config.revision.take()?;
        self.before.push(Before {
            command: ArgocdCommand::Sync,
            apps: config.apps.clone(),
        });
        let text = format!(
            "Argo CD syncs by itself and takes no other revision; asking for the one that the Application names instead of {revision}"
        );
        Some(Step::Next(Some((Level::Info, text))))
    }

    fn leave_namespace_flag_out(&mut self) -> String {
        let mut names = Vec::new();
        if let Some(config) = &mut self.config {
            config.namespace_form = NamespaceForm::QualifiedName;
            names = config.apps.iter().map(AppRef::to_string).collect();
        }
        format!(
            "this argocd does not know --app-namespace (it is older than 2.11); running it again as \
             argocd app wait {}",
            names.join(" ")
        )
    }

    /// Runs the next command: the next one before the wait, or the wait for the applications
    /// that are not decided.
    ///
    /// # Errors
    ///
    /// Those of [`Argocd::spawn`].
    pub(super) fn run_next(
        &mut self,
        waiting: impl FnOnce() -> Vec<AppRef>,
    ) -> Result<(), Failure> {
        let next = self.before.pop().unwrap_or_else(|| Before {
            command: ArgocdCommand::Wait,
            apps: waiting(),
        });
        if let Some(config) = &mut self.config {
            config.command = next.command;
            config.apps = next.apps;
        }
        self.run_again()
    }

    /// Runs the command again. A failure is rare, since argocd has run before.
    ///
    /// # Errors
    ///
    /// Those of [`Argocd::spawn`].
    pub(super) fn run_again(&mut self) -> Result<(), Failure> {
        if let Some(config) = &self.config {
            self.process = Some(Argocd::spawn(config, std::env::vars_os())?);
            self.outcome = None;
        }
        Ok(())
    }

    fn command(&self) -> ArgocdCommand {
        let config = self.config.as_ref();
        config.map_or(ArgocdCommand::Wait, |config| config.command)
    }

    /// Returns the application that the exit is about.
    fn about(&self, process: Option<&Argocd>) -> About {
        let apps = self.config.as_ref();
        let apps = apps.map_or(&[][..], |config| &config.apps);
        let waited_for = || process.and_then(|process| process.waits_for(apps));
        match (process.and_then(Argocd::about), &self.outcome) {
            (Some(app), _) => About::App(app.to_owned()),
            (None, Some(ArgocdOutcome::PermissionDenied(_) | ArgocdOutcome::NotFound(_))) => {
                About::Unseen
            }
            (None, Some(ArgocdOutcome::TimedOut)) => {
                waited_for().map_or(About::Nothing, |app| About::Perhaps(app.clone()))
            }
            _ => About::Nothing,
        }
    }
}
