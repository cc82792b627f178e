package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/enrich"
)

const enrichSites = "sites: [{name: shop, hosts: [\"*\"], origin: \"http://127.0.0.1:1\"}]\n"

func TestEnrichmentIsConfigured(t *testing.T) {
	file := filepath.Join(writeFiles(t, map[string]string{"throughline.yaml": enrichSites + `geo: places
enrich:
  networks:
    - {kind: tor, file: lists/tor.txt}
    - {kind: vpn, file: /etc/vpn.txt}
  mail_domains: domains.csv
  mail_domain_new: 14d
  bins: bins.csv
  dns: 192.0.2.53:53
  crawlers:
    - {name: googlebot, domains: [googlebot.com], ranges: [googlebot.json]}
  keys:
    - {agent: "https://Bot.example/", file: keys/bot.json}
  fetch_keys: [Signer.example, "*"]
`}))
	base := filepath.Dir(file)
	c, faults := loadConfig(file)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	set, faults := c.check(flagFault)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	e := set.enrich
	if e.Dir != filepath.Join(base, "places") || len(e.Networks) != 2 || e.Networks[0] != (enrich.NetworkList{Kind: enrich.Tor, File: filepath.Join(base, "lists/tor.txt")}) ||
		e.Networks[1].File != "/etc/vpn.txt" || e.Domains != filepath.Join(base, "domains.csv") || e.YoungDays != 14 || e.BINs != filepath.Join(base, "bins.csv") || e.DNS != "192.0.2.53:53" {
		t.Errorf("%+v", e)
	}
	if e.Keys[0] != (enrich.KeyFile{Agent: "https://bot.example", File: filepath.Join(base, "keys/bot.json")}) || strings.Join(e.Fetch, " ") != "signer.example *" {
		t.Errorf("%+v %v", e.Keys, e.Fetch)
	}
	if len(e.Crawlers) != len(enrich.Known()) || e.Crawlers[0].Ranges[0] != filepath.Join(base, "googlebot.json") {
		t.Errorf("a crawler of a known name does not take its place: %+v", e.Crawlers)
	}
}

func TestEnrichmentsFaults(t *testing.T) {
	_, faults := loadConfig(writeFiles(t, map[string]string{"throughline.yaml": enrichSites + `enrich:
  networks:
    - {kind: bad, file: a}
    - {kind: tor}
  mail_domain_new: 3h
  dns: resolver
  crawlers:
    - {name: a}
    - {domains: [x y]}
    - {name: b, ranges: [r]}
    - {name: b, ranges: [r], agents: [""]}
  keys:
    - {agent: "http://bot.example", file: k}
    - {agent: "https://bot.example"}
  fetch_keys: ["https://x"]
`}))
	var all []string
	for _, f := range faults {
		all = append(all, f.String())
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{`throughline.yaml:4:`, "enrich.networks[0].kind", "enrich.networks[1].file", "enrich.mail_domain_new", "enrich.dns", "enrich.crawlers[0]", "enrich.crawlers[1].name",
		"enrich.crawlers[1].domains[0]", `enrich.crawlers[3].name: "b" stands twice`, "enrich.crawlers[3].agents[0]", "enrich.keys[0].agent", "enrich.keys[1].file", "enrich.fetch_keys[0]"} {
		if !strings.Contains(text, want) {
			t.Errorf("no fault at %s in\n%s", want, text)
		}
	}
	if len(faults) != 12 {
		t.Errorf("%d faults\n%s", len(faults), text)
	}
}
