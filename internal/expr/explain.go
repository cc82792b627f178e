package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/operators"
)

// usage shows how each function of the language is called.
func usage() map[string]string {
	return map[string]string{
		"value":      `value("email")`,
		"number":     `number("transaction_amount")`,
		"present":    `present("email")`,
		"in_list":    `in_list("good_bots", value("bot_name"))`,
		"has_label":  `session.has_label("id")`,
		"entity":     `entity("ip").count("search", "10m")`,
		"count":      `session.count("search", "10m")`,
		"distinct":   `entity("ip").distinct("username", "10m")`,
		"sum":        `session.sum("transaction_amount", "24h")`,
		"first_seen": `entity("ip").first_seen()`, "age": `entity("ip").age()`,
		"elapsed_since": `session.elapsed_since("search")`,
		"contains":      `value("user_agent").contains("curl")`,
		"startsWith":    `value("url_path").startsWith("/admin")`,
		"endsWith":      `value("email").endsWith("@example.com")`,
		"matches":       `value("user_agent").matches("(?i)curl")`,
		"size":          `size(value("email"))`,
	}
}

// foreign are words of other languages, with what they are in this one.
func foreign() map[string]string {
	return map[string]string{
		"and": "&&", "or": "||", "not": "!", "is": "==", "AND": "&&", "OR": "||", "NOT": "!",
		"has": `present("email")`, "exists": `in_list("name", value("email"))`, "len": "size", "length": "size",
		"startswith": "startsWith", "endswith": "endsWith", "starts_with": "startsWith", "ends_with": "endsWith",
		"match": "matches", "regex": "matches", "includes": "contains", "True": "true", "False": "false",
		"unique": "distinct", "count_distinct": "distinct",
	}
}

// explain turns the first issue into an Error that says what would be right.
func explain(src string, issues *cel.Issues, c *collector) *Error {
	errs := slices.Clone(issues.Errors())
	if len(errs) == 0 {
		return &Error{Line: 1, Col: 1, Wrong: firstLine(issues.Err().Error()), Right: "a CEL condition"}
	}
	slices.SortStableFunc(errs, func(a, b *common.Error) int {
		if d := a.Location.Line() - b.Location.Line(); d != 0 {
			return d
		}
		return a.Location.Column() - b.Location.Column()
	})
	e := errs[0]
	out := &Error{Line: max(e.Location.Line(), 1), Col: max(e.Location.Column(), 0) + 1, Wrong: firstLine(e.Message)}
	if own, ok := c.right[e.Message]; ok {
		own.Line, own.Col = out.Line, out.Col
		return own
	}
	line := lineOf(src, out.Line)
	switch {
	case strings.HasPrefix(e.Message, "Syntax error: "):
		syntax(out, line)
	case strings.Contains(e.Message, "undeclared reference to '"):
		unknown(out, quoted(e.Message), line)
	case strings.Contains(e.Message, "no matching overload for '"):
		symbol := quoted(e.Message)
		if s, ok := operators.FindReverse(symbol); ok && s != "" {
			symbol = s
		}
		_, args, _ := strings.Cut(out.Wrong, "applied to '")
		out.Wrong = fmt.Sprintf("%s does not take %s", symbol, strings.TrimSuffix(args, "'"))
		out.Right = "values of the same type: text in quotes, whole numbers, decimals such as 1.0"
		if how, ok := usage()[symbol]; ok {
			out.Right = how
		}
	case strings.Contains(e.Message, "invalid matches argument"), strings.Contains(e.Message, "regex program size"):
		out.Wrong, out.Right = "the pattern is not valid", `an RE2 pattern in quotes, e.g. "(?i)^curl/"`
	case strings.Contains(e.Message, "invalid duration argument"):
		out.Wrong, out.Right = "the duration is not valid", `hours, minutes and seconds, e.g. duration("2h") or duration("90s")`
	case strings.Contains(e.Message, "invalid timestamp argument"):
		out.Wrong, out.Right = "the timestamp is not valid", `e.g. timestamp("2026-01-31T00:00:00Z")`
	case strings.Contains(e.Message, "expected type"):
		out.Right = "values of one type in a list"
	case strings.Contains(e.Message, "recursion") || strings.Contains(e.Message, "limit"):
		out.Wrong, out.Right = "the rule is too deep or too long", "a flat condition, or several labels"
	default:
		out.Right = "a CEL condition, see docs/policy.md"
	}
	return out
}

// syntax explains the slips that come from other languages.
func syntax(out *Error, line []rune) {
	out.Wrong = strings.TrimPrefix(out.Wrong, "Syntax error: ")
	out.Right = "a CEL condition, see docs/policy.md"
	rest := string(line[min(out.Col-1, len(line)):])
	before := strings.Fields(string(line[:min(out.Col-1, len(line))]))
	word, _, _ := strings.Cut(rest, " ")
	if right, ok := foreign()[word]; ok {
		out.Wrong, out.Right = fmt.Sprintf("%q is no word of the language", word), right
		return
	}
	if len(before) > 0 {
		if right, ok := foreign()[before[len(before)-1]]; ok {
			word = before[len(before)-1]
			out.Col = begin(line, out.Col, word)
			out.Wrong, out.Right = fmt.Sprintf("%q is no word of the language", word), right
			return
		}
	}
	switch {
	case strings.HasPrefix(rest, "="):
		out.Wrong, out.Right = "= compares nothing", "=="
	case strings.HasPrefix(rest, "&"):
		out.Wrong, out.Right = "& is no operator", "&&"
	case strings.HasPrefix(rest, "|"):
		out.Wrong, out.Right = "| is no operator", "||"
	case strings.HasPrefix(rest, `"`), strings.HasPrefix(rest, "'"):
		out.Wrong, out.Right = "the text does not end, or holds an unknown \\ escape", `text in one pair of quotes; for a pattern with \ write r"\d+"`
	case strings.Contains(out.Wrong, "<EOF>") && rest == "":
		out.Wrong, out.Right = "the rule ends too early", "the rest of the condition, or a closing bracket"
	}
}

// unknown explains a name that nothing declares.
func unknown(out *Error, name string, line []rune) {
	short := name[strings.LastIndexByte(name, '.')+1:]
	out.Col = begin(line, out.Col, name)
	out.Wrong = fmt.Sprintf("%q is unknown", name)
	if right, ok := foreign()[short]; ok {
		out.Right = right
		return
	}
	if how, ok := usage()[short]; ok {
		out.Wrong, out.Right = fmt.Sprintf("%q is not used like this", short), how
		return
	}
	var words []string
	for _, w := range append(slices.Collect(maps.Keys(usage())), slices.Collect(maps.Keys(attributes()))...) {
		switch {
		case strings.HasPrefix(name, "session.") && slices.Contains([]string{"count", "distinct", "sum", "elapsed_since", "has_label"}, w):
			words = append(words, "session."+w)
		case strings.HasPrefix(name, "session.") || strings.HasPrefix(name, "event."):
			if strings.HasPrefix(w, name[:strings.IndexByte(name, '.')+1]) {
				words = append(words, w)
			}
		default:
			words = append(words, w)
		}
	}
	if name == "session" || name == "event" {
		out.Wrong, out.Right = fmt.Sprintf("%q does not stand alone", name), map[string]string{
			"session": `session.points, session.count("search", "10m") or another of docs/policy.md`,
			"event":   "event.type, event.outcome or another of docs/policy.md"}[name]
		return
	}
	out.Right = suggest(name, words, "a name of docs/policy.md")
}

// begin moves a column that points into or behind a name to where it begins.
func begin(line []rune, col int, name string) int {
	word := []rune(name)
	for at := min(col-1, len(line)-len(word)); at >= 0; at-- {
		if string(line[at:at+len(word)]) == name {
			return at + 1
		}
	}
	return col
}

func lineOf(src string, n int) []rune {
	lines := strings.Split(src, "\n")
	if n < 1 || n > len(lines) {
		return nil
	}
	return []rune(lines[n-1])
}

func quoted(s string) string {
	_, s, _ = strings.Cut(s, "'")
	s, _, _ = strings.Cut(s, "'")
	return s
}

func article(t string) string {
	if t == "int" {
		return "an int"
	}
	return "a " + t
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// suggest names the word most like the one written, when one is alike, or else.
func suggest(word string, words []string, otherwise string) string {
	if w, ok := Nearest(word, words); ok {
		return fmt.Sprintf("%q, or %s", w, otherwise)
	}
	return otherwise
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Nearest finds the word most like the one written; ok is false when none is
// alike. Of equally alike words it takes the first in the alphabet.
func Nearest(word string, words []string) (best string, ok bool) {
	dist := max(2, len(word)/2) + 1
	for _, w := range words {
		if d := distance(word, w); d < dist || d == dist && ok && w < best {
			best, dist, ok = w, d, true
		}
	}
	return best, ok
}

// distance counts the single-byte edits between two words.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 1 << 30
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			prev, row[j] = row[j], min(row[j]+1, row[j-1]+1, prev+cost)
		}
	}
	return row[len(b)]
}
