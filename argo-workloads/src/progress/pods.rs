//! The pods of all workloads, counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use argo_core::{Tracked, resource::Pod};
use serde::{Deserialize, Serialize};

use super::{crashes::until_next, pod::PodProgress};

/// A kubelet looks every 10 s for pods to evict, and measures their disks now and then.
const EVICTIONS: Duration = Duration::from_secs(20);

/// Crashes of containers so far, by the uid of their pod.
pub type CrashCounts = BTreeMap<Arc<str>, u32>;

/// Crashes and evictions of pods, which may come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setbacks {
    /// The number of crashes and evictions.
    pub count: usize,
    /// The time after which the slowest of them came: the next one may take as long.
    pub longest: Duration,
    /// The number of pods of one workload that were evicted, the largest there is.
    pub evicted: usize,
}

impl Setbacks {
    /// Returns the time that shows whether another one comes, at least `settle`.
    pub fn until_next(self, settle: Duration) -> Duration {
        until_next(settle, self.longest)
    }
}

/// The pods of a workload that are ready, by their revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodCounts {
    /// Pods of the newest revision.
    pub new: usize,
    /// Pods of older revisions, which still serve.
    pub old: usize,
}

impl PodCounts {
    /// `0/3 new, 3 old still serve`
    pub fn words(&self, desired: i64) -> String {
        let (new, old) = (self.new, self.old);
        let verb = if old == 1 { "serves" } else { "serve" };
        format!("{new}/{desired} new, {old} old still {verb}")
    }
}

/// The pods, by uid. A `root` is the uid of the workload at the top of a pod's ownership chain.
#[derive(Debug, Default)]
pub(super) struct Pods(BTreeMap<Arc<str>, PodProgress>);

impl Pods {
    /// Takes a pod in. Returns true if it was not known before.
    pub(super) fn apply(&mut self, tracked: &Tracked, pod: &Arc<Pod>) -> bool {
        let uid = &tracked.object.uid;
        let before = self.0.get(uid);
        let is_news = before.is_none();
        let pod = PodProgress::new(tracked, pod, before);
        self.0.insert(Arc::clone(uid), pod);
        is_news
    }

    pub(super) fn remove(&mut self, uid: &str) -> Option<PodProgress> {
        self.0.remove(uid)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &PodProgress> {
        self.0.values()
    }

    /// Returns the pods with these uids.
    pub(super) fn of(
        &self,
        uids: &BTreeSet<&str>,
    ) -> impl Iterator<Item = (&Arc<str>, &PodProgress)> {
        let pods = self.0.iter();
        pods.filter(|(uid, _)| uids.contains(&***uid))
    }

    /// Returns the name of a new pod that is meant to keep running and is not ready.
    pub(super) fn unready(&self, root: &str) -> Option<Arc<str>> {
        let mut pods = self
            .below(root)
            .filter(|pod| pod.is_new && pod.is_awaited());
        let unready = pods.find(|pod| !pod.is_ready())?;
        unready.name().map(Arc::from)
    }

    /// Returns how often containers of the pods of the `newest` revision were restarted.
    pub(super) fn restarts(&self, root: &str, newest: &BTreeSet<&str>) -> u32 {
        let pods = self.of(newest).filter(|(_, pod)| *pod.root == *root);
        pods.map(|(_, pod)| pod.restarts).sum()
    }

    /// Returns how often they were restarted in all, also before the rollout.
    pub(super) fn restarts_ever(&self, root: &str, newest: &BTreeSet<&str>) -> u32 {
        let pods = self.of(newest).filter(|(_, pod)| *pod.root == *root);
        pods.map(|(_, pod)| pod.restarts_ever).sum()
    }

    /// Counts the pods that are ready, those of the `newest` revision apart from the others.
    pub(super) fn counts(
        &self,
        root: &str,
        newest: &BTreeSet<&str>,
        left_out: &BTreeSet<&str>,
    ) -> PodCounts {
        let pods = self.0.iter();
        let ready = pods.filter(|(_, pod)| *pod.root == *root && pod.serves());
        let mut counts = PodCounts::default();
        for (uid, _) in ready.filter(|(uid, _)| !left_out.contains(&***uid)) {
            if newest.contains(&**uid) {
                counts.new += 1;
            } else {
                counts.old += 1;
            }
        }
        counts
    }

    /// Returns the number of old pods that are about to end: those that were seen, or as many
    /// as the controller counts besides the new ones.
    pub(super) fn old_terminating(&self, root: &str, counted: Option<i64>) -> usize {
        let going = self.below(root).filter(|pod| pod.is_going());
        let (new, old): (Vec<_>, Vec<_>) = going.partition(|pod| pod.is_new);
        old.len().max(count(counted).saturating_sub(new.len()))
    }

    /// Returns the number of pods that are about to end by their controller's count and were
    /// not seen here.
    pub(super) fn unseen_terminating(&self, root: &str, counted: Option<i64>) -> usize {
        let seen = self.below(root).filter(|pod| pod.is_going());
        count(counted).saturating_sub(seen.count())
    }

    /// Returns how often the containers of each pod have crashed so far.
    pub(super) fn crashes(&self) -> CrashCounts {
        let pods = self.0.iter();
        pods.map(|(uid, pod)| (Arc::clone(uid), pod.crashes.sum()))
            .collect()
    }

    /// Returns the crashes and evictions of new pods so far, without those that are ignored.
    pub(super) fn setbacks(&self, is_ignored: impl Fn(&PodProgress) -> bool) -> Setbacks {
        let pods = || self.iter().filter(|pod| !is_ignored(pod));
        let crashes: u32 = pods().map(|pod| pod.crashes.sum()).sum();
        let mut evictions: BTreeMap<&str, usize> = BTreeMap::new();
        for pod in pods().filter(|pod| pod.is_evicted()) {
            *evictions.entry(&pod.root).or_default() += 1;
        }
        let evicted: usize = evictions.values().sum();
        let longest = pods().map(|pod| pod.crashes.longest()).max();
        let longest = longest.unwrap_or_default();
        Setbacks {
            count: crashes as usize + evicted,
            longest: longest.max(if evicted > 0 {
                EVICTIONS
            } else {
                Duration::ZERO
            }),
            evicted: evictions.values().copied().max().unwrap_or(0),
        }
    }

    fn below(&self, root: &str) -> impl Iterator<Item = &PodProgress> {
        self.iter().filter(move |pod| *pod.root == *root)
    }
}

fn count(number: Option<i64>) -> usize {
    number
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(0)
}
