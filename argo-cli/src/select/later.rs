//! Applications that appear while a run goes on and that the selector chooses too. argocd looks
//! once, so they are looked for here.

use std::time::Duration;

use argo_core::{AppRef, Backoff, GroupKind, backoff};
use argo_workloads::TrackConfig;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{ANSWER, Choice, Listed, Source};

/// Pauses between two looks: most of what appears does so soon after the start.
const PAUSES: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(15)];

/// Looks for applications once it is started.
pub(crate) struct Lookout {
    choice: Choice,
    source: Source,
    known: Known,
}

impl Lookout {
    pub(super) fn new(choice: Choice, source: Source, known: Known) -> Self {
        Self {
            choice,
            source,
            known,
        }
    }

    /// Begins to look.
    pub(crate) fn start(self) -> Later {
        let described = self.choice.described();
        let (sender, found) = mpsc::unbounded_channel();
        let task = tokio::spawn(self.look(sender)).abort_handle();
        Later {
            described,
            found,
            task,
        }
    }

    async fn look(mut self, sender: UnboundedSender<Vec<AppRef>>) {
        let [first, most] = PAUSES;
        let mut pauses = Backoff::new(first, most, backoff::seed(&self.choice.described()));
        loop {
            sleep(pauses.next_delay()).await;
            // A refusal is no news: argocd asks the same server.
            let listed = timeout(ANSWER, self.source.list(&self.choice)).await;
            let Ok(Ok(listed)) = listed else { continue };
            let new = self.known.new_among(&self.choice.of(listed));
            if !new.is_empty() && sender.send(new).is_err() {
                return;
            }
        }
    }
}

/// The applications that a lookout finds.
pub(crate) struct Later {
    described: String,
    found: UnboundedReceiver<Vec<AppRef>>,
    task: AbortHandle,
}

impl Later {
    /// Returns the next applications that have appeared. Cancel safe.
    pub(crate) async fn next(&mut self) -> Vec<AppRef> {
        match self.found.recv().await {
            Some(found) => found,
            None => std::future::pending().await,
        }
    }

    /// Returns what they have in common: `the labels team=shop in namespace argocd`.
    pub(crate) fn described(&self) -> &str {
        &self.described
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The applications that are no news.
pub(super) struct Known {
    apps: Vec<AppRef>,
    /// The marks by which an application deploys others.
    track: TrackConfig,
}

impl Known {
    pub(super) fn new(apps: &[AppRef], track: TrackConfig) -> Self {
        Self {
            apps: apps.to_vec(),
            track,
        }
    }

    /// Takes those that are new. One that an application of the run deploys is followed with that
    /// one, so it is no news.
    fn new_among(&mut self, chosen: &[Listed]) -> Vec<AppRef> {
        let is_new = |listed: &&Listed| !self.apps.contains(&listed.app());
        let new: Vec<&Listed> = chosen.iter().filter(is_new).collect();
        let parents = self.apps.iter().cloned();
        let parents: Vec<AppRef> = parents.chain(new.iter().map(|new| new.app())).collect();
        let is_child = |listed: &&Listed| parents.iter().any(|parent| self.deploys(parent, listed));
        let own = new.into_iter().filter(|listed| !is_child(listed));
        let own: Vec<AppRef> = own.map(Listed::app).collect();
        self.apps.extend(own.iter().cloned());
        own
    }

    fn deploys(&self, parent: &AppRef, listed: &Listed) -> bool {
        let application = GroupKind::new("argoproj.io", "Application");
        let selector = self.track.selector(parent.clone());
        self.track.children
            && *parent != listed.app()
            && selector.matches(&application, &listed.metadata)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn listed(apps: &[(&str, &str)]) -> Vec<Listed> {
        let app = |(name, parent): &(&str, &str)| -> Value {
            let id = format!("{parent}:argoproj.io/Application:argocd/{name}");
            let annotations = match *parent {
                "" => json!({}),
                _ => json!({ "argocd.argoproj.io/tracking-id": id }),
            };
            json!({"metadata": {"name": name, "namespace": "argocd", "annotations": annotations}})
        };
        let apps: Vec<Value> = apps.iter().map(app).collect();
        serde_json::from_value(Value::Array(apps)).unwrap()
    }

    fn known(children: bool) -> Known {
        let mut track = TrackConfig::default();
        track.children = children;
        Known::new(&[AppRef::new("shop", "argocd")], track)
    }

    fn names(known: &mut Known, apps: &[(&str, &str)]) -> Vec<String> {
        let new = known.new_among(&listed(apps));
        new.into_iter().map(|app| app.name).collect()
    }

    #[test]
    fn an_application_is_new_once() {
        let mut known = known(true);
        assert_eq!(names(&mut known, &[("shop", "")]), [""; 0]);
        assert_eq!(names(&mut known, &[("shop", ""), ("pay", "")]), ["pay"]);
        assert_eq!(names(&mut known, &[("pay", "")]), [""; 0]);
    }

    #[test]
    fn what_an_application_of_the_run_deploys_is_followed_with_it() {
        let apps = [("db", "shop"), ("root", ""), ("leaf", "root"), ("far", "x")];
        let mut own = known(true);
        assert_eq!(names(&mut own, &apps), ["root", "far"]);
        assert_eq!(names(&mut own, &apps), [""; 0]);
        assert_eq!(
            names(&mut known(false), &apps),
            ["db", "root", "leaf", "far"],
            "--no-children"
        );
    }
}
