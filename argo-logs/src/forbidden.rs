//! Merges the notices about forbidden logs: one a namespace, not one a container.

use std::sync::Arc;

use argo_core::{
    Level, Notice, NoticeCode,
    access::{Recovery, Reported, grant, refusal},
};

/// The containers whose logs are forbidden, by namespace. Rights are granted by namespace,
/// so one notice speaks for all containers of it.
#[derive(Debug, Default)]
pub(crate) struct ForbiddenLogs(Reported<Arc<str>, ContainerKey>);

/// The uid of a pod, and the name of a container.
type ContainerKey = (Arc<str>, String);

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
                let is_first = self.0.failed(&namespace, key);
                is_first.then(|| forbidden(&namespace, &notice.message))
            }
            NoticeCode::Restored => match self.0.works(&namespace, key) {
                Recovery::First => Some(restored(&namespace)),
                Recovery::Repeated => None,
                // The container had another trouble.
                Recovery::Unrelated => Some(notice),
            },
            _ => Some(notice),
        }
    }
}

/// `answer` is the server's message, which names the user.
pub(crate) fn forbidden(namespace: &str, answer: &str) -> Notice {
    if let Some(policy) = policy(answer) {
        let message = "Argo CD does not allow to read logs (403 forbidden): logs are missing";
        return Notice::new(NoticeCode::Forbidden, Level::Warning, message)
            .hint(format!("policy line to add: {policy}"));
    }
    let message = format!(
        "{}: logs are missing",
        refusal("get", &["pods/log"], namespace)
    );
    let hint = grant(Some(namespace), &["get"], &["pods/log"], answer);
    Notice::new(NoticeCode::Forbidden, Level::Warning, message).hint(hint)
}

/// Returns the policy line that grants what Argo CD refused: `permission denied: logs, get,
/// PROJECT/APP, sub: USER, iat: …`.
fn policy(answer: &str) -> Option<String> {
    let (_, refused) = answer.split_once("permission denied: logs, get, ")?;
    let (object, rest) = refused.split_once(',').unwrap_or((refused, ""));
    let user = rest.split_once("sub: ").map_or("SUBJECT", |(_, user)| user);
    let user = user.split(',').next().unwrap_or(user).trim();
    Some(format!("p, {user}, logs, get, {}, allow", object.trim()))
}

fn restored(namespace: &str) -> Notice {
    let message = format!("pods/log can be read again in {namespace}");
    Notice::new(NoticeCode::Restored, Level::Info, message)
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
        let said = r#"reading the log is forbidden: pods "p" is forbidden: User "ci" cannot get resource "pods/log" in API group "" in the namespace "shop""#;
        Notice {
            container: Some(container.to_owned()),
            ..Notice::new(code, Level::Warning, said).about(pod)
        }
    }

    #[test]
    fn argocd_is_given_rights_by_a_policy() {
        let answer =
            "permission denied: logs, get, default/web, sub: ci, iat: 2026-11-28T07:00:00Z";
        let notice = forbidden("shop", answer);
        let hint = notice.hint.unwrap();
        assert_eq!(
            hint,
            "policy line to add: p, ci, logs, get, default/web, allow"
        );
        assert!(notice.message.starts_with("Argo CD"), "{}", notice.message);
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
            "cannot get pods/log in shop (403 forbidden): logs are missing"
        );
        let hint = hint.unwrap();
        assert!(hint.contains("--role=argo-assistant --user=ci"), "{hint}");
        assert!(
            hint.contains("-n shop --verb=get --resource=pods/log"),
            "{hint}"
        );
        assert!(say(NoticeCode::Forbidden, "shop", "a", "proxy").is_none());
        assert!(say(NoticeCode::Forbidden, "shop", "b", "app").is_none());
        assert!(say(NoticeCode::Forbidden, "cart", "c", "app").is_some());
        let (message, _) = say(NoticeCode::Restored, "shop", "b", "app").unwrap();
        assert_eq!(message, "pods/log can be read again in shop");
        assert!(say(NoticeCode::Restored, "shop", "a", "app").is_none());
        // Of a container that was not refused it is another matter.
        let (message, _) = say(NoticeCode::Restored, "shop", "b", "app").unwrap();
        assert!(message.starts_with("reading the log is forbidden"));
        assert!(say(NoticeCode::Forbidden, "shop", "a", "app").is_some());
    }
}
