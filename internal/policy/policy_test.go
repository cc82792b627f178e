package policy_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files instead of comparing them")

func lines(list []policy.Fault) string {
	var b strings.Builder
	for _, f := range list {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

// golden compares a text with a file of the repository.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./internal/policy -rewrite makes it", err)
	}
	if string(want) != got {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFaults holds what is said about bad policies, and where.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no bad policies", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			snap, list := policy.Compile(map[string]string{filepath.Base(file): read(t, file)})
			if snap != nil || len(list) == 0 {
				t.Fatalf("compiled: %v, %d faults", snap != nil, len(list))
			}
			for _, f := range list {
				if f.Line < 1 || f.Col < 1 || f.Wrong == "" || f.Right == "" || strings.Contains(f.String(), "\n") {
					t.Errorf("not one whole line: %q", f)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", lines(list))
		})
	}
}
