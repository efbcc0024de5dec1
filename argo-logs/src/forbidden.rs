//! Merges the notices about forbidden logs: one a namespace, not one a container.

use std::{collections::HashSet, sync::Arc};

use argo_core::{Level, Notice, NoticeCode};

/// The namespaces in which logs are forbidden. Rights are granted by namespace, so one
/// notice speaks for all containers of it.
#[derive(Debug, Default)]
pub(crate) struct ForbiddenLogs {
    /// Namespaces with a notice.
    reported: HashSet<Arc<str>>,
    /// Forbidden containers, by the uid of their pod and their name.
    containers: HashSet<(Arc<str>, String)>,
}

impl ForbiddenLogs {
    /// Maps a follower's 403 notice to one notice per namespace; `None` if that was already
    /// sent.
    pub(crate) fn merge(&mut self, notice: Notice) -> Option<Notice> {
        let (Some(pod), Some(container)) = (&notice.object, &notice.container) else {
            return Some(notice);
        };
        let namespace = Arc::clone(&pod.namespace);
        let key = (Arc::clone(&pod.uid), container.clone());
        match notice.code {
            NoticeCode::Forbidden => {
                self.containers.insert(key);
                let is_news = self.reported.insert(Arc::clone(&namespace));
                is_news.then(|| forbidden(&namespace, &notice.message))
            }
            NoticeCode::Restored if self.containers.remove(&key) => {
                let is_news = self.reported.remove(&namespace);
                is_news.then(|| restored(&namespace))
            }
            _ => Some(notice),
        }
    }
}

fn forbidden(namespace: &str, said: &str) -> Notice {
    let message = format!("may not get pods/log in {namespace} (403): logs are missing");
    Notice::new(NoticeCode::Forbidden, Level::Warning, message).hint(rule(namespace, said))
}

fn restored(namespace: &str) -> Notice {
    let message = format!("pods/log can be read again in {namespace}");
    Notice::new(NoticeCode::Restored, Level::Info, message)
}

/// Returns the commands that grant the right to the user named in the server's answer.
fn rule(namespace: &str, said: &str) -> String {
    let user = said.split_once("User \"").map(|(_, rest)| rest);
    let user = user.and_then(|rest| rest.split_once('"'));
    let user = user.map_or("USER", |(user, _)| user);
    let name = "argo-assistant-logs";
    format!(
        "kubectl create role {name} -n {namespace} --verb=get --resource=pods/log && kubectl create rolebinding {name} -n {namespace} --role={name} --user={user}"
    )
}

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, ObjectRef};

    use super::*;

    fn notice(code: NoticeCode, namespace: &str, pod: &str, container: &str) -> Notice {
        let pod = ObjectRef {
            kind: GroupKind::new("", "Pod"),
            namespace: namespace.into(),
            name: pod.into(),
            uid: pod.into(),
        };
        let said = r#"the log may not be read: pods "p" is forbidden: User "ci" cannot get resource "pods/log" in API group "" in the namespace "shop""#;
        Notice {
            container: Some(container.to_owned()),
            ..Notice::new(code, Level::Warning, said).about(pod)
        }
    }

    #[test]
    fn a_namespace_is_said_once_and_restored_once() {
        let mut refusals = ForbiddenLogs::default();
        let mut say = |code, namespace, pod, container| {
            let said = refusals.merge(notice(code, namespace, pod, container));
            said.map(|notice| (notice.message, notice.hint))
        };
        let (message, hint) = say(NoticeCode::Forbidden, "shop", "a", "app").unwrap();
        assert_eq!(
            message,
            "may not get pods/log in shop (403): logs are missing"
        );
        assert_eq!(
            hint.unwrap(),
            "kubectl create role argo-assistant-logs -n shop --verb=get --resource=pods/log && kubectl create rolebinding argo-assistant-logs -n shop --role=argo-assistant-logs --user=ci"
        );
        assert!(say(NoticeCode::Forbidden, "shop", "a", "proxy").is_none());
        assert!(say(NoticeCode::Forbidden, "shop", "b", "app").is_none());
        assert!(say(NoticeCode::Forbidden, "cart", "c", "app").is_some());
        let (message, _) = say(NoticeCode::Restored, "shop", "b", "app").unwrap();
        assert_eq!(message, "pods/log can be read again in shop");
        assert!(say(NoticeCode::Restored, "shop", "a", "app").is_none());
        // Of a container that was not refused it is another matter.
        let (message, _) = say(NoticeCode::Restored, "shop", "b", "app").unwrap();
        assert!(message.starts_with("the log may not be read"));
        assert!(say(NoticeCode::Forbidden, "shop", "a", "app").is_some());
    }
}
