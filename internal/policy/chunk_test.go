package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
)

// tree renders what was parsed with every place.
func tree(docs []*ast.DocumentNode, fault *Fault) string {
	var b strings.Builder
	if fault != nil {
		return "a fault"
	}
	var visit func(ast.Node, string)
	visit = func(n ast.Node, in string) {
		if n == nil {
			b.WriteString(in + "nothing\n")
			return
		}
		if _, null := n.(*ast.NullNode); null { // stands nowhere
			b.WriteString(in + "null\n")
			return
		}
		fmt.Fprintf(&b, "%s%T %v", in, n, place("", n))
		switch n := n.(type) {
		case *ast.MappingNode:
			b.WriteString("\n")
			for _, v := range n.Values {
				visit(v.Key, in+"  ")
				visit(v.Value, in+"    ")
			}
		case *ast.SequenceNode:
			b.WriteString("\n")
			for _, v := range n.Values {
				visit(v, in+"  ")
			}
		default:
			fmt.Fprintf(&b, " %s\n", n)
		}
	}
	for _, d := range docs {
		visit(d.Body, "")
	}
	return b.String()
}

// difference is the first line that differs.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(a), len(b))
}

func texts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"testdata/*.yaml", "testdata/bad/*.yaml", "../../examples/shop/policy/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal("no files", pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[f] = string(text)
		}
	}
	for i, s := range []string{
		"a: 1\nb:\n  c: 2\n  d: 3\n  e:\n    f: 4\n    g: 5\n  h: 6\ni: 7\nj:\n- k: 8\n  l: 9\n  m: 10\n- n: 11\n  o: 12\np: 13\n",
		"a: [1,\n  2]\nb: {c: d,\n  e: f}\ng: |\n  h: i\n  j: k\nl: >-\n  m: n\n\n  o: p\nq: r\n  s\nt: \"u:\n  v: w\"\nx: 'y'\n",
		"? a\n: b\n? c\n: d\n? e\n: f\n", "&x a: 1\n&y b: 2\nc: *x\n*y : 3\n!!str d: 4\n", "\"a\": 1\n'b': 2\nnull: 3\n1: 4\n",
		"- - a: 1\n    b: 2\n    c: 3\n  - d: 4\n- e: 5\n", "a:\n\n  b:\n\n  c: # why\n  # how\n  d: e\n# end\nf:\n", "a: b\n c: d\ne: f\n", "a:\n    b: 1\n  c: 2\n", "a: 1\n- b\nc: 2\n",
		"a: 1\r\nb:\r\n  c: 2\r\n  d: 3\r\n  e: 4\r\nf: 5\r\n", "{a: 1, b: 2,\n c: 3}\n", "a: {b: 1, c: 2, d: 3}\ne: 4\n", "a: b: c\nd: e\n", "a\nb: c\nd: e\n", "a: 1\n  \nb: 2\n---\nc: 3\nd: 4\n...\n---\ne: 5\n",
	} {
		out[fmt.Sprint("text ", i)] = s
	}
	return out
}

// TestChunksAreTheWhole holds that a mapping parsed piece by piece is what the
// YAML library makes of it at once.
func TestChunksAreTheWhole(t *testing.T) {
	for name, text := range texts(t) {
		want := tree(parse("", text, 1<<30))
		for _, most := range []int{1, 2, 3} {
			if got := tree(parse("", text, most)); got != want {
				t.Errorf("%s in chunks of %d\n%s", name, most, difference(got, want))
			}
		}
	}
}
