package policy_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
)

// shapes are policies of n keys, documents, names or faults.
func shapes() map[string]func(n int) string {
	lines := func(head, line string, n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	const spec = "kind: spec\nname: A\ntype: other\nmatch: {path: /a}\n"
	return map[string]func(n int) string{
		"sources":         func(n int) string { return lines(spec+"request:\n", "  form.f%d: email\n", n) },
		"wrong sources":   func(n int) string { return lines(spec+"request:\n", "  form.f%d: emial\n", n) },
		"nested sources":  func(n int) string { return lines(spec+"request:\n", "  form.f%d:\n    element: email\n", n) },
		"unknown fields":  func(n int) string { return lines(spec, "f%d: x\n", n) },
		"repeated fields": func(n int) string { return lines(spec, "name: %d\n", n) },
		"documents":       func(n int) string { return lines("", "kind: list\nname: n%d\nvalues: []\n---\n", n) },
		"values":          func(n int) string { return lines("kind: list\nname: n\nvalues:\n", "  - v%d\n", n) },
		"unknown names": func(n int) string {
			return lines("kind: workflow\nname: W\ndo: a\ntrigger:\n  label:\n", "    - v%d\n", n)
		},
	}
}

// BenchmarkCompile shows that time grows with what is read and no faster: ns/key
// is the same for a thousand keys and for ten thousand.
func BenchmarkCompile(b *testing.B) {
	all := shapes()
	for _, name := range []string{"sources", "wrong sources", "nested sources", "unknown fields", "repeated fields", "documents", "values", "unknown names"} {
		for _, n := range []int{1_000, 10_000} {
			bundle := map[string]string{"a.yaml": all[name](n)}
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(name, " ", "_"), n), func(b *testing.B) {
				for b.Loop() {
					policy.Compile(bundle)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/key")
			})
		}
	}
}

// TestLargeDocuments holds that nothing is lost of a document that is parsed in
// pieces, in whatever mapping it is large.
func TestLargeDocuments(t *testing.T) {
	const n = 2345
	all := shapes()
	if s := compile(t, map[string]string{"a.yaml": all["sources"](n)}); len(s.Specs[0].Request) != n || s.Specs[0].Request[n-1].Name != "f2344" || s.Specs[0].Request[n-1].Pos.Line != n+5 {
		t.Errorf("%d sources", len(s.Specs[0].Request))
	}
	if s := compile(t, map[string]string{"a.yaml": all["nested sources"](n) + "response:\n  status: response_status\n"}); len(s.Specs[0].Request) != n || len(s.Specs[0].Response) != 1 {
		t.Errorf("%d nested sources, %d after them", len(s.Specs[0].Request), len(s.Specs[0].Response))
	}
	if s := compile(t, map[string]string{"a.yaml": all["documents"](n)}); len(s.Lists) != n {
		t.Errorf("%d documents", len(s.Lists))
	}
	for name, want := range map[string]string{"unknown fields": "f%d", "wrong sources": "request.form.f%d"} {
		_, list := policy.Compile(map[string]string{"a.yaml": all[name](900)})
		for i, f := range list {
			if f.Field != fmt.Sprintf(want, i) {
				t.Fatalf("%s: fault %d is %v", name, i, f)
			}
		}
		if len(list) != 900 {
			t.Errorf("%s: %d faults", name, len(list))
		}
	}
	_, list := policy.Compile(map[string]string{"a.yaml": all["unknown fields"](5000)})
	if len(list) != 1000 {
		t.Errorf("%d faults; they are bounded", len(list))
	}
}

// TestBounds holds what is refused before anything takes long over it.
func TestBounds(t *testing.T) {
	for text, want := range map[string]string{
		"kind: list\nname: a\nvalues: []\n" + strings.Repeat("# filler\n", 120_000):                          "a.yaml:1:1: has 1080030 bytes; at most 1 MiB; split it",
		"kind: action\nname: a\ntype: block\nbody: |\n  a\n" + strings.Repeat("\n", 60_000):                  "a.yaml:507:1: has too many empty lines in a row; at most 500",
		"kind: action\nname: a\ntype: block\nbody: |\r\n  a\r\n" + strings.Repeat("  \r\n", 60_000):          "a.yaml:507:1: has too many empty lines in a row; at most 500",
		"kind: list\nname: a\nvalues: " + strings.Repeat("[", 200_000):                                       "a.yaml:3:1: nests too deep; ",
		"kind: spec\nname: a\ntype: other\nmatch: {path: /a}\nmatch: {path: \"" + strings.Repeat("/a", 5000): "a.yaml:5:15: not YAML: ",
		"kind: spec\nname: a\ntype: other\nmatch:\n  path: " + strings.Repeat("/a", 1500):                    "a.yaml:5:3: match.path: is longer than 2048 bytes; ",
	} {
		_, list := policy.Compile(map[string]string{"a.yaml": text})
		if len(list) != 1 || !strings.HasPrefix(list[0].String(), want) {
			t.Errorf("want %s\ngot %s", want, lines(list))
		}
	}
	if _, list := policy.Compile(map[string]string{"a.yaml": "kind: action\nname: a\ntype: block\nbody: |\n  a\n" + strings.Repeat("\r\n", 450) + "  b\n"}); len(list) > 0 {
		t.Errorf("450 empty lines: %v", list)
	}
}

// TestLoadBoundsTheWhole fills a folder with files each of which is fine.
func TestLoadBoundsTheWhole(t *testing.T) {
	dir := t.TempDir()
	fill := func(files int) {
		for i := range files {
			text := fmt.Sprintf("kind: list\nname: n%d\nvalues: []\n", i)
			text += "#" + strings.Repeat("x", 1<<20-len(text)-1)
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%02d.yaml", i)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(16)
	if snap, list := policy.Load(dir); snap == nil {
		t.Fatalf("16 MiB: %v", list)
	}
	fill(17)
	snap, list := policy.Load(dir)
	if snap != nil || len(list) != 1 || !strings.Contains(list[0].String(), "holds more than 16 MiB of policy files; ") {
		t.Errorf("17 MiB: %v", list)
	}
}

// TestBundleIsItsOwn holds that who compiles may go on using the map.
func TestBundleIsItsOwn(t *testing.T) {
	bundle := policy.Starter()
	s := compile(t, bundle)
	before := maps.Clone(s.Bundle)
	bundle["starter.yaml"] = "changed"
	bundle["more.yaml"] = "more"
	if !maps.Equal(s.Bundle, before) {
		t.Error("the snapshot changed with the map it was made of")
	}
}
