package capture

import (
	"errors"
	"net/url"
	"strings"

	"github.com/throughline/throughline/internal/wire"
)

// How many bytes of one value are read: of one that is kept, and of one that only
// holds the value, as a token does.
const (
	maxValue  = 8 << 10
	maxNested = 64 << 10
)

var (
	errLong    = errors.New("longer than is read")
	errEscape  = errors.New("holds a broken escape")
	errControl = errors.New("holds a control character")
)

// maxMany is how many values of a list are read: the first of them and the last.
const maxMany = 32

// repeated is what a name that may stand several times gives. Origins take the
// first or the last, so both are read. A list has all its values in all.
type repeated struct {
	first, last found
	all         []found
	mark        int // of all, how many stand before the item being read
}

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

// add takes one more value of a list.
func (r *repeated) add(f found) {
	switch {
	case !f.ok && f.err == nil:
	case len(r.all) < maxMany:
		r.all = append(r.all, f)
	default:
		r.all[maxMany-1] = f
	}
}

// back forgets what a duplicate replaces.
func (r *repeated) back() {
	if r.first.ok || r.first.err != nil { // mostly there is nothing, and nothing is written
		r.first, r.last = found{}, found{}
	}
	r.all = r.all[:min(r.mark, len(r.all))]
}

// pairValue is the value of one name=value of a query or form, when it is that
// name's.
func pairValue(pair, name string, limit int) found {
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
	return unescaped(v, limit)
}

// unescaped is a value of a query or form.
func unescaped(v string, limit int) found {
	if len(v) > limit {
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

// pairs reads the names that are looked for from a query or form, in one pass. Of
// one that was cut the last pair goes, since its value may not be whole.
func pairs(text string, cut bool, names map[string][]int, slots []repeated, limit int) {
	if cut {
		text = text[:max(0, strings.LastIndexByte(text, '&'))]
	}
	for len(names) > 0 && text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(k, "%+") {
			var err error
			if k, err = url.QueryUnescape(k); err != nil {
				continue
			}
		}
		wanted := names[k]
		if len(wanted) == 0 {
			continue
		}
		f := unescaped(v, limit)
		for _, slot := range wanted {
			slots[slot].next(f)
		}
	}
}

// parameter reads a name of a query or form.
func parameter(text, name string, limit int) (out repeated) {
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		out.next(pairValue(pair, name, limit))
	}
	return out
}

// cookies reads a name of all Cookie fields.
func cookies(h *wire.Head, name string, limit int) (out repeated) {
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Cookie") {
			continue
		}
		for rest := h.Fields[i].Value; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, ";")
			if k, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && k == name {
				out.next(within(strings.Trim(v, `"`), limit))
			}
		}
	}
	return out
}

// setCookies reads a name of all Set-Cookie fields.
func setCookies(h *wire.Head, name string, limit int) (out repeated) {
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Set-Cookie") {
			continue
		}
		first, _, _ := strings.Cut(h.Fields[i].Value, ";")
		if k, v, ok := strings.Cut(first, "="); ok && strings.TrimSpace(k) == name {
			out.next(within(strings.Trim(strings.TrimSpace(v), `"`), limit))
		}
	}
	return out
}

// headers reads a field.
func headers(h *wire.Head, name string, limit int) (out repeated) {
	for i := range h.Fields {
		if strings.EqualFold(h.Fields[i].Name, name) && h.Fields[i].Value != "" {
			out.next(within(h.Fields[i].Value, limit))
		}
	}
	return out
}

func within(v string, limit int) found {
	if len(v) > limit {
		return found{err: errLong}
	}
	return found{text: v, ok: true}
}
