package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throughline/throughline/internal/policy"
)

// TestRulePlaces holds that a fault of a rule points at the very character in the
// file, however the rule is written; ‸ marks it here.
func TestRulePlaces(t *testing.T) {
	for name, when := range map[string]string{
		"plain":                         "event.outcome ‸= \"failure\"",
		"plain after spaces":            "    event.outcome ‸= \"failure\"",
		"plain behind letters":          "value(\"email\") == \"Äöü→\" && event.outcome ‸= \"x\"",
		"plain with a comment":          "event.outcome ‸= \"failure\" # why",
		"plain ends":                    "session.count(‸",
		"plain in two lines":            "session.new &&\n  event.outcome ‸= \"failure\"",
		"plain in lines apart":          "session.new\n\n\n     && event.outcome ‸= \"failure\"",
		"double":                        "\"event.status ‸= 401\"",
		"double, quotes inside":         "\"event.outcome == \\\"failure\\\" && event.status ‸= 401\"",
		"double, at a quote inside":     "\"event.outcome == ‸\\\"fail\\\"\"",
		"double, backslash inside":      "\"value(\\\"email\\\").matches(r\\\"\\\\d\\\") && event.status ‸= 401\"",
		"double in two lines":           "\"session.new &&\n    event.status ‸= 401\"",
		"single":                        "'event.outcome ‸= \"failure\"'",
		"single, quotes inside":         "'event.outcome == ''failure'' && event.status ‸= 401'",
		"single, at a quote inside":     "'event.outcome == ‸''fail'''",
		"literal":                       "|\n  event.outcome ‸= \"failure\"",
		"literal, second line":          "|\n  session.new &&\n    event.outcome ‸= \"failure\"",
		"literal, empty lines":          "|\n\n\n  session.new &&\n\n    event.outcome ‸= \"failure\"\n\n",
		"literal with a comment":        "| # why\n  event.outcome ‸= \"failure\"",
		"literal ends":                  "|\n  session.count(‸\n\n",
		"literal, stripped":             "|-\n      event.outcome ‸= \"failure\"",
		"literal, kept":                 "|+\n  event.outcome ‸= \"failure\"\n\n",
		"folded":                        ">\n  event.outcome ‸= \"failure\"",
		"folded, second line":           ">\n  session.new &&\n  event.outcome ‸= \"failure\"",
		"folded, paragraphs":            ">-\n  session.new &&\n\n\n  event.outcome ‸= \"failure\"",
		"folded, deeper lines":          ">\n  session.new &&\n    session.points > 1 &&\n    session.age > 1 &&\n  event.outcome ‸= \"failure\"",
		"tab inside":                    "|\n  event.outcome\t‸= \"failure\"",
		"label of another":              "session.has_label(‸\"otherr\")",
		"folded, the list of another":   ">\n  session.new &&\n  in_list(‸\"otherr\", value(\"email\"))",
		"literal, windows":              "|\r\n  session.new &&\r\n    event.outcome ‸= \"failure\"\r",
		"plain, on the line after when": "\n  event.outcome ‸= \"failure\"",
	} {
		t.Run(name, func(t *testing.T) {
			text := "# ‸ first\nkind: label\nid: other\ntitle: O\nseverity: low\nwhen: " + when + "\npoints: 1\n"
			text = strings.Replace(text, "# ‸ first", "# first", 1)
			before, after, ok := strings.Cut(text, "‸")
			if !ok {
				t.Fatal("no mark")
			}
			line := strings.Count(before, "\n") + 1
			col := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
			for _, bom := range []string{"", "\ufeff"} {
				_, list := policy.Compile(map[string]string{"a.yaml": bom + before + after})
				want := fmt.Sprintf("a.yaml:%d:%d: when: ", line, col)
				if len(list) != 1 || !strings.HasPrefix(list[0].String(), want) || strings.Contains(list[0].Wrong, "of the rule") {
					t.Errorf("want %s\ngot  %s", want, lines(list))
				}
			}
		})
	}
	// Where it can't be told, the place within the rule is.
	for _, when := range []string{"event.outcome = 1   \n  && session.new", `"event.outcome \x3d \"failure\""`, "|2\n    event.outcome = \"failure\""} {
		_, list := policy.Compile(map[string]string{"a.yaml": "kind: label\nid: other\ntitle: O\nseverity: low\nwhen: " + when + "\n"})
		if len(list) != 1 || !strings.HasPrefix(list[0].String(), "a.yaml:5:1: when: at 1:") {
			t.Errorf("%s\ngot  %s", when, lines(list))
		}
	}
}
