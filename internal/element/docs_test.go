package element

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write docs/elements.md instead of comparing it")

// TestTheDocsAreOfTheTable holds that docs/elements.md says what the table says.
func TestTheDocsAreOfTheTable(t *testing.T) {
	const file = "../../docs/elements.md"
	got := document()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what the catalogue says; go test ./internal/element -rewrite makes it", file)
	}
}

func document() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	defs := Catalogue()
	p("# Elements\n")
	p("This page is made from the catalogue in the code: `go test ./internal/element -rewrite`. `throughline elements` prints the same list.\n")
	p("An Element is a named value of an Event, brought to one form by its value kind. There are %d. **Entities** link Sessions and can be counted by `entity(\"…\")`; attributes describe. "+
		"**Primary** elements are shown on the timeline. **Computed** ones are filled by Throughline; they are searched like all others and can't be mapped.\n", len(defs))
	p("A value that does not fit its kind is not stored as it: the Event names the element with the reason, never the value. " +
		"Some values fill further elements, their parts: a card number its BIN, last four digits and brand.\n")
	p("| stored | means |\n|---|---|")
	p("| %s | the canonical value |", Plain)
	p("| %s | one line of text in which card numbers are hidden but for their last four digits |", Masked)
	p("| %s | an HMAC-SHA-256 under the deployment's key; equal values can be found and linked, none can be read. Parts that are safe stand beside it |\n", Hashed)
	p("Own elements are documents of kind `element`: see [policy.md](policy.md#elements-of-your-own).\n")
	p("## Catalogue\n")
	for _, g := range groups() {
		p("### %s\n\n| ID | name | | kind | sensitivity | stored | parts | example | |\n|---|---|---|---|---|---|---|---|---|", g.name)
		for _, d := range defs {
			if d.Group != g.name {
				continue
			}
			parts := make([]string, 0, 4)
			for _, id := range d.PartIDs() {
				parts = append(parts, "`"+id+"`")
			}
			p("| `%s` | %s | %s | %s | %s | %s | %s | `%s` | %s |", d.ID, d.Name, role(d), d.Kind, d.Sensitivity, d.Storage(), strings.Join(parts, " "), strings.ReplaceAll(d.Example, "|", "\\|"), d.About)
		}
		p("")
	}
	p("## Value kinds\n\n| kind | | canonical form |\n|---|---|---|")
	for _, k := range Kinds() {
		p("| `%s` | %s | %s |", k.Kind, k.Name, k.Form)
	}
	p("\n## Data\n\nTables that come from others, kept in `internal/element/data` with their licences:\n")
	files, err := data.ReadDir("data")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		lines := slices.Collect(strings.Lines(dataFile(f.Name())))
		if head, ok := strings.CutPrefix(lines[0], "# "); ok {
			p("- `%s`: %s; %s", f.Name(), strings.TrimSpace(head), strings.TrimSpace(strings.TrimPrefix(lines[1], "# ")))
		}
	}
	return b.String()
}

func role(d Def) string {
	words := []string{"attribute"}
	if d.Entity {
		words[0] = "**entity**"
	}
	if d.Primary {
		words = append(words, "primary")
	}
	if d.Computed {
		words = append(words, "computed")
	}
	if d.Kind == Address {
		words = append(words, "composed")
	}
	return strings.Join(words, ", ")
}
