package capture

import (
	"bytes"
	"errors"
	"net/url"
	"strings"

	"github.com/throughline/throughline/internal/wire"
)

// maxValue is how many bytes of one value are read.
const maxValue = 8 << 10

var (
	errLong    = errors.New("longer than is read")
	errEscape  = errors.New("holds a broken escape")
	errControl = errors.New("holds a control character")
)

// repeated is what a name that may stand several times gives. Origins take the
// first or the last, so both are read.
type repeated struct{ first, last found }

// next takes one more value: one that can't be read gives way to one that can.
func (r *repeated) next(f found) {
	if !f.ok && f.err == nil || f.err != nil && (r.first.ok || r.first.err != nil) {
		return
	}
	if !r.first.ok {
		r.first = f
	}
	r.last = f
}

// pairValue is the value of one name=value of a query or form, when it is that
// name's.
func pairValue(pair, name string) found {
	k, v, _ := strings.Cut(pair, "=")
	if pair == "" { // && is no parameter without a name
		return found{}
	}
	if strings.ContainsAny(k, "%+") { // a+b is the name "a b", never itself
		var err error
		if k, err = url.QueryUnescape(k); err != nil {
			return found{}
		}
	}
	if k != name {
		return found{}
	}
	if len(v) > maxValue {
		return found{err: errLong}
	}
	if !strings.ContainsAny(v, "%+") {
		return found{text: v, ok: true}
	}
	dv, err := url.QueryUnescape(v)
	if err != nil {
		return found{err: errEscape}
	}
	return found{text: dv, ok: true, own: true}
}

// parameters reads a name of a query.
func parameters(query, name string) (out repeated) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		out.next(pairValue(pair, name))
	}
	return out
}

// formValues reads a name of a URL-encoded body and copies only its own fields. Of
// a body that was cut the last field goes, since its value may not be whole.
func formValues(body []byte, cut bool, name string) (out repeated) {
	if cut {
		body = body[:max(0, bytes.LastIndexByte(body, '&'))]
	}
	for len(body) > 0 {
		var pair []byte
		pair, body, _ = bytes.Cut(body, []byte("&"))
		if k, _, _ := bytes.Cut(pair, []byte("=")); string(k) != name && !bytes.ContainsAny(k, "%+") {
			continue
		}
		f := pairValue(string(pair), name)
		f.own = true
		out.next(f)
	}
	return out
}

// cookies reads a name of all Cookie fields.
func cookies(h *wire.Head, name string) (out repeated) {
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Cookie") {
			continue
		}
		for rest := h.Fields[i].Value; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, ";")
			if k, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && k == name {
				out.next(within(strings.Trim(v, `"`)))
			}
		}
	}
	return out
}

// setCookies reads a name of all Set-Cookie fields.
func setCookies(h *wire.Head, name string) (out repeated) {
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Set-Cookie") {
			continue
		}
		first, _, _ := strings.Cut(h.Fields[i].Value, ";")
		if k, v, ok := strings.Cut(first, "="); ok && strings.TrimSpace(k) == name {
			out.next(within(strings.Trim(strings.TrimSpace(v), `"`)))
		}
	}
	return out
}

// headers reads a field.
func headers(h *wire.Head, name string) (out repeated) {
	for i := range h.Fields {
		if strings.EqualFold(h.Fields[i].Name, name) && h.Fields[i].Value != "" {
			out.next(within(h.Fields[i].Value))
		}
	}
	return out
}

func within(v string) found {
	if len(v) > maxValue {
		return found{err: errLong}
	}
	return found{text: v, ok: true}
}
