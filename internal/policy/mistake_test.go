package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
)

// shop is a large good policy.
func shop(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../examples/shop/policy/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no example", err)
	}
	out := map[string]string{"every_field.yaml": read(t, "testdata/every_field.yaml")}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(text)
	}
	// Of rating and session there may be one.
	out["every_field.yaml"], _, _ = strings.Cut(out["every_field.yaml"], "---\nkind: rating")
	compile(t, out)
	return out
}

// TestOneMistakeIsOneFault misspells every field, kind and id of a large policy,
// one at a time, and breaks every file once.
func TestOneMistakeIsOneFault(t *testing.T) {
	bundle := shop(t)
	with := func(file, text string) []policy.Fault {
		t.Helper()
		whole := bundle[file]
		bundle[file] = text
		defer func() { bundle[file] = whole }()
		_, list := policy.Compile(bundle)
		return list
	}
	mistakes := 0
	for _, file := range []string{"every_field.yaml", "20-accounts.yaml", "30-buying.yaml", "40-labels.yaml", "50-signatures.yaml", "60-workflows.yaml"} {
		text := bundle[file]
		for name, what := range map[string]struct {
			at *regexp.Regexp
			by func(string) string
		}{
			"a field's name": {regexp.MustCompile(`(?m)(?:^ *(?:- )?|[{,] ?)([a-z_]{2,})(?:: |:$)`), func(s string) string { return s[:1] + "q" + s[1:] }},
			"a kind":         {regexp.MustCompile(`(?m)^kind: (\w+)`), func(s string) string { return s + "e" }},
			"a name":         {regexp.MustCompile(`(?m)^(?:id|name): ([a-z_]+)$`), func(s string) string { return `"` + s + `!"` }},
			"a bracket":      {regexp.MustCompile(`(?m)^[a-z]+: \{[^}\n]*(\})$`), func(string) string { return "" }},
			"a quote":        {regexp.MustCompile(`(?m)^value: ".*(")$`), func(string) string { return "" }},
		} {
			for i, m := range what.at.FindAllStringSubmatchIndex(text, -1) {
				if name == "a field's name" && file != "every_field.yaml" && i%12 != 0 {
					continue // they are much alike
				}
				bad := text[:m[2]] + what.by(text[m[2]:m[3]]) + text[m[3]:]
				mistakes++
				list := with(file, bad)
				if len(list) != 1 {
					begin := strings.LastIndexByte(bad[:m[2]], '\n') + 1
					line, _, _ := strings.Cut(bad[begin:], "\n")
					t.Errorf("%s: %s in %q:\n%s", file, name, line, lines(list))
				}
			}
		}
	}
	if mistakes < 120 {
		t.Errorf("only %d mistakes", mistakes)
	}
}

// TestBrokenFileHidesNothing holds that a file that is no YAML takes away neither
// the faults of others nor the names that it defines, and only those.
func TestBrokenFileHidesNothing(t *testing.T) {
	const label = "kind: label\nid: lost\ntitle: L\nseverity: low\nwhen: session.new\n"
	const user = "kind: signature\nid: s\ntitle: S\nall: [lost, lots]\nrating: malicious\n---\n" +
		"kind: label\nid: n\ntitle: N\nseverity: lw\nwhen: session.has_label(\"lost\") && session.has_label(\"lots\")\n---\n" +
		"kind: label\nid: p\ntitle: P\nseverity: low\nwhen: session.has_label(\"lost\") && event.status = 1\n"
	for name, broken := range map[string]string{
		"bracket":  label + "on: [search\n",
		"tab":      label + "\ton: search\n",
		"quote":    "title: \"L\n" + label,
		"encoding": label + "# \xff\n",
		"nesting":  label + "on: " + strings.Repeat("[", 50),
		"sequence": "- " + strings.ReplaceAll(label, "\n", "\n  "),
	} {
		_, list := policy.Compile(map[string]string{"a.yaml": broken, "b.yaml": user})
		var b strings.Builder
		for _, f := range list {
			if f.File == "a.yaml" {
				b.WriteString("a ")
			} else {
				fmt.Fprintf(&b, "%d:%d ", f.Line, f.Col)
			}
		}
		if got := b.String(); got != "a 4:13 10:1 11:54 17:49 " {
			t.Errorf("%s: %s\n%s", name, got, lines(list))
		}
	}
	// What was not looked at may define anything; other faults stand.
	_, list := policy.Compile(map[string]string{"a.yaml": strings.Repeat("# filler\n", 120_000), "b.yaml": user})
	if got := lines(list); len(list) != 3 || !strings.Contains(got, "b.yaml:10:1: severity: ") || !strings.Contains(got, "b.yaml:17:49: when: = compares") {
		t.Errorf("%s", got)
	}
}

// TestFaultsAreOneLineEach puts what breaks lines into every name that a fault
// may repeat.
func TestFaultsAreOneLineEach(t *testing.T) {
	for _, c := range []string{"\n", "\r", "\r\n", "\x1b[2J", "\x7f", "\u0085", "\u2028", "\u2029", "\u202e", "\x00", "\t"} {
		quoted := fmt.Sprintf("%+q", "A"+c+"b")
		for file, text := range map[string]string{
			"a" + c + "b.yaml": "kind: spce",
			"a.yaml":           "kind: spec\nmatch: {header: {" + quoted + ": 1}, " + quoted + ": 2}\n" + quoted + ": 3\nrequest: {" + quoted + ": email, \"json $." + quoted[1:] + ": {" + quoted + ": 1}}\n",
			"b.yaml":           "kind: signature\nid: " + quoted + "\nall: " + quoted + "\n---\nkind: signature\nid: " + quoted + "\n",
			"c.yaml":           "kind: label\nwhen: " + fmt.Sprintf("%+q", "value(\"A"+c+"b\") == event.A"+c+"b") + "\n---\nkind: workflow\nname: " + quoted + "\n---\nkind: workflow\nname: " + quoted,
		} {
			_, list := policy.Compile(map[string]string{file: text})
			if len(list) == 0 {
				t.Errorf("no fault in %q", text)
			}
			for _, f := range list {
				if s := f.String(); strings.ContainsAny(s, "\n\r\x1b\x7f\x00\t\u0085\u2028\u2029\u202e") {
					t.Errorf("%q", s)
				}
			}
		}
	}
}
