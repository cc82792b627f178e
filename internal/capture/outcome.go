package capture

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/wire"
)

// Outcome tells how the origin answered: by the first of the Spec's rules that
// holds, else by status class, or for gRPC by its own status. Of an answer of 5xx a
// rule decides only when it names that status and something else in the answer, as
// a SOAP fault has; otherwise it is the origin's error.
func (c *Capturer) Outcome(p *Plan, x *wire.Exchange) journey.Outcome {
	status := x.Response.Status
	if status == 0 {
		return journey.OriginError
	}
	a := answer{head: &x.Response, trailers: x.RespTrailers}
	if slices.ContainsFunc(p.outcome, func(v verdict) bool { return v.readsBody() }) && len(x.RespBody.Bytes) > 0 {
		a.body, _, _ = c.codecs.plain(x.RespBody.Bytes, encodings(&x.Response)) // empty when it can't be read
		a.raw = a.body
		a.body = utf8Text(a.body)
		a.body = legacyText(&x.Response, a.body)
	}
	for i := range p.outcome {
		v := &p.outcome[i]
		if status >= 500 && (len(v.Statuses) == 0 || !v.proves()) {
			continue
		}
		if a.fits(v) {
			return v.Outcome
		}
	}
	switch {
	case status >= 500:
		return journey.OriginError
	case status >= 400:
		return journey.Failure
	case p.Spec.Match.GRPC != "":
		end := ended{head: &x.Response, trailers: x.RespTrailers}
		if code := end.field("grpc-status").text; code != "" && code != "0" {
			return journey.Failure
		}
	}
	return journey.Success
}

// proves tells whether a rule looks at more than the status.
func (v *verdict) proves() bool {
	return v.readsBody() || len(v.headers) > 0 || len(v.trailers) > 0 || v.Location != "" || len(v.SetCookies) > 0
}

// answer is a response as outcome rules see it.
type answer struct {
	head      *wire.Head
	trailers  []wire.Field
	body, raw []byte
}

func (a *answer) fits(v *verdict) bool {
	if len(v.Statuses) > 0 && !oneOf(v.Statuses, a.head.Status) {
		return false
	}
	if v.Location != "" && !glob(v.Location, a.head.Get("Location")) {
		return false
	}
	for _, c := range v.headers {
		if !anyGlob(a.head.Fields, c.name, c.want) {
			return false
		}
	}
	for _, name := range v.SetCookies {
		if !setsCookie(a.head, name) {
			return false
		}
	}
	if len(v.GRPC)+len(v.trailers) > 0 && !a.endsAs(v) {
		return false
	}
	if v.BodyHas != "" && !bytes.Contains(a.body, []byte(v.BodyHas)) {
		return false
	}
	slots := make([]repeated, max(len(v.JSON), len(v.XML)))
	j := jsonReader{limit: maxNested}
	j.read(a.body, v.json, slots)
	for i, r := range v.JSON {
		if !slots[i].equals(r.Equals) {
			return false
		}
	}
	clear(slots)
	readXML(a.body, v.xml, slots, maxNested)
	for i, r := range v.XML {
		if !slots[i].equals(r.Equals) {
			return false
		}
	}
	return true
}

// endsAs tells whether the end of a response is as a rule wants it.
func (a *answer) endsAs(v *verdict) bool {
	end := ended{head: a.head, trailers: a.trailers, body: frames(a.head, a.raw)}
	if len(v.GRPC) > 0 {
		code, err := strconv.Atoi(end.field("grpc-status").text)
		if err != nil || !slices.Contains(v.GRPC, code) {
			return false
		}
	}
	for _, c := range v.trailers {
		fits := false
		behind := end.behind(c.name, maxValue)
		behind.each(func(f found) { fits = fits || f.ok && glob(c.want, f.text) })
		if !fits {
			return false
		}
	}
	return true
}

// equals tells whether any of the values is the one wanted; "*" wants any at all.
func (r *repeated) equals(want string) (is bool) {
	r.each(func(f found) { is = is || f.ok && (want == "*" || f.text == want) })
	return is
}

func oneOf(ranges [][2]int, status int) bool {
	for _, s := range ranges {
		if status >= s[0] && status <= s[1] {
			return true
		}
	}
	return false
}

func anyGlob(fields []wire.Field, name, pattern string) bool {
	for i := range fields {
		if strings.EqualFold(fields[i].Name, name) && glob(pattern, fields[i].Value) {
			return true
		}
	}
	return false
}

// setsCookie tells whether a response sets a cookie and does not delete it.
func setsCookie(h *wire.Head, name string) bool {
	for i := range h.Fields {
		if !strings.EqualFold(h.Fields[i].Name, "Set-Cookie") {
			continue
		}
		first, attrs, _ := strings.Cut(h.Fields[i].Value, ";")
		k, v, ok := strings.Cut(first, "=")
		if ok && strings.TrimSpace(k) == name && strings.Trim(strings.TrimSpace(v), `"`) != "" && !attributes(attrs, 0).deleted {
			return true
		}
	}
	return false
}

// glob matches a pattern whose * stands for any text.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
