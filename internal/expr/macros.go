package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/throughline/throughline/internal/journey"
)

// collector expands the journey functions of one rule into identifiers while it
// is parsed, so that the compiled rule names exactly the state it needs and no
// function has to find its way back to the Facts.
type collector struct {
	opt    Options
	refs   []reference
	byName map[string]int    // what a reference is to its place in refs
	right  map[string]*Error // message of an own error to the rest of it
}

func (c *collector) macros() []cel.Macro {
	return []cel.Macro{
		cel.GlobalMacro("value", 1, c.elementMacro(refValue)),
		cel.GlobalMacro("number", 1, c.elementMacro(refNumber)),
		cel.GlobalMacro("present", 1, c.elementMacro(refPresent)),
		cel.GlobalMacro("in_list", 2, c.inList),
		cel.ReceiverMacro("has_label", 1, c.hasLabel),
		cel.ReceiverVarArgMacro("count", c.windowMacro(Count)),
		cel.ReceiverVarArgMacro("distinct", c.windowMacro(Distinct)),
		cel.ReceiverVarArgMacro("sum", c.windowMacro(Sum)),
		cel.ReceiverVarArgMacro("first_seen", c.windowMacro(FirstSeen)),
		cel.ReceiverVarArgMacro("age", c.windowMacro("age")),
		cel.ReceiverVarArgMacro("elapsed_since", c.windowMacro(Last)),
	}
}

func (c *collector) fail(eh cel.MacroExprFactory, at ast.Expr, wrong, right string) *common.Error {
	return c.undefined(eh, at, "", "", wrong, right)
}

// undefined is fail for a name that another document would have to define.
func (c *collector) undefined(eh cel.MacroExprFactory, at ast.Expr, kind, name, wrong, right string) *common.Error {
	if c.right == nil {
		c.right = map[string]*Error{}
	}
	c.right[wrong] = &Error{Wrong: wrong, Right: right, Kind: kind, Name: name}
	return eh.NewError(at.ID(), wrong)
}

// ident adds a reference, unless the rule has it already, and returns its
// identifier: @ and its place in refs, which no rule can write itself.
func (c *collector) ident(eh cel.MacroExprFactory, name string, r reference) ast.Expr {
	i, ok := c.byName[name]
	if !ok {
		i = len(c.refs)
		c.byName[name] = i
		c.refs = append(c.refs, r)
	}
	return eh.NewIdent("@" + strconv.Itoa(i))
}

func (c *collector) declarations() []cel.EnvOption {
	out := make([]cel.EnvOption, 0, len(c.refs)+16)
	for i := range c.refs {
		t := cel.IntType
		switch c.refs[i].kind {
		case refValue:
			t = cel.StringType
		case refNumber, refSum:
			t = cel.DoubleType
		case refPresent, refLabel:
			t = cel.BoolType
		case refFirstSeen:
			t = cel.TimestampType
		case refList:
			t = cel.MapType(cel.StringType, cel.BoolType)
		}
		out = append(out, cel.Variable("@"+strconv.Itoa(i), t))
	}
	return out
}

func (c *collector) elementMacro(kind refKind) cel.MacroFactory {
	return func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		id, ok := literal(args[0])
		if !ok {
			return nil, c.fail(eh, args[0], "the element is not a literal", `an element ID in quotes, e.g. "email"`)
		}
		if err := c.checkElement(eh, args[0], id, false); err != nil {
			return nil, err
		}
		if kind == refNumber {
			if err := c.checkNumeric(eh, args[0], id); err != nil {
				return nil, err
			}
		}
		fn := [...]string{refValue: "value", refNumber: "number", refPresent: "present"}[kind]
		return c.ident(eh, fn+"__"+id, reference{kind: kind, element: id, what: fn + "(" + strconv.Quote(id) + ")"}), nil
	}
}

func (c *collector) checkElement(eh cel.MacroExprFactory, at ast.Expr, id string, wantEntity bool) *common.Error {
	if c.opt.Element == nil {
		return nil
	}
	entity, known := c.opt.Element(id)
	switch {
	case !known:
		return c.fail(eh, at, fmt.Sprintf("%q is no element", id), "an element ID of the catalogue, e.g. email, username, ip")
	case wantEntity && !entity:
		return c.fail(eh, at, fmt.Sprintf("%q is an attribute, which links nothing", id), "an entity, e.g. ip, email, username, card_number")
	}
	return nil
}

func (c *collector) checkNumeric(eh cel.MacroExprFactory, at ast.Expr, id string) *common.Error {
	if c.opt.Numeric != nil && !c.opt.Numeric(id) {
		return c.fail(eh, at, fmt.Sprintf("%q is no number", id), "an element that is one, e.g. transaction_amount or quantity")
	}
	return nil
}

func (c *collector) inList(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	name, ok := literal(args[0])
	if !ok {
		return nil, c.fail(eh, args[0], "the list's name is not a literal", `a name in quotes, e.g. in_list("good_bots", value("bot_name"))`)
	}
	values, ok := c.opt.Lists[name]
	if !ok && c.opt.Lists != nil {
		return nil, c.undefined(eh, args[0], "list", name, fmt.Sprintf("%q is no list", name), suggest(name, keys(c.opt.Lists), "a document of kind list with that name"))
	}
	list := c.ident(eh, "list__"+name, reference{kind: refList, list: listValue(values)})
	return eh.NewCall(operators.In, args[1], list), nil
}

func (c *collector) hasLabel(eh cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if target.Kind() != ast.IdentKind || target.AsIdent() != "session" {
		return nil, c.fail(eh, target, "only a session carries labels", `session.has_label("id")`)
	}
	id, ok := literal(args[0])
	if !ok {
		return nil, c.fail(eh, args[0], "the label is not a literal", "a label ID in quotes")
	}
	if c.opt.Labels != nil && !c.opt.Labels[id] {
		return nil, c.undefined(eh, args[0], "label", id, fmt.Sprintf("%q is no label", id), suggest(id, keys(c.opt.Labels), "a document of kind label with that id"))
	}
	return c.ident(eh, "label__"+id, reference{kind: refLabel, label: id, what: "session.has_label(" + strconv.Quote(id) + ")"}), nil
}

func (c *collector) windowMacro(op Op) cel.MacroFactory {
	return func(eh cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		w := Window{Op: op}
		var err *common.Error
		if w.Subject, err = c.subject(eh, target, op); err != nil {
			return nil, err
		}
		kind := refCount
		switch op {
		case Distinct, Sum:
			if len(args) == 0 {
				return nil, c.fail(eh, target, string(op)+" of what is not said", fmt.Sprintf(`an element first, e.g. %s("username", "10m")`, op))
			}
			id, ok := literal(args[0])
			if !ok {
				return nil, c.fail(eh, args[0], "the element is not a literal", "an element ID in quotes")
			}
			if err := c.checkElement(eh, args[0], id, false); err != nil {
				return nil, err
			}
			w.Element, args = id, args[1:]
			if op == Sum {
				kind = refSum
				if err := c.checkNumeric(eh, target, id); err != nil {
					return nil, err
				}
			}
		case FirstSeen, "age":
			if len(args) > 0 {
				return nil, c.fail(eh, args[0], string(op)+" takes no arguments", string(op)+"()")
			}
			w.Op, kind = FirstSeen, refFirstSeen
			if op == "age" {
				kind = refAge
			}
		case Last:
			kind = refElapsed
		}
		if err := c.filters(eh, args, &w); err != nil {
			return nil, err
		}
		if op == Last && w.Within != 0 {
			return nil, c.fail(eh, args[len(args)-1], "elapsed_since looks back without limit", `elapsed_since("authentication_attempt")`)
		}
		what := w.String()
		if op == "age" {
			what = strings.Replace(what, ".first_seen(", ".age(", 1)
		}
		if op == Last {
			what = strings.Replace(what, ".last(", ".elapsed_since(", 1)
		}
		return c.ident(eh, "window__"+what, reference{kind: kind, window: w, what: what}), nil
	}
}

// subject reads session or entity("ip").
func (c *collector) subject(eh cel.MacroExprFactory, target ast.Expr, op Op) (string, *common.Error) {
	switch target.Kind() {
	case ast.IdentKind:
		if target.AsIdent() == "session" {
			return "session", nil
		}
	case ast.CallKind:
		call := target.AsCall()
		if call.FunctionName() == "entity" && !call.IsMemberFunction() && len(call.Args()) == 1 {
			id, ok := literal(call.Args()[0])
			if !ok {
				return "", c.fail(eh, call.Args()[0], "the entity is not a literal", `an element ID in quotes, e.g. entity("ip")`)
			}
			return id, c.checkElement(eh, call.Args()[0], id, true)
		}
	}
	return "", c.fail(eh, target, string(op)+" is asked of something unknown", fmt.Sprintf(`session.%s(...) or entity("ip").%s(...)`, op, op))
}

// filters reads type, outcome and within, each optional, in that order.
func (c *collector) filters(eh cel.MacroExprFactory, args []ast.Expr, w *Window) *common.Error {
	stage := 0
	for i, a := range args {
		s, ok := literal(a)
		if !ok {
			return c.fail(eh, a, "an argument is not a literal", `texts in quotes: type, outcome, time, e.g. ("authentication_attempt", "failure", "10m")`)
		}
		d, notTime := ParseDuration(s)
		switch t, o := journey.EventType(s), journey.Outcome(s); {
		case stage < 1 && (s == "" || t.Valid()):
			w.Type, stage = t, 1
		case stage < 2 && slices.Contains(outcomes(), s):
			w.Outcome, stage = o, 2
		case stage < 3 && notTime == nil && d <= maxWithin:
			w.Within, stage = d, 3
		case notTime == nil && stage < 3:
			return c.fail(eh, a, fmt.Sprintf("%q is too far back", s), "at most 90d")
		case t.Valid() || notTime == nil || slices.Contains(outcomes(), s):
			return c.fail(eh, a, fmt.Sprintf("%q stands out of order", s), `type, outcome, time, e.g. ("authentication_attempt", "failure", "10m")`)
		default:
			return c.fail(eh, a, fmt.Sprintf("%q is no event type, outcome or time", s), c.meant(s, stage, i == len(args)-1))
		}
	}
	return nil
}

// meant guesses what a wrong filter argument should have been.
func (c *collector) meant(s string, stage int, last bool) string {
	if fixed, ok := DurationHint(s); ok && last {
		return fixed
	}
	words := outcomes()
	if stage < 1 {
		words = append(words, eventTypes()...)
	}
	return suggest(s, words, "an event type; then success, failure, error or blocked; then a time such as 90s, 10m, 24h or 7d")
}

// maxWithin bounds how far back a window may look.
const maxWithin = 90 * 24 * time.Hour

func outcomes() []string {
	return []string{string(journey.Success), string(journey.Failure), string(journey.OriginError), string(journey.Mitigated)}
}

func eventTypes() []string {
	all := journey.EventTypes()
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = string(t)
	}
	return out
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}
