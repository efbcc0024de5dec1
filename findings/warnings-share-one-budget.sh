#!/usr/bin/env bash
# k8s.io/client-go v0.34.4 (tools/record): failing probes silence every other Warning about their pod.
#
# Seen: the recorder that the kubelet and most controllers use lets a component send 25 events about an object, then
# one in five minutes. The budget is not one of each reason: all Warnings of one object draw from the same 25, all
# Normal events from another 25. Repeats count too. A readiness probe that fails every 2 s has spent the budget after
# 50 s: its event stays at count 25 while the probe goes on failing, and a later `BackOff` or `FailedMount` of the same
# pod never reaches the API. A `Normal` event (`Killing`) still does.
# What was dropped is counted nevertheless: the first BackOff that gets through, five minutes on, has count 2.
# Consequence: state cannot be derived from events, a count is a lower bound, and the absence of a Warning proves nothing.
# Exits 0 while this is so. Needs Go (1.24 or later) and a module proxy; works in a temporary folder, with a fake clock.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat > go.mod <<'M'
module finding
go 1.24.0
require (
	k8s.io/api v0.34.4
	k8s.io/apimachinery v0.34.4
	k8s.io/client-go v0.34.4
	k8s.io/utils v0.0.0-20250820121507-0af2bda4dd1d
)
M
cat > main.go <<'G'
package main

import (
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock/testing"
)

func main() {
	clock := testing.NewFakeClock(time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC))
	correlator := record.NewEventCorrelator(clock)
	send := func(kind, reason, message string) string {
		now := metav1.NewTime(clock.Now())
		result, err := correlator.EventCorrelate(&v1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "web-0.1", Namespace: "shop"},
			InvolvedObject: v1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web-0", UID: "1"},
			Source:         v1.EventSource{Component: "kubelet", Host: "node1"},
			Type:           kind, Reason: reason, Message: message, FirstTimestamp: now, LastTimestamp: now, Count: 1,
		})
		if err != nil {
			panic(err)
		}
		if result.Skip {
			return "dropped"
		}
		return fmt.Sprint("sent, count ", result.Event.Count)
	}
	for i := 1; i <= 40; i++ {
		said := send("Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
		if i == 25 || i == 26 || i == 40 {
			fmt.Printf("Unhealthy, time %d: %s\n", i, said)
		}
		clock.Step(2 * time.Second)
	}
	fmt.Println("BackOff:", send("Warning", "BackOff", "Back-off restarting failed container app"))
	fmt.Println("FailedMount:", send("Warning", "FailedMount", "references non-existent secret key: tls.key"))
	fmt.Println("Killing (Normal):", send("Normal", "Killing", "Stopping container app"))
	clock.Step(5 * time.Minute)
	fmt.Println("BackOff, 5 min later:", send("Warning", "BackOff", "Back-off restarting failed container app"))
}
G
cat > expected <<'E'
Unhealthy, time 25: sent, count 25
Unhealthy, time 26: dropped
Unhealthy, time 40: dropped
BackOff: dropped
FailedMount: dropped
Killing (Normal): sent, count 1
BackOff, 5 min later: sent, count 2
E
CGO_ENABLED=0 GOFLAGS=-mod=mod go run . > seen
cat seen
diff expected seen && echo "as described"
