package policy_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
)

const specsPage = "../../docs/specs.md"

// sourceTable is the table of docs/specs.md, made of the code.
func sourceTable() string {
	var b strings.Builder
	for _, s := range policy.Sources() {
		where := []string{}
		for _, w := range []struct {
			name string
			is   bool
		}{{"request", s.Request}, {"response", s.Response}, {"step", s.Step}} {
			if w.is {
				where = append(where, w.name)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Form, strings.Join(where, ", "), s.Reads)
	}
	return b.String()
}

// TestSourceTable holds the table of docs/specs.md against the code.
func TestSourceTable(t *testing.T) {
	const from = "| source | where | reads |\n|---|---|---|\n"
	text := read(t, specsPage)
	before, rest, ok := strings.Cut(text, from)
	if !ok {
		t.Fatal("docs/specs.md has no table of sources")
	}
	got, after, _ := strings.Cut(rest, "\n\n")
	want := sourceTable()
	if f := flag.Lookup("rewrite"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(specsPage, []byte(before+from+want+"\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got+"\n" != want {
		t.Errorf("docs/specs.md has\n%s\nthe code has\n%s", got, want)
	}
}

// TestSpecsPage compiles every policy of docs/specs.md, and looks for every source
// and outcome in them.
func TestSpecsPage(t *testing.T) {
	all := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(read(t, specsPage), -1)
	if len(all) < 10 {
		t.Fatalf("docs/specs.md has %d examples", len(all))
	}
	for i, m := range all {
		if _, list := policy.Compile(map[string]string{fmt.Sprintf("fence%d.yaml", i+1): m[1]}); len(list) > 0 {
			t.Errorf("faults:\n%s\nin\n%s", lines(list), m[1])
		}
	}
}

// TestEverySourceIsTaken compiles each source of the table, on each side it may
// stand on and as a step, and refuses it elsewhere.
func TestEverySourceIsTaken(t *testing.T) {
	fill := strings.NewReplacer("path.NAME", "path.id", "NUMBERS", "2.1", "$.PATH", "$.a[*].b", "/PATH", "//a/@b", "$.CLAIM", "$.sub", "NAME.PART", "a.size", "NAME", "X-Name", ".PATH", ".a.b")
	try := func(side, source string) []policy.Fault {
		_, list := policy.Compile(map[string]string{"a.yaml": "kind: spec\nname: A\ntype: other\nmatch: {path: '/{id}'}\n" + side + ":\n  '" + source + "': message\n"})
		return list
	}
	for _, s := range policy.Sources() {
		text := fill.Replace(s.Form)
		for _, c := range []struct {
			side, source string
			ok           bool
		}{
			{"request", text, s.Request}, {"response", text, s.Response}, {"request", "header.X | " + text, s.Step}, {"response", "header.X | " + text, s.Step},
		} {
			if list := try(c.side, c.source); (len(list) == 0) != c.ok {
				t.Errorf("%s %s: %v", c.side, c.source, list)
			}
		}
	}
}
