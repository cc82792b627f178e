package enrich

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestAddsIsAllThatIsAdded reads in the code of this package what it adds.
func TestAddsIsAllThatIsAdded(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var added []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			if fn, ok := call.Fun.(*ast.Ident); !ok || fn.Name != "add" {
				return true
			}
			id, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s adds what its code does not name", name)
				return true
			}
			text, _ := strconv.Unquote(id.Value)
			added = append(added, text)
			return true
		})
	}
	listed := Adds()
	slices.Sort(added)
	slices.Sort(listed)
	if added = slices.Compact(added); !slices.Equal(added, listed) {
		t.Errorf("the code adds %v\nlisted are    %v", added, listed)
	}
}
