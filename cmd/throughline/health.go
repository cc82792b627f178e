package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/edge"
)

// HealthConfig is the target for the probes of a DNS service or a CDN.
type HealthConfig struct {
	Path   string   `yaml:"path"`
	Hosts  []string `yaml:"hosts"`
	From   []string `yaml:"from"`
	Notice string   `yaml:"notice"`
}

// check converts the target; notice is how long it says 503 before a stop.
func (c *HealthConfig) check(bad func(field, wrong, right string)) (h edge.Health, notice time.Duration) {
	if c == nil {
		return h, 0
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?# ") {
		bad("health.path", fmt.Sprintf("%q is no path", c.Path), "e.g. /.well-known/health")
	}
	h.Path = c.Path
	for i, host := range c.Hosts {
		l := strings.ToLower(host)
		if l == "" || l == "*" || strings.ContainsAny(l, "/ ") || strings.Contains(strings.TrimPrefix(l, "*."), "*") {
			bad(fmt.Sprintf("health.hosts[%d]", i), fmt.Sprintf("%q is no host", host), `a name, an address, or "*.managed.example"`)
		}
		h.Hosts = append(h.Hosts, l)
	}
	for i, p := range c.From {
		pre, err := parsePrefix(p)
		if err != nil {
			bad(fmt.Sprintf("health.from[%d]", i), fmt.Sprintf("%q is no address or network", p), "192.0.2.7 or 198.51.100.0/24")
			continue
		}
		h.From = append(h.From, pre)
	}
	if len(c.Hosts) == 0 && len(c.From) == 0 {
		bad("health", "says neither which hosts it answers nor to whom", "hosts, from or both; else it would take a path from every site")
	}
	if c.Notice != "" {
		notice = checkDuration("health.notice", c.Notice, 0, bad)
	}
	return h, notice
}
