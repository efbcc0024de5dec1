#!/usr/bin/env bash
# k8s.io/apimachinery v0.34.4: a memory limit can come back from the API in thousandths of a byte.
#
# Seen: the API server stores a quantity in canonical form. `memory: 0.5Gi` becomes `512Mi`, but `memory: 0.05Gi`
# is no whole number of bytes (53687091.2), so the suffix turns from a binary one into the milli of CPU shares:
# `53687091200m`. Round decimals change too: `cpu: 1000` reads `1k`, `memory: 1000000` reads `1M`; `1000Ki` stays.
# Value() rounds up: 53687092 bytes.
# Consequence: whoever prints or parses limits of live objects has to know `m` behind a memory quantity, and cannot
# compare the text of a live object with the text in git.
# Exits 0 while this is so. Needs Go (1.24 or later) and a module proxy; works in a temporary folder.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat > go.mod <<'M'
module finding
go 1.24.0
require k8s.io/apimachinery v0.34.4
M
cat > main.go <<'G'
package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

func main() {
	for _, written := range []string{"0.5Gi", "0.05Gi", "1.1Gi", "1000Ki", "1000000", "1000"} {
		quantity := resource.MustParse(written)
		served, err := json.Marshal(&quantity)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s is served as %s, %d bytes\n", written, served, quantity.Value())
	}
}
G
cat > expected <<'E'
0.5Gi is served as "512Mi", 536870912 bytes
0.05Gi is served as "53687091200m", 53687092 bytes
1.1Gi is served as "1181116006400m", 1181116007 bytes
1000Ki is served as "1000Ki", 1024000 bytes
1000000 is served as "1M", 1000000 bytes
1000 is served as "1k", 1000 bytes
E
CGO_ENABLED=0 GOFLAGS=-mod=mod go run . > seen
cat seen
diff expected seen && echo "as described"
