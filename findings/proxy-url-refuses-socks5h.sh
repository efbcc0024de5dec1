#!/usr/bin/env bash
# k8s.io/client-go v0.34.4: `proxy-url: socks5h://…` in a kubeconfig is refused; the same value in HTTPS_PROXY is taken.
#
# Seen: the kubeconfig's field knows http, https and socks5 ("unsupported scheme \"socks5h\", must be http, https, or
# socks5"), while the variable is read by Go itself, which knows socks5h as well. Both let the proxy resolve the name of
# the server: Go's socks5 is what curl calls socks5h.
# Consequence: a proxy that works for the whole machine cannot be written down for one cluster as curl wants it, and
# "socks5" never resolves the API server's name locally.
# Exits 0 while this is so. Needs Go (1.24 or later) and a module proxy; works in a temporary folder.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT; cd "$dir"
cat > go.mod <<'M'
module finding
go 1.24.0
require k8s.io/client-go v0.34.4
M
cat > main.go <<'G'
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"
	"k8s.io/client-go/tools/clientcmd"
)

// asked is a SOCKS proxy that tells the address type and the host that it was asked for (RFC 1928).
func asked(listener net.Listener, result chan string) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	head := make([]byte, 2)
	in.Read(head)
	in.Discard(int(head[1]))
	conn.Write([]byte{5, 0})
	request := make([]byte, 5)
	for i := range request {
		request[i], _ = in.ReadByte()
	}
	host := make([]byte, request[4])
	for i := range host {
		host[i], _ = in.ReadByte()
	}
	result <- fmt.Sprintf("address type %d, host %s", request[3], host)
}

func main() {
	failed := false
	for _, scheme := range []string{"socks5", "socks5h"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		proxy := scheme + "://" + listener.Addr().String()
		text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\n"+
			"clusters: [{name: a, cluster: {server: 'https://api.example.invalid', proxy-url: '%s'}}]\n"+
			"contexts: [{name: c, context: {cluster: a, user: ''}}]\n", proxy)
		_, err = clientcmd.RESTConfigFromKubeConfig([]byte(text))
		fmt.Printf("proxy-url %s: %v\n", scheme, err)
		failed = failed || (err == nil) != (scheme == "socks5")

		os.Setenv("HTTPS_PROXY", proxy)
		// http.ProxyFromEnvironment does the same, once in a process.
		proxies := func(r *http.Request) (*url.URL, error) { return httpproxy.FromEnvironment().ProxyFunc()(r.URL) }
		client := &http.Client{Transport: &http.Transport{Proxy: proxies}}
		result := make(chan string, 1)
		go asked(listener, result)
		go client.Get("https://api.example.invalid/version")
		seen := <-result
		fmt.Printf("HTTPS_PROXY %s: %s\n", scheme, seen)
		failed = failed || seen != "address type 3, host api.example.invalid"
	}
	if failed {
		os.Exit(1)
	}
}
G
go mod tidy >/dev/null 2>&1; go run .
