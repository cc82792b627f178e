package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The head a browser sends, about 700 bytes of it.
const browser = `Host: shop.example
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Accept-Language: en-US,en;q=0.9
Accept-Encoding: gzip, deflate, br, zstd
Referer: https://shop.example/account/login
Cookie: sid=s%3Aq1w2e3r4t5y6u7i8o9p0.abcdefghij; _ga=GA1.2.123456789.1700000000; theme=dark
Sec-Fetch-Dest: document
Sec-Fetch-Mode: navigate
Sec-Fetch-Site: same-origin
`

const nginxConf = `daemon off; worker_processes 2; pid nginx.pid; error_log nginx.err crit;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on; server_tokens off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream origin { server 127.0.0.1:19000; keepalive 256; keepalive_requests 100000000; keepalive_timeout 300s; }
  upstream secure { server 127.0.0.1:19001; keepalive 256; keepalive_requests 100000000; keepalive_timeout 300s; }
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Proto $scheme;
  proxy_buffering off; proxy_request_buffering off;
  ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_session_cache shared:S:10m; ssl_protocols TLSv1.2 TLSv1.3;
  server { listen 127.0.0.1:19010 reuseport; location / { proxy_pass http://origin; } }
  server { listen 127.0.0.1:19011 ssl http2 reuseport; location / { proxy_pass http://origin; } }
  server { listen 127.0.0.1:19012 ssl reuseport; location / { proxy_pass https://secure; proxy_ssl_session_reuse on; proxy_ssl_protocols TLSv1.2 TLSv1.3; } }
}
`

// nginxBatchConf is nginx for those who start it as SCHED_BATCH, as we have ourselves
// scheduled.
var nginxBatchConf = strings.NewReplacer("nginx.", "nginx-batch.", "127.0.0.1:19010", "127.0.0.1:19013", "127.0.0.1:19011", "127.0.0.1:19014",
	"127.0.0.1:19012", "127.0.0.1:19015", "_temp_path ", "_temp_path batch-").Replace(nginxConf)

const originConf = `daemon off; worker_processes 1; pid origin.pid; error_log origin.err crit;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on; server_tokens off;
  client_body_temp_path obody; proxy_temp_path oproxy; fastcgi_temp_path ofcgi; uwsgi_temp_path ouwsgi; scgi_temp_path oscgi;
  ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;
  server { listen 127.0.0.1:19001 ssl; location / { default_type application/json; return 200 "{{body}}"; } }
}
`

const haproxyConf = `global
  nbthread 2
  maxconn 8192
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout client 300s
  timeout server 300s
  timeout connect 5s
  timeout http-keep-alive 300s
  option forwardfor
  http-reuse always
frontend plain
  bind 127.0.0.1:19020
  default_backend origin
frontend secure
  bind 127.0.0.1:19021 ssl crt both.pem alpn h2,http/1.1
  default_backend origin
frontend both
  bind 127.0.0.1:19022 ssl crt both.pem
  default_backend secure
backend origin
  server o 127.0.0.1:19000 pool-max-conn 1000
backend secure
  server o 127.0.0.1:19001 ssl verify required ca-file cert.pem verifyhost shop.example sni str(shop.example) pool-max-conn 1000
`

const throughlineConf = `listen: 127.0.0.1:19030
tls: {listen: "127.0.0.1:19031", cert: cert.pem, key: key.pem}
hub: {listen: "127.0.0.1:19032"}
admin: ""
data: data
policy: policy
sites:
  - {name: shop, hosts: ["*"], origin: "http://127.0.0.1:19000"}
`

const throughlineTLSConf = `listen: 127.0.0.1:19035
tls: {listen: "127.0.0.1:19033", cert: cert.pem, key: key.pem}
hub: {listen: "127.0.0.1:19034"}
admin: ""
data: data-tls
policy: policy
sites:
  - {name: shop, hosts: ["*"], origin: "https://127.0.0.1:19001", origin_tls: {ca: cert.pem, server_name: shop.example}}
`

const throughlineShopConf = `listen: 127.0.0.1:19036
hub: {listen: "127.0.0.1:19037"}
admin: ""
data: data-shop
policy: {{policy}}
trusted_proxies: [127.0.0.1]
sites:
  - {name: shop, hosts: ["*"], origin: "http://127.0.0.1:19000", mode: active}
`

// One request in ten is a search that becomes an Event.
const policyText = `kind: spec
name: Search
type: search
match: {method: GET, path: /search}
request: {query.q: search_query}
---
kind: label
id: many_searches
title: Many searches in one session
severity: medium
points: 10
on: [search]
when: session.count("search", "10m") > 100
`

// writeFiles lays out configurations, requests and a certificate.
func writeFiles(dir string) error {
	shop, err := filepath.Abs(filepath.Join("examples", "shop", "policy"))
	if err != nil {
		return err
	}
	files := map[string]string{
		"throughline-shop.yaml": strings.ReplaceAll(throughlineShopConf, "{{policy}}", shop),
		"nginx.conf":            nginxConf, "nginx-batch.conf": nginxBatchConf, "origin.conf": strings.ReplaceAll(originConf, "{{body}}", strings.Repeat("x", 1500)), "haproxy.cfg": haproxyConf,
		"no-lanes.yaml":    strings.NewReplacer("1903", "1905", "data: data", "data: data-no-lanes").Replace(throughlineConf) + "lanes: none\n",
		"throughline.yaml": throughlineConf, "throughline-tls.yaml": throughlineTLSConf, "policy/policy.yaml": policyText,
	}
	body := strings.Repeat("field=value&", 33) + "end=" // 400 bytes
	heads := strings.ReplaceAll(browser, "\n", "\r\n")
	files["get.req"] = "GET /small?id=42 HTTP/1.1\r\n" + heads + "\r\n"
	// What no Spec of the shop names: under its policy each page is an Event.
	style := strings.NewReplacer("Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "Accept: text/css,*/*;q=0.1",
		"Dest: document", "Dest: style", "Mode: navigate", "Mode: no-cors").Replace(heads)
	files["asset.req"] = "GET /assets/app.css?id=42 HTTP/1.1\r\n" + style + "\r\n"
	files["matched.req"] = "GET /search?q=shoes HTTP/1.1\r\n" + heads + "\r\n"
	// A product of the shop by a visitor with an address and a session of their own.
	visitor := strings.ReplaceAll(heads, "sid=s%3Aq1w2e3r4t5y6u7i8o9p0", "sid=s%3Aq1w2e3r4t5y6u7i8@@@@")
	files["sync.req"] = "GET /api/products/12 HTTP/1.1\r\nX-Forwarded-For: 2001:db8:@@@@::7\r\n" + visitor + "\r\n"
	files["post.req"] = fmt.Sprintf("POST /form HTTP/1.1\r\n%sContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", heads, len(body), body)
	files["get.lua"] = lua("GET", "/small?id=42", "")
	files["close.lua"] = files["get.lua"] + "wrk.headers[\"Connection\"]=\"close\"\n"
	files["big.lua"] = lua("GET", "/big", "")
	files["post.lua"] = lua("POST", "/form", body)
	cert, key, err := certificate()
	if err != nil {
		return err
	}
	files["cert.pem"], files["key.pem"], files["both.pem"] = cert, key, cert+key
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// lua is a request for wrk.
func lua(method, path, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "wrk.method=%q\nwrk.path=%q\n", method, path)
	for line := range strings.Lines(browser) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		fmt.Fprintf(&b, "wrk.headers[%q]=%q\n", name, value)
	}
	if body != "" {
		fmt.Fprintf(&b, "wrk.headers[%q]=%q\nwrk.body=%q\n", "Content-Type", "application/x-www-form-urlencoded", body)
	}
	return b.String()
}

func certificate() (cert, key string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop.example"}, DNSNames: []string{"shop.example"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &k.PublicKey, k)
	if err != nil {
		return "", "", err
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})), nil
}
