//! Pods whose changes nobody needs to see.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::timeout};

use crate::resource::{Glimpse, PackedPod};

/// The longest wait of a list for the owners of its pods.
const OWNERS_WITHIN: Duration = Duration::from_secs(3);

/// Pods that are none of the user's, as whoever follows them knows them.
///
/// In a crowded namespace most changes are of such pods, and most change nothing but the status.
/// A watch leaves these out after a look at the metadata; a change of the metadata may make a pod
/// the user's, so it is always delivered, as are deletions and lists.
#[derive(Clone, Debug, Default)]
pub struct Bystanders(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    fingerprints: Mutex<HashSet<u64>>,
    /// True once the owners of pods are known, by which bystanders are told from other pods, or
    /// were waited for in vain.
    has_owners: watch::Sender<bool>,
}

impl Bystanders {
    /// Leaves out changes of a pod from now on. The argument is the
    /// [fingerprint](PackedPod::fingerprint) of its metadata.
    pub fn insert(&self, fingerprint: u64) {
        self.lock().insert(fingerprint);
    }

    /// Delivers the changes of a pod again.
    pub fn remove(&self, fingerprint: u64) {
        self.lock().remove(&fingerprint);
    }

    /// Returns the number of pods that are left out.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True if no pod is left out.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Says that the owners of pods are known. Until then, for three seconds at most, lists go
    /// no further than their first pages: a pod without its owners has to be kept whole.
    pub fn owners_are_known(&self) {
        self.0.has_owners.send_replace(true);
    }

    /// Waits until the owners of pods are known. A wait in vain is the last one: each page of a
    /// list would wait anew.
    pub(super) async fn owners(&self) {
        let mut has_owners = self.0.has_owners.subscribe();
        let known = timeout(OWNERS_WITHIN, has_owners.wait_for(|known| *known)).await;
        if known.is_err() {
            log::debug!("the owners of pods are not known yet");
            self.owners_are_known();
        }
    }

    /// Returns the new version of the pod if a line of a watch may be left out.
    pub(super) fn left_out(&self, line: &[u8]) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let Glimpse {
            version,
            fingerprint,
        } = PackedPod::glimpse(line)?;
        let is_left_out = self.lock().contains(&fingerprint);
        version.filter(|version| is_left_out && !version.is_empty())
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<u64>> {
        let known = self.0.fingerprints.lock();
        known.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_list_waits_for_the_owners_once_and_not_for_ever() {
        let bystanders = Bystanders::default();
        let began = Instant::now();
        for _page in 0..3 {
            bystanders.owners().await;
            assert_eq!(began.elapsed(), OWNERS_WITHIN);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_goes_on_once_the_owners_are_known() {
        let bystanders = Bystanders::default();
        let waiting = tokio::spawn({
            let bystanders = bystanders.clone();
            async move { bystanders.owners().await }
        });
        tokio::task::yield_now().await;
        let again = Instant::now();
        bystanders.owners_are_known();
        waiting.await.unwrap();
        bystanders.owners().await;
        assert_eq!(again.elapsed(), Duration::ZERO);
    }
}
