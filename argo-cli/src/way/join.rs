//! The choice of a way, once or until one works.

use std::{sync::Arc, time::Duration};

use argo_core::{Backoff, Level};
use jiff::Timestamp;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::AbortHandle,
    time::{Instant, timeout},
};

use super::{
    Joined, Way, Ways, api, app_streams,
    same_cluster::{Match, compare},
};
use crate::{args::FollowArgs, cluster, error::Failure, exit};

/// argocd's first lines wait so long for the first lines of the run.
const HOLD: Duration = Duration::from_secs(1);
/// A cluster that has not answered by then is passed over if Argo CD's API has.
const CLUSTER_WITHIN: Duration = Duration::from_secs(5);
/// A search that takes longer is reported.
const LONG: Duration = Duration::from_secs(3);

/// A report of the search.
pub(crate) enum JoinEvent {
    /// A sentence.
    Notice(Level, String),
    /// Argo CD's API does not show the application to us. Names the one that may be meant.
    Refused(Option<String>),
    /// A way works.
    Joined(Box<Joined>),
}

/// The search for a way, in the background.
pub(crate) struct Joining {
    events: UnboundedReceiver<JoinEvent>,
    task: AbortHandle,
    hold: Instant,
}

impl Joining {
    /// Begins to search.
    pub(crate) fn start(ways: Ways, args: Arc<FollowArgs>, started: Timestamp) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(search(ways, args, started, sender)).abort_handle();
        Self {
            events,
            task,
            hold: Instant::now() + HOLD,
        }
    }

    /// True while the lines of argocd wait for the first lines of the run.
    pub(crate) fn is_holding(&self) -> bool {
        Instant::now() < self.hold
    }

    /// Returns the next report.
    pub(crate) async fn next(&mut self) -> JoinEvent {
        match self.events.recv().await {
            Some(event) => {
                self.hold = Instant::now();
                event
            }
            None => std::future::pending().await,
        }
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tries again with growing pauses until a way works.
async fn search(
    ways: Ways,
    args: Arc<FollowArgs>,
    started: Timestamp,
    sender: UnboundedSender<JoinEvent>,
) {
    let say = |level, message| {
        let _ = sender.send(JoinEvent::Notice(level, message));
    };
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(15), 1);
    let mut told = String::new();
    loop {
        let mut attempt = std::pin::pin!(join_once(&ways, &args, started));
        let answer = match timeout(LONG, attempt.as_mut()).await {
            Ok(answer) => answer,
            Err(_) => {
                if told.is_empty() {
                    "no answer yet".clone_into(&mut told);
                    let who = match (ways.has_cluster, &ways.api) {
                        (true, Some(_)) => "neither the cluster nor Argo CD's API has",
                        (true, None) => "the cluster has not",
                        (false, _) => "Argo CD's API has not",
                    };
                    say(
                        Level::Info,
                        format!(
                            "{who} answered yet; argocd is running, and logs and events will follow"
                        ),
                    );
                }
                attempt.await
            }
        };
        match answer {
            Ok(joined) => {
                let _ = sender.send(JoinEvent::Joined(Box::new(joined)));
                return;
            }
            Err(failure) => {
                let is_news = told != failure.message;
                if is_news {
                    let message = format!(
                        "{}; argocd is running, and this is tried again",
                        failure.message
                    );
                    say(Level::Warning, message);
                    told.clone_from(&failure.message);
                }
                if failure.code == exit::NO_PERMISSION {
                    let suggestion = failure.suggestion.filter(|_| is_news);
                    let _ = sender.send(JoinEvent::Refused(suggestion));
                }
            }
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}

/// Tries the ways once and opens the streams of the one that works.
///
/// # Errors
///
/// When none works.
pub(crate) async fn join_once(
    ways: &Ways,
    args: &FollowArgs,
    started: Timestamp,
) -> Result<Joined, Failure> {
    let (way, notes) = choose(ways, args).await?;
    let described = match &way {
        Way::Cluster(clusters) => clusters.workloads.described.clone(),
        Way::Argocd(api) => format!(
            "Argo CD's API at {}",
            api.trees.client().address().authority()
        ),
    };
    Ok(Joined {
        streams: app_streams::open(args, &way, started),
        described,
        notes,
    })
}

async fn choose(ways: &Ways, args: &FollowArgs) -> Result<(Way, Vec<(Level, String)>), Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let target = &args.target;
    let cluster = cluster::connect(target, &env);
    let Some(client) = &ways.api else {
        return cluster.await.map(of_cluster);
    };
    if !ways.has_cluster {
        return api::connect(client, target, &ways.suggestion)
            .await
            .map(of_api);
    }
    let mut cluster = std::pin::pin!(cluster);
    // Both at once: behind a VPN that is down, packets to the cluster vanish without an error.
    let (in_time, api) = tokio::join!(
        timeout(CLUSTER_WITHIN, cluster.as_mut()),
        api::connect(client, target, &ways.suggestion)
    );
    match (in_time, api) {
        (Ok(Ok(clusters)), Err(_)) => Ok(of_cluster(clusters)),
        // A kubeconfig on a build machine often belongs to another cluster than the application.
        (Ok(Ok(mut clusters)), Ok(api)) => match compare(&clusters.workloads, &api, client).await {
            Match::Same => {
                clusters.argocd = Some(client.clone());
                Ok(of_cluster(clusters))
            }
            Match::Other(why) => Ok(instead(of_api(api), &why)),
        },
        (Ok(Err(failure)), Ok(api)) => Ok(instead(of_api(api), &failure.message)),
        (Err(_), Ok(api)) => Ok(instead(
            of_api(api),
            "the cluster did not answer within 5 s",
        )),
        (Ok(Err(failure)), Err(_)) => Err(failure),
        // Nothing else is left, so the cluster gets the time that its own limits give it.
        (Err(_), Err(_)) => cluster.await.map(of_cluster),
    }
}

fn of_cluster(mut clusters: cluster::Clusters) -> (Way, Vec<(Level, String)>) {
    let notes = std::mem::take(&mut clusters.notes);
    (Way::Cluster(clusters), notes)
}

fn of_api(mut api: super::Api) -> (Way, Vec<(Level, String)>) {
    let notes = std::mem::take(&mut api.notes);
    (Way::Argocd(api), notes)
}

fn instead(
    (way, mut notes): (Way, Vec<(Level, String)>),
    why: &str,
) -> (Way, Vec<(Level, String)>) {
    let note = format!("{why}: objects, logs and events come from Argo CD's API");
    notes.insert(0, (Level::Warning, note));
    (way, notes)
}
