package policy

import (
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/throughline/throughline/internal/journey"
)

func (c *compiler) outcome(v value, last bool) (OutcomeRule, bool) {
	m, ok := v.mapping("rules such as {is: success, status: 200}")
	if !ok {
		return OutcomeRule{}, false
	}
	var r OutcomeRule
	if is, ok := m.need("is", "success or failure"); ok {
		o, _ := is.oneOf("success", "failure")
		r.Outcome = journey.Outcome(o)
	}
	r.Statuses = statusList(&m)
	if s, ok := m.get("location"); ok {
		if r.Location, ok = s.text(); ok && r.Location == "" {
			s.bad("is empty", "what Location is, with * for any text, e.g. */welcome*")
		}
	}
	if s, ok := m.get("body"); ok {
		if r.BodyHas, ok = s.text(); ok && r.BodyHas == "" {
			s.bad("is empty", "a text to look for in the response body")
		}
	}
	if s, ok := m.get("json"); ok {
		eachPair(s, "e.g. {$.ok: true}", func(at value, path, want string) {
			if keys, ok := jsonPath(at, path); ok {
				if _, truth := at.node.(*ast.BoolNode); truth {
					want = strings.ToLower(want) // YAML takes True too, JSON does not
				}
				r.JSON = append(r.JSON, JSONRule{keys, want})
			}
		})
	}
	if s, ok := m.get("xml"); ok {
		eachPair(s, "e.g. {//faultcode: Client}", func(at value, path, want string) {
			if names, ok := xmlPath(at, path); ok {
				r.XML = append(r.XML, XMLRule{names, want})
			}
		})
	}
	r.Headers = globs(&m, "header", "X-Result")
	r.Trailers = globs(&m, "trailer", "x-result")
	if s, ok := m.get("set_cookie"); ok {
		for _, item := range s.items("cookie names, e.g. session") {
			name, ok := item.text()
			if ok && !isToken(name) {
				item.bad(quote(name)+" is no cookie name", "the name alone, e.g. session")
			}
			r.SetCookies = append(r.SetCookies, name)
		}
	}
	if s, ok := m.get("grpc_status"); ok {
		for _, item := range s.items("gRPC statuses from 0 to 16, e.g. 16") {
			if n, ok := item.integer(0, 16); ok {
				r.GRPC = append(r.GRPC, n)
			}
		}
	}
	if len(m.keys) == 1 && m.keys[0] == "is" && !last {
		m.bad("always holds, so that the rules after it never do", "a condition, or put it last")
	}
	m.done()
	return r, true
}

// globs reads names of fields with what they must be.
func globs(m *mapping, field, example string) map[string]string {
	s, ok := m.get(field)
	if !ok {
		return nil
	}
	out := map[string]string{}
	eachPair(s, "e.g. {"+example+": declined*}", func(at value, name, want string) {
		switch {
		case !isToken(name):
			at.bad(quote(name)+" is no "+field+" name", "e.g. "+example)
		case strings.EqualFold(name, "Set-Cookie"):
			at.bad("a cookie's value is a secret", "set_cookie: NAME, which asks whether it is set")
		}
		out[name] = want
	})
	return out
}

// eachPair reads a mapping that must hold something.
func eachPair(v value, right string, use func(at value, name, text string)) {
	m, ok := v.mapping(right)
	if !ok {
		return
	}
	if len(m.keys) == 0 && !m.opaque {
		v.bad("is empty", right)
	}
	for _, k := range m.keys {
		at, ok := m.get(k)
		if !ok {
			continue
		}
		if text, ok := at.text(); ok {
			use(at, k, text)
		}
	}
}

// statusList reads the field status.
func statusList(m *mapping) [][2]int {
	s, ok := m.get("status")
	if !ok {
		return nil
	}
	var out [][2]int
	for _, item := range s.items("statuses, e.g. 200-299") {
		if rng, ok := statuses(item); ok {
			out = append(out, rng)
		}
	}
	return out
}

func statuses(v value) ([2]int, bool) {
	s, ok := v.text()
	if !ok {
		return [2]int{}, false
	}
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	a, ok1 := number(low)
	b, ok2 := number(high)
	if !ok1 || !ok2 || a < 100 || b > 599 || a > b {
		v.bad(quote(s)+" is no status", "a status such as 401 or a range such as 200-299")
		return [2]int{}, false
	}
	return [2]int{a, b}, true
}
