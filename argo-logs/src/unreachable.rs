//! Merges the notices about logs that a node does not give: one a node, not one a container.
//! A lost connection to the API server concerns every log and is one notice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use argo_core::{
    Level, Notice, NoticeCode, PodEvent,
    access::{Recovery, Reported},
};

use crate::follower::END_UNREAD;

/// At most this many containers are named in the notice about the ends of logs.
const NAMED: usize = 5;

/// The containers whose logs cannot be read at the moment, by node.
///
/// The API server fetches a log from the kubelet of the pod's node, and passes the kubelet's
/// 401 or 500 on as its own. Then every log of the node fails alike.
#[derive(Debug, Default)]
pub(crate) struct UnreachableLogs {
    /// Containers whose requests get no answer at all.
    lost: Reported<(), (Arc<str>, String)>,
    reported: Reported<Arc<str>, (Arc<str>, String)>,
    /// Nodes whose logs are known to be polled.
    polled: HashSet<Arc<str>>,
    /// Nodes by uid of the pod.
    nodes: HashMap<Arc<str>, Arc<str>>,
    /// Notices about logs that were not read to their end, by node.
    unread: BTreeMap<Arc<str>, Vec<Notice>>,
}

impl UnreachableLogs {
    /// Remembers the node of a pod.
    pub(crate) fn pod(&mut self, event: &PodEvent) {
        match event {
            PodEvent::Applied { pod, .. } => {
                if let (Some(uid), Some(node)) = (&pod.metadata.uid, &pod.spec.node_name) {
                    self.nodes.insert(uid.as_str().into(), node.as_str().into());
                }
            }
            PodEvent::Removed(object) => {
                self.nodes.remove(&object.uid);
            }
        }
    }

    /// Maps a follower's notice to one notice per node; `None` if that was already sent.
    pub(crate) fn merge(&mut self, notice: Notice) -> Option<Notice> {
        let (Some(pod), Some(container)) = (&notice.object, &notice.container) else {
            return Some(notice);
        };
        let key = (Arc::clone(&pod.uid), container.clone());
        match notice.code {
            NoticeCode::Disconnected => {
                let is_first = self.lost.failed(&(), key);
                return is_first.then(|| disconnected(&notice.message));
            }
            NoticeCode::Restored => match self.lost.works(&(), key.clone()) {
                Recovery::First => return Some(reconnected()),
                Recovery::Repeated => return None,
                Recovery::Unrelated => {}
            },
            _ => {}
        }
        let Some(node) = self.nodes.get(&pod.uid) else {
            return Some(notice);
        };
        match notice.code {
            NoticeCode::Unreachable => {
                let is_first = self.reported.failed(node, key);
                is_first.then(|| unreachable(node, &notice.message))
            }
            NoticeCode::LogPolled => {
                let is_first = self.polled.insert(Arc::clone(node));
                is_first.then(|| polled(node, &notice.message))
            }
            NoticeCode::Restored => match self.reported.works(node, key) {
                Recovery::First => Some(restored(node)),
                Recovery::Repeated => None,
                // The container had another trouble.
                Recovery::Unrelated => Some(notice),
            },
            NoticeCode::LinesMissing if notice.message == END_UNREAD => {
                let node = Arc::clone(node);
                self.unread.entry(node).or_default().push(notice);
                None
            }
            _ => Some(notice),
        }
    }

    /// Takes the notices about logs that were not read to their end, one a node.
    pub(crate) fn take_unread(&mut self) -> Vec<Notice> {
        let unread = std::mem::take(&mut self.unread);
        unread
            .into_iter()
            .filter_map(|(node, mut notices)| match notices.len() {
                0 | 1 => notices.pop(),
                _ => Some(ends_unread(&node, &notices)),
            })
            .collect()
    }
}

fn ends_unread(node: &str, notices: &[Notice]) -> Notice {
    let name = |notice: &Notice| {
        let pod = notice.object.as_ref()?;
        Some(format!("{}/{}", pod.name, notice.container.as_ref()?))
    };
    let mut names: Vec<_> = notices.iter().filter_map(name).collect();
    names.sort_unstable();
    let count = names.len();
    let more = match count.saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    names.truncate(NAMED);
    let message = format!(
        "logs of node {node}: the last lines of {count} containers may be missing, which could \
         not be read to their end in time ({}{more})",
        names.join(", ")
    );
    Notice::new(NoticeCode::LinesMissing, Level::Warning, message)
}

fn unreachable(node: &str, message: &str) -> Notice {
    // The caller's own credentials have been tried on the pod: they are good.
    let is_refused = ["credentials", "Unauthorized", "Forbidden (user="]
        .iter()
        .any(|word| message.contains(word));
    let whose = if is_refused {
        " (it is the API server that the node refuses)"
    } else {
        ""
    };
    let message = format!("logs of node {node}: {message}{whose}");
    Notice::new(NoticeCode::Unreachable, Level::Warning, message)
}

fn polled(node: &str, message: &str) -> Notice {
    let message = format!("logs of node {node}: {message}");
    Notice::new(NoticeCode::LogPolled, Level::Info, message)
}

fn disconnected(message: &str) -> Notice {
    let message = message.replace("the log cannot", "the logs cannot");
    Notice::new(NoticeCode::Disconnected, Level::Warning, message)
}

fn reconnected() -> Notice {
    let message = "the logs can be read again";
    Notice::new(NoticeCode::Restored, Level::Info, message)
}

fn restored(node: &str) -> Notice {
    let message = format!("logs of node {node} can be read again");
    Notice::new(NoticeCode::Restored, Level::Info, message)
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, ObjectRef, resource::Pod};

    use super::*;

    fn pod(name: &str, node: &str) -> PodEvent {
        let mut pod = Pod::default();
        pod.metadata.uid = Some(name.to_owned());
        pod.spec.node_name = Some(node.to_owned());
        PodEvent::Applied {
            pod: Arc::new(pod),
            workload: None,
            is_new: true,
        }
    }

    fn notice(code: NoticeCode, pod: &str, container: &str) -> Notice {
        let object = ObjectRef {
            kind: GroupKind::new("", "Pod"),
            namespace: "shop".into(),
            name: pod.into(),
            uid: pod.into(),
        };
        let answer = "the log cannot be read now: No agent available";
        let mut notice = Notice::new(code, Level::Warning, answer).about(object);
        notice.container = Some(container.to_owned());
        notice
    }

    #[test]
    fn a_node_is_reported_once_and_restored_once() {
        let mut logs = UnreachableLogs::default();
        for (name, node) in [("a", "one"), ("b", "one"), ("c", "two")] {
            logs.pod(&pod(name, node));
        }
        let mut merge = |code, pod, container| {
            let merged = logs.merge(notice(code, pod, container));
            merged.map(|notice| notice.message)
        };
        assert_eq!(
            merge(NoticeCode::Unreachable, "a", "app").unwrap(),
            "logs of node one: the log cannot be read now: No agent available"
        );
        assert_eq!(merge(NoticeCode::Unreachable, "a", "proxy"), None);
        assert_eq!(merge(NoticeCode::Unreachable, "b", "app"), None);
        assert!(
            merge(NoticeCode::Unreachable, "c", "app")
                .unwrap()
                .contains("node two")
        );
        assert_eq!(
            merge(NoticeCode::Restored, "b", "app").unwrap(),
            "logs of node one can be read again"
        );
        assert_eq!(merge(NoticeCode::Restored, "a", "app"), None);
        assert!(merge(NoticeCode::LogPolled, "a", "app").is_some());
        assert_eq!(
            merge(NoticeCode::LogPolled, "b", "app"),
            None,
            "of the same node"
        );
        assert!(merge(NoticeCode::LinesMissing, "a", "app").is_some());
    }

    #[test]
    fn a_lost_connection_is_one_notice_for_all_nodes() {
        let mut logs = UnreachableLogs::default();
        logs.pod(&pod("a", "one"));
        let mut merge = |code, pod| {
            let merged = logs.merge(notice(code, pod, "app"));
            merged.map(|notice| (notice.code, notice.message))
        };
        let (code, message) = merge(NoticeCode::Disconnected, "a").unwrap();
        assert_eq!(code, NoticeCode::Disconnected);
        assert_eq!(message, "the logs cannot be read now: No agent available");
        assert_eq!(merge(NoticeCode::Disconnected, "b"), None);
        let (_, message) = merge(NoticeCode::Restored, "b").unwrap();
        assert_eq!(message, "the logs can be read again");
        assert_eq!(merge(NoticeCode::Restored, "a"), None);
        assert!(merge(NoticeCode::Disconnected, "a").is_some());
    }

    #[test]
    fn logs_that_were_not_read_to_their_end_are_one_notice_a_node() {
        let mut logs = UnreachableLogs::default();
        for (name, node) in [("a", "one"), ("b", "one"), ("c", "two")] {
            logs.pod(&pod(name, node));
        }
        for name in ["b", "a", "c"] {
            let mut unread = notice(NoticeCode::LinesMissing, name, "app");
            unread.message = END_UNREAD.to_owned();
            assert!(logs.merge(unread).is_none());
        }
        let messages = logs.take_unread().into_iter().map(|notice| notice.message);
        assert_eq!(
            messages.collect::<Vec<_>>(),
            [
                "logs of node one: the last lines of 2 containers may be missing, which could \
                 not be read to their end in time (a/app, b/app)",
                END_UNREAD,
            ]
        );
        assert!(logs.take_unread().is_empty());
    }
}
