package capture

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/throughline/throughline/internal/policy"
)

var (
	errBase64    = errors.New("not base64")
	errToken     = errors.New("not a token")
	errEncrypted = errors.New("an encrypted token")
	errBasic     = errors.New("not HTTP Basic")
)

// step is a policy.Step made ready.
type step struct {
	kind policy.StepKind
	name string
	json *jsonNode
	xml  []xmlTarget
}

func compileSteps(all []policy.Step) []step {
	var out []step
	for _, s := range all {
		c := step{kind: s.Kind, name: s.Name}
		switch s.Kind {
		case policy.StepJSON, policy.StepJWT:
			c.json = c.json.add(s.Path, 0)
			c.json.finish()
		case policy.StepXML:
			c.xml = []xmlTarget{{s.Path, 0}}
		}
		out = append(out, c)
	}
	return out
}

// each takes the steps on a value and hands on what is found at their end.
func each(f found, steps []step, use func(found)) {
	if len(steps) == 0 {
		if len(f.text) > maxValue {
			f = found{err: errLong}
		}
		use(f)
		return
	}
	if f.err != nil || !f.ok || f.text == "" {
		use(f)
		return
	}
	var slots [1]repeated
	switch s := &steps[0]; s.kind {
	case policy.StepJSON:
		j := jsonReader{limit: maxNested}
		j.read([]byte(f.text), s.json, slots[:])
	case policy.StepXML:
		readXML([]byte(f.text), s.xml, slots[:], maxNested)
	case policy.StepForm:
		slots[0] = parameter(f.text, s.name, maxNested)
	case policy.StepQuery:
		_, query, _ := strings.Cut(f.text, "?")
		query, _, _ = strings.Cut(query, "#")
		slots[0] = parameter(query, s.name, maxNested)
	case policy.StepBase64:
		slots[0].next(unbase64(f.text))
	case policy.StepBasic:
		slots[0].next(basicUser(f.text))
	case policy.StepJWT:
		slots[0] = claim(f.text, s.json)
	}
	slots[0].each(func(g found) {
		g.own = g.own || f.own || steps[0].kind == policy.StepJSON || steps[0].kind == policy.StepJWT
		g.unverified = g.unverified || f.unverified
		each(g, steps[1:], use)
	})
}

// each hands on the values: all of a list, else the first and the last.
func (r *repeated) each(use func(found)) {
	for _, f := range r.all {
		use(f)
	}
	if len(r.all) > 0 {
		return
	}
	use(r.first)
	if r.last != r.first {
		use(r.last)
	}
}

// unbase64 undoes base64 of either alphabet, padded or not, lines or not.
func unbase64(s string) found {
	text, err := decodeBase64(s)
	if err != nil {
		return found{err: errBase64}
	}
	return found{text: string(text), ok: true, own: true}
}

func decodeBase64(s string) ([]byte, error) {
	s = strings.Map(func(r rune) rune {
		switch r {
		case '\r', '\n', ' ', '\t', '=':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, s)
	return base64.RawStdEncoding.DecodeString(s)
}

// basicUser is the name before the colon of Basic credentials.
func basicUser(s string) found {
	scheme, token, ok := strings.Cut(s, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return found{err: errBasic}
	}
	text, err := decodeBase64(token)
	user, _, ok := strings.Cut(string(text), ":")
	if err != nil || !ok {
		return found{err: errBasic}
	}
	return found{text: strings.Clone(user), ok: true, own: true}
}

// claim reads a claim of a signed token, without checking the signature: that is
// the origin's to do, whose key it is.
func claim(s string, tree *jsonNode) (out repeated) {
	if scheme, token, ok := strings.Cut(strings.TrimSpace(s), " "); ok && strings.EqualFold(scheme, "Bearer") {
		s = token
	}
	parts := strings.Split(strings.TrimSpace(s), ".")
	if len(parts) == 5 {
		out.next(found{err: errEncrypted})
		return out
	}
	if len(parts) != 3 {
		out.next(found{err: errToken})
		return out
	}
	text, err := decodeBase64(parts[1])
	if err != nil || len(text) == 0 || text[0] != '{' {
		out.next(found{err: errToken})
		return out
	}
	var slots [1]repeated
	j := jsonReader{limit: maxNested}
	j.read(text, tree, slots[:])
	out = slots[0]
	out.first.unverified, out.last.unverified = true, true
	for i := range out.all {
		out.all[i].unverified = true
	}
	return out
}
