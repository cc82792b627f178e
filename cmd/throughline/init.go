package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/throughline/throughline/internal/policy"
)

func initCommand() *cobra.Command {
	var origin, dir string
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a commented throughline.yaml and a starter policy",
		Long: "Writes throughline.yaml and the folder policy/ for the origin given. It asks\n" +
			"nothing and never overwrites a file.",
		Example: "  throughline init --origin http://127.0.0.1:3000\n" +
			"  throughline init --origin https://origin.example.com --dir /etc/throughline",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, faults := originConfig(origin).check(flagFault); len(faults) > 0 {
				return faultsError(faults)
			}
			files := map[string]string{"throughline.yaml": strings.ReplaceAll(configTemplate, "{{origin}}", origin)}
			for name, text := range policy.Starter() {
				files[filepath.Join("policy", name)] = text
			}
			return writeNew(c, dir, files)
		},
	}
	c.Flags().StringVar(&origin, "origin", "http://127.0.0.1:3000", "the web origin to protect")
	c.Flags().StringVar(&dir, "dir", ".", "folder to write to")
	return c
}

// flagFault makes a fault of a setting that came by flag and has no place in a
// file.
func flagFault(field, wrong, right string) fault {
	return fault{file: "--origin", field: field, wrong: wrong, right: right}
}

// writeNew writes all files or, when one is there already, none.
func writeNew(c *cobra.Command, dir string, files map[string]string) error {
	var there []string
	for name := range files {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			there = append(there, filepath.Join(dir, name))
		}
	}
	if len(there) > 0 {
		return fmt.Errorf("already there, nothing written: %s", strings.Join(there, ", "))
	}
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.OutOrStdout(), "wrote", p); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "\nnext: throughline serve --config %s\n", filepath.Join(dir, "throughline.yaml"))
	return err
}

const configTemplate = `# Throughline's configuration. Every field but sites may be left out: the values
# shown are the defaults. Paths are relative to this file.
# docs/configuration.md explains each field; ` + "`throughline serve --check`" + ` checks the file.

listen: ":8080"            # visitors arrive here (plain HTTP)
# proxy_protocol: [10.0.0.0/8]   # balancers that say by the PROXY protocol whom they speak for

# tls:                     # and here, when TLS ends at Throughline
#   listen: ":8443"
#   cert: cert.pem         # for names that have no other; both are read again when they change
#   key: key.pem
#   proxy_protocol: [10.0.0.0/8]
#   acme:                  # obtain certificates for the hosts of sites without cert and key;
#     email: ops@example.com            # to set it up is to agree to the authority's terms
#     directory: https://acme-v02.api.letsencrypt.org/directory
#     # ca: authority-ca.pem            # roots of a private authority's own server
#     # challenge: http-01              # or tls-alpn-01; without it the first that works
#     # dns:                            # dns-01: before cut-over, and for "*.example.com"
#     #   zone: acme.example.net        # hosts delegate _acme-challenge into it by CNAME
#     #   server: 192.0.2.53:53         # its primary, which takes updates (RFC 2136)
#     #   key_name: throughline         # TSIG key
#     #   secret_file: tsig.secret      # base64
#     #   algorithm: hmac-sha256
#     #   wait: 10s                     # until secondaries have followed

# managed_domain: edge.example.net      # its names lead here; hosts get a CNAME to host.edge.example.net,
                                        # and workers append it; for them spec-internal.com without it

sites:
  - name: site
    hosts: ["*"]           # exact names, "*.example.com", or "*" for all others
    origin: {{origin}}
    # origin_tls:          # for an https origin; it is always verified
    #   ca: origin-ca.pem  # roots in place of the system's
    #   server_name: origin.example.com   # asked for and verified, where it is not the name above
    #   cert: client.pem   # shown to an origin that asks
    #   key: client-key.pem
    # discovery: true                # learn shapes of requests, never values; throughline discover proposes Specs
    # origin_protocol: http1         # h2: HTTP/2, gRPC too (in the clear without TLS); auto: what TLS negotiates
    # addresses: ["10.0.0.1", "10.0.0.2:8443"]  # hosts of the origin; requests are spread over them
    # health: {path: /healthz, interval: 10s, timeout: 2s, status: 200}
    # failover: {fails: 3, pause: 5s, slow_start: 30s}   # of an address where requests fail
    # origin_host: www.example.com   # the Host that the origin gets, in place of the visitor's
    mode: pass-through     # pass-through: see and rate; active: also act; bypass: only relay;
                           # maintenance: a page; mirror: end copies of requests here
    failure: open          # a sync route without a verdict: open relays, closed answers 503
    deadline: 15ms         # how long a sync verdict may take
    # cert: site.pem       # a certificate of the site's own
    # key: site-key.pem
    # origins:             # others, which a worker may name
    #   - {name: eu, origin: https://origin-eu.example.com}
    # worker:              # a worker at a CDN sends the site's traffic; see docs/worker.md
    #   keys: [customer.key, "env:CUSTOMER_KEY"]   # files, or from the environment; any of them is good
    #   refuse: false      # true: 403 to whatever comes without a good key
    # sidechain:           # origin is the site's public name, whose worker lets signed requests pass
    #   keys: [{id: k1, key: signing.key}]         # the first signs
    #   lifetime: 30s
    # maintenance:         # what mode maintenance shows; plain text without
    #   page: maintenance.html
    #   retry_after: 10m
    # error_pages:         # in place of our own plain answers
    #   - {status: 502, file: 502.html}

# error_pages: []          # the same for all sites and for unknown hosts

# health:                  # for the probes of a DNS service or a CDN
#   path: /.well-known/health
#   hosts: [203.0.113.7, "*.managed.example"]   # answered here only,
#   from: [198.51.100.0/24]                     # or to these only
#   notice: 10s            # says 503 for so long before a stop

# Load balancers and CDNs in front of Throughline. Only their X-Forwarded-For and
# Forwarded headers are believed.
trusted_proxies: []

limits:                    # what visitors and origins may take
  connections: 32768       # open at once; more are closed
  head: 64KiB              # of a request
  head_timeout: 10s        # until a request's head is complete
  idle_timeout: 75s        # between requests
  stall_timeout: 5m        # a body must move on, either way
  request_timeout: 0s      # a whole exchange; 0s: unbounded, for downloads and streams
  connect_timeout: 5s      # to the origin
  origin_timeout: 60s      # until the origin's response begins

# fingerprint:             # see docs/fingerprints.md
#   syn: true              # keep each connection's first packet (Linux)
#   connections: false     # a TLS connection does not tell visitors apart
#   ticket_id: true        # a random ID in TLS session tickets
#   ticket_keys: ticket.keys   # shared by replicas; without it the ID ends with the process
#   headers: {ja4: CloudFront-Viewer-JA4-Fingerprint}   # of trusted proxies

policy: policy             # folder of Specs, labels, signatures, workflows, actions
data: data                 # all state: journal, warehouse, users, keys
# hash_key: /run/secrets/hash-key   # instead of the one made in the data folder
geo: .cache/geo            # *.mmdb and *.csv files; without them addresses have no place
# enrich: lists of networks, crawlers, mail domains and BINs: see docs/enrichment.md
region: US                 # where a phone number without a country code belongs

hub:
  listen: ":8090"          # the Hub and its API
  hosts: []                # names it is reached by, beside localhost and this machine's addresses
  # cert: hub.pem
  # key: hub-key.pem

admin: "127.0.0.1:8091"    # /metrics, /healthz, /readyz; keep it private

journal:
  max_bytes: 8GiB          # at this size new events are shed and counted; traffic flows on
  sync: 1s                 # to disk at least this often; "always": each write

retention: 90d             # events older than this are deleted
drain: 20s                 # how long running requests may take to finish on stop
linger: 1h                 # how long what lasts stays with the old process after a restart
scheduling: auto           # by the kernel (Linux): considerate while processors are idle; system: as started
lanes: auto                # while many requests come, connections in the clear share a few loops (Linux)
log:
  level: info              # debug, info, warn, error
`
