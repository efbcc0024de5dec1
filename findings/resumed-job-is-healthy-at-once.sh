#!/usr/bin/env bash
# github.com/argoproj/gitops-engine v0.7.1-0.20251217140045-5baed5604d2d (Argo CD 3.2.11; 3.6.1 does the same):
# a Job that was suspended and resumed is Healthy while it runs.
#
# Seen: when a suspended Job is resumed, Kubernetes keeps its condition and sets it to `Suspended: "False"`, reason
# JobResumed. Argo CD's health of Jobs takes a condition of that type as an end, whatever its status: the running Job
# is Healthy with the message "Job resumed". The same Job without the condition is Progressing, as it should be.
# Job queues create every Job suspended, so each Job that they admit looks like this from its start to its end.
# Consequence: Argo CD's word that a Job is healthy is no sign that it is done; the conditions Complete and Failed are.
# Exits 0 while this is so. Needs Go (1.24 or later), a module proxy and some minutes: the package draws in kubectl.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat > go.mod <<'M'
module finding
go 1.24.0
require (
	github.com/argoproj/gitops-engine v0.7.1-0.20251217140045-5baed5604d2d
	k8s.io/api v0.34.4
	k8s.io/apiextensions-apiserver v0.34.4
	k8s.io/apimachinery v0.34.4
	k8s.io/cli-runtime v0.34.4
	k8s.io/client-go v0.34.4
	k8s.io/kube-aggregator v0.34.4
	k8s.io/kubectl v0.34.4
	sigs.k8s.io/yaml v1.6.0
)
M
cat > main.go <<'G'
package main

import (
	"fmt"

	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const job = `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: shop}
spec:
  suspend: %t
  template: {spec: {restartPolicy: Never, containers: [{name: app, image: "shop/migrate:1"}]}}
status:
  active: %d
  conditions: [%s]
`

func main() {
	show("runs, was never suspended", false, 1, "")
	show("suspended", true, 0, `{type: Suspended, status: "True", reason: JobSuspended, message: Job suspended}`)
	show("runs, was resumed", false, 1, `{type: Suspended, status: "False", reason: JobResumed, message: Job resumed}`)
}

func show(what string, suspend bool, active int, conditions string) {
	var object unstructured.Unstructured
	if err := yaml.Unmarshal(fmt.Appendf(nil, job, suspend, active, conditions), &object.Object); err != nil {
		panic(err)
	}
	status, err := health.GetResourceHealth(&object, nil)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s %q\n", what, status.Status, status.Message)
}
G
cat > expected <<'E'
runs, was never suspended: Progressing ""
suspended: Suspended ""
runs, was resumed: Healthy "Job resumed"
E
CGO_ENABLED=0 GOFLAGS=-mod=mod go run . > seen
cat seen
diff expected seen && echo "as described"
