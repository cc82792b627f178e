package expr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/throughline/throughline/internal/journey"
)

// A rule's greatest possible cost in CEL's units (about one per operation) is
// known when it is compiled, since there are no loops and no text is longer than
// maxText. Past maxCost it is refused. Past cheap, which takes patterns in
// matches, the cost is tracked at run time too; below, tracking would cost more
// than the rule.
const (
	maxCost    = 100_000
	cheap      = 4_000
	maxText    = 2_048 // bytes; what is longer is cut, see text
	maxPattern = 1_000 // instructions of one compiled pattern
)

// sizes tells CEL's estimator how long texts can be.
type sizes struct{}

func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if e := n.Expr(); e != nil && e.Kind() != ast.IdentKind && e.Kind() != ast.SelectKind {
		return nil // CEL derives it from the parts
	}
	var s cost.SizeEstimate
	switch n.Type().Kind() {
	case types.StringKind:
		s = cost.RangedSizeEstimate(0, maxText)
	case types.MapKind: // a list, looked up at once
		s = cost.FixedSizeEstimate(1)
	default:
		return nil
	}
	return &s
}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// inspect refuses what type-checks and still can't be right, or can't be
// bounded: patterns made at run time, time zones read from disk, comparisons
// with a word that never occurs.
func inspect(checked *cel.Ast) *Error {
	var found *Error
	info := checked.NativeRep().SourceInfo()
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if found != nil || e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		at, wrong, right := e, "", ""
		switch fn := call.FunctionName(); {
		case fn == "matches":
			if at = last(call); at != nil && at.Kind() != ast.LiteralKind {
				wrong, right = "the pattern is not a literal", `a pattern in quotes, e.g. value("user_agent").matches("(?i)curl")`
			}
		case call.IsMemberFunction() && strings.HasPrefix(fn, "get") && len(call.Args()) == 1:
			at = call.Args()[0]
			if zone, ok := literal(at); !ok || !offset.MatchString(zone) {
				wrong, right = "the time zone is not an offset", fmt.Sprintf(`%s("+02:00"), or %s() for UTC`, fn, fn)
			}
		case slices.Contains([]string{operators.Equals, operators.NotEquals, operators.In}, fn) && len(call.Args()) == 2:
			at, wrong, right = closedSet(call.Args()[0], call.Args()[1])
			if wrong == "" && fn != operators.In {
				at, wrong, right = closedSet(call.Args()[1], call.Args()[0])
			}
		}
		if wrong != "" {
			p := info.GetStartLocation(at.ID())
			found = &Error{Line: max(p.Line(), 1), Col: p.Column() + 1, Wrong: wrong, Right: right}
		}
	}))
	return found
}

var offset = regexp.MustCompile(`^[+-]?\d\d:\d\d$`)

func last(call ast.CallExpr) ast.Expr {
	if n := len(call.Args()); n > 0 {
		return call.Args()[n-1]
	}
	return nil
}

// closedSet checks what an attribute of few words is compared with.
func closedSet(name, with ast.Expr) (at ast.Expr, wrong, right string) {
	var words []string
	attr := qualified(name)
	switch attr {
	case "event.type":
		words = eventTypes()
	case "event.outcome":
		if s, ok := literal(with); ok && s == "" { // not answered yet
			return with, "", ""
		}
		words = outcomes()
	case "session.rating":
		words = []string{journey.Normal.String(), journey.Suspicious.String(), journey.Malicious.String()}
	case "event.method":
		if s, ok := literal(with); ok && s != strings.ToUpper(s) {
			return with, fmt.Sprintf("%q is never an event.method", s), fmt.Sprintf("%q", strings.ToUpper(s))
		}
		return with, "", ""
	default:
		return with, "", ""
	}
	items := []ast.Expr{with}
	if with.Kind() == ast.ListKind {
		items = with.AsList().Elements()
	}
	for _, it := range items {
		if s, ok := literal(it); ok && !slices.Contains(words, s) {
			return it, fmt.Sprintf("%q is never an %s", s, attr), suggest(s, words, "one of "+strings.Join(words, ", "))
		}
	}
	return with, "", ""
}

// qualified renders event.type and the like; the checker may have made one
// identifier of it.
func qualified(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		s := e.AsSelect()
		return qualified(s.Operand()) + "." + s.FieldName()
	}
	return ""
}
