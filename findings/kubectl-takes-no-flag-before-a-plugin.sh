#!/usr/bin/env bash
# k8s.io/kubectl v0.34.4: a flag before the name of a plugin is an error, although every built-in command takes it there.
#
# Seen: `kubectl -n shop get pods` and `kubectl get pods -n shop` are the same; `kubectl -n shop hello` does not find the
# plugin kubectl-hello: "flags cannot be placed before plugin name: -n", exit 1. Behind the name the plugin gets the flag
# as it is.
# Consequence: a suggested command such as `kubectl -n shop argo rollouts promote web` fails; it has to be
# `kubectl argo rollouts promote web -n shop`.
# Exits 0 while this is so. Needs Go (1.24 or later) and a module proxy; works in a temporary folder (some minutes).
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat > go.mod <<'M'
module finding
go 1.24.0
require (
	k8s.io/component-base v0.34.4
	k8s.io/kubectl v0.34.4
)
M
cat > main.go <<'G'
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) }
G
cat > kubectl-hello <<'P'
#!/bin/sh
echo "hello got: $*"
P
chmod +x kubectl-hello
go mod tidy >/dev/null 2>&1; CGO_ENABLED=0 go build -o kubectl . ; export PATH=$dir:$PATH
behind=$(kubectl hello -n shop)
code=0; before=$(kubectl -n shop hello 2>&1) || code=$?
printf '%s\n%s (exit %s)\n' "$behind" "$before" "$code"
[ "$behind" = "hello got: -n shop" ] && [ "$code" = 1 ]
grep -q 'flags cannot be placed before plugin name: -n' <<< "$before"
echo "as described"
