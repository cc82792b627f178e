package capture

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is taken from one GraphQL document.
const (
	maxSelections = 4096      // fields, over all operations
	maxArguments  = 256 << 10 // bytes of arguments, variables put in
	maxNesting    = 64        // of values, inline fragments and fragments in fragments
)

// document reads a GraphQL document as far as its operations' first level. It goes
// through the text once; what it does not understand it passes over.
type document struct {
	text      string
	at        int
	variables map[string][]byte
	defaults  map[string][]byte
	selected  int
	written   int
	ops       []operation
	spreads   [][]string // by operation: fragments it spreads at the top
	fragments map[string]*fragment
}

type fragment struct {
	op      operation // its fields and arguments
	spreads []string
}

func parseGraphQL(text string, variables []byte) []operation {
	d := document{text: text, variables: map[string][]byte{}, fragments: map[string]*fragment{}}
	j := jsonReader{body: variables}
	j.fields(func(name string, raw []byte) { d.variables[name] = raw })
	for d.peek() != "" {
		d.definition()
	}
	for i := range d.ops {
		d.spread(&d.ops[i], d.spreads[i], map[string]bool{}, 0)
	}
	return d.ops
}

func (d *document) definition() {
	t := d.next()
	switch t {
	case "{":
		d.at--
		d.operation(operation{kind: "query"})
	case "query", "mutation", "subscription":
		o := operation{kind: t}
		d.defaults = map[string][]byte{}
		if isNameStart(d.peek()) {
			o.name = d.next()
		}
		if d.peek() == "(" {
			d.definitions()
		}
		d.until("{")
		d.operation(o)
	case "fragment":
		name := d.next()
		f := &fragment{}
		d.defaults = nil
		d.until("{")
		d.selection(&f.op, &f.spreads, 0)
		d.fragments[name] = f
	}
}

// until passes over directives and type conditions.
func (d *document) until(token string) {
	for t := d.peek(); t != "" && t != token; t = d.peek() {
		if t == "(" || t == "[" || t == "{" {
			d.skipBlock()
			continue
		}
		d.next()
	}
}

func (d *document) operation(o operation) {
	var spreads []string
	d.selection(&o, &spreads, 0)
	d.ops, d.spreads = append(d.ops, o), append(d.spreads, spreads)
}

// spread adds what fragments hold.
func (d *document) spread(o *operation, names []string, seen map[string]bool, depth int) {
	for _, n := range names {
		f := d.fragments[n]
		if f == nil || seen[n] || depth > maxNesting {
			continue
		}
		seen[n] = true
		if d.selected += len(f.op.fields); d.selected > maxSelections {
			return
		}
		o.fields = append(o.fields, f.op.fields...)
		o.arguments = append(o.arguments, f.op.arguments...)
		d.spread(o, f.spreads, seen, depth+1)
	}
}

// definitions reads the default values of ($a: Type = value, ...).
func (d *document) definitions() {
	d.next()
	name := ""
	for t := d.peek(); t != "" && t != ")"; t = d.peek() {
		switch t {
		case "$":
			d.next()
			name = d.next()
		case "=":
			d.next()
			d.defaults[name] = d.value(nil, 0)
		default:
			d.next()
		}
	}
	d.next()
}

func (d *document) selection(o *operation, spreads *[]string, depth int) {
	if d.peek() != "{" || depth > maxNesting {
		d.skipBlock()
		return
	}
	d.next()
	for t := d.peek(); t != "" && t != "}"; t = d.peek() {
		switch {
		case t == "...":
			d.next()
			if n := d.peek(); isNameStart(n) && n != "on" {
				*spreads = append(*spreads, d.next())
				continue
			}
			if d.peek() == "on" {
				d.next()
				d.next()
			}
			for d.peek() == "@" {
				d.directive()
			}
			if d.peek() == "{" {
				d.selection(o, spreads, depth+1)
			}
		case isNameStart(t):
			name := d.next()
			if d.peek() == ":" {
				d.next()
				name = d.next()
			}
			var arguments []byte
			if d.peek() == "(" {
				arguments = d.arguments()
			}
			if d.selected++; d.selected <= maxSelections {
				o.fields = append(o.fields, name)
				if arguments != nil {
					o.arguments = append(o.arguments, arguments)
				}
			}
			for d.peek() == "@" {
				d.directive()
			}
			if d.peek() == "{" {
				d.skipBlock()
			}
		default:
			d.next()
		}
	}
	d.next()
}

func (d *document) directive() {
	d.next()
	d.next()
	if d.peek() == "(" {
		d.skipBlock()
	}
}

// skipBlock passes over brackets and all they hold.
func (d *document) skipBlock() {
	for open := 0; ; {
		switch d.next() {
		case "":
			return
		case "(", "[", "{":
			open++
		case ")", "]", "}":
			open--
		}
		if open <= 0 {
			return
		}
	}
}

// arguments reads (a: value, ...) as a JSON object.
func (d *document) arguments() []byte {
	d.next()
	out := d.pairs([]byte("{"), ")", 0)
	return append(out, '}')
}

func (d *document) pairs(out []byte, end string, depth int) []byte {
	first := true
	for t := d.peek(); t != "" && t != end; t = d.peek() {
		name := d.next()
		if d.peek() != ":" {
			continue
		}
		d.next()
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(append(append(out, '"'), name...), `":`...)
		out = d.value(out, depth+1)
	}
	d.next()
	return out
}

// value writes a value as JSON, variables put in.
func (d *document) value(out []byte, depth int) []byte {
	if depth > maxNesting {
		d.skipValue()
		return append(out, "null"...)
	}
	switch t := d.next(); {
	case t == "$":
		name := d.next()
		v, ok := d.variables[name]
		if !ok {
			v = d.defaults[name]
		}
		if d.written += len(v); v == nil || d.written > maxArguments {
			return append(out, "null"...)
		}
		return append(out, v...)
	case t == "{":
		return append(d.pairs(append(out, '{'), "}", depth), '}')
	case t == "[":
		out = append(out, '[')
		for n := 0; d.peek() != "" && d.peek() != "]"; n++ {
			if n > 0 {
				out = append(out, ',')
			}
			out = d.value(out, depth+1)
		}
		d.next()
		return append(out, ']')
	case strings.HasPrefix(t, `"""`):
		text, _ := json.Marshal(strings.Trim(strings.ReplaceAll(strings.TrimSuffix(t[3:], `"""`), `\"""`, `"""`), "\n"))
		return append(out, text...)
	case strings.HasPrefix(t, `"`) && strings.Contains(t, `\u{`):
		text, _ := json.Marshal(wideEscapes(t))
		return append(out, text...)
	case strings.HasPrefix(t, `"`), t == "true", t == "false", t == "null":
		return append(out, t...)
	case t != "" && (t[0] == '-' || t[0] >= '0' && t[0] <= '9'):
		return append(out, t...)
	case isNameStart(t): // an enum
		return append(append(append(out, '"'), t...), '"')
	default:
		return append(out, "null"...)
	}
}

// wideEscapes undoes a string with \u{1F600}, which JSON does not know.
func wideEscapes(t string) string {
	var b strings.Builder
	for rest := strings.Trim(t, `"`); rest != ""; {
		before, after, found := strings.Cut(rest, `\u{`)
		b.Write(unescapeJSON(nil, []byte(before)))
		if rest = after; found {
			digits, tail, _ := strings.Cut(after, "}")
			r, err := strconv.ParseUint(digits, 16, 32)
			if err != nil || r > unicode.MaxRune {
				r = utf8.RuneError
			}
			b.WriteRune(rune(r))
			rest = tail
		}
	}
	return b.String()
}

func (d *document) skipValue() {
	if t := d.peek(); t == "{" || t == "[" {
		d.skipBlock()
		return
	}
	if d.next() == "$" {
		d.next()
	}
}

func isNameStart(t string) bool {
	return t != "" && (t[0] == '_' || t[0]|0x20 >= 'a' && t[0]|0x20 <= 'z')
}

// peek is the next token without taking it.
func (d *document) peek() string {
	at := d.at
	t := d.next()
	if t != "" {
		d.at -= len(t)
	} else {
		d.at = max(at, d.at)
	}
	return t
}

// next takes a token, "" at the end. Commas are space, comments are passed over.
func (d *document) next() string {
	for d.at < len(d.text) {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\r', '\n', ',':
			d.at++
			continue
		case '#':
			if i := strings.IndexAny(d.text[d.at:], "\r\n"); i >= 0 {
				d.at += i
			} else {
				d.at = len(d.text)
			}
			continue
		}
		break
	}
	rest := d.text[d.at:]
	if rest == "" {
		return ""
	}
	n := 1
	switch c := rest[0]; {
	case strings.HasPrefix(rest, "\ufeff"):
		d.at += len("\ufeff")
		return d.next()
	case strings.HasPrefix(rest, "..."):
		n = 3
	case strings.HasPrefix(rest, `"""`):
		n = blockEnd(rest)
	case c == '"':
		for n < len(rest) && rest[n] != '"' && rest[n] != '\n' {
			if rest[n] == '\\' {
				n++
			}
			n++
		}
		n = min(n+1, len(rest))
	case isNameStart(rest):
		for n < len(rest) && (isNameStart(rest[n:]) || rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
	case c == '-' || c >= '0' && c <= '9':
		for n < len(rest) && strings.IndexByte("0123456789.eE+-", rest[n]) >= 0 {
			n++
		}
	}
	d.at += n
	return rest[:n]
}

func blockEnd(rest string) int {
	for at := 3; ; {
		i := strings.Index(rest[at:], `"""`)
		if i < 0 {
			return len(rest)
		}
		if at += i + 3; rest[at-4] != '\\' {
			return at
		}
	}
}
