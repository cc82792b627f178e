package capture

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Capturer extracts with one hash key. Safe for concurrent use.
type Capturer struct {
	opt    element.Options
	names  cookieNames
	codecs codecs
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
// always among them. Nothing of them is the exchange's memory.
func (c *Capturer) Request(s *policy.Spec, x *wire.Exchange) []journey.Element {
	b := builder{c: c, known: s.Elements}
	ip := found{text: x.Conn.Client.String(), ok: true, own: true}
	b.take("ip", "", ip)
	path, query := resource(&x.Request)
	body := c.body(s.Request, &x.Request, &x.ReqBody)
	jsons := mapped(s.Request, body.text)
	for i := range s.Request {
		m := &s.Request[i]
		switch m.Source {
		case policy.SourcePath:
			b.take(m.Element, m.Transform, pathValue(s.Match.Path, path, m.Name))
		case policy.SourceQuery:
			b.takeAll(m, parameters(query, m.Name))
		case policy.SourceHeader:
			b.takeAll(m, headers(&x.Request, m.Name))
		case policy.SourceCookie:
			b.takeAll(m, cookies(&x.Request, m.Name))
		case policy.SourceForm:
			f := formValues(body.text, body.cut, m.Name)
			f.first = body.or(f.first)
			b.takeAll(m, f)
		case policy.SourceJSON:
			b.take(m.Element, m.Transform, body.or(jsons[i]))
		case policy.SourceConn, policy.SourceTLS, policy.SourceH2, policy.SourceClient:
			b.take(m.Element, m.Transform, fact(m, x))
		}
	}
	for _, group := range element.AddressGroups() {
		b.compose(group)
	}
	return b.out
}

// Response returns the Elements a Spec maps from a response, with the same promise.
func (c *Capturer) Response(s *policy.Spec, x *wire.Exchange) []journey.Element {
	b := builder{c: c, known: s.Elements}
	body := c.body(s.Response, &x.Response, &x.RespBody)
	jsons := mapped(s.Response, body.text)
	for i := range s.Response {
		m := &s.Response[i]
		switch m.Source {
		case policy.SourceStatus:
			b.take(m.Element, m.Transform, found{text: strconv.Itoa(x.Response.Status), ok: x.Response.Status != 0, own: true})
		case policy.SourceHeader:
			b.takeAll(m, headers(&x.Response, m.Name))
		case policy.SourceSetCookie:
			b.takeAll(m, setCookies(&x.Response, m.Name))
		case policy.SourceJSON:
			b.take(m.Element, m.Transform, body.or(jsons[i]))
		}
	}
	return b.out
}

// readable is a body without its encoding. cut tells that it went on, err why it
// can't be read.
type readable struct {
	text []byte
	cut  bool
	err  error
}

// or is a value of the body, or why there is none.
func (r readable) or(f found) found {
	if !f.ok && f.err == nil {
		f.err = r.err
	}
	return f
}

// body undoes the encoding of a body when a mapping reads it.
func (c *Capturer) body(maps []policy.Mapping, head *wire.Head, body *wire.Body) readable {
	reads := func(m policy.Mapping) bool { return m.Source == policy.SourceJSON || m.Source == policy.SourceForm }
	if len(body.Bytes) == 0 || !slices.ContainsFunc(maps, reads) {
		return readable{}
	}
	text, cut, err := c.codecs.plain(body.Bytes, encodings(head))
	return readable{utf8Text(text), cut || body.Truncated, err}
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

// pathValue reads the whole path as it stands, or a named segment of it.
func pathValue(pattern []policy.Segment, path, name string) found {
	if name == "" {
		return within(path)
	}
	f := within(segment(pattern, path, name))
	if strings.ContainsFunc(f.text, unicode.IsControl) {
		return found{err: errControl}
	}
	return f
}

// builder collects normalised Elements without repeating any.
type builder struct {
	c     *Capturer
	known *element.Set
	out   []journey.Element
}

func (b *builder) takeAll(m *policy.Mapping, r repeated) {
	b.take(m.Element, m.Transform, r.first)
	if r.last != r.first {
		b.take(m.Element, m.Transform, r.last)
	}
}

// take adds a value under an element. What can't be read or does not fit is told of
// as long as no source gives that element a value that does.
func (b *builder) take(id, transform string, f found) {
	d, ok := b.known.Lookup(id)
	if !ok || f.err == nil && (!f.ok || f.text == "") {
		return
	}
	if f.err != nil {
		b.invalid(d.ID, f.err.Error())
		return
	}
	r, err := element.Normalise(d, transformed(f.text, transform), b.c.opt)
	if err != nil {
		b.invalid(d.ID, err.Error())
		return
	}
	b.put(d, r.Value, f.own)
	if d.Hashed() {
		b.alias(d, r.Value, transformed(f.text, transform))
	}
	for _, p := range r.Parts {
		if pd, ok := b.known.Lookup(p.ID); ok {
			b.put(pd, p.Value, true)
		}
	}
}

func transformed(raw, transform string) string {
	switch transform {
	case "lower":
		return strings.ToLower(raw)
	case "upper":
		return strings.ToUpper(raw)
	case "digits":
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, raw)
	}
	return raw
}

// put keeps a value: a copy, unless it is one already.
func (b *builder) put(d element.Def, value string, own bool) {
	for i := range b.out {
		if b.out[i].ID == d.ID && b.out[i].Value == value && b.out[i].Invalid == "" {
			return
		}
	}
	if !own {
		value = strings.Clone(value)
	}
	e := journey.Element{ID: d.ID, Value: value, Entity: d.Entity}
	if d.Entity {
		e.Hash = b.c.opt.Hasher.Entity(d.ID, value)
	}
	for i := range b.out {
		if b.out[i].ID == d.ID && b.out[i].Invalid != "" {
			b.out[i] = e
			return
		}
	}
	b.out = append(b.out, e)
}

// alias notes beside a keyed hash the one that the key being retired would make of
// the same value, so that what is known under it stays linked.
func (b *builder) alias(d element.Def, value, raw string) {
	former := b.c.opt.Hasher.Previous()
	if former == nil {
		return
	}
	opt := b.c.opt
	opt.Hasher = former
	r, err := element.Normalise(d, raw, opt)
	if err != nil {
		return
	}
	for i := range b.out {
		if e := &b.out[i]; e.ID == d.ID && e.Value == value {
			if e.Former = r.Value; d.Entity {
				e.FormerHash = former.Entity(d.ID, r.Value)
			}
		}
	}
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
	street := v("street")
	if street == "" {
		return
	}
	if s, ok := element.Compose(element.AddressParts{Street: street, Unit: v("unit"), City: v("city"), Region: v("region"),
		PostalCode: v("postal_code"), Country: v("country"), Latitude: v("latitude"), Longitude: v("longitude")}); ok {
		if d, known := element.Lookup(group + "_address"); known {
			b.put(d, s, true)
		}
	}
}
