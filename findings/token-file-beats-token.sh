#!/usr/bin/env bash
# k8s.io/client-go v0.34.4: with `token` and `tokenFile` in one user entry, the file wins; kube-client says the token.
#
# Seen: the entry `{token: inline, tokenFile: FILE}` sends `Bearer from-file`, trimmed, although the field's own
# documentation ("If both Token and TokenFile are specified, ... TokenFile takes precedence" came late; older ones said
# the token) leaves it open; if FILE cannot be read, `Bearer inline` is sent without a word.
# Consequence: kube-client 5.0.0 documents and does the opposite (`token` takes precedence over `token_file`), so the
# same kubeconfig logs in as somebody else.
# Exits 0 while this is so. Needs Go (1.24 or later) and a module proxy; works in a temporary folder.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
printf 'from-file\n' > token
cat > go.mod <<'M'
module finding
go 1.24.0
require k8s.io/client-go v0.34.4
M
cat > main.go <<'G'
package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// seen returns the Authorization header that a server gets.
func seen(file string) string {
	header := ""
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header.Get("Authorization")
	}))
	defer server.Close()
	config := api.NewConfig()
	config.Clusters["a"] = &api.Cluster{Server: server.URL, InsecureSkipTLSVerify: true}
	config.AuthInfos["b"] = &api.AuthInfo{Token: "inline", TokenFile: file}
	config.Contexts["c"] = &api.Context{Cluster: "a", AuthInfo: "b"}
	config.CurrentContext = "c"
	chosen, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		panic(err)
	}
	client, err := rest.HTTPClientFor(chosen)
	if err != nil {
		panic(err)
	}
	answer, err := client.Get(server.URL)
	if err != nil {
		panic(err)
	}
	answer.Body.Close()
	return header
}

func main() {
	both, missing := seen("token"), seen("no-such-file")
	fmt.Printf("token and tokenFile: %s\ntoken and a tokenFile that is missing: %s\n", both, missing)
	if both != "Bearer from-file" || missing != "Bearer inline" {
		os.Exit(1)
	}
}
G
go mod tidy >/dev/null 2>&1; go run . 
