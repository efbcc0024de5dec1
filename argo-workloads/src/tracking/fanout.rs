//! One watch for several followers: what it has shown so far, for those who come later.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use argo_core::{Degraded, WatchEvent};

use super::watches::Observed;

type Uid = Arc<str>;

/// The state of a watch, from which a late follower gets what the others have had.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    objects: HashMap<Uid, Observed>,
    /// The objects that an unfinished list has shown.
    listed: Option<HashSet<Uid>>,
    is_synced: bool,
    degraded: Option<Degraded>,
}

impl Fanout {
    /// Takes an event of the watch.
    pub(crate) fn take(&mut self, event: &WatchEvent<Observed>) {
        match event {
            WatchEvent::Restarted => self.listed = Some(HashSet::new()),
            WatchEvent::Applied(observed) => self.applied(observed),
            WatchEvent::Deleted(observed) => {
                self.objects.remove(observed.uid());
            }
            WatchEvent::Synced => {
                if let Some(listed) = self.listed.take() {
                    self.objects.retain(|uid, _| listed.contains(uid));
                }
                self.is_synced = true;
            }
            WatchEvent::Degraded(degraded) => self.degraded = Some(degraded.clone()),
            WatchEvent::Restored => self.degraded = None,
        }
    }

    fn applied(&mut self, observed: &Observed) {
        let uid: Uid = observed.uid().into();
        if let Some(listed) = &mut self.listed {
            listed.insert(Arc::clone(&uid));
        }
        self.objects.insert(uid, observed.clone());
    }

    /// Returns the events by which a new follower learns what the others know. An object that
    /// an unfinished list has not shown yet may be gone.
    pub(crate) fn replay(&self) -> Vec<WatchEvent<Observed>> {
        let is_known = |uid: &Uid| {
            let listed = self.listed.as_ref();
            listed.is_none_or(|listed| listed.contains(uid))
        };
        let objects = self.objects.iter().filter(|(uid, _)| is_known(uid));
        let applied = objects.map(|(_, observed)| WatchEvent::Applied(observed.clone()));
        let mut events = vec![WatchEvent::Restarted];
        events.extend(applied);
        if self.is_synced && self.listed.is_none() {
            events.push(WatchEvent::Synced);
        }
        events.extend(self.degraded.clone().map(WatchEvent::Degraded));
        events
    }
}

#[cfg(test)]
mod tests {
    use argo_core::{DegradedReason, TrackedBody};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn object(uid: &str) -> Observed {
        let meta = ObjectMeta {
            uid: Some(uid.to_owned()),
            ..ObjectMeta::default()
        };
        Observed::Object(TrackedBody::Other(Arc::new(meta)))
    }

    /// Returns the replay in short: `[ a b ]` for a list with a and b that is complete.
    fn replay(fanout: &Fanout) -> String {
        let mut words: Vec<String> = fanout.replay().iter().map(word).collect();
        let objects = words
            .iter()
            .filter(|word| word.len() == 1 && !"[]!".contains(&***word));
        let end = 1 + objects.count();
        words[1..end].sort();
        words.join(" ")
    }

    fn word(event: &WatchEvent<Observed>) -> String {
        match event {
            WatchEvent::Restarted => "[".to_owned(),
            WatchEvent::Applied(observed) => observed.uid().to_owned(),
            WatchEvent::Deleted(observed) => format!("-{}", observed.uid()),
            WatchEvent::Synced => "]".to_owned(),
            WatchEvent::Degraded(_) => "!".to_owned(),
            WatchEvent::Restored => "?".to_owned(),
        }
    }

    #[test]
    fn a_late_follower_learns_what_the_others_know() {
        let mut fanout = Fanout::default();
        assert_eq!(replay(&fanout), "[", "nothing has come yet");
        let degraded = Degraded {
            reason: DegradedReason::Forbidden,
            message: "no".to_owned(),
        };
        let steps = [
            (WatchEvent::Restarted, "["),
            (WatchEvent::Applied(object("a")), "[ a"),
            (WatchEvent::Applied(object("b")), "[ a b"),
            (WatchEvent::Synced, "[ a b ]"),
            (WatchEvent::Deleted(object("a")), "[ b ]"),
            (WatchEvent::Applied(object("c")), "[ b c ]"),
            // Of b it is not known yet whether it is still there.
            (WatchEvent::Restarted, "["),
            (WatchEvent::Applied(object("c")), "[ c"),
            (WatchEvent::Synced, "[ c ]"),
            (WatchEvent::Degraded(degraded), "[ c ] !"),
            (WatchEvent::Restored, "[ c ]"),
        ];
        for (event, wanted) in steps {
            fanout.take(&event);
            assert_eq!(replay(&fanout), wanted, "after {}", word(&event));
        }
    }
}
