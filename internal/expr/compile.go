package expr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// maxSource bounds a rule, in characters.
const maxSource = 4096

// Options is what a rule may refer to beside the journey. Callbacks and maps
// left nil are not checked against.
type Options struct {
	// Element tells whether an element is known and whether it is an entity.
	Element func(id string) (entity, known bool)
	// Numeric tells whether an element's value is a number.
	Numeric func(id string) bool
	// Lists are the named values of in_list.
	Lists map[string]map[string]bool
	// Labels are the IDs that has_label may name.
	Labels map[string]bool
}

// Error is a rule that does not compile. Line and Col count characters from 1
// within the rule's own text.
type Error struct {
	Line, Col    int
	Wrong, Right string
	// Kind and Name say what a rule names that is defined nowhere: "list" or
	// "label", so that the caller may know better.
	Kind, Name string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s; want %s", e.Line, e.Col, e.Wrong, e.Right)
}

// Program is a compiled rule: immutable and safe for concurrent use.
type Program struct {
	source  string
	program cel.Program
	refs    []reference // what macros made identifiers of, in source order
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
		"session.age": cel.IntType, "session.accounts": cel.IntType, "session.recognised": cel.StringType,
	}
}

// Compile parses, checks and bounds a rule. The error is an *Error.
func Compile(src string, opt Options) (p *Program, err error) {
	defer func() {
		if v := recover(); v != nil { // the parser met something it has no answer for
			p, err = nil, &Error{Line: 1, Col: 1, Wrong: fmt.Sprintf("the rule can't be read: %v", v), Right: "a simpler condition"}
		}
	}()
	switch n := utf8.RuneCountInString(src); {
	case n > maxSource:
		return nil, &Error{Line: 1, Col: 1, Wrong: fmt.Sprintf("the rule has %d characters", n), Right: fmt.Sprintf("at most %d; make several labels of it", maxSource)}
	case strings.TrimSpace(src) == "":
		return nil, &Error{Line: 1, Col: 1, Wrong: "the rule is empty", Right: `a condition, e.g. event.outcome == "failure"`}
	case !utf8.ValidString(src):
		return nil, &Error{Line: 1, Col: 1, Wrong: "the rule is not valid UTF-8", Right: "text"}
	}
	c := &collector{opt: opt, byName: map[string]int{}}
	env, err := cel.NewCustomEnv(cel.StdLib(), cel.ClearMacros(), cel.Macros(c.macros()...),
		cel.ParserRecursionLimit(60), cel.ExpressionNodeLimit(2000), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true))
	if err != nil {
		return nil, fmt.Errorf("expr: environment: %w", err)
	}
	parsed, issues := env.Parse(src)
	if issues.Err() != nil {
		return nil, explain(src, issues, c)
	}
	vars := c.declarations()
	for name, t := range attributes() {
		vars = append(vars, cel.Variable(name, t))
	}
	full, err := env.Extend(append(vars, cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateRegexProgramSizeLimit(maxPattern), cel.ValidateDurationLiterals(),
		cel.ValidateTimestampLiterals(), cel.ValidateHomogeneousAggregateLiterals()))...)
	if err != nil {
		return nil, fmt.Errorf("expr: environment: %w", err)
	}
	checked, issues := full.Check(parsed)
	if issues.Err() != nil {
		return nil, explain(src, issues, c)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, &Error{Line: 1, Col: 1, Wrong: "the rule is " + article(checked.OutputType().String()), Right: "a condition that is true or false, e.g. with >= or =="}
	}
	if e := inspect(checked); e != nil {
		return nil, e
	}
	cost, err := full.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, &Error{Line: 1, Col: 1, Wrong: "the rule's cost can't be told: " + firstLine(err.Error()), Right: "a simpler condition"}
	}
	if cost.Max > maxCost {
		return nil, &Error{Line: 1, Col: 1, Wrong: fmt.Sprintf("the rule may cost %d", cost.Max),
			Right: fmt.Sprintf("at most %d: shorter or fewer patterns in matches, or a list with in_list", maxCost)}
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if cost.Max > cheap {
		options = append(options, cel.CostLimit(maxCost))
	}
	program, err := full.Program(checked, options...)
	if err != nil {
		return nil, &Error{Line: 1, Col: 1, Wrong: firstLine(err.Error()), Right: "a rule whose constants are valid"}
	}
	p = &Program{source: src, program: program, refs: c.refs}
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

// Windows returns the rolling state the rule needs, each once, in source order.
func (p *Program) Windows() []Window { return p.windows }

// Labels returns the label IDs the rule asks for.
func (p *Program) Labels() []string { return p.labels }

// listValue renders a list as CEL sees it: a map whose look-up needs no
// reflection.
func listValue(values map[string]bool) ref.Val {
	m := make(map[ref.Val]ref.Val, len(values))
	for v, in := range values {
		if in {
			m[types.String(v)] = types.True
		}
	}
	return types.NewRefValMap(types.DefaultTypeAdapter, m)
}
