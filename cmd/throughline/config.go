package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/edge"
	"github.com/throughline/throughline/internal/enrich"
	"github.com/throughline/throughline/internal/site"
)

// Config is throughline.yaml, and what --origin alone stands for. `throughline
// init` writes one with comments; docs/configuration.md explains each field.
type Config struct {
	Listen         string        `yaml:"listen"`
	TLS            *TLSConfig    `yaml:"tls"`
	Hub            HubConfig     `yaml:"hub"`
	Admin          string        `yaml:"admin"`
	Data           string        `yaml:"data"`
	Policy         string        `yaml:"policy"`
	HashKey        string        `yaml:"hash_key"`
	Geo            string        `yaml:"geo"`
	Enrich         EnrichConfig  `yaml:"enrich"`
	Region         string        `yaml:"region"`
	TrustedProxies []string      `yaml:"trusted_proxies"`
	Sites          []SiteConfig  `yaml:"sites"`
	Limits         LimitsConfig  `yaml:"limits"`
	Journal        JournalConfig `yaml:"journal"`
	Retention      string        `yaml:"retention"`
	Log            LogConfig     `yaml:"log"`
	Drain          string        `yaml:"drain"`
	Linger         string        `yaml:"linger"`
	ErrorPages     []PageConfig  `yaml:"error_pages"`
	Health         *HealthConfig `yaml:"health"`
	ManagedDomain  string        `yaml:"managed_domain"`
	ProxyProtocol  []string      `yaml:"proxy_protocol"`
	Scheduling     string        `yaml:"scheduling"`
	Lanes          string        `yaml:"lanes"`

	Fingerprint FingerprintConfig `yaml:"fingerprint"`
}

// HubConfig is where the Hub listens and what it calls itself.
type HubConfig struct {
	Listen string   `yaml:"listen"`
	Hosts  []string `yaml:"hosts"`
	Cert   string   `yaml:"cert"`
	Key    string   `yaml:"key"`
}

// JournalConfig bounds the journal.
type JournalConfig struct {
	MaxBytes string `yaml:"max_bytes"`
	Sync     string `yaml:"sync"`
}

// LogConfig says how much is logged.
type LogConfig struct {
	Level string `yaml:"level"`
}

// settings is a Config checked and converted.
type settings struct {
	Config
	sites     []*site.Site
	limits    limits
	trusted   []netip.Prefix
	retention time.Duration
	drain     time.Duration
	linger    time.Duration
	notice    time.Duration
	health    edge.Health
	pages     site.Pages
	enrich    enrich.Config
	file      string                   // "": there is none
	again     func() (settings, error) // reads the same anew; nil: there is nothing to read
	// certificates is what tls and the sites say of them.
	certificates certificates
	// announced and announcedTLS begin connections with a PROXY protocol header.
	announced, announcedTLS []netip.Prefix
	stamp                   string // of the file, from before it was read

	journal struct {
		maxBytes   int64
		sync       time.Duration
		syncAlways bool
	}
}

func defaultConfig() Config {
	return Config{
		Listen:    ":8080",
		Hub:       HubConfig{Listen: ":8090"},
		Admin:     "127.0.0.1:8091",
		Data:      "./data",
		Geo:       ".cache/geo",
		Region:    "US",
		Limits:    defaultLimits(),
		Journal:   JournalConfig{MaxBytes: "8GiB", Sync: "1s"},
		Retention: "90d",
		Log:       LogConfig{Level: "info"},

		Fingerprint: FingerprintConfig{Connections: true},
		Drain:       "20s",
		Linger:      "1h",
		Scheduling:  scheduleAuto,
		Lanes:       lanesAuto,
	}
}

// originConfig is what `serve --origin URL` stands for.
func originConfig(origin string) Config {
	c := defaultConfig()
	c.Sites = []SiteConfig{{Name: "site", Hosts: []string{"*"}, Origin: origin}}
	return c
}

// loadConfig reads and checks a file; every fault of it is in the error.
func loadConfig(path string) (Config, []fault) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own file
	if err != nil {
		return Config{}, []fault{{file: path, wrong: err.Error(), right: "a readable file; `throughline init` writes one"}}
	}
	c := defaultConfig()
	doc, faults := readYAML(path, text, &c)
	if len(faults) == 0 {
		base := filepath.Dir(path)
		for _, p := range []*string{&c.Data, &c.Policy, &c.HashKey, &c.Geo, &c.Hub.Cert, &c.Hub.Key, &c.Fingerprint.TicketKeys} {
			*p = relativeTo(base, *p)
		}
		for _, st := range c.Sites {
			st.resolveSecrets(base)
			if st.Maintenance != nil {
				st.Maintenance.Page = relativeTo(base, st.Maintenance.Page)
			}
			for i := range st.ErrorPages {
				st.ErrorPages[i].File = relativeTo(base, st.ErrorPages[i].File)
			}
			if st.OriginTLS != nil {
				for _, p := range []*string{&st.OriginTLS.CA, &st.OriginTLS.Cert, &st.OriginTLS.Key} {
					*p = relativeTo(base, *p)
				}
			}
		}
		for i := range c.ErrorPages {
			c.ErrorPages[i].File = relativeTo(base, c.ErrorPages[i].File)
		}
		c.resolveCertificates(base)
		c.Enrich.resolve(base)
		_, faults = c.check(doc.fault)
	}
	return c, faults
}

func relativeTo(base, p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(base, p)
}

// check converts the settings; at makes a fault at a field's place.
func (c Config) check(at func(field, wrong, right string) fault) (settings, []fault) {
	s := settings{Config: c}
	var faults []fault
	bad := func(field, wrong, right string) { faults = append(faults, at(field, wrong, right)) }

	address := func(field, v string) {
		if _, _, err := net.SplitHostPort(v); err != nil {
			bad(field, fmt.Sprintf("%q is not an address to listen on", v), `host:port or :port, e.g. ":8080"`)
		}
	}
	address("listen", c.Listen)
	address("hub.listen", c.Hub.Listen)
	if c.Admin != "" {
		address("admin", c.Admin)
	}
	if c.TLS != nil {
		address("tls.listen", c.TLS.Listen)
	}
	s.certificates = c.checkCertificates(bad)
	if d := c.ManagedDomain; d != "" && !hostName(d) {
		bad("managed_domain", fmt.Sprintf("%q is no domain", d), "the domain whose names lead to Throughline, e.g. edge.example.net")
	}
	if (c.Hub.Cert == "") != (c.Hub.Key == "") {
		bad("hub", "only one of cert and key is set", "both, or neither when a proxy in front ends TLS")
	}
	if c.Data == "" {
		bad("data", "is empty", "a folder, e.g. ./data")
	}
	c.checkHashKey(bad)
	s.trusted = checkNetworks("trusted_proxies", c.TrustedProxies, bad)
	s.announced = checkNetworks("proxy_protocol", c.ProxyProtocol, bad)
	if c.TLS != nil {
		s.announcedTLS = checkNetworks("tls.proxy_protocol", c.TLS.ProxyProtocol, bad)
	}
	s.sites = checkSites(c.Sites, bad)
	s.limits = c.Limits.check(bad)
	c.Fingerprint.check(c.TLS != nil, bad)
	s.retention = checkDuration("retention", c.Retention, 24*time.Hour, bad)
	s.drain = checkDuration("drain", c.Drain, 0, bad)
	s.linger = checkDuration("linger", c.Linger, 0, bad)
	s.enrich = c.Enrich.check(c.Geo, bad)
	s.pages = checkPages("error_pages", c.ErrorPages, bad)
	s.health, s.notice = c.Health.check(bad)
	if n, err := parseBytes(c.Journal.MaxBytes); err != nil || n < 16<<20 {
		bad("journal.max_bytes", fmt.Sprintf("%q is no size of at least 16MiB", c.Journal.MaxBytes), "e.g. 8GiB")
	} else {
		s.journal.maxBytes = n
	}
	if c.Journal.Sync == "always" {
		s.journal.syncAlways = true
	} else {
		s.journal.sync = checkDuration("journal.sync", c.Journal.Sync, 10*time.Millisecond, bad)
	}
	checkScheduling(c.Scheduling, bad)
	checkLanes(c.Lanes, bad)
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		bad("log.level", fmt.Sprintf("%q is no level", c.Log.Level), "debug, info, warn or error")
	}
	return s, faults
}

func checkNetworks(field string, list []string, bad func(field, wrong, right string)) (out []netip.Prefix) {
	for i, p := range list {
		pre, err := parsePrefix(p)
		if err != nil {
			bad(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("%q is no address or network", p), "10.0.0.0/8, 2001:db8::/32 or 192.0.2.7")
			continue
		}
		out = append(out, pre)
	}
	return out
}

func checkDuration(field, v string, least time.Duration, bad func(field, wrong, right string)) time.Duration {
	d, err := parseDuration(v)
	if err != nil || d < least {
		bad(field, fmt.Sprintf("%q is no duration of at least %v", v, least), "e.g. 15ms, 30s, 12h or 90d")
	}
	return d
}

func parseDuration(v string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(v, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err != nil || fmt.Sprint(n) != days || n < 0 || n > 36500 {
			return 0, errors.New("not a number of days")
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(v)
}

func parseBytes(v string) (int64, error) {
	var n int64
	var unit string
	if _, err := fmt.Sscanf(v, "%d%s", &n, &unit); err != nil || n <= 0 || n > 1<<20 {
		return 0, errors.New("not a size")
	}
	switch unit {
	case "KiB":
		return n << 10, nil
	case "MiB":
		return n << 20, nil
	case "GiB":
		return n << 30, nil
	case "TiB":
		return n << 40, nil
	}
	return 0, errors.New("not a size")
}

func parsePrefix(v string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(v); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(v)
}
