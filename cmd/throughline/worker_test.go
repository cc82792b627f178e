package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/edge"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// writeFiles writes a configuration and what stands beside it.
func writeFiles(t *testing.T, files map[string]string) (config string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "throughline.yaml")
}

const signingSecret = "0123456789abcdef0123456789abcdef"

type nobody struct{}

func (nobody) Decide(*wire.Exchange, wire.Phase) wire.Decision { return wire.Decision{} }

func TestWorkerSettings(t *testing.T) {
	t.Setenv("CUSTOMER_KEY", "customer-key-from-env")
	c, faults := loadConfig(writeFiles(t, map[string]string{"customer.key": "customer-key-from-file\n", "k.key": signingSecret + "\r\n", "throughline.yaml": `
managed_domain: edge.example.net
sites:
  - name: shop
    hosts: [www.client.com]
    origin: https://www.client.com
    origins:
      - {name: EU, origin: https://origin-eu.client.com}
    worker: {keys: [customer.key, "env:CUSTOMER_KEY"], refuse: true}
    sidechain:
      keys: [{id: k2, key: k.key}, {id: k1, key: "env:CUSTOMER_KEY_2"}]
      lifetime: 20s
`}))
	if len(faults) != 1 || !strings.Contains(faults[0].String(), `throughline.yaml:11:`) || !strings.Contains(faults[0].String(), `"CUSTOMER_KEY_2" is not set`) {
		t.Fatalf("faults %v", faults)
	}
	t.Setenv("CUSTOMER_KEY_2", strings.Repeat("k", 32))
	set, faults := c.check(flagFault)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	st := set.sites[0]
	if !st.Worker.Refuse || !st.Worker.Knows("customer-key-from-file") || !st.Worker.Knows("customer-key-from-env") || st.Worker.Knows("customer-key-from-file\n") {
		t.Errorf("worker %+v", st.Worker)
	}
	if st.Sidechain.Lifetime != 20*time.Second || len(st.Sidechain.Keys) != 2 || st.Sidechain.Keys[0].ID != "k2" || string(st.Sidechain.Keys[0].Secret) != signingSecret {
		t.Errorf("sidechain %v", st.Sidechain)
	}
	if st.Origins["eu"] != "https://origin-eu.client.com" || set.routing().ManagedDomain != "edge.example.net" {
		t.Errorf("origins %v, %q", st.Origins, set.routing().ManagedDomain)
	}
	conf := set.routing()
	conf.Listeners = []edge.Listener{{Addr: "127.0.0.1:0"}}
	if _, err := edge.New(conf, nobody{}); err != nil {
		t.Errorf("the edge does not take it: %v", err)
	}
}

func TestWorkerFaults(t *testing.T) {
	path := writeFiles(t, map[string]string{"short.key": "short", "two.key": "0123456789abcdef\n0123456789abcdef", "k.key": signingSecret, "throughline.yaml": `
sites:
  - name: shop
    hosts: [www.client.com]
    origin: https://www.client.com
    mode: mirror
    origins:
      - {name: eu, origin: "origin-eu"}
      - {name: EU, origin: https://x}
    worker: {keys: [short.key, two.key, none.key, ., "env:NO_SUCH_KEY"]}
    sidechain:
      keys: [{id: "a b", key: k.key}, {id: k, key: k.key}, {id: k, key: short.key}]
      lifetime: 6m
  - name: other
    hosts: [other.com]
    origin: https://other.com
    worker: {keys: []}
    sidechain: {lifetime: 1500ms}
`})
	_, faults := loadConfig(path)
	var text strings.Builder
	for _, f := range faults {
		text.WriteString(f.String() + "\n")
	}
	for _, want := range []string{
		`:8:28: sites[0].origins[0].origin: "origin-eu" is no origin`, `:9:16: sites[0].origins[1].name: "EU" is empty or used twice`,
		`worker.keys[0]: the key has 5 characters; want 16 to 128`, `worker.keys[1]: the key has a space, a line end`, `worker.keys[2]: is no file`,
		`worker.keys[3]: is no file`, `worker.keys[4]: environment variable "NO_SUCH_KEY" is not set`,
		`sidechain.keys[0].id: "a b" is no id`, `sidechain.keys[2].id: "k" stands twice`, `sidechain.keys[2].key: the key has 5 characters; want 32 to 1024`,
		`sidechain.lifetime: "6m" is too long`, `sites[0].sidechain: does nothing in mode mirror`,
		`sites[1].worker.keys: is empty`, `sites[1].sidechain.keys: is empty`, `sites[1].sidechain.lifetime: "1500ms" is too long or no whole seconds`,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if len(faults) != 15 {
		t.Errorf("%d faults", len(faults))
	}
	if strings.Contains(text.String(), "0123456789abcdef") || strings.Contains(text.String(), `"short"`) {
		t.Errorf("a fault tells a key:\n%s", text.String())
	}
}

// What the template shows as a comment is a configuration.
func TestTheTemplateOfWorkers(t *testing.T) {
	text := strings.ReplaceAll(configTemplate, "{{origin}}", "https://www.client.com")
	open, in := []string{}, false
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "    # origins:"):
			in = true
		case strings.HasPrefix(line, "    # maintenance:"):
			in = false
		}
		if in {
			line = strings.Replace(line, "    # ", "    ", 1)
		}
		open = append(open, line)
	}
	t.Setenv("CUSTOMER_KEY", "customer-key-from-env")
	c, faults := loadConfig(writeFiles(t, map[string]string{"customer.key": "customer-key-from-file", "signing.key": signingSecret,
		"throughline.yaml": strings.Join(open, "\n")}))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if s := c.Sites[0]; s.Worker == nil || s.Sidechain == nil || len(s.Origins) != 1 || s.Sidechain.Lifetime != "30s" {
		t.Errorf("site %+v", s)
	}
}

func TestSecretsStayOutOfLogs(t *testing.T) {
	k := site.SigningKey{ID: "k1", Secret: []byte(signingSecret)}
	if s := k.String() + k.GoString(); strings.Contains(s, "0123") || !strings.Contains(s, "k1") {
		t.Error(s)
	}
}
