//! The page that explains each code, made from the rules.

use std::fmt::Write;

use crate::diagnosis::{code::Code, rules::RULES};

/// The text of `docs/findings.md`: for each code what it means, when it counts and what to
/// do. Markdown, one heading a code.
pub fn findings_page() -> String {
    let mut page = String::from(HEAD);
    for &code in Code::ALL {
        let (means, todo) = words(code);
        let counts = RULES.iter().filter(|rule| rule.code == code);
        let counts: Vec<&str> = counts.map(|rule| rule.counts).collect();
        let counts = counts.join("; ");
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "\n## {code}\n\n{means}\n\n- **Counts** {counts}.\n- **What to do:** {todo}\n"
        );
    }
    page
}

const HEAD: &str = "# Findings

Why a rollout fails, by the stable code that stands in the output (`code` in JSON). This
page is made from the rules; a test keeps it up to date.

Only pods of the newest revision are blamed. A state counts once it has held for the time
given here: transient states are no findings. A finding is *doomed* if the rollout cannot
succeed without a change, otherwise *suspicious*: it holds the rollout up and may pass.

A finding is said once. When it no longer holds, one line says so (`over after 24 s: …`,
`\"resolved\": true` in JSON) and it is no cause of the verdict any more. What keeps containers
from starting is over when it is gone for five seconds; crashes, probes and the like are
over when the workload is complete. What comes and goes is told once a minute. Over the
retries of a sync, what an attempt has not come to yet is as it was.
";

/// What a code means, and what to do about it.
fn words(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::ImagePull => (
            "A node cannot pull a container's image. The sentence says whether the image does not exist, the registry refuses the credentials, or the registry cannot be reached.",
            "compare the image and tag with what was pushed; look at the pull secrets of the pod's service account; try the registry from a node.",
        ),
        Code::CrashLoop => (
            "A container that should keep running ends again and again. The sentence has the exit code, how long it ran, how often it ended, and the line of its log that looks like the error.",
            "read the last lines of the run that ended (`kubectl logs --previous`). Exit code 0 means that the program thinks it is done; 127 that the command does not exist in the image; 139 that it crashed by itself.",
        ),
        Code::OomKilled => (
            "The kernel kills a container because it uses more memory than its limit.",
            "raise `resources.limits.memory`, or make the program use less at its start.",
        ),
        Code::ExecFormat => (
            "The program is for another processor, or a script without `#!` (`exec format error`).",
            "build the image for the nodes' architecture, or select other nodes.",
        ),
        Code::PermissionDenied => (
            "The program may not be executed (exit code 126, `permission denied`), or the security context forbids the user that the image runs as.",
            "make the file executable in the image; set `runAsUser`, or a `USER` in the image.",
        ),
        Code::StartFailed => (
            "The container runtime cannot create or start the container: the command does not exist, a mount is wrong, a postStart hook fails. There is no log.",
            "compare `command` and `args` with the image; look at the mounts and at the hook.",
        ),
        Code::InitFailed => (
            "An init container fails, or runs and does not end. The containers after it wait.",
            "read its log; most often it waits for something that is not there.",
        ),
        Code::ConfigMissing => (
            "A container or volume refers to a ConfigMap, a Secret or a key that does not exist.",
            "add it to the application, or mark the reference as optional. If an operator makes it, look at the operator.",
        ),
        Code::ProbeFailing => (
            "A readiness probe or readiness gate never passes, or a liveness or startup probe fails and the kubelet kills the container for it. The sentence has what is asked and the last answer.",
            "ask the probe's question from within the pod; if the program needs longer to start, give it a startup probe.",
        ),
        Code::Unschedulable => (
            "No node takes the pod. The sentence has what it asks for and why each node does not do.",
            "lower the requests, add nodes, or change selectors and tolerations.",
        ),
        Code::PvcPending => (
            "The pod waits for a PersistentVolumeClaim that has no volume or does not exist.",
            "look at the events of the claim: most often its storage class does not exist or its provisioner fails.",
        ),
        Code::VolumeAttach => (
            "A volume cannot be attached to the node, most often because another node still has it.",
            "find the pod or node that holds the volume; with ReadWriteOnce use the strategy `Recreate`.",
        ),
        Code::VolumeMount => (
            "A volume cannot be mounted on the node.",
            "read the events of the pod; look at the storage driver on that node.",
        ),
        Code::SandboxFailed => (
            "The node cannot make the sandbox of the pod: its network, most often.",
            "look at the network plugin on that node, and whether it has addresses left.",
        ),
        Code::QuotaExceeded => (
            "A ResourceQuota of the namespace allows no more pods. The sentence has the numbers.",
            "raise the quota, lower the requests, or let the rollout replace pods one by one (`maxSurge: 0`).",
        ),
        Code::AdmissionDenied => (
            "The API server refuses the pods: a webhook, Pod Security, a LimitRange, a missing service account or priority class.",
            "the message says which rule; change the pod template or the rule.",
        ),
        Code::JobFailed => (
            "A Job failed for good, or a pod that runs once did.",
            "read the log of its last pod.",
        ),
        Code::DeadlineExceeded => (
            "A Job took longer than its `activeDeadlineSeconds`.",
            "read its log; give it more time, or find out what it waits for.",
        ),
        Code::HookFailed => (
            "A hook of the sync failed. After a PreSync hook nothing is deployed; after a PostSync hook everything is, and argocd ends with exit code 0 all the same.",
            "read the log of the hook, and sync again.",
        ),
        Code::Evicted => (
            "Nodes evict the pods of a workload again and again, for want of memory or disk.",
            "set requests that fit what the program uses; look at the nodes.",
        ),
        Code::NodeLost => (
            "The node of a pod does not answer.",
            "look at the node; if it is gone for good, delete the pod by force.",
        ),
        Code::StuckTerminating => (
            "An old pod has not gone after its grace period, and the workload waits for it.",
            "look at its finalizers and volumes, and at its node.",
        ),
        Code::OldPodBlocks => (
            "A StatefulSet waits for a broken pod of an old revision before it replaces any: the new revision never reaches it.",
            "delete that pod by hand; it comes back with the new revision.",
        ),
        Code::ProgressDeadline => (
            "The controller itself gave up: a Deployment made no progress for `progressDeadlineSeconds`, or a Rollout is degraded. It is told only where nothing tells why.",
            "look at the pods of the newest revision.",
        ),
        Code::SyncFailed => (
            "The sync failed: an object was refused, or someone terminated the operation. The sentence has the first message.",
            "correct the object, and sync again.",
        ),
        Code::ComparisonError => (
            "Argo CD cannot work out what to deploy: the repository cannot be read, or the manifests cannot be made.",
            "the message is that of the repo server; `argocd app get --hard-refresh` tries again.",
        ),
        Code::AppSuspended => (
            "The application, or a workload of it, is paused: `argocd app wait --health` does not end.",
            "resume or promote it, or wait with `--suspended`.",
        ),
        Code::AlreadyDegraded => (
            "The application was Degraded before the rollout began. argocd ends at a change to Degraded only, so it waits for its timeout.",
            "find out what was broken before.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_rule() {
        for code in Code::ALL {
            assert!(RULES.iter().any(|rule| rule.code == *code), "{code}");
        }
    }

    /// Run with `UPDATE_DOCS=1` to write the page anew.
    #[test]
    fn the_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, findings_page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == findings_page(),
            "docs/findings.md is out of date"
        );
    }
}
