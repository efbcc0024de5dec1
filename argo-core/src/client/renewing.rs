//! A value that is made anew when the server refuses it, once for all its users.
//!
//! A plugin may hang: it asks a person to log in, or the network is gone. Only requests
//! that were refused wait for it, and not for long.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::credentials::CredentialsError;

/// The shortest time between two renewals of credentials that the server refuses.
pub(super) const EVERY: Duration = Duration::from_secs(60);
/// The time for which a refused request waits for a new value; after it the request stays
/// refused.
const PATIENCE: Duration = Duration::from_secs(30);

type Running<T> = JoinHandle<Result<T, CredentialsError>>;

/// The current `T`, and the way to the next one.
pub(super) struct Renewing<T> {
    current: RwLock<Option<Arc<T>>>,
    renewal: Mutex<Renewal<T>>,
    make: Box<dyn Fn() -> Running<T> + Send + Sync>,
}

struct Renewal<T> {
    begun: Option<Instant>,
    /// The renewal that is under way; there is never a second one beside it.
    running: Option<Running<T>>,
    failed: Option<CredentialsError>,
}

impl<T: Send + Sync + 'static> Renewing<T> {
    /// Creates a `Renewing` that has not made its value yet.
    pub(super) fn new(make: impl Fn() -> Running<T> + Send + Sync + 'static) -> Self {
        Self {
            current: RwLock::default(),
            renewal: Mutex::new(Renewal {
                begun: None,
                running: None,
                failed: None,
            }),
            make: Box::new(make),
        }
    }

    /// Returns the present value; the first call makes it and waits for as long as that
    /// takes.
    pub(super) async fn current(&self) -> Result<Arc<T>, CredentialsError> {
        if let Some(current) = self.present() {
            return Ok(current);
        }
        let mut renewal = self.renewal.lock().await;
        // Another caller may have made it while this one waited for the lock.
        if let Some(current) = self.present() {
            return Ok(current);
        }
        let made = renewal.first(&self.make).await?;
        Ok(self.replace(made))
    }

    /// True once a value has been made.
    pub(super) fn is_made(&self) -> bool {
        self.present().is_some()
    }

    /// Returns a value other than `refused`, if there is one or one can be made. No value is
    /// made if the last try was less than `every` ago.
    pub(super) async fn renewed(&self, refused: &Arc<T>, every: Duration) -> Option<Arc<T>> {
        let mut renewal = self.renewal.lock().await;
        let other = self
            .present()
            .filter(|current| !Arc::ptr_eq(current, refused));
        if other.is_some() {
            return other;
        }
        let made = renewal.next(&self.make, every).await?;
        Some(self.replace(made))
    }

    /// True if [`renewed`](Self::renewed) would not answer `None` at once.
    pub(super) async fn may_renew(&self, refused: &Arc<T>, every: Duration) -> bool {
        let renewal = self.renewal.lock().await;
        let other = self
            .present()
            .filter(|current| !Arc::ptr_eq(current, refused));
        other.is_some() || renewal.is_due(every) || renewal.is_finished()
    }

    fn present(&self) -> Option<Arc<T>> {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, made: T) -> Arc<T> {
        let made = Arc::new(made);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::clone(&made));
        made
    }
}

impl<T> Renewal<T> {
    /// Makes the first value. Fails at once if the last try failed a moment ago.
    async fn first(&mut self, make: impl Fn() -> Running<T>) -> Result<T, CredentialsError> {
        if let Some(error) = self.failed.clone().filter(|_| !self.is_due(EVERY)) {
            return Err(error);
        }
        let made = self.running.get_or_insert_with(make).await;
        self.running = None;
        let made = made.unwrap_or_else(|error| Err(CredentialsError::Aborted(error.to_string())));
        // A first success does not stand in the way of a renewal.
        self.failed = made.as_ref().err().cloned();
        self.begun = self.failed.as_ref().map(|_| Instant::now());
        made
    }

    /// Makes the next value, if a try is due. A caller that comes after one that waited in
    /// vain does not wait before the next try is due.
    async fn next(&mut self, make: impl Fn() -> Running<T>, every: Duration) -> Option<T> {
        if self.is_due(every) {
            self.begun = Some(Instant::now());
        } else if !self.is_finished() {
            // Too early for a new try, and the last one has no late result to take.
            return None;
        }
        let running = self.running.get_or_insert_with(make);
        let Ok(made) = timeout(PATIENCE, running).await else {
            log::warn!("cannot renew the credentials: no answer within {PATIENCE:?}");
            return None;
        };
        self.running = None;
        match made {
            Ok(Ok(made)) => return Some(made),
            Ok(Err(error)) => log::warn!("cannot renew the credentials: {error}"),
            Err(error) => log::warn!("cannot renew the credentials: {error}"),
        }
        None
    }

    fn is_finished(&self) -> bool {
        self.running.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// True if enough time has passed since the last try.
    fn is_due(&self, every: Duration) -> bool {
        self.begun.is_none_or(|begun| begun.elapsed() >= every)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_plugin_that_hangs_holds_up_what_was_refused_for_a_while_and_nothing_else() {
        let (answer, answered) = futures::channel::oneshot::channel();
        let answers = [futures::future::ready(Ok("one")).boxed(), answered.boxed()];
        let answers = std::sync::Mutex::new(answers.into_iter());
        let renewing = Renewing::new(move || {
            let answer = answers.lock().unwrap().next().expect("one at a time");
            tokio::spawn(answer.map(|made| Ok(made.unwrap())))
        });
        let begun = Instant::now();
        let one = renewing.current().await.unwrap();

        let mut first = Box::pin(renewing.renewed(&one, EVERY));
        assert!(futures::poll!(&mut first).is_pending());
        assert_eq!(
            *renewing.current().await.unwrap(),
            "one",
            "it can be had meanwhile"
        );
        assert_eq!(
            futures::join!(first, renewing.renewed(&one, EVERY)),
            (None, None)
        );
        assert_eq!(begun.elapsed(), PATIENCE);
        assert_eq!(renewing.renewed(&one, EVERY).await, None);
        assert_eq!(begun.elapsed(), PATIENCE, "it was waited for a moment ago");

        tokio::time::advance(EVERY).await;
        assert_eq!(renewing.renewed(&one, EVERY).await, None);
        assert_eq!(begun.elapsed(), EVERY + PATIENCE * 2);
        // Late is not too late, and there was no second one beside it.
        answer.send("two").unwrap();
        tokio::task::yield_now().await;
        assert_eq!(*renewing.renewed(&one, EVERY).await.unwrap(), "two");
        assert_eq!(
            *renewing.renewed(&one, EVERY).await.unwrap(),
            "two",
            "the others get the same"
        );
        assert_eq!(begun.elapsed(), EVERY + PATIENCE * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_made_is_not_tried_at_each_request() {
        let tries = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let renewing = Renewing::<()>::new(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::spawn(async { Err(CredentialsError::Aborted("no".into())) })
        });
        for _ in 0..3 {
            assert!(renewing.current().await.is_err());
        }
        assert_eq!(tries.load(std::sync::atomic::Ordering::Relaxed), 1);
        tokio::time::advance(EVERY).await;
        assert!(renewing.current().await.is_err());
        assert_eq!(tries.load(std::sync::atomic::Ordering::Relaxed), 2);
    }
}
