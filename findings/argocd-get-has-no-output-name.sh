#!/usr/bin/env bash
# argocd app get --output=name: exit 20, "unknown output format: name", after everything was done that was asked for.
#
# Seen with argocd v3.2.11: `argocd app get APP --refresh --output=name` refreshes the application, and only then looks at
# the form of the output, which `argocd app list` alone knows. `--output=json` is taken by both.
# Consequence: a program that reads the exit code believes that the refresh has failed.
#
# Exits 0 while this is so. Needs argocd on PATH and a server: ARGOCD_SERVER, ARGOCD_AUTH_TOKEN, and APP with an application.
set -euo pipefail
: "${APP:?the name of an application}"
before=$(argocd app get "$APP" --output=json | grep -m1 '"reconciledAt"' || true); sleep 2
code=0; said=$(argocd app get "$APP" --refresh --output=name 2>&1) || code=$?
after=$(argocd app get "$APP" --output=json | grep -m1 '"reconciledAt"' || true)
printf '%s (exit %s)\n%s\n%s\n' "$said" "$code" "$before" "$after"
[ "$code" = 20 ]
[ "$before" != "$after" ]
grep -q 'unknown output format' <<< "$said"
echo "as described"
