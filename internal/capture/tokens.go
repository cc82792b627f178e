package capture

import (
	"net/url"
	"slices"
	"strings"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// maxTokens bounds the tokens taken of one request or response, and those of one
// name or source.
const (
	maxTokens  = 16
	maxOneName = 4
)

// headerTokens adds the tokens in headers of the names given. learned says that
// they are a response's.
func (c *Capturer) headerTokens(out []journey.Key, names []string, h *wire.Head, learned bool) []journey.Key {
	if len(names) == 0 {
		return out
	}
	var all []string
	for _, name := range names {
		n := 0
		for i := range h.Fields {
			if n < maxOneName && strings.EqualFold(h.Fields[i].Name, name) {
				all = append(all, h.Fields[i].Value)
				n++
			}
		}
	}
	return c.tokens(out, all, learned, learned)
}

// tokens adds keys of values. A learned one that a client may send as a bearer
// token is learned as that too.
func (c *Capturer) tokens(out []journey.Key, values []string, learned, bearer bool) []journey.Key {
	var seen []string
	for _, v := range values {
		v, carries := bare(v)
		if carries && !learned || len(v) < minKeyLen || len(v) > maxKeyLen || len(seen) == maxTokens || slices.Contains(seen, v) {
			continue // a bearer token in a request is taken as one
		}
		seen = append(seen, v)
		out = append(out, c.key(journey.KeyToken, v, true))
		if bearer && !strings.ContainsAny(v, " \t") {
			out = append(out, c.key(journey.KeyBearer, v, true))
		}
	}
	return out
}

// bare is a token without spaces, quotes and the name of its scheme.
func bare(v string) (token string, bearer bool) {
	v = strings.Trim(strings.TrimSpace(v), `"`)
	if scheme, rest, ok := strings.Cut(v, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest), true
	}
	return v, false
}

// RequestTokens are the tokens a request carries where the policy's session.tokens
// says; the body is read only when one of them stands there.
func (c *Capturer) RequestTokens(p *Plan, x *wire.Exchange) []journey.Key {
	s := &p.requestTokens
	if len(s.maps) == 0 {
		return nil
	}
	r := c.begin(p, s)
	defer c.end(r)
	c.fillRequest(r, x)
	return c.tokens(nil, r.texts(func(int) bool { return true }), false, false)
}

// ResponseTokens are the tokens a response gives there.
func (c *Capturer) ResponseTokens(p *Plan, x *wire.Exchange) []journey.Key {
	s := &p.responseTokens
	if len(s.maps) == 0 {
		return nil
	}
	r := c.begin(p, s)
	defer c.end(r)
	c.fillResponse(r, x)
	// What stands in a page is for a form or a script to send back under a name of
	// its own, never as a bearer token.
	page := func(i int) bool {
		return s.maps[i].Source == policy.SourceHTML || s.maps[i].Source == policy.SourceSetCookie
	}
	out := c.tokens(nil, r.texts(func(i int) bool { return !page(i) }), true, true)
	return c.tokens(out, r.texts(page), true, false)
}

// texts are the values of the slots asked for, a few of each.
func (r *reading) texts(of func(slot int) bool) (out []string) {
	for i := range r.side.maps {
		if !of(i) {
			continue
		}
		n := 0
		r.slots[i].each(func(f found) {
			each(f, r.side.steps[i], func(f found) {
				if n < maxOneName && f.ok && f.err == nil {
					out = append(out, plain(&r.side.maps[i], f.text))
					n++
				}
			})
		})
	}
	return out
}

// plain undoes the escapes of a cookie's value: scripts send it back without.
func plain(m *policy.Mapping, v string) string {
	if (m.Source == policy.SourceSetCookie || m.Source == policy.SourceCookie) && strings.Contains(v, "%") {
		if u, err := url.PathUnescape(v); err == nil {
			return u
		}
	}
	return v
}
