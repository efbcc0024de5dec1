#!/usr/bin/env bash
# k8s.io/kubernetes v1.34.4 (kubelet): a probe whose named port the container does not declare fails with
# `strconv.Atoi: parsing "http": invalid syntax`.
#
# Seen: the API server takes `readinessProbe.httpGet.port: http` although no port of the container has that name: it
# checks only that the text could be a name. The kubelet looks the name up anew for each probe and falls back to reading
# the name as a number. The error of that last attempt is what it returns; "port http not found" is thrown away. So the
# Unhealthy event speaks of a Go function, and names neither the ports there are nor the one that is missing.
# Consequence: the pod stays unready for ever (or, with a liveness or startup probe, is restarted), and the event has to
# be translated: text behind `strconv.Atoi: parsing` is the name of a port that has to be declared.
# Exits 0 while this is so. Needs Go (1.24 or later) and a module proxy; works in a temporary folder.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
{
  printf 'module finding\ngo 1.24.0\nrequire k8s.io/kubernetes v1.34.4\n'
  # Kubernetes names the modules that it is made of with a version that exists nowhere.
  for part in api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap \
      code-generator component-base component-helpers controller-manager cri-api cri-client csi-translation-lib \
      dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy \
      kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver sample-cli-plugin \
      sample-controller; do
    printf 'replace k8s.io/%s => k8s.io/%s v0.34.4\n' "$part" "$part"
  done
} > go.mod
cat > main.go <<'G'
package main

import (
	"fmt"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/kubernetes/pkg/probe"
)

func main() {
	container := &core.Container{Ports: []core.ContainerPort{{Name: "web", ContainerPort: 8080}}}
	for _, name := range []string{"web", "http"} {
		port, err := probe.ResolveContainerPort(intstr.FromString(name), container)
		fmt.Printf("port %s: %d, error: %v\n", name, port, err)
	}
}
G
cat > expected <<'E'
port web: 8080, error: <nil>
port http: 0, error: strconv.Atoi: parsing "http": invalid syntax
E
CGO_ENABLED=0 GOFLAGS=-mod=mod go run . > seen
cat seen
diff expected seen && echo "as described"
