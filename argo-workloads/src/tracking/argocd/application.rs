//! One Application as a watch that never ends.

use std::{sync::Arc, time::Duration};

use argo_core::{
    AppRef, Backoff, Degraded, DegradedReason, WatchEvent,
    argocd::{ApplicationEvent, Client, Error, Refresh, StreamItem},
    backoff::seed,
    resource::Application,
};
use futures::{Stream, StreamExt};
use tokio::{
    sync::mpsc::UnboundedSender,
    time::{Instant, sleep, timeout_at},
};
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::tracking::watches::Observed;

/// The server drops messages for a slow reader without notice.
const REREAD: Duration = Duration::from_secs(60);
/// One failure is no news: servers restart.
const NEWS: u32 = 3;
/// Argo CD answers 403 for an application that its parent lists and that is still to be made.
const MADE_WITHIN: Duration = Duration::from_secs(6);
/// A stream that lasts so long has worked: the next failure is the first one again.
const LASTING: Duration = Duration::from_secs(20);
/// The longest wait for the first tree before the controller is asked to compare.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);

type Sender = UnboundedSender<WatchEvent<Observed>>;

/// Watches an Application. `found` is called with each state of it before the watch shows it.
/// The controller is asked to compare once `known` says that the objects are: what the comparison
/// changes is then seen as a change.
pub(super) fn watch(
    client: Client,
    app: AppRef,
    found: impl Fn(&Application) + Send + 'static,
    known: impl Future<Output = ()> + Send + 'static,
) -> impl Stream<Item = WatchEvent<Observed>> + Send {
    let (sender, events) = tokio::sync::mpsc::unbounded_channel();
    let watching = Watching {
        client,
        app,
        sender,
        found,
        is_degraded: false,
        was_there: false,
    };
    // Ends when the receiver is gone.
    tokio::spawn(watching.run(known));
    UnboundedReceiverStream::new(events)
}

struct Watching<F> {
    client: Client,
    app: AppRef,
    sender: Sender,
    found: F,
    is_degraded: bool,
    /// True once it was read.
    was_there: bool,
}

impl<F: Fn(&Application) + Send> Watching<F> {
    async fn run(mut self, known: impl Future<Output = ()> + Send + 'static) {
        let mut backoff = Backoff::new(
            Duration::from_secs(1),
            Duration::from_secs(30),
            seed(&self.app),
        );
        let mut refreshing = Box::pin(refresh(self.client.clone(), self.app.clone(), known));
        let mut is_refreshed = false;
        let opened = Instant::now();
        while !self.sender.is_closed() {
            let began = Instant::now();
            let outcome = {
                let mut following = std::pin::pin!(self.follow());
                loop {
                    tokio::select! {
                        outcome = following.as_mut() => break outcome,
                        () = refreshing.as_mut(), if !is_refreshed => is_refreshed = true,
                    }
                }
            };
            if began.elapsed() >= LASTING {
                backoff.reset();
            }
            let delay = backoff.next_delay();
            if let Err(error) = outcome {
                let may_pass = match self.may_be_made(&error) {
                    true => opened.elapsed() < MADE_WITHIN,
                    false => error.is_no_news() && backoff.failures() < NEWS,
                };
                if !may_pass {
                    self.degraded(&error);
                }
            }
            tokio::select! {
                () = sleep(delay) => {}
                () = self.sender.closed() => return,
            }
        }
    }

    /// True if the application may be one that its parent has just listed.
    fn may_be_made(&self, error: &Error) -> bool {
        let is_absent = error
            .refused()
            .is_some_and(|refused| refused.is_forbidden() || refused.is_not_found());
        is_absent && !self.was_there
    }

    /// Reads the Application, then takes the messages of its stream until that ends.
    async fn follow(&mut self) -> Result<(), Error> {
        let first = self.client.application(&self.app, Refresh::No).await?;
        self.was_there = true;
        self.restored();
        self.send(WatchEvent::Restarted);
        self.applied(first);
        self.send(WatchEvent::Synced);
        let mut stream = self.client.watch_application::<Application>(&self.app);
        let mut reread = Instant::now() + REREAD;
        loop {
            let next = tokio::select! {
                next = timeout_at(reread, stream.next()) => next,
                () = self.sender.closed() => return Ok(()),
            };
            match next {
                Ok(Some(Ok(StreamItem::Message(event)))) => self.message(event),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return Err(error),
                Ok(None) => return Ok(()),
                Err(_) => {
                    let app = self.client.application(&self.app, Refresh::No).await?;
                    self.applied(app);
                    reread = Instant::now() + REREAD;
                }
            }
        }
    }

    fn message(&self, event: ApplicationEvent<Application>) {
        if event.type_ == "DELETED" {
            self.send(WatchEvent::Deleted(Observed::Application(Arc::new(
                event.application,
            ))));
        } else {
            self.applied(event.application);
        }
    }

    fn applied(&self, app: Application) {
        (self.found)(&app);
        self.send(WatchEvent::Applied(Observed::Application(Arc::new(app))));
    }

    fn degraded(&mut self, error: &Error) {
        if std::mem::replace(&mut self.is_degraded, true) {
            return;
        }
        self.send(WatchEvent::Degraded(degraded(error)));
    }

    fn restored(&mut self) {
        if std::mem::take(&mut self.is_degraded) {
            self.send(WatchEvent::Restored);
        }
    }

    fn send(&self, event: WatchEvent<Observed>) {
        // The receiver of a watch that was closed is gone, which is no error.
        let _ = self.sender.send(event);
    }
}

/// Lets the controller compare with git once, as the state may be days old. The stream shows
/// the outcome, so nobody waits for it.
async fn refresh(client: Client, app: AppRef, known: impl Future<Output = ()>) {
    // Without a tree it is all the more worth while.
    let _ = tokio::time::timeout(KNOWN_WITHIN, known).await;
    if let Err(error) = client
        .application::<Application>(&app, Refresh::Normal)
        .await
    {
        log::debug!("refresh of {app}: {error}");
    }
}

/// Words an error for the tracker. A right that is missing is missing for everything, so it is
/// no matter of one resource.
pub(super) fn degraded(error: &Error) -> Degraded {
    let reason = match error.refused() {
        Some(refused) if refused.is_unauthorized() => DegradedReason::Unauthorized,
        Some(refused) if refused.is_forbidden() => DegradedReason::Forbidden,
        _ => DegradedReason::Unreachable,
    };
    Degraded {
        reason,
        message: error.to_string(),
    }
}
