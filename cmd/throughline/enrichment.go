package main

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/enrich"
)

// EnrichConfig names what else than places is known of addresses, programs, mail
// domains and cards.
type EnrichConfig struct {
	Networks []NetworkListConfig `yaml:"networks"`
	// Carriers are those of phones that come with the program; nil: they are used.
	Carriers      *bool           `yaml:"known_carriers"`
	MailDomains   string          `yaml:"mail_domains"`
	MailDomainNew string          `yaml:"mail_domain_new"`
	BINs          string          `yaml:"bins"`
	DNS           string          `yaml:"dns"`
	Crawlers      []CrawlerConfig `yaml:"crawlers"`
	Keys          []KeyFileConfig `yaml:"keys"`
	FetchKeys     []string        `yaml:"fetch_keys"`
}

// NetworkListConfig is a list of networks of one kind.
type NetworkListConfig struct {
	Kind string `yaml:"kind"`
	File string `yaml:"file"`
}

// CrawlerConfig says how a crawler is verified; one that is known by its name is
// replaced.
type CrawlerConfig struct {
	Name    string   `yaml:"name"`
	Agents  []string `yaml:"agents"`
	Domains []string `yaml:"domains"`
	Ranges  []string `yaml:"ranges"`
}

// KeyFileConfig is the key directory of a program that signs, as a file.
type KeyFileConfig struct {
	Agent string `yaml:"agent"`
	File  string `yaml:"file"`
}

func (c *EnrichConfig) resolve(base string) {
	for i := range c.Networks {
		c.Networks[i].File = relativeTo(base, c.Networks[i].File)
	}
	for i := range c.Crawlers {
		for j := range c.Crawlers[i].Ranges {
			c.Crawlers[i].Ranges[j] = relativeTo(base, c.Crawlers[i].Ranges[j])
		}
	}
	for i := range c.Keys {
		c.Keys[i].File = relativeTo(base, c.Keys[i].File)
	}
	c.MailDomains, c.BINs = relativeTo(base, c.MailDomains), relativeTo(base, c.BINs)
}

// check converts the settings. Files are not opened: one that is missing is shown
// in the status.
func (c *EnrichConfig) check(geo string, bad func(field, wrong, right string)) enrich.Config {
	out := enrich.Config{Dir: geo, Domains: c.MailDomains, BINs: c.BINs, DNS: c.DNS, YoungDays: 30, NoCarriers: c.Carriers != nil && !*c.Carriers}
	file := func(field, v string) {
		if v == "" {
			bad(field, "is empty", "a file")
		}
	}
	for i, n := range c.Networks {
		at := fmt.Sprintf("enrich.networks[%d]", i)
		kind, err := enrich.ParseKind(n.Kind)
		if err != nil {
			bad(at+".kind", fmt.Sprintf("%q is no kind of network", n.Kind), "tor, vpn, proxy, hosting, mobile or residential")
		}
		file(at+".file", n.File)
		out.Networks = append(out.Networks, enrich.NetworkList{Kind: kind, File: n.File})
	}
	if c.MailDomainNew != "" {
		out.YoungDays = int(checkDuration("enrich.mail_domain_new", c.MailDomainNew, 24*time.Hour, bad) / (24 * time.Hour))
	}
	if c.DNS != "" && c.DNS != "system" {
		if host, _, err := net.SplitHostPort(c.DNS); err != nil || net.ParseIP(host) == nil {
			bad("enrich.dns", fmt.Sprintf("%q is no resolver", c.DNS), "system, or an address with its port such as 192.0.2.53:53")
		}
	}
	names := c.checkCrawlers(&out, bad)
	for _, k := range enrich.Known() {
		if !slices.Contains(names, k.Name) {
			out.Crawlers = append(out.Crawlers, k)
		}
	}
	for i, k := range c.Keys {
		at := fmt.Sprintf("enrich.keys[%d]", i)
		u, err := url.Parse(k.Agent)
		if err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			bad(at+".agent", fmt.Sprintf("%q is no origin", k.Agent), "what the program sends as Signature-Agent, e.g. https://bot.example.com")
			continue
		}
		file(at+".file", k.File)
		out.Keys = append(out.Keys, enrich.KeyFile{Agent: "https://" + strings.ToLower(u.Host), File: k.File})
	}
	for i, h := range c.FetchKeys {
		if h != "*" && !hostName(h) {
			bad(fmt.Sprintf("enrich.fetch_keys[%d]", i), fmt.Sprintf("%q is no host name", h), `bot.example.com, or "*" for whoever signs`)
		}
		out.Fetch = append(out.Fetch, strings.ToLower(h))
	}
	return out
}

func (c *EnrichConfig) checkCrawlers(out *enrich.Config, bad func(field, wrong, right string)) (names []string) {
	for i, cr := range c.Crawlers {
		at := fmt.Sprintf("enrich.crawlers[%d]", i)
		switch {
		case cr.Name == "":
			bad(at+".name", "is empty", "a name such as examplebot")
		case slices.Contains(names, cr.Name):
			bad(at+".name", fmt.Sprintf("%q stands twice", cr.Name), "a name of its own")
		case len(cr.Domains) == 0 && len(cr.Ranges) == 0:
			bad(at, "says nothing to verify it by", "domains, ranges or both")
		}
		for j, d := range cr.Domains {
			if !hostName(strings.TrimPrefix(d, ".")) {
				bad(fmt.Sprintf("%s.domains[%d]", at, j), fmt.Sprintf("%q is no domain", d), "e.g. crawl.example.com")
			}
		}
		for j, w := range cr.Agents {
			if w == "" {
				bad(fmt.Sprintf("%s.agents[%d]", at, j), "is empty", "a word of its user agent")
			}
		}
		names = append(names, cr.Name)
		out.Crawlers = append(out.Crawlers, enrich.Crawler{Name: cr.Name, Agents: cr.Agents, Domains: cr.Domains, Ranges: cr.Ranges})
	}
	return names
}
