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
	// Addresses, Health and OriginHost say where and how the origin is reached.
	Addresses  []string            `yaml:"addresses"`
	Health     *OriginHealthConfig `yaml:"health"`
	OriginHost string              `yaml:"origin_host"`

	Maintenance *MaintenanceConfig `yaml:"maintenance"`
	ErrorPages  []PageConfig       `yaml:"error_pages"`

	// Cert and Key are a certificate of the site's own.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`

	// Origins, Worker and Sidechain are for workers at a CDN.
	Origins   []NamedOriginConfig `yaml:"origins"`
	Worker    *WorkerConfig       `yaml:"worker"`
	Sidechain *SidechainConfig    `yaml:"sidechain"`

	// OriginProtocol is what the origin speaks.
	OriginProtocol string `yaml:"origin_protocol"`

	Failover *FailoverConfig `yaml:"failover"`

	// Discovery learns the shapes of requests that no Spec names.
	Discovery bool `yaml:"discovery"`

	Fingerprint *SiteFingerprintConfig `yaml:"fingerprint"`
}

// FailoverConfig says when an address of the origin is left out.
type FailoverConfig struct {
	Fails     int    `yaml:"fails"`
	Pause     string `yaml:"pause"`
	SlowStart string `yaml:"slow_start"`
}

// check converts it; what is left out takes a default.
func (f *FailoverConfig) check(field string, bad func(field, wrong, right string)) *site.Failover {
	out := &site.Failover{Fails: 3, Pause: 5 * time.Second, SlowStart: 30 * time.Second}
	if *f == (FailoverConfig{}) {
		bad(field, "says nothing", "fails, pause or slow_start")
	}
	if f.Fails < 0 || f.Fails > 1000 {
		bad(field+".fails", fmt.Sprintf("%d is no number of failures in a row", f.Fails), "1 to 1000")
	} else if f.Fails > 0 {
		out.Fails = f.Fails
	}
	if f.Pause != "" {
		out.Pause = checkDuration(field+".pause", f.Pause, 100*time.Millisecond, bad)
	}
	if f.SlowStart != "" {
		out.SlowStart = checkDuration(field+".slow_start", f.SlowStart, 0, bad)
	}
	return out
}

// OriginHealthConfig is how a host of the origin is asked for its health.
type OriginHealthConfig struct {
	Path     string `yaml:"path"`
	Host     string `yaml:"host"`
	Status   int    `yaml:"status"`
	Interval string `yaml:"interval"`
	Timeout  string `yaml:"timeout"`
	// ServerName is asked for and verified where it is not the origin's.
	ServerName string `yaml:"server_name"`
}

// check converts it; what is left out takes a default.
func (h *OriginHealthConfig) check(field string, bad func(field, wrong, right string)) *site.Health {
	out := &site.Health{Path: h.Path, Host: h.Host, Status: h.Status, Interval: 10 * time.Second, Timeout: 2 * time.Second, ServerName: h.ServerName}
	if strings.ContainsAny(h.ServerName, ":/ *") {
		bad(field+".server_name", fmt.Sprintf("%q is no host name", h.ServerName), "the name in the origin's certificate, e.g. origin.example.com")
	}
	if h.Host != "" && site.BadAddress(h.Host) != "" {
		bad(field+".host", fmt.Sprintf("%q is no host", h.Host), "the Host to ask for, e.g. www.example.com")
	}
	if !strings.HasPrefix(h.Path, "/") || strings.ContainsAny(h.Path, " \r\n\t#") {
		bad(field+".path", fmt.Sprintf("%q is no path", h.Path), "e.g. /healthz")
	}
	if out.Status == 0 {
		out.Status = 200
	} else if h.Status < 200 || h.Status > 599 {
		bad(field+".status", fmt.Sprintf("%d is no status of an answer", h.Status), "200 to 599")
	}
	if h.Interval != "" {
		out.Interval = checkDuration(field+".interval", h.Interval, 100*time.Millisecond, bad)
	}
	if h.Timeout != "" {
		out.Timeout = checkDuration(field+".timeout", h.Timeout, 10*time.Millisecond, bad)
	}
	if out.Timeout > out.Interval {
		bad(field+".timeout", fmt.Sprintf("%v is longer than the interval of %v", out.Timeout, out.Interval), "a shorter one")
	}
	return out
}

// OriginTLSConfig says how an https origin is verified where the system's roots
// or the name in its URL are not what it shows.
type OriginTLSConfig struct {
	CA         string `yaml:"ca"`
	ServerName string `yaml:"server_name"`
	Cert       string `yaml:"cert"`
	Key        string `yaml:"key"`
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
		if !isOrigin(sc.Origin) {
			bad(field("origin"), fmt.Sprintf("%q is no origin", sc.Origin), "http://host:port or https://host, without a path")
		}
		if t := sc.OriginTLS; t != nil {
			st.TLS = &site.OriginTLS{CAFile: t.CA, ServerName: t.ServerName, CertFile: t.Cert, KeyFile: t.Key}
			if (t.Cert == "") != (t.Key == "") {
				bad(field("origin_tls"), "only one of cert and key is set", "both: PEM files to show an origin that asks")
			}
			for name, file := range map[string]string{"cert": t.Cert, "key": t.Key} {
				if file == "" {
					continue
				}
				if _, err := os.Stat(file); err != nil {
					bad(field("origin_tls."+name), "can't be read: "+err.Error(), "a PEM file")
				}
			}
			if !strings.HasPrefix(sc.Origin, "https:") {
				bad(field("origin_tls"), "does nothing for an origin without TLS", "an https origin, or leave it out")
			}
			if t.CA != "" {
				if _, err := os.Stat(t.CA); err != nil {
					bad(field("origin_tls.ca"), "can't be read: "+err.Error(), "a file of PEM certificates")
				}
			}
			if *t == (OriginTLSConfig{}) {
				bad(field("origin_tls"), "says nothing", "ca, server_name, or cert and key")
			}
			if strings.ContainsAny(t.ServerName, ":/ *") {
				bad(field("origin_tls.server_name"), fmt.Sprintf("%q is no host name", t.ServerName), "the name in the origin's certificate, e.g. origin.example.com")
			}
		}
		st.Addresses, st.OriginHost, st.Discovery = sc.Addresses, sc.OriginHost, sc.Discovery
		sc.Fingerprint.check(&st.SharedConnections, &st.SharedTickets)
		for j, a := range sc.Addresses {
			if why := site.BadAddress(a); why != "" {
				bad(fmt.Sprintf("sites[%d].addresses[%d]", i, j), fmt.Sprintf("%q is no address", a), strings.TrimPrefix(why, "want "))
			}
		}
		if sc.OriginHost != "" && site.BadAddress(sc.OriginHost) != "" {
			bad(field("origin_host"), fmt.Sprintf("%q is no host", sc.OriginHost), "the Host that the origin is to get, e.g. www.example.com")
		}
		if sc.Health != nil {
			st.Health = sc.Health.check(field("health"), bad)
			if sc.Health.ServerName != "" && !strings.HasPrefix(sc.Origin, "https:") {
				bad(field("health.server_name"), "does nothing for an origin without TLS", "an https origin, or leave it out")
			}
		}
		if sc.Failover != nil {
			st.Failover = sc.Failover.check(field("failover"), bad)
		}
		switch m := site.Mode(sc.Mode); m {
		case "":
		case site.PassThrough, site.Active, site.Mirror, site.Bypass, site.Maintenance:
			st.Mode = m
		default:
			bad(field("mode"), fmt.Sprintf("%q is no mode", sc.Mode), "pass-through, active, mirror, bypass or maintenance")
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
		checkMaintenance(field("maintenance"), sc.Maintenance, st, bad)
		checkWorker(field, &sc, st, bad)
		st.Pages = checkPages(field("error_pages"), sc.ErrorPages, bad)
		switch p := site.Protocol(sc.OriginProtocol); {
		case p == "":
		case p == site.AutoProtocol && !strings.HasPrefix(sc.Origin, "https:"):
			bad(field("origin_protocol"), "auto asks by TLS, and the origin has none", "h2 for an origin that speaks HTTP/2 in the clear, or http1")
		case p == site.HTTP1, p == site.HTTP2, p == site.AutoProtocol:
			st.OriginProtocol = p
		default:
			bad(field("origin_protocol"), fmt.Sprintf("%q is no protocol", sc.OriginProtocol), "http1, h2, or auto for what TLS negotiates")
		}
		out = append(out, st)
	}
	return out
}

// isOrigin tells a URL of an origin.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.User == nil
}
