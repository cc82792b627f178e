package discovery

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// maxSeen bounds the fields of one request that are looked at.
const maxSeen = 128

// seenField is a field of one request: where, its steps joined by NUL, and of what
// kind its value is. The value itself is not in it.
type seenField struct{ in, name, kind string }

func queryFields(query string) []seenField { return pairs("query", query) }

func bodyFields(kind string, body []byte) []seenField {
	switch {
	case kind == formType:
		return pairs("form", string(body))
	case isJSON(kind):
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		w := walker{d: d}
		if w.value("", 0) != nil {
			return nil
		}
		return w.out
	}
	return nil
}

func pairs(in, text string) (out []seenField) {
	for text != "" && len(out) < maxSeen {
		var p string
		p, text, _ = strings.Cut(text, "&")
		k, v, _ := strings.Cut(p, "=")
		name, err := url.QueryUnescape(k)
		if err != nil || name == "" || strings.Contains(name, "\x00") {
			continue
		}
		value, err := url.QueryUnescape(v)
		if err != nil {
			continue
		}
		out = append(out, seenField{in, name, kindOf(value)})
	}
	return out
}

// walker collects the leaves of a JSON document.
type walker struct {
	d   *json.Decoder
	out []seenField
}

func (w *walker) value(at string, depth int) error {
	t, err := w.d.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Delim:
		return w.inside(at, depth, v)
	case string:
		w.leaf(at, kindOf(v))
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			w.leaf(at, "decimal")
		} else {
			w.leaf(at, "integer")
		}
	case bool:
		w.leaf(at, "boolean")
	default:
		w.leaf(at, "null")
	}
	return nil
}

func (w *walker) inside(at string, depth int, open json.Delim) error {
	if depth > 64 {
		return errDeep
	}
	for n := 0; w.d.More(); n++ {
		under := "[]"
		if open == '{' {
			k, err := w.d.Token()
			if err != nil {
				return err
			}
			under, _ = k.(string)
			if strings.Contains(under, "\x00") || under == "[]" {
				under = " " // no word, and so left out
			}
		}
		if at != "" {
			under = at + "\x00" + under
		}
		if err := w.value(under, depth+1); err != nil {
			return err
		}
	}
	_, err := w.d.Token()
	return err
}

type deep struct{}

func (deep) Error() string { return "nested too deep" }

var errDeep = deep{}

func (w *walker) leaf(at, kind string) {
	if at != "" && len(w.out) < maxSeen && strings.Count(at, "\x00") < maxDepth {
		w.out = append(w.out, seenField{"json", at, kind})
	}
}

// fieldName writes steps as a source does: $.items[*].sku, or the name of a field.
func fieldName(in string, steps []string) string {
	if in != "json" {
		return strings.Join(steps, "")
	}
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range steps {
		switch {
		case s == "[]":
			b.WriteString("[*]")
		case strings.ContainsAny(s, ".-"):
			b.WriteString(`["` + s + `"]`)
		default:
			b.WriteString("." + s)
		}
	}
	return b.String()
}

// fieldSteps undoes fieldName, without the steps into lists.
func fieldSteps(in, name string) (out []string) {
	if in != "json" {
		return []string{name}
	}
	for rest := strings.TrimPrefix(name, "$"); rest != ""; {
		switch {
		case strings.HasPrefix(rest, "[*]"):
			rest = rest[3:]
		case strings.HasPrefix(rest, `["`):
			s, after, _ := strings.Cut(rest[2:], `"]`)
			out, rest = append(out, s), after
		default:
			rest = strings.TrimPrefix(rest, ".")
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return out
			}
			out, rest = append(out, rest[:end]), rest[end:]
		}
	}
	return out
}

// kindOf says of what kind a text is, and nothing else of it.
func kindOf(v string) string {
	v = strings.TrimSpace(v)
	digits, others := 0, 0
	for i := range len(v) {
		switch c := v[i]; {
		case '0' <= c && c <= '9':
			digits++
		case c == ' ' || c == '-' || c == '(' || c == ')' || c == '+':
		default:
			others++
		}
	}
	at := strings.IndexByte(v, '@')
	switch {
	case v == "":
		return "empty"
	case len(v) > 256:
		return "long text"
	case v == "true" || v == "false":
		return "boolean"
	case at > 0 && strings.LastIndexByte(v, '.') > at && !strings.ContainsAny(v, " <>"):
		return "email"
	case others == 0 && digits >= 13 && digits <= 19 && luhn(v):
		return "card number"
	case others == 0 && digits == len(v):
		return "integer"
	case others == 0 && digits >= 7 && digits <= 15:
		return "phone"
	case others == 1 && digits > 0 && strings.ContainsAny(v, ".,") && digits+1 == len(v):
		return "decimal"
	case strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "https://"):
		return "url"
	case !strings.ContainsAny(v, " \t\n") && digits > 0:
		return "identifier"
	}
	return "text"
}

func luhn(v string) bool {
	sum, n := 0, 0
	for i := len(v) - 1; i >= 0; i-- {
		if v[i] < '0' || v[i] > '9' {
			continue
		}
		d := int(v[i] - '0')
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return sum%10 == 0
}
