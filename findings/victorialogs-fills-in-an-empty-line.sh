#!/usr/bin/env bash
# VictoriaLogs v1.52.1: a log line that is empty comes back with a text that nobody wrote.
#
# Seen: an entry sent with `"_msg": ""` is returned by a query with `"_msg":"missing _msg field; see
# https://docs.victoriametrics.com/victorialogs/keyconcepts/#message-field"`, exactly as one that was sent without `_msg`.
# The text is stored: a search for the word `missing` finds the blank line.
# Consequence: blank lines of a container, and a shipper that puts the message into another field, look alike. Whoever
# reads logs back has to turn that text into an empty line, or shows an error message that the container never wrote.
#
# Exits 0 while this is so. Needs Go (1.26.5 or later), curl and a module proxy; builds VictoriaLogs in a temporary folder
# (some minutes) and runs it on a free port of 127.0.0.1.
set -euo pipefail
work=$(mktemp -d); pid=
trap '[ -z "$pid" ] || kill "$pid"; wait; chmod -R u+w "$work"; rm -rf "$work"' EXIT
printf 'module finding\n\ngo 1.26.5\n\nrequire github.com/VictoriaMetrics/VictoriaLogs v1.52.1\n' > "$work/go.mod"
(cd "$work" && CGO_ENABLED=0 GOFLAGS=-mod=mod go build -o victoria-logs github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs)
port=$((20000 + RANDOM % 10000)); url=http://127.0.0.1:$port
"$work/victoria-logs" -storageDataPath="$work/data" -httpListenAddr="127.0.0.1:$port" > "$work/log" 2>&1 & pid=$!
for _ in $(seq 100); do curl -sf "$url/health" > /dev/null && break; sleep 0.1; done

at=$(date -u +%Y-%m-%dT%H:%M:%S.123456789Z)
printf '{"_time":"%s","_msg":"","app":"empty"}\n{"_time":"%s","_msg":"text","app":"full"}\n' "$at" "$at" > "$work/lines"
curl -sf -H 'Content-Type: application/stream+json' "$url/insert/jsonline?_stream_fields=app" --data-binary @"$work/lines"
ask() { curl -sf "$url/select/logsql/query" --data-urlencode "query=$1"; }
# What was sent can be found after a second or so.
for _ in $(seq 100); do [ "$(ask '*' | wc -l)" = 2 ] && break; sleep 0.1; done

empty=$(ask 'app:empty'); echo "$empty"
grep -q '"_msg":"missing _msg field; see ' <<< "$empty"
[ "$(ask 'missing' | wc -l)" = 1 ]
[ "$(ask 'app:full' | grep -c '"_msg":"text"')" = 1 ]
echo "as described"
