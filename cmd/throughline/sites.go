package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// SiteConfig is one site.
type SiteConfig struct {
	Name      string           `yaml:"name"`
	Hosts     []string         `yaml:"hosts"`
	Origin    string           `yaml:"origin"`
	OriginTLS *OriginTLSConfig `yaml:"origin_tls"`
	Mode      string           `yaml:"mode"`
	Failure   string           `yaml:"failure"`
	Deadline  string           `yaml:"deadline"`
	Cert      string           `yaml:"cert"`
	Key       string           `yaml:"key"`
}

// OriginTLSConfig says how an https origin is verified where the system's roots
// or the name in its URL are not what it shows.
type OriginTLSConfig struct {
	CA         string `yaml:"ca"`
	ServerName string `yaml:"server_name"`
}

func checkSites(list []SiteConfig, bad func(field, wrong, right string)) []*site.Site {
	if len(list) == 0 {
		bad("sites", "no site is configured", "at least one: name, hosts and origin")
	}
	var out []*site.Site
	names, hosts := map[string]bool{}, map[string]string{}
	for i, sc := range list {
		field := func(f string) string { return fmt.Sprintf("sites[%d].%s", i, f) }
		st := &site.Site{Name: sc.Name, Hosts: sc.Hosts, Origin: sc.Origin, Mode: site.PassThrough,
			Failure: site.FailOpen, Deadline: 15 * time.Millisecond, Switch: &site.Switch{}}
		if sc.Name == "" || names[sc.Name] {
			bad(field("name"), fmt.Sprintf("%q is empty or used twice", sc.Name), "a name of its own")
		}
		names[sc.Name] = true
		if len(sc.Hosts) == 0 {
			bad(field("hosts"), "is empty", `host names, "*.example.com", or "*" for all others`)
		}
		for j, h := range sc.Hosts {
			h = strings.ToLower(h)
			if other, taken := hosts[h]; taken {
				bad(fmt.Sprintf("sites[%d].hosts[%d]", i, j), fmt.Sprintf("%q already belongs to site %q", h, other), "each host in one site")
			}
			hosts[h] = sc.Name
			sc.Hosts[j] = h
		}
		if u, err := url.Parse(sc.Origin); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
			bad(field("origin"), fmt.Sprintf("%q is no origin", sc.Origin), "http://host:port or https://host, without a path")
		}
		if t := sc.OriginTLS; t != nil {
			st.TLS = &site.OriginTLS{CAFile: t.CA, ServerName: t.ServerName}
			if !strings.HasPrefix(sc.Origin, "https:") {
				bad(field("origin_tls"), "does nothing for an origin without TLS", "an https origin, or leave it out")
			}
			if t.CA != "" {
				if _, err := os.Stat(t.CA); err != nil {
					bad(field("origin_tls.ca"), "can't be read: "+err.Error(), "a file of PEM certificates")
				}
			}
			if t.CA == "" && t.ServerName == "" {
				bad(field("origin_tls"), "says nothing", "ca, server_name or both")
			}
			if strings.ContainsAny(t.ServerName, ":/ *") {
				bad(field("origin_tls.server_name"), fmt.Sprintf("%q is no host name", t.ServerName), "the name in the origin's certificate, e.g. origin.example.com")
			}
		}
		switch m := site.Mode(sc.Mode); m {
		case "":
		case site.PassThrough, site.Active, site.Bypass:
			st.Mode = m
		default:
			bad(field("mode"), fmt.Sprintf("%q is no mode", sc.Mode), "pass-through, active or bypass")
		}
		switch f := site.Failure(sc.Failure); f {
		case "":
		case site.FailOpen, site.FailClosed:
			st.Failure = f
		default:
			bad(field("failure"), fmt.Sprintf("%q is no failure policy", sc.Failure), "open or closed")
		}
		if sc.Deadline != "" {
			st.Deadline = checkDuration(field("deadline"), sc.Deadline, time.Millisecond, bad)
		}
		out = append(out, st)
	}
	return out
}
