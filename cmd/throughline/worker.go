package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/signature"
	"github.com/throughline/throughline/internal/site"
)

// NamedOriginConfig is another origin of a site, by the name a worker may ask for.
type NamedOriginConfig struct {
	Name   string `yaml:"name"`
	Origin string `yaml:"origin"`
}

// WorkerConfig says by which keys a worker at a CDN is known. Keys never stand in
// the configuration itself: each is a file, or env:NAME.
type WorkerConfig struct {
	Keys   []string `yaml:"keys"`
	Refuse bool     `yaml:"refuse"`
}

// SidechainConfig says how requests are signed that go back through the site's
// public name, which is then its origin.
type SidechainConfig struct {
	Keys     []SigningKeyConfig `yaml:"keys"`
	Lifetime string             `yaml:"lifetime"`
}

// SigningKeyConfig is a key shared with the worker: a file, or env:NAME.
type SigningKeyConfig struct {
	ID  string `yaml:"id"`
	Key string `yaml:"key"`
}

// secretPlaces is where keys are read from.
const secretPlaces = "a file that holds the key, or env:NAME for an environment variable"

// resolveSecrets makes the paths of key files relative to the configuration.
func (c *SiteConfig) resolveSecrets(base string) {
	resolve := func(p *string) {
		if !strings.HasPrefix(*p, "env:") {
			*p = relativeTo(base, *p)
		}
	}
	if c.Worker != nil {
		for i := range c.Worker.Keys {
			resolve(&c.Worker.Keys[i])
		}
	}
	if c.Sidechain != nil {
		for i := range c.Sidechain.Keys {
			resolve(&c.Sidechain.Keys[i].Key)
		}
	}
}

// readSecret reads a key, one line of visible characters. What it holds stands in
// no fault.
func readSecret(field, from string, least, most int, bad func(field, wrong, right string)) string {
	var text string
	if name, env := strings.CutPrefix(from, "env:"); env {
		v, there := os.LookupEnv(name)
		if !there {
			bad(field, fmt.Sprintf("environment variable %q is not set", name), secretPlaces)
			return ""
		}
		text = v
	} else {
		info, err := os.Stat(from)
		if err != nil || !info.Mode().IsRegular() {
			bad(field, "is no file that can be read", secretPlaces)
			return ""
		}
		b, err := os.ReadFile(from) //nolint:gosec // the operator's own file
		if err != nil {
			bad(field, "is no file that can be read", secretPlaces)
			return ""
		}
		text = string(b)
	}
	text = strings.TrimRight(text, "\r\n")
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f {
			bad(field, "the key has a space, a line end or a character that is not ASCII", "one line of visible characters")
			return ""
		}
	}
	if len(text) < least || len(text) > most {
		bad(field, fmt.Sprintf("the key has %d characters", len(text)), fmt.Sprintf("%d to %d, at random", least, most))
		return ""
	}
	return text
}

// mostSigningKey bounds a signing key, in characters.
const mostSigningKey = 1024

// checkWorker checks what a site says of workers, and puts it into st.
func checkWorker(field func(string) string, sc *SiteConfig, st *site.Site, bad func(field, wrong, right string)) {
	checkOrigins(field("origins"), sc, st, bad)
	if c := sc.Worker; c != nil {
		st.Worker = &site.Worker{Refuse: c.Refuse}
		if len(c.Keys) == 0 {
			bad(field("worker.keys"), "is empty", "one or more: "+secretPlaces)
		}
		for i, from := range c.Keys {
			at := fmt.Sprintf("%s[%d]", field("worker.keys"), i)
			if key := readSecret(at, from, site.LeastCustomerKey, site.MostCustomerKey, bad); key != "" {
				st.Worker.Keys = append(st.Worker.Keys, site.DigestKey(key))
			}
		}
	}
	if c := sc.Sidechain; c != nil {
		st.Sidechain = checkSidechain(field("sidechain"), c, bad)
		if st.Mode == site.Mirror {
			bad(field("sidechain"), "does nothing in mode mirror, which forwards nothing", "another mode, or leave it out")
		}
	}
}

func checkSidechain(field string, c *SidechainConfig, bad func(field, wrong, right string)) *site.Sidechain {
	out := &site.Sidechain{Lifetime: site.DefaultSignatureLifetime}
	if len(c.Keys) == 0 {
		bad(field+".keys", "is empty", "one or more, each with id and key; the first signs")
	}
	ids := map[string]bool{}
	for i, k := range c.Keys {
		at := fmt.Sprintf("%s.keys[%d]", field, i)
		switch {
		case !signature.ValidID(k.ID):
			bad(at+".id", fmt.Sprintf("%q is no id", k.ID), "1 to 64 letters, digits, '-', '_' and '.'")
		case ids[k.ID]:
			bad(at+".id", fmt.Sprintf("%q stands twice", k.ID), "an id of its own")
		}
		ids[k.ID] = true
		if key := readSecret(at+".key", k.Key, signature.LeastSecret, mostSigningKey, bad); key != "" {
			out.Keys = append(out.Keys, site.SigningKey{ID: k.ID, Secret: []byte(key)})
		}
	}
	if c.Lifetime != "" {
		out.Lifetime = checkDuration(field+".lifetime", c.Lifetime, time.Second, bad)
		if out.Lifetime > signature.MaxLifetime || out.Lifetime%time.Second != 0 {
			bad(field+".lifetime", fmt.Sprintf("%q is too long or no whole seconds", c.Lifetime), "1s to 5m")
		}
	}
	return out
}

// checkOrigins reads the site's other origins.
func checkOrigins(field string, sc *SiteConfig, st *site.Site, bad func(field, wrong, right string)) {
	if len(sc.Origins) > 0 {
		st.Origins = map[string]string{}
	}
	for i, o := range sc.Origins {
		at := fmt.Sprintf("%s[%d]", field, i)
		if _, twice := st.Origins[strings.ToLower(o.Name)]; twice || o.Name == "" {
			bad(at+".name", fmt.Sprintf("%q is empty or used twice", o.Name), "a name of its own")
		}
		if !isOrigin(o.Origin) {
			bad(at+".origin", fmt.Sprintf("%q is no origin", o.Origin), "http://host:port or https://host, without a path")
		}
		st.Origins[strings.ToLower(o.Name)] = o.Origin
	}
}
