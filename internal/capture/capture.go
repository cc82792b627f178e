package capture

import (
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/policy"
	"github.com/throughline/throughline/internal/wire"
)

// Capturer extracts with one hash key. Safe for concurrent use.
type Capturer struct {
	opt      element.Options
	names    cookieNames // of session cookies
	lasting  cookieNames // of cookies that last
	shared   sharedNames // of cookies that are strangers' alike
	agents   *element.Agents
	codecs   codecs
	readings sync.Pool // of *reading
}

// New returns a Capturer. region is the country of phone numbers without a
// country code.
func New(h *element.Hasher, region string) *Capturer {
	return &Capturer{opt: element.Options{Region: region, Hasher: h}, agents: element.NewAgents(agentsKept)}
}

// Share has user agents remembered where others remember them too, in place of a
// small memory of the Capturer's own. It is called before anything else.
func (c *Capturer) Share(agents *element.Agents) { c.agents = agents }

// Request returns the Elements a Plan maps from a request, the client's address
// always among them. Nothing of them is the exchange's memory.
func (c *Capturer) Request(p *Plan, x *wire.Exchange) []journey.Element {
	r := c.begin(p, &p.request)
	defer c.end(r)
	r.slot = -1
	r.add(p.ip, "", address(x))
	c.fillRequest(r, x)
	return r.finish()
}

func address(x *wire.Exchange) found { return found{text: x.Conn.Client.String(), ok: true, own: true} }

// fillRequest fills the slots of what is read of a request.
func (c *Capturer) fillRequest(r *reading, x *wire.Exchange) {
	path, query := resource(&x.Request)
	body := c.body(r.side, &x.Request, &x.ReqBody)
	pairs(query, false, r.side.query, r.slots, maxNested)
	if r.side.form != nil {
		pairs(view(body.text), body.cut, r.side.form, r.slots, maxNested)
	}
	readMultipart(&x.Request, body, r.side, r.slots)
	r.documents(&x.Request, body)
	if r.side.graphql {
		r.graphql(operationsOf(&x.Request, query, body.text))
	}
	for i := range r.side.maps {
		m, slot := &r.side.maps[i], &r.slots[i]
		switch m.Source {
		case policy.SourcePath:
			slot.next(pathValue(r.path, path, m.Name, r.limit(i)))
		case policy.SourceHost:
			slot.next(within(x.Request.Host, maxValue))
		case policy.SourceMethod:
			slot.next(within(x.Request.Method, maxValue))
		case policy.SourceHeader:
			*slot = headers(&x.Request, m.Name, r.limit(i))
		case policy.SourceCookie:
			*slot = cookies(&x.Request, m.Name, r.limit(i))
		case policy.SourceConn, policy.SourceTLS, policy.SourceH2, policy.SourceClient:
			slot.next(c.fact(m, x))
		case policy.SourceGRPC:
			service, method := call(canonical(path))
			if m.Name == "service" {
				method = service
			}
			slot.next(found{text: method, ok: method != ""})
		default:
			slot.orElse(body.err)
		}
	}
}

// Response returns the Elements a Plan maps from a response, with the same promise.
// Given is what Plan.Context said of the request.
func (c *Capturer) Response(p *Plan, x *wire.Exchange, given []journey.Element) []journey.Element {
	r := c.begin(p, &p.response)
	defer c.end(r)
	r.given = given
	c.fillResponse(r, x)
	return r.finish()
}

// fillResponse fills the slots of what is read of a response.
func (c *Capturer) fillResponse(r *reading, x *wire.Exchange) {
	body := c.body(r.side, &x.Response, &x.RespBody)
	r.documents(&x.Response, body)
	readHTML(body.text, &r.side.html, r.slots)
	end := ended{head: &x.Response, trailers: x.RespTrailers}
	if r.side.grpc {
		end.body = frames(&x.Response, body.raw)
	}
	for i := range r.side.maps {
		m, slot := &r.side.maps[i], &r.slots[i]
		if len(m.Statuses) > 0 && !oneOf(m.Statuses, x.Response.Status) {
			*slot = repeated{all: slot.all[:0]}
			continue
		}
		switch m.Source {
		case policy.SourceStatus:
			slot.next(found{text: strconv.Itoa(x.Response.Status), ok: x.Response.Status != 0, own: true})
		case policy.SourceHeader:
			*slot = headers(&x.Response, m.Name, r.limit(i))
		case policy.SourceSetCookie:
			*slot = setCookies(&x.Response, m.Name, r.limit(i))
		case policy.SourceGRPC:
			slot.next(end.field("grpc-" + m.Name))
		case policy.SourceTrailer:
			*slot = end.behind(m.Name, r.limit(i))
		default:
			slot.orElse(body.err)
		}
	}
}

// finish delivers what was read, at last what waited for other values, and makes
// addresses of their parts.
func (r *reading) finish() []journey.Element {
	for i := range r.side.maps {
		if !r.side.waits[i] {
			r.deliver(i)
		}
	}
	if len(r.side.late) > 0 {
		r.deliverLate()
		r.inOrder()
	}
	r.slot = len(r.side.maps)
	for _, group := range r.side.addresses {
		r.compose(group)
	}
	return r.elements()
}

// pathValue reads the whole path as it stands, or a named segment of it.
func pathValue(pattern []policy.Segment, path, name string, limit int) found {
	if name == "" {
		return within(path, limit)
	}
	f := within(segment(pattern, path, name), limit)
	if strings.ContainsFunc(f.text, unicode.IsControl) {
		return found{err: errControl}
	}
	return f
}

// reading is the memory of one extraction, used again.
type reading struct {
	builder
	side  *side
	given []journey.Element // of the request, to a response
	path  []policy.Segment
	slots []repeated // by mapping
	json  jsonReader
}

func (c *Capturer) begin(p *Plan, s *side) *reading {
	r, ok := c.readings.Get().(*reading)
	if !ok {
		r = &reading{builder: builder{c: c, opt: c.opt}}
	}
	r.side, r.path, r.known = s, p.path, p.Spec.Elements
	for len(r.slots) < len(s.maps) {
		r.slots = append(r.slots, repeated{})
	}
	r.json.limit = maxNested
	return r
}

// end forgets everything: what is read belongs to the exchange.
func (c *Capturer) end(r *reading) {
	for i := range r.side.maps {
		all := r.slots[i].all
		clear(all)
		r.slots[i] = repeated{all: all[:0]}
	}
	clear(r.out)
	r.out, r.marks, r.side, r.path, r.known, r.given = r.out[:0], r.marks[:0], nil, nil, nil, nil
	clear(r.json.key)
	r.json.body, r.json.slots = nil, nil
	if cap(r.slots) <= 256 && cap(r.out) <= 1024 && cap(r.json.key) <= maxNested {
		c.readings.Put(r)
	}
}

// limit is how much of a value is read: more where only a part of it is kept.
func (r *reading) limit(slot int) int {
	if len(r.side.steps[slot]) > 0 {
		return maxNested
	}
	return maxValue
}

// documents reads what stands in a body of either direction.
func (r *reading) documents(head *wire.Head, body readable) {
	s := r.side
	if len(body.text) == 0 {
		return
	}
	r.json.read(body.text, s.json, r.slots)
	r.json.readLines(body.text, s.ndjson, r.slots)
	readXML(body.text, s.xml, r.slots, maxNested)
	if s.proto != nil {
		readMessage(frames(head, body.raw), s.proto, r.slots)
	}
}

// graphql fills the slots that ask for an operation.
func (r *reading) graphql(ops []operation) {
	for i := range r.side.maps {
		m, slot := &r.side.maps[i], &r.slots[i]
		if m.Source != policy.SourceGraphQL {
			continue
		}
		for k := range ops {
			op := &ops[k]
			switch m.Part {
			case "operation":
				slot.add(within(op.name, maxValue))
			case "type":
				slot.add(within(op.kind, maxValue))
			case "hash":
				slot.add(within(op.hash, maxValue))
			case "field":
				for _, f := range op.fields {
					slot.add(within(f, maxValue))
				}
			case "variables":
				r.item(i, op.variables)
			case "arguments":
				for _, a := range op.arguments {
					r.item(i, a)
				}
			}
		}
		for k := range slot.all {
			slot.all[k].own = true // views of what was made for this reading
		}
	}
}

// item reads one of several documents of a slot.
func (r *reading) item(slot int, doc []byte) {
	var one [1]repeated
	j := jsonReader{limit: maxNested}
	j.read(doc, r.side.trees[slot], one[:])
	one[0].each(func(f found) {
		f.text, f.own = strings.Clone(f.text), true
		r.slots[slot].add(f)
	})
}

// deliver takes the steps on what a slot has and keeps what comes of it.
func (r *reading) deliver(slot int) {
	r.slot = slot
	s, m, steps := &r.slots[slot], &r.side.maps[slot], r.side.steps[slot]
	if len(steps) == 0 && len(s.all) == 0 { // as nearly all
		r.kept(slot, m, s.first)
		if s.last != s.first {
			r.kept(slot, m, s.last)
		}
		return
	}
	s.each(func(f found) {
		each(f, steps, func(f found) { r.add(r.side.defs[slot], m.Transform, f) })
	})
}

func (r *reading) kept(slot int, m *policy.Mapping, f found) {
	if len(f.text) > maxValue {
		f = found{err: errLong}
	}
	r.add(r.side.defs[slot], m.Transform, f)
}

// orElse says why there is no value, when there is none.
func (r *repeated) orElse(err error) {
	if err != nil && len(r.all) == 0 && !r.first.ok && r.first.err == nil {
		r.first = found{err: err}
		r.last = r.first
	}
}

// readable is a body without its encoding, as it came and as UTF-8. cut tells that
// it went on, err why it can't be read.
type readable struct {
	raw, text []byte
	cut       bool
	err       error
}

// body undoes the encodings of a body when a mapping reads it. One that is more
// than is read once they are undone is marked as truncated.
func (c *Capturer) body(s *side, head *wire.Head, body *wire.Body) readable {
	if len(body.Bytes) == 0 || !s.body {
		return readable{}
	}
	raw, cut, err := c.codecs.plain(body.Bytes, encodings(head))
	body.Truncated = body.Truncated || cut
	return readable{raw, legacyText(head, utf8Text(raw)), body.Truncated, err}
}

// legacyText goes by what the head claims, else by what the body says of itself.
func legacyText(head *wire.Head, text []byte) []byte {
	return legacy(text, func() [2]string { return [2]string{claimed(head), declared(text)} })
}
