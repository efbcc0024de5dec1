//! The containers whose logs are hard to follow.

use serde_json::{Value, json};

use crate::tally::Instance;

/// The application whose objects they are.
pub(crate) const APP: &str = "torture";

/// The conditions under which the containers run.
pub(crate) struct Stage {
    pub(crate) namespace: String,
    pub(crate) image: String,
    /// Nothing is written after so many seconds since 1970, so that whoever is asked to stop later
    /// has had the time to show everything.
    pub(crate) until: u64,
}

/// Chooses a word by which this start of the container is told from the next.
const BOOT: &str = r#"B=$(head -c6 /dev/urandom | od -An -tx1 | tr -d ' \n'); i=0; "#;

/// Lines of a container that ends at once, and of one that crashes.
const INIT: u32 = 200;
const CRASH: u32 = 100;

/// Returns the number of lines of an instance that writes all of them, come what may.
pub(crate) fn always(instance: &Instance) -> Option<u64> {
    match (&*instance.container, instance.pod.split('-').next()) {
        ("init", _) => Some(INIT.into()),
        (_, Some("crash")) => Some(CRASH.into()),
        _ => None,
    }
}

impl Stage {
    /// Returns everything as one list for `kubectl apply`.
    pub(crate) fn manifests(&self) -> Value {
        let items = [
            // Three pods that write steadily, behind a container that ends at once.
            self.deployment(
                "steady",
                3,
                &self.steady(""),
                Some(&lines("init", INIT, "", 0)),
            ),
            // Bursts of 2,000 lines.
            self.deployment("bursts", 1, &self.bursts(2000, 0), None),
            // 100 lines and a crash, again and again.
            self.deployment("crash", 2, &self.crashing(), None),
            // A file of 10 MiB, the usual size, is full every few seconds.
            self.deployment("rotating", 1, &self.bursts(4000, 1000), None),
            // Both streams in turn, which the runtime may write in another order.
            self.deployment("both", 1, &self.steady(">&2"), None),
            // Lines that the runtime has to write in pieces.
            self.deployment("long", 1, &self.bursts(2, 40_000), None),
        ];
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    /// Every second line goes to `other`.
    fn steady(&self, other: &str) -> String {
        let Self { until, .. } = self;
        format!(
            "{BOOT}while [ $(date +%s) -lt {until} ]; do for j in 1 2 3 4 5; do \
             i=$((i+1)); echo \"torture $POD app $B $i\"; i=$((i+1)); echo \"torture $POD app $B $i\" {other}; \
             done; sleep 0.2; done; exec sleep 3600"
        )
    }

    fn bursts(&self, count: u32, width: u32) -> String {
        let Self { until, .. } = self;
        format!(
            "P=$(head -c {width} /dev/zero | tr '\\0' x); {BOOT}while [ $(date +%s) -lt {until} ]; do \
             j=0; while [ $j -lt {count} ]; do j=$((j+1)); i=$((i+1)); echo \"torture $POD app $B $i $P\"; done; \
             sleep 1; done; exec sleep 3600"
        )
    }

    fn crashing(&self) -> String {
        let Self { until, .. } = self;
        let lines = lines("app", CRASH, "sleep 0.02; ", 1);
        format!("[ $(date +%s) -ge {until} ] && exec sleep 3600; {lines}")
    }

    fn deployment(&self, name: &str, replicas: u32, script: &str, init: Option<&str>) -> Value {
        let Self { namespace, .. } = self;
        let id = format!("{APP}:apps/Deployment:{namespace}/{name}");
        let init: Vec<_> = init
            .map(|it| self.container("init", it))
            .into_iter()
            .collect();
        json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace,
                "annotations": {"argocd.argoproj.io/tracking-id": id}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name, "part-of": APP}},
                    "spec": {"terminationGracePeriodSeconds": 1, "initContainers": init,
                        "containers": [self.container("app", script)]}}}})
    }

    fn container(&self, name: &str, script: &str) -> Value {
        json!({"name": name, "image": self.image, "command": ["sh", "-c", script],
            "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}},
            "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]})
    }
}

/// Writes a number of lines, and ends.
fn lines(container: &str, count: u32, pause: &str, code: u8) -> String {
    format!(
        "{BOOT}while [ $i -lt {count} ]; do i=$((i+1)); echo \"torture $POD {container} $B $i\"; {pause}done; exit {code}"
    )
}
