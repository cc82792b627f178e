package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/inventory"
)

// TestTheAuditKnowsPolicyAndConfiguration asks for it in every form.
func TestTheAuditKnowsPolicyAndConfiguration(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "throughline.yaml")
	write(t, config, "policy: policy\nretention: 30d\njournal: {max_bytes: 1GiB}\nsites: [{name: shop, hosts: [shop.example], origin: \"http://127.0.0.1:1\"}]\n")
	write(t, filepath.Join(dir, "policy", "p.yaml"), payPolicy)
	var v inventory.Inventory
	if err := json.Unmarshal([]byte(mustTool(t, "", "policy", "audit", "--config", config, "--json")), &v); err != nil {
		t.Fatal(err)
	}
	listed := map[string]inventory.Element{}
	for _, s := range v.Specs {
		if len(s.Sites) != 1 || s.Sites[0] != "shop" {
			t.Errorf("%s is of sites %v", s.Name, s.Sites)
		}
		for _, e := range s.Elements {
			listed[e.ID] = e
		}
	}
	if e := listed["card_number"]; e.Form != inventory.Hashed || e.For != "journal 7 days, warehouse 30 days" || e.Source != "form.card" {
		t.Errorf("%+v", e)
	}
	if len(v.Enrichment.Elements) < 8 || len(v.Enrichment.Data) == 0 {
		t.Errorf("%+v", v.Enrichment)
	}
	page := filepath.Join(dir, "record.html")
	mustTool(t, "", "policy", "audit", "--config", config, "--html", page)
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "shop.example") {
		t.Errorf("%v %s", err, text)
	}
	if out := mustTool(t, "", "policy", "audit"); !strings.Contains(out, "What is collected") {
		t.Errorf("the starter: %s", out)
	}
	write(t, filepath.Join(dir, "policy", "bad.yaml"), "kind: spec\n")
	if out, err := tool(t, "", "policy", "audit", "--config", config); err == nil || !strings.Contains(out, "bad.yaml:1") {
		t.Errorf("a faulty policy: %v %s", err, out)
	}
}
