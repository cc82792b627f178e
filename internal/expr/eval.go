package expr

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/throughline/throughline/internal/journey"
)

// activation resolves a rule's identifiers through Facts, each at most once in
// an evaluation. One evaluation owns it.
type activation struct {
	p     *Program
	facts Facts
	vals  []ref.Val // parallel to p.refs; nil: not looked up
	attrs []seenAttr
}

type seenAttr struct {
	name string
	val  ref.Val
}

// errPanic wraps what a rule's evaluation panicked with.
var errPanic = errors.New("expr: the rule panicked")

// pool keeps activations between evaluations, since rules run on the hot path.
var pool = sync.Pool{New: func() any { return new(activation) }}

// Eval evaluates the rule. When it holds, the evidence lists every value it
// looked at: journey functions and elements in the order of the rule, then
// attributes in the order they were asked for. What a rule skipped (the right
// of a false &&) is not in it. A rule that errors or panics does not hold and
// says why.
func (p *Program) Eval(f Facts) (holds bool, evidence []journey.Evidence, err error) {
	a := pool.Get().(*activation)
	a.p, a.facts = p, f
	if cap(a.vals) < len(p.refs) {
		a.vals = make([]ref.Val, len(p.refs))
	}
	a.vals = a.vals[:len(p.refs)]
	defer func() {
		if v := recover(); v != nil {
			holds, evidence, err = false, nil, fmt.Errorf("%w: %v", errPanic, v)
		}
		clear(a.vals)
		clear(a.attrs)
		a.p, a.facts, a.attrs = nil, nil, a.attrs[:0]
		pool.Put(a)
	}()
	out, _, err := p.program.Eval(cel.Activation(a))
	if err != nil {
		return false, nil, fmt.Errorf("expr: %s: %w", p.source, err)
	}
	if out != types.True {
		return false, nil, nil
	}
	return true, a.evidence(), nil
}

// ResolveName implements CEL's activation.
func (a *activation) ResolveName(name string) (any, bool) {
	if name[0] == '@' {
		i, err := strconv.Atoi(name[1:])
		if err != nil || i >= len(a.vals) {
			return nil, false
		}
		if a.vals[i] == nil {
			a.vals[i] = a.resolve(&a.p.refs[i])
		}
		return a.vals[i], true
	}
	for _, s := range a.attrs {
		if s.name == name {
			return s.val, true
		}
	}
	v, ok := a.attr(name)
	if ok {
		a.attrs = append(a.attrs, seenAttr{name, v})
	}
	return v, ok
}

// Parent implements CEL's activation.
func (a *activation) Parent() cel.Activation { return nil }

func (a *activation) attr(name string) (ref.Val, bool) {
	switch name {
	case "event.time", "session.start":
		return timestamp(a.facts.Attr(name).(int64)), true
	case "session.age":
		now, start := a.facts.Attr("event.time").(int64), a.facts.Attr("session.start").(int64)
		return types.Int((now - start) / 1e6), true
	case "event.type", "event.name", "event.outcome", "event.method", "session.rating", "session.account", "session.recognised":
		return text(a.facts.Attr(name).(string)), true
	case "event.status", "session.events", "session.points", "session.accounts":
		return types.Int(a.facts.Attr(name).(int)), true
	case "session.new":
		return types.Bool(a.facts.Attr(name).(bool)), true
	}
	return nil, false
}

func (a *activation) resolve(r *reference) ref.Val {
	switch r.kind {
	case refValue:
		return text(a.facts.Value(r.element))
	case refNumber:
		n, err := strconv.ParseFloat(a.facts.Value(r.element), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			n = 0
		}
		return types.Double(n)
	case refPresent:
		return types.Bool(a.facts.Value(r.element) != "")
	case refLabel:
		return types.Bool(a.facts.HasLabel(r.label))
	case refList:
		return r.list
	}
	n := a.facts.Window(r.window)
	now := a.facts.Attr("event.time").(int64)
	switch r.kind {
	case refSum:
		return types.Double(float64(n) / 1e6)
	case refFirstSeen:
		if n == 0 {
			n = now
		}
		return timestamp(n)
	case refAge:
		if n == 0 {
			return types.Int(0)
		}
		return types.Int((now - n) / 1e6)
	case refElapsed:
		if n == 0 {
			return types.Int(-1)
		}
		return types.Int((now - n) / 1e6)
	default:
		return types.Int(n)
	}
}

// text cuts what is longer than the rule's cost was reckoned with. Elements are
// bounded well below it.
func text(s string) ref.Val {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return types.String(s)
}

func timestamp(micros int64) ref.Val {
	return types.Timestamp{Time: time.UnixMicro(micros).UTC()}
}

func (a *activation) evidence() []journey.Evidence {
	out := make([]journey.Evidence, 0, len(a.vals)+len(a.attrs))
	for i, v := range a.vals {
		if v != nil && a.p.refs[i].kind != refList {
			out = append(out, journey.Evidence{What: a.p.refs[i].what, Value: render(v)})
		}
	}
	for _, s := range a.attrs {
		out = append(out, journey.Evidence{What: s.name, Value: render(s.val)})
	}
	return out
}

func render(v ref.Val) string {
	switch v := v.(type) {
	case types.String:
		return string(v)
	case types.Int:
		return strconv.FormatInt(int64(v), 10)
	case types.Double:
		return strconv.FormatFloat(float64(v), 'f', -1, 64)
	case types.Bool:
		return strconv.FormatBool(bool(v))
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339)
	default:
		return fmt.Sprint(v.Value())
	}
}
