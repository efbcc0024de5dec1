#!/usr/bin/env bash
# argocd writes a line of its own to stdout after a plugin that failed, and leaves the plugin behind when it is killed.
#
# Seen with argocd v3.2.11 (plugins exist since 3.1). A plugin that ends with 70 is followed by "Error: exit status 70"
# on stdout, not stderr: JSON Lines of a plugin get a last line that is no JSON, and the plugin's last line is not the
# last. The code itself is passed on. SIGTERM to argocd is not: argocd dies, the plugin runs on. kubectl becomes its
# plugin (execve) and does neither.
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
cat > "$work/argocd-finding" <<'PLUGIN'
#!/bin/sh
[ "$1" = wait ] && { echo $$ > "$2"; exec sleep 5; }
echo '{"last": true}'; exit 70
PLUGIN
chmod +x "$work/argocd-finding"

code=0; argocd finding > "$work/stdout" 2>"$work/stderr" || code=$?
echo "exit $code; stdout:"; cat "$work/stdout"
[ "$code" = 70 ] && grep -q '^Error: exit status 70' "$work/stdout"

argocd finding wait "$work/pid" > /dev/null 2>&1 & argocd=$!
until [ -s "$work/pid" ]; do sleep 0.05; done
kill -TERM "$argocd"; wait "$argocd" 2>/dev/null || true
kill "$(cat "$work/pid")"
echo "argocd is gone, its plugin was not"
