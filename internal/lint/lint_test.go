// Package lint holds the project's own house rules as tests: which package may
// import which, how long a file may be, and words that have no place here.
package lint

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/throughline/throughline/"

// allowed is the import table of docs/ARCHITECTURE.md: package (and what lies
// below it) to the packages of ours it may import. A package not named here may
// not exist.
var allowed = map[string][]string{
	// words
	"journey": {},
	"site":    {"journey"},
	"element": {"journey"},
	"keyring": {},
	"expr":    {"journey", "element"},
	"policy":  {"journey", "element", "expr"},
	// request path
	"wire":        {},
	"signature":   {},
	"fingerprint": {},
	"origin":      {"wire", "site"},
	"certificate": {"site"},
	"edge":        {"journey", "site", "wire", "fingerprint", "origin", "certificate", "signature"},
	"capture":     {"journey", "site", "element", "policy", "wire", "fingerprint"},
	"enrich":      {"journey", "element", "signature"},
	"hashtable":   {},
	"identity":    {"journey", "hashtable"},
	"session":     {"journey", "identity", "hashtable"},
	"window":      {"journey"},
	"recognition": {"journey", "identity", "session"},
	"judge":       {"journey", "policy", "expr", "identity", "session", "window"},
	"action":      {"journey", "policy", "wire"},
	"engine":      {"site", "capture", "enrich", "judge", "action", "policy", "journey", "wire", "signature"},
	// record path
	"journal":   {"journey"},
	"warehouse": {"journey", "element", "journal"},
	"control":   {"journey", "policy"},
	// Hub path
	"auth":    {"control"},
	"insight": {"journey", "element", "policy", "warehouse"},
	"hub":     {"auth", "control", "insight", "policy", "element", "site", "journey", "recognition"},
	"replay":  {"engine", "capture", "enrich", "judge", "policy", "journey", "journal", "warehouse", "element", "wire", "action", "site"},
	// beside
	"probe":     {"site"},
	"demo":      {},
	"sim":       {"journey", "fingerprint", "identity", "session"},
	"processor": {},
	"telemetry": {},
	"lint":      {},
	"discovery": {"journey", "wire"},
	"inventory": {"policy", "element", "journey", "site"},
}

// files calls fn with every Go file of the repository, its path relative to it.
func files(t *testing.T, fn func(path string, text []byte)) {
	t.Helper()
	root := filepath.Join("..", "..")
	n := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "data" || d.Name() == ".cache") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		n++
		fn(filepath.ToSlash(rel), text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 20 {
		t.Fatalf("only %d Go files found: the walk is broken", n)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	files(t, func(path string, text []byte) {
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		rest, internal := strings.CutPrefix(path, "internal/")
		self, _, _ := strings.Cut(rest, "/")
		may, known := allowed[self]
		if internal && !known {
			t.Errorf("%s: package internal/%s is not in the import table", path, self)
			return
		}
		for _, im := range f.Imports {
			p, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			target, ours := strings.CutPrefix(p, module)
			if !ours {
				continue
			}
			if strings.HasPrefix(target, "cmd/") {
				t.Errorf("%s imports %s: nothing imports cmd", path, target)
				continue
			}
			target, _ = strings.CutPrefix(target, "internal/")
			target, _, _ = strings.Cut(target, "/")
			if !internal || target == self || target == "web" && self == "hub" {
				continue
			}
			if strings.HasSuffix(path, "_test.go") && testMay(self, target) {
				continue
			}
			if !slices.Contains(may, target) {
				t.Errorf("%s imports %s; %s may import only %v", path, target, self, may)
			}
		}
	})
}

// testMay widens the table for tests, which may use the real thing behind an
// interface: the data plane's tests stay as narrow as its code.
func testMay(self, target string) bool {
	switch self {
	case "hub", "insight":
		return target == "warehouse" || target == "element" || target == "control" || target == "auth"
	case "recognition":
		return target == "judge" || target == "policy"
	case "discovery":
		return target == "policy" || target == "element"
	case "engine":
		return target == "element" || target == "journal"
	case "judge", "session", "window", "identity":
		return target == "element" || target == "policy" || target == "expr"
	case "auth":
		return target == "control"
	}
	return false
}

func TestFilesAreOneIdea(t *testing.T) {
	files(t, func(path string, text []byte) {
		limit := 600
		if filepath.Base(path) == "main.go" {
			limit = 100
		}
		if n := strings.Count(string(text), "\n"); n > limit {
			t.Errorf("%s has %d lines; keep it under %d by splitting it where it holds two ideas", path, n, limit)
		}
	})
}

func TestNoRegistrationByInit(t *testing.T) {
	re := regexp.MustCompile(`(?m)^func init\(\)`)
	files(t, func(path string, text []byte) {
		if re.Match(text) {
			t.Errorf("%s has func init; use an explicit table or constructor", path)
		}
	})
}

func TestPackageNamesAreNouns(t *testing.T) {
	files(t, func(path string, _ []byte) {
		for _, part := range strings.Split(filepath.ToSlash(filepath.Dir(path)), "/") {
			switch part {
			case "util", "utils", "common", "helpers", "types", "misc", "base":
				t.Errorf("%s: %q says nothing about what lives there", path, part)
			}
		}
	})
}

// TestTheTableInTheDocsIsThisTable keeps docs/ARCHITECTURE.md true.
func TestTheTableInTheDocsIsThisTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|.*\\| ([^|]+) \\|$")
	documented := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = nil
		if m[2] != "–" {
			documented[m[1]] = strings.Split(m[2], ", ")
		}
	}
	for pkg, may := range allowed {
		got, ok := documented[pkg]
		if !ok {
			t.Errorf("docs/ARCHITECTURE.md does not list %s", pkg)
			continue
		}
		slices.Sort(got)
		want := slices.Sorted(slices.Values(may))
		if !slices.Equal(got, want) {
			t.Errorf("docs/ARCHITECTURE.md lets %s import %v, the test %v", pkg, got, want)
		}
		delete(documented, pkg)
	}
	for pkg := range documented {
		t.Errorf("docs/ARCHITECTURE.md lists %s, which the test does not know", pkg)
	}
}
