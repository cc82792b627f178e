package capture

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Capturer extracts with one hash key. Safe for concurrent use.
type Capturer struct {
	opt   element.Options
	names cookieNames
}

// New returns a Capturer. region is the country of phone numbers without a
// country code.
func New(h *element.Hasher, region string) *Capturer {
	return &Capturer{opt: element.Options{Region: region, Hasher: h}}
}

// Needs tells which bodies a Spec reads.
func (c *Capturer) Needs(s *policy.Spec) (request, response bool) {
	for _, m := range s.Request {
		request = request || m.Source == policy.SourceJSON || m.Source == policy.SourceForm
	}
	for _, m := range s.Response {
		response = response || m.Source == policy.SourceJSON
	}
	for _, o := range s.Outcome {
		response = response || o.BodyHas != "" || len(o.JSONPath) > 0
	}
	return request, response
}

// Request returns the Elements a Spec maps from a request, the client's address
// always among them.
func (c *Capturer) Request(s *policy.Spec, x *wire.Exchange) []journey.Element {
	b := builder{c: c}
	ip := x.Conn.Client.String()
	b.add("ip", ip, "")
	path, query := x.Request.Path()
	body, cut, bodyErr := c.body(s.Request, &x.Request, &x.ReqBody)
	jsons := mapped(s.Request, body)
	form := form(s.Request, body, cut)
	for i := range s.Request {
		m := &s.Request[i]
		var v string
		var ok bool
		switch m.Source {
		case policy.SourcePath:
			v, ok = segment(s.Match.Path, path, m.Name)
		case policy.SourceQuery:
			v, ok = parameter(query, m.Name)
		case policy.SourceHeader:
			v = x.Request.Get(m.Name)
			ok = v != ""
		case policy.SourceCookie:
			v, ok = cookie(cookies(&x.Request), m.Name)
		case policy.SourceForm:
			v, ok = parameter(form, m.Name)
			if !ok && bodyErr != nil {
				b.invalid(m.Element, bodyErr.Error())
			}
		case policy.SourceJSON:
			v, ok = jsons[i].text, jsons[i].ok
			if !ok && bodyErr != nil {
				b.invalid(m.Element, bodyErr.Error())
			}
		case policy.SourceConn:
			v, ok = ip, true
		}
		if ok && v != "" {
			b.add(m.Element, v, m.Transform)
		}
	}
	b.compose("billing")
	b.compose("shipping")
	return b.out
}

// Response returns the Elements a Spec maps from a response.
func (c *Capturer) Response(s *policy.Spec, x *wire.Exchange) []journey.Element {
	b := builder{c: c}
	body, _, _ := c.body(s.Response, &x.Response, &x.RespBody)
	jsons := mapped(s.Response, body)
	for i := range s.Response {
		m := &s.Response[i]
		var v string
		var ok bool
		switch m.Source {
		case policy.SourceStatus:
			v, ok = strconv.Itoa(x.Response.Status), x.Response.Status != 0
		case policy.SourceHeader:
			v = x.Response.Get(m.Name)
			ok = v != ""
		case policy.SourceSetCookie:
			v, ok = setCookie(&x.Response, m.Name)
		case policy.SourceJSON:
			v, ok = jsons[i].text, jsons[i].ok
		}
		if ok && v != "" {
			b.add(m.Element, v, m.Transform)
		}
	}
	return b.out
}

// body undoes the encoding of a body when a mapping reads it. cut tells that it
// went on.
func (c *Capturer) body(maps []policy.Mapping, head *wire.Head, body *wire.Body) (text []byte, cut bool, err error) {
	if len(body.Bytes) == 0 {
		return nil, false, nil
	}
	for _, m := range maps {
		if m.Source == policy.SourceJSON || m.Source == policy.SourceForm {
			text, cut, err = plain(body.Bytes, head.Get("Content-Encoding"))
			return text, cut || body.Truncated, err
		}
	}
	return nil, false, nil
}

// form is a body as a form. Of one that was cut the last field goes, since its
// value may not be whole.
func form(maps []policy.Mapping, body []byte, cut bool) string {
	for i := range maps {
		if maps[i].Source == policy.SourceForm {
			if cut {
				body = body[:max(0, bytes.LastIndexByte(body, '&'))]
			}
			return string(body)
		}
	}
	return ""
}

// mapped looks up every JSON source of a list, parallel to it.
func mapped(maps []policy.Mapping, body []byte) []found {
	out := make([]found, len(maps))
	var paths [][]string
	var at []int
	for i := range maps {
		if maps[i].Source == policy.SourceJSON {
			paths, at = append(paths, maps[i].JSONPath), append(at, i)
		}
	}
	for k, f := range lookupJSON(body, paths) {
		out[at[k]] = f
	}
	return out
}

func segment(pattern []policy.Segment, path, name string) (string, bool) {
	if name == "" {
		return path, true
	}
	var v string
	matchPath(pattern, canonical(path), func(n, value string) {
		if n == name {
			v = value
		}
	})
	return v, v != ""
}

func cookies(h *wire.Head) string {
	var all []string
	for i := range h.Fields {
		if strings.EqualFold(h.Fields[i].Name, "Cookie") {
			all = append(all, h.Fields[i].Value)
		}
	}
	return strings.Join(all, "; ")
}

func setCookie(h *wire.Head, name string) (string, bool) {
	for i := range h.Fields {
		if strings.EqualFold(h.Fields[i].Name, "Set-Cookie") {
			first, _, _ := strings.Cut(h.Fields[i].Value, ";")
			if k, v, ok := strings.Cut(first, "="); ok && strings.TrimSpace(k) == name {
				return strings.Trim(strings.TrimSpace(v), `"`), true
			}
		}
	}
	return "", false
}

// builder collects normalised Elements without repeating any.
type builder struct {
	c   *Capturer
	out []journey.Element
}

func (b *builder) add(id, raw, transform string) {
	d, ok := element.Lookup(id)
	if !ok {
		return
	}
	switch transform {
	case "lower":
		raw = strings.ToLower(raw)
	case "upper":
		raw = strings.ToUpper(raw)
	case "digits":
		raw = strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, raw)
	}
	r, err := element.Normalise(d, raw, b.c.opt)
	if err != nil {
		b.invalid(id, err.Error())
		return
	}
	b.put(d, r.Value)
	for _, p := range r.Parts {
		if pd, ok := element.Lookup(p.ID); ok {
			b.put(pd, p.Value)
		}
	}
}

func (b *builder) put(d element.Def, value string) {
	for i := range b.out {
		if b.out[i].ID == d.ID && b.out[i].Value == value {
			return
		}
	}
	e := journey.Element{ID: d.ID, Value: value, Entity: d.Entity}
	if d.Entity {
		e.Hash = b.c.opt.Hasher.Entity(d.ID, value)
	}
	b.out = append(b.out, e)
}

func (b *builder) invalid(id, why string) {
	for i := range b.out {
		if b.out[i].ID == id {
			return
		}
	}
	b.out = append(b.out, journey.Element{ID: id, Invalid: why})
}

func (b *builder) value(id string) string {
	for i := range b.out {
		if b.out[i].ID == id {
			return b.out[i].Value
		}
	}
	return ""
}

// compose makes the address entity of a group from its parts.
func (b *builder) compose(group string) {
	v := func(part string) string { return b.value(group + "_" + part) }
	if s, ok := element.ComposeAddress(v("street"), v("city"), v("region"), v("postal_code"), v("country")); ok {
		if d, known := element.Lookup(group + "_address"); known {
			b.put(d, s)
		}
	}
}
