//! The words about each code: its meaning, and the advice.

use crate::diagnosis::code::Code;

/// Each code with its meaning and the advice, in the order of [`Code::ALL`].
pub(super) const PAGES: &[(Code, &str, &str)] = &[
    (
        Code::ImagePull,
        "A node cannot pull a container's image. The sentence says whether the image does not exist, the registry refuses the credentials, or the registry cannot be reached.",
        "compare the image and tag with what was pushed; look at the pull secrets of the pod's service account; try the registry from a node.",
    ),
    (
        Code::CrashLoop,
        "A container that should keep running ends again and again. The sentence gives the exit code, how long it ran, how often it ended, and the log line that looks like the error.",
        "read the last lines of the run that ended (`kubectl logs --previous`). Exit code 0 means that the program considers itself done, 127 that the command does not exist in the image, 139 that the program crashed (SIGSEGV).",
    ),
    (
        Code::OomKilled,
        "The kernel kills a container because it uses more memory than its limit.",
        "raise `resources.limits.memory`, or make the program use less memory.",
    ),
    (
        Code::ExecFormat,
        "The program is for another processor, or a script without `#!` (`exec format error`).",
        "build the image for the nodes' architecture, or select other nodes.",
    ),
    (
        Code::PermissionDenied,
        "The program is not allowed to run (exit code 126, `permission denied`), or the security context forbids the user that the image runs as.",
        "make the file executable in the image; set `runAsUser`, or a `USER` in the image.",
    ),
    (
        Code::StartFailed,
        "The container runtime cannot create or start the container: the command does not exist, a mount is wrong, a postStart hook fails. There is no log.",
        "compare `command` and `args` with the image; look at the mounts and at the hook.",
    ),
    (
        Code::InitFailed,
        "An init container fails, or runs and does not end. The containers after it wait.",
        "read its log; most often it waits for something that does not exist yet.",
    ),
    (
        Code::ContainerEnded,
        "A container with a `restartPolicy` of its own (`Never`, or `OnFailure` after success) has ended. It is never started again, and the pod is never Ready without it.",
        "make it an init container or a Job, or let its `restartPolicy` be that of the pod.",
    ),
    (
        Code::ConfigMissing,
        "A container or volume refers to a ConfigMap, a Secret or a key that does not exist.",
        "add it to the application, or mark the reference as optional. If an operator is meant to create it, check the operator.",
    ),
    (
        Code::ProbeFailing,
        "A readiness probe or readiness gate never passes, or a liveness or startup probe fails and the kubelet kills the container for it. The sentence quotes the question and the last answer.",
        "send the probe's request from within the pod; if the program needs longer to start, add a startup probe.",
    ),
    (
        Code::Unschedulable,
        "No node fits the pod. The sentence says what the pod requests and why the nodes are unsuitable.",
        "lower the requests, add nodes, or change selectors and tolerations.",
    ),
    (
        Code::PodRejected,
        "A node refuses a pod that was bound to it: it has too little of a resource, a port is taken, its labels or its system do not fit. The pod is `Failed` at once, and its controller makes another one, again and again. The sentence gives the number of pods and the node's own words.",
        "remove `nodeName` from the pod template so that the scheduler finds a node, or lower the requests; `UnexpectedAdmissionError` and `TopologyAffinityError` come from the node's device and resource managers.",
    ),
    (
        Code::ResizePending,
        "A node cannot give a running pod the resources that it asks for now: it has too little free (`Deferred`), it is too small (`Infeasible`), or the resize fails. The pod runs on with the old ones.",
        "lower the request, or replace the pod so that the scheduler finds another node.",
    ),
    (
        Code::PvcPending,
        "The pod waits for a PersistentVolumeClaim that has no volume or does not exist.",
        "look at the events of the claim: most often its storage class does not exist or its provisioner fails.",
    ),
    (
        Code::VolumeAttach,
        "A volume cannot be attached to the node, most often because it is still attached to another one.",
        "find the pod or node that holds the volume; for a ReadWriteOnce volume use the strategy `Recreate`.",
    ),
    (
        Code::VolumeMount,
        "A volume cannot be mounted on the node.",
        "read the events of the pod; look at the storage driver on that node.",
    ),
    (
        Code::SandboxFailed,
        "The node cannot create the sandbox of the pod, most often because its network fails.",
        "look at the network plugin on that node, and check whether it has addresses left.",
    ),
    (
        Code::QuotaExceeded,
        "A ResourceQuota of the namespace allows no more pods. The sentence gives the numbers.",
        "raise the quota, lower the requests, or let the rollout replace pods one by one (`maxSurge: 0`).",
    ),
    (
        Code::AdmissionDenied,
        "The API server refuses the pods because of a webhook, Pod Security, a LimitRange, or a missing service account or priority class.",
        "the message names the rule; change the pod template or the rule.",
    ),
    (
        Code::JobFailed,
        "A Job, or a pod that runs only once, failed for good.",
        "read the log of its last pod.",
    ),
    (
        Code::DeadlineExceeded,
        "A Job took longer than its `activeDeadlineSeconds`.",
        "read its log; find out what it waits for, or give it more time.",
    ),
    (
        Code::JobHeld,
        "A container of a Job has done its work and another one of the same pod runs on. The Job is complete only when all containers have ended.",
        "make the other container a sidecar (an init container with `restartPolicy: Always`), or have it end when the work is done.",
    ),
    (
        Code::HookFailed,
        "A hook of the sync failed. After a failed PreSync hook nothing is deployed. After a failed PostSync hook everything is deployed, and argocd still exits with code 0.",
        "read the log of the hook, mend it, and sync again.",
    ),
    (
        Code::Evicted,
        "Nodes evict the pods of a workload again and again because they run out of memory or disk.",
        "set requests that match what the program uses; look at the nodes.",
    ),
    (
        Code::NodeLost,
        "The node of a pod does not answer, or never took the pod: there may be no such node.",
        "look at the node; if it is gone for good, force the deletion of the pod.",
    ),
    (
        Code::StuckTerminating,
        "An old pod is still there after its grace period, and the workload waits for it.",
        "look at its finalizers and volumes, and at its node.",
    ),
    (
        Code::OldPodBlocks,
        "A StatefulSet waits for a broken pod of an old revision before it replaces any pod, so the new revision never reaches it.",
        "delete that pod by hand; it comes back with the new revision.",
    ),
    (
        Code::OldRevision,
        "The update strategy is `OnDelete`: the controller replaces no pod by itself, so pods keep running the old revision.",
        "delete the pods one by one, or set the strategy `RollingUpdate`.",
    ),
    (
        Code::ProgressDeadline,
        "The controller itself gave up: a Deployment made no progress for `progressDeadlineSeconds`, or a Rollout did not and goes on trying. It is reported only if no other finding explains it.",
        "look at the pods of the newest revision.",
    ),
    (
        Code::SyncFailed,
        "The sync failed: an object was refused, or someone terminated the operation. The sentence quotes the first message.",
        "correct the object and sync again.",
    ),
    (
        Code::ComparisonError,
        "Argo CD cannot work out what to deploy: the repository cannot be read, or the manifests cannot be generated.",
        "the message comes from the repo server; `argocd app get --hard-refresh` makes it try again.",
    ),
    (
        Code::SharedResource,
        "An object is part of two applications: each sync of one undoes what the other has applied.",
        "remove the object from one of them, or give it another name or namespace there.",
    ),
    (
        Code::RolloutPaused,
        "A Rollout of Argo Rollouts is paused until a person acts. The sentence gives the step, the weight, the age of the pause, and how many pods are new. A pause with a duration is no finding: it ends by itself. `follow` and `diagnose` end with exit code 73; `--on-paused` chooses otherwise.",
        "look at the new pods, then `kubectl argo rollouts promote` or `abort`. After an analysis that measured nothing, mend the analysis first.",
    ),
    (
        Code::RolloutAborted,
        "A Rollout went back to its old revision: a person aborted it, or its progress deadline passed with `progressDeadlineAbort`. It does not try again by itself. A failure that was there before the sync is only mentioned, until the spec, the revision or the Application changes.",
        "mend the cause and sync, or `kubectl argo rollouts retry rollout` to try the same revision again.",
    ),
    (
        Code::AnalysisFailed,
        "An analysis of the newest revision failed, or measured nothing. The sentence names the metric, its last value and the condition that it does not meet, or how the Job that measures failed and its last line.",
        "decide whether the new revision or the measurement is wrong; `kubectl get analysisrun -o yaml` has every measurement.",
    ),
    (
        Code::InvalidSpec,
        "The controller of Argo Rollouts refuses the spec of a Rollout, or something that the spec refers to does not exist. There is no event.",
        "the message names the field; correct it and sync.",
    ),
    (
        Code::ControllerSilent,
        "The controller of a workload has not seen its newest spec, or the newest pod template that a Rollout refers to (`workloadRef`), so nothing that the workload's status says is about this release. Argo CD may call it Healthy.",
        "look whether the controller runs, and at its log.",
    ),
    (
        Code::AppSuspended,
        "The application, or a workload of it, is paused, so `argocd app wait --health` does not end.",
        "resume or promote it, or wait with `--suspended`.",
    ),
    (
        Code::AlreadyDegraded,
        "The application was Degraded before the rollout began. argocd gives up only when the health changes to Degraded, so it waits until its timeout.",
        "find out what was broken before the rollout.",
    ),
    (
        Code::WaitingForResource,
        "Argo CD waits for a resource that has no pods: an Ingress or a load balancer without an address, a claim without a volume, a certificate that is not issued. The sentence gives the reason as far as the live object tells.",
        "ask its controller: the conditions and events of the object (`kubectl describe`). If Argo CD should not wait for it, annotate it with `argocd.argoproj.io/ignore-healthcheck: \"true\"`.",
    ),
    (
        Code::DegradedResource,
        "A resource that has no pods is Degraded: an autoscaler whose target is missing, a CronJob whose last run failed, a custom resource whose condition says so. argocd gives up when a resource becomes Degraded, and waits for its timeout if it was so before.",
        "read the message of the condition and the events of the object; the sentence says if it was so before this sync.",
    ),
    (
        Code::OutOfSync,
        "The objects in the cluster differ from git, and no sync runs that would change it. The sentence names them and says why: one must be pruned, a finished Job was deleted by its TTL, auto-sync is off, or something changes an object back after each sync.",
        "sync the application (`argocd app sync`, with `--prune` if objects left git); make a Job that has a TTL a hook; let `ignoreDifferences` name the fields that others own.",
    ),
    (
        Code::SyncWindow,
        "A sync window of the AppProject forbids the sync. The operation counts as running, but nothing is applied until the window lets it.",
        "look at `argocd proj windows list`; wait for the window, or ask the owner of the project.",
    ),
    (
        Code::WaveBlocked,
        "The sync waits in one of its waves, and applies the later ones only after that.",
        "look at the resource that the message names; a wave goes on when all its resources are healthy and its hooks have ended.",
    ),
    (
        Code::ApplicationDeleted,
        "Somebody deletes the Application, or has deleted it, while it is waited for.",
        "find out who did it; an ApplicationSet or a parent application deletes what it no longer lists.",
    ),
];
