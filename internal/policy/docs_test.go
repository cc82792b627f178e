package policy_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/policy"
)

// fences are the complete examples of the documentation.
func fences(t *testing.T) []string {
	t.Helper()
	text := read(t, "../../docs/policy.md")
	var out []string
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

// TestDocs compiles every yaml fence of docs/policy.md as a policy of its own.
func TestDocs(t *testing.T) {
	all := fences(t)
	if len(all) < 8 {
		t.Fatalf("docs/policy.md has %d examples", len(all))
	}
	for i, text := range all {
		if _, list := policy.Compile(map[string]string{fmt.Sprintf("fence%d.yaml", i+1): text}); len(list) > 0 {
			t.Errorf("faults:\n%s\nin\n%s", lines(list), text)
		}
	}
}

// TestDocsAreComplete looks for every field and every element in docs/policy.md.
func TestDocsAreComplete(t *testing.T) {
	text := read(t, "../../docs/policy.md")
	for _, d := range schema(t)["oneOf"].([]any) {
		p := d.(node)["properties"].(node)
		for name := range p {
			if !regexp.MustCompile("`([a-z]+\\.)?" + name + "`|`" + name + ":").MatchString(text) {
				t.Errorf("field %s of %v is not explained", name, p["kind"])
			}
		}
	}
	// docs/elements.md, made from the catalogue, has every element; what this page
	// says of some must be so.
	if !strings.Contains(text, "(elements.md)") {
		t.Error("docs/policy.md does not lead to docs/elements.md")
	}
	list := text[strings.Index(text, "Elements are **entities**"):strings.Index(text, "### Elements of your own")]
	entities := 0
	for _, m := range regexp.MustCompile(`\*([a-z_0-9]+)\*`).FindAllStringSubmatch(list, -1) {
		if m[1] == "italics" || m[1] == "entities" {
			continue
		}
		if d, ok := element.Lookup(m[1]); !ok || !d.Entity {
			t.Errorf("element %s is listed as an entity", m[1])
		}
		entities++
	}
	for _, e := range element.Catalogue() {
		if !e.Entity && strings.Contains(list, "*"+e.ID+"*") {
			t.Errorf("element %s is listed as an entity", e.ID)
		}
	}
	if entities < 20 {
		t.Errorf("only %d entities found in the list", entities)
	}
}

// TestDocumentedLanguage compiles what docs/policy.md says of the rule language.
func TestDocumentedLanguage(t *testing.T) {
	for _, rule := range []string{
		`event.type == "search" && event.name != "" && event.outcome == "blocked"`, `event.method in ["GET", "POST"] || event.status >= 400`,
		`session.events > 1 && session.points % 2 == 0 && session.rating == "suspicious"`, `session.accounts > 1 && session.recognised != "ticket"`, `session.account == "" ? session.new : session.age - 1 > 2 * 30 / 4`,
		`event.time - session.start < duration("2h")`, `event.time > timestamp("2026-01-31T00:00:00Z")`,
		`event.time.getHours("+02:00") < 5 || event.time.getMinutes() == 0 || event.time.getDayOfWeek() == 0`,
		`event.time.getDate() == 1 && event.time.getMonth() == 0 && event.time.getFullYear() == 2026`,
		`session.count("10m") > 1 && session.count("search", "10m") > 1 && session.count("transaction", "failure") > 1`,
		`entity("ip").first_seen() == event.time && entity("ip").age() == 0 && session.elapsed_since("search") == -1`,
		`entity("ip").sum("transaction_amount", "transaction", "success", "7d") > 1.5 && entity("ip").distinct("username", "90s") > 1`,
		`value("email").matches(r"\d+") && value("email").contains("x") && value("email").startsWith("a") && value("email").endsWith("b")`,
		`size(value("email")) > 3 && int(number("quantity")) == 2 && string(event.status) == "200" && double(event.status) > 1.0`,
		`!present("email") && session.has_label("rule") && in_list("partners", value("email"))`,
	} {
		_, list := policy.Compile(map[string]string{"a.yaml": "kind: label\nid: rule\ntitle: R\nseverity: low\nwhen: |\n  " + rule +
			"\n---\nkind: list\nname: partners\nvalues: []\n"})
		if len(list) > 0 {
			t.Errorf("%s\n%s", rule, lines(list))
		}
	}
}
