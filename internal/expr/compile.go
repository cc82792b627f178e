package expr

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// maxSource bounds a rule. There are no comprehensions in the language and
// regular expressions are RE2, so its cost is linear in its size and its values.
const maxSource = 4096

// Options is what a rule may refer to beside the journey.
type Options struct {
	// Element tells whether an element is known and whether it is an entity.
	Element func(id string) (entity, known bool)
	// Lists are the named values of in_list.
	Lists map[string]map[string]bool
}

// Error is a rule that does not compile. Line and Col count from 1 within the
// rule's own text.
type Error struct {
	Line, Col    int
	Wrong, Right string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s; want %s", e.Line, e.Col, e.Wrong, e.Right)
}

// Program is a compiled rule: immutable and safe for concurrent use.
type Program struct {
	source  string
	program cel.Program
	refs    []reference    // what macros made identifiers of, in source order
	byName  map[string]int // identifier to its place in refs
	windows []Window
	labels  []string
}

// reference is one thing a rule looks up.
type reference struct {
	kind    refKind
	what    string // as written, for evidence
	element string
	label   string
	window  Window
	list    ref.Val
}

type refKind uint8

const (
	refValue refKind = iota
	refNumber
	refPresent
	refLabel
	refAttr
	refCount // count and distinct
	refSum
	refFirstSeen
	refAge
	refElapsed
	refList
)

// attributes are the fixed names of a rule, with their CEL types.
func attributes() map[string]*cel.Type {
	return map[string]*cel.Type{
		"event.type": cel.StringType, "event.name": cel.StringType, "event.outcome": cel.StringType,
		"event.method": cel.StringType, "event.status": cel.IntType, "event.time": cel.TimestampType,
		"session.events": cel.IntType, "session.points": cel.IntType, "session.rating": cel.StringType,
		"session.account": cel.StringType, "session.new": cel.BoolType, "session.start": cel.TimestampType,
		"session.age": cel.IntType,
	}
}

// Compile parses and checks a rule. The error is an *Error.
func Compile(src string, opt Options) (*Program, error) {
	if len(src) > maxSource {
		return nil, &Error{1, 1, fmt.Sprintf("the rule has %d characters", len(src)), fmt.Sprintf("at most %d", maxSource)}
	}
	if strings.TrimSpace(src) == "" {
		return nil, &Error{1, 1, "the rule is empty", `a condition, e.g. event.outcome == "failure"`}
	}
	c := &collector{opt: opt, byName: map[string]int{}}
	env, err := cel.NewCustomEnv(cel.StdLib(), cel.ClearMacros(), cel.Macros(c.macros()...),
		cel.ParserRecursionLimit(60), cel.DefaultUTCTimeZone(true))
	if err != nil {
		return nil, fmt.Errorf("expr: environment: %w", err)
	}
	parsed, issues := env.Parse(src)
	if issues.Err() != nil {
		return nil, explain(issues, c)
	}
	vars := c.declarations()
	for name, t := range attributes() {
		vars = append(vars, cel.Variable(name, t))
	}
	full, err := env.Extend(vars...)
	if err != nil {
		return nil, fmt.Errorf("expr: environment: %w", err)
	}
	checked, issues := full.Check(parsed)
	if issues.Err() != nil {
		return nil, explain(issues, c)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, &Error{1, 1, "the rule is " + article(checked.OutputType().String()), "a condition that is true or false, e.g. with >= or =="}
	}
	program, err := full.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &Error{1, 1, firstLine(err.Error()), "a rule whose constants are valid"}
	}
	p := &Program{source: src, program: program, refs: c.refs, byName: c.byName}
	seen := map[Window]bool{}
	for _, r := range c.refs {
		switch {
		case r.window.Subject != "" && !seen[r.window]:
			seen[r.window] = true
			p.windows = append(p.windows, r.window)
		case r.kind == refLabel:
			p.labels = append(p.labels, r.label)
		}
	}
	return p, nil
}

// Source returns the rule as written.
func (p *Program) Source() string { return p.source }

// Windows returns the rolling state the rule needs, in source order.
func (p *Program) Windows() []Window { return p.windows }

// Labels returns the label IDs the rule asks for.
func (p *Program) Labels() []string { return p.labels }

// explain turns the first issue into an Error and says what would be right.
func explain(issues *cel.Issues, c *collector) error {
	errs := issues.Errors()
	if len(errs) == 0 {
		return &Error{1, 1, firstLine(issues.Err().Error()), "a CEL condition"}
	}
	e := errs[0]
	out := &Error{Line: max(e.Location.Line(), 1), Col: e.Location.Column() + 1, Wrong: firstLine(e.Message)}
	if right, ok := c.right[e.Message]; ok {
		out.Right = right
		return out
	}
	switch {
	case strings.Contains(e.Message, "undeclared reference to '"):
		name := strings.SplitN(strings.SplitN(e.Message, "'", 3)[1], "'", 2)[0]
		out.Wrong = fmt.Sprintf("%q is unknown", name)
		out.Right = nearest(name, vocabulary()) + " or another name of docs/policy.md"
	case strings.Contains(e.Message, "undefined field"):
		out.Right = "a name of docs/policy.md, such as event.type or session.rating"
	case strings.Contains(e.Message, "no matching overload"):
		out.Right = "two values of the same type: text in quotes, whole numbers, or decimals such as 1.0"
	default:
		out.Right = "a CEL condition, see docs/policy.md"
	}
	return out
}

func vocabulary() []string {
	names := []string{"event", "session", "entity", "value", "number", "present", "in_list"}
	for n := range attributes() {
		names = append(names, n)
	}
	return names
}

// nearest returns the word with the smallest edit distance, quoted.
func nearest(word string, words []string) string {
	best, dist := "", 1<<30
	for _, w := range words {
		if d := distance(word, w); d < dist || d == dist && w < best {
			best, dist = w, d
		}
	}
	return fmt.Sprintf("%q", best)
}

func distance(a, b string) int {
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

// errPanic wraps what a rule's evaluation panicked with.
var errPanic = errors.New("expr: the rule panicked")

// listValue renders a list as CEL sees it.
func listValue(values map[string]bool) ref.Val {
	return types.NewDynamicMap(types.DefaultTypeAdapter, values)
}
