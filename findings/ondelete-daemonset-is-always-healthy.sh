#!/usr/bin/env bash
# github.com/argoproj/gitops-engine v0.7.1-0.20251217140045-5baed5604d2d (Argo CD 3.2.11): a DaemonSet with
# updateStrategy OnDelete is Healthy although none of its pods has ever been ready.
#
# Seen: Argo CD judges such a DaemonSet before it looks at any number of pods. On first deployment, with three pods that
# crash, it is Healthy with the message "daemon set 3 out of 3 new pods have been updated"; after a change of its image
# the message is "daemon set 0 out of 3 new pods have been updated", and it is still Healthy. A StatefulSet with OnDelete
# is Progressing until its pods are ready, and the same DaemonSet with RollingUpdate until they are available.
# Consequence: `argocd app wait --health` is over at once. Whoever wants to know whether the agents run has to read
# numberAvailable and updatedNumberScheduled themselves.
# Exits 0 while this is so. Needs Go (1.24 or later) and a module proxy; works in a temporary folder.
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

const agent = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop, generation: 1}
spec: {updateStrategy: {type: %s}}
status: {observedGeneration: 1, desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: %d,
  numberReady: 0, numberAvailable: 0, numberUnavailable: 3}
`

const store = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store, namespace: shop, generation: 1}
spec: {replicas: 3, updateStrategy: {type: OnDelete}}
status: {observedGeneration: 1, replicas: 3, readyReplicas: 0, updatedReplicas: 3}
`

func main() {
	show("DaemonSet, OnDelete, 3 new pods, 0 ready", fmt.Sprintf(agent, "OnDelete", 3))
	show("DaemonSet, OnDelete, 3 old pods, 0 ready", fmt.Sprintf(agent, "OnDelete", 0))
	show("DaemonSet, RollingUpdate, 3 new pods, 0 ready", fmt.Sprintf(agent, "RollingUpdate", 3))
	show("StatefulSet, OnDelete, 3 new pods, 0 ready", store)
}

func show(what, manifest string) {
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		panic(err)
	}
	status, err := health.GetResourceHealth(&object, nil)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s: %s\n", what, status.Status)
}
G
cat > expected <<'E'
DaemonSet, OnDelete, 3 new pods, 0 ready: Healthy
DaemonSet, OnDelete, 3 old pods, 0 ready: Healthy
DaemonSet, RollingUpdate, 3 new pods, 0 ready: Progressing
StatefulSet, OnDelete, 3 new pods, 0 ready: Progressing
E
CGO_ENABLED=0 GOFLAGS=-mod=mod go run . > seen
cat seen
diff expected seen && echo "as described"
