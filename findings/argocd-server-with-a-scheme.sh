#!/usr/bin/env bash
# argocd takes no scheme in ARGOCD_SERVER: `https://host` becomes `https://https//host`.
#
# Seen with argocd v3.2.11. The value is joined to a scheme of its own. Over gRPC the error names the address
# ("too many colons in address", or "unknown port" where no port is given); with --grpc-web the request goes to
# `https://https//host/…`, that is to the host `https`, and the error is one of DNS: "lookup https: no such host".
# Consequence: a URL copied from the browser fails, and the grpc-web error does not name the variable. Whoever reads the
# same variable has to accept both, or say that the scheme has to go.
#
# Exits 0 while this is so. Needs Go (1.25 or later) and a module proxy; builds argocd in a temporary folder, which
# takes some minutes. No server.
set -euo pipefail
work=$(mktemp -d); trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
module=github.com/argoproj/argo-cd/v3@v3.2.11
source=$(cd "$work" && go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)",*$/\1/p')
cp -r "$source" "$work/source"; chmod -R u+w "$work/source"
(cd "$work/source" && CGO_ENABLED=0 go build -o "$work/argocd" ./cmd)
PATH=$work:$PATH
ask() { HOME=$work ARGOCD_SERVER=$1 timeout 60 argocd app list --auth-token none "${@:2}" 2>&1 || true; }

plain=$(ask https://127.0.0.1:9); web=$(ask https://127.0.0.1:9 --grpc-web); bare=$(ask 127.0.0.1:9)
printf '%s\n' "$plain" "$web" "$bare"
grep -q 'https://127.0.0.1:9: too many colons in address' <<< "$plain"
grep -q 'https://https//127.0.0.1:9/' <<< "$web"
grep -q '127.0.0.1:9: connect: connection refused' <<< "$bare"
echo "as described"
