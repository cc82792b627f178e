// Package discovery learns the shapes of requests that no Spec names yet: method,
// path template, content type, names and kinds of fields, and how often; and
// proposes Specs for those that look like something. It never keeps a value. What
// could be one (a path segment, a field's name) is kept only when it reads like a
// word of the application and several visitors have sent it, and is held until then
// as a salted hash in memory.
package discovery

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/throughline/throughline/internal/wire"
)

// Bounds of what is remembered of one site.
const (
	maxShapes   = 400
	maxFields   = 48   // of a shape
	maxSiblings = 24   // segments after one prefix, fields of one object: then they are values
	maxWaiting  = 8192 // words that few have sent yet
	maxDepth    = 8    // of a path, and of a body
	perSecond   = 50   // requests looked at
	// Visitors is how many addresses must have sent a word before it is kept.
	Visitors = 5
)

// Field is a field of a shape.
type Field struct {
	In    string           `json:"in"` // query, form or json
	Name  string           `json:"name"`
	Kinds map[string]int64 `json:"kinds"`
}

// Shape is what requests of one kind have in common.
type Shape struct {
	Site     string           `json:"site"`
	Method   string           `json:"method"`
	Path     string           `json:"path"` // {id} for what differs
	Type     string           `json:"content_type,omitempty"`
	Count    int64            `json:"count"`
	Statuses map[string]int64 `json:"statuses"` // by class: 2xx
	Fields   []Field          `json:"fields"`
}

// Learner learns. Safe for concurrent use. It never waits: who comes while another
// is learnt from is passed over.
type Learner struct {
	seed   maphash.Seed
	second atomic.Int64 // of the clock of exchanges
	taken  atomic.Int64 // in that second

	mu      sync.Mutex
	shapes  map[string]*Shape
	waiting map[uint64][]uint64 // a word at its place: hashes of who sent it
	beside  map[uint64]*place
	changed bool
	missed  atomic.Int64
}

// place is what stands after one prefix: a path so far, or an object of a body.
type place struct {
	words map[uint64]bool // hashes of those seen
	open  bool            // there were too many: what stands here are values
}

// New returns a Learner that knows nothing.
func New() *Learner {
	l := &Learner{seed: maphash.MakeSeed()}
	l.forget()
	return l
}

func (l *Learner) forget() {
	l.shapes, l.waiting, l.beside, l.changed = map[string]*Shape{}, map[uint64][]uint64{}, map[uint64]*place{}, true
}

// Clear forgets everything.
func (l *Learner) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
}

// Wants tells whether a request is looked at, and whether its body is worth a copy:
// so many in a second, nothing that is plainly a file.
func (l *Learner) Wants(x *wire.Exchange) (look, body bool) {
	path, _ := x.Request.Path()
	if static(path) || !known(x.Request.Method) {
		return false, false
	}
	if now := x.Start / 1_000_000; l.second.Swap(now) != now {
		l.taken.Store(0)
	}
	if l.taken.Add(1) > perSecond {
		l.missed.Add(1)
		return false, false
	}
	t := mediaType(x.Request.Get("Content-Type"))
	return true, t == formType || isJSON(t)
}

// Learn takes in a request whose exchange has ended.
func (l *Learner) Learn(x *wire.Exchange) {
	path, query := x.Request.Path()
	if x.Response.Status == 0 && x.Mode != "mirror" || x.Response.Status == 404 || strings.Contains(x.Request.Get("Content-Encoding"), ",") {
		return // nobody knows such a path, or nobody answered
	}
	kind := mediaType(x.Request.Get("Content-Type"))
	fields := queryFields(query)
	if x.ReqBody.Seen && !x.ReqBody.Truncated && len(x.ReqBody.Bytes) > 0 && x.Request.Get("Content-Encoding") == "" {
		fields = append(fields, bodyFields(kind, x.ReqBody.Bytes)...)
	}
	if !l.mu.TryLock() {
		l.missed.Add(1)
		return
	}
	defer l.mu.Unlock()
	l.take(x, path, kind, fields)
}

func (l *Learner) take(x *wire.Exchange, path, kind string, fields []seenField) {
	who := l.client(x.Conn.Client)
	method := strings.ToUpper(x.Request.Method)
	template, whole := l.template(x.Site, method, path, who)
	if !wordOf(kind) {
		kind = ""
	}
	scope := l.hash("shape", x.Site, method, template, kind)
	var names []seenField
	if whole {
		names = l.names(scope, fields, who)
	} else {
		l.names(scope, fields, who)
		return
	}
	key := strings.Join([]string{x.Site, method, template, kind}, " ")
	s := l.shapes[key]
	if s == nil {
		if len(l.shapes) >= maxShapes {
			l.missed.Add(1)
			return
		}
		// The exchange is only lent: what is kept is copied.
		s = &Shape{Site: strings.Clone(x.Site), Method: strings.Clone(method), Path: template, Type: strings.Clone(kind), Statuses: map[string]int64{}}
		l.shapes[key] = s
	}
	s.Count++
	if class := x.Response.Status / 100; class > 0 && class < 10 {
		s.Statuses[string(rune('0'+class))+"xx"]++
	}
	for _, f := range names {
		s.field(f)
	}
	l.changed = true
}

// field counts a field of a shape.
func (s *Shape) field(f seenField) {
	i := slices.IndexFunc(s.Fields, func(o Field) bool { return o.In == f.in && o.Name == f.name })
	if i < 0 {
		if len(s.Fields) >= maxFields {
			return
		}
		i = len(s.Fields)
		s.Fields = append(s.Fields, Field{In: strings.Clone(f.in), Name: strings.Clone(f.name), Kinds: map[string]int64{}})
	}
	s.Fields[i].Kinds[f.kind]++
}

// template makes of a path what it has in common with others. whole is false while
// a segment of it has not been sent by enough visitors.
func (l *Learner) template(site, method, path string, who uint64) (template string, whole bool) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if len(segments) > maxDepth {
		segments = append(segments[:maxDepth:maxDepth], "**")
	}
	var b strings.Builder
	whole = true
	ids := 0
	for _, s := range segments {
		at := l.hash("path", site, method, b.String())
		b.WriteByte('/')
		switch {
		case s == "", s == "**":
			b.WriteString(s)
		case !word(s) || !l.among(at, s):
			if ids++; ids > 1 {
				b.WriteString("{id" + string(rune('0'+ids)) + "}")
			} else {
				b.WriteString("{id}")
			}
		default:
			if !l.sent(at, s, who) {
				whole = false
			}
			b.WriteString(s)
		}
	}
	return b.String(), whole
}

// names leaves of the fields those whose names are kept.
func (l *Learner) names(scope uint64, fields []seenField, who uint64) []seenField {
	var out []seenField
next:
	for _, f := range fields {
		steps := strings.Split(f.name, "\x00")
		at := l.hash("field", f.in, string(binary.LittleEndian.AppendUint64(nil, scope)))
		kept := true
		for i, s := range steps {
			if s == "[]" {
				continue
			}
			if !word(s) || !l.among(at, s) {
				continue next // a value in the place of a name
			}
			kept = l.sent(at, s, who) && kept
			at = l.hash("within", steps[i], string(binary.LittleEndian.AppendUint64(nil, at)))
		}
		if kept {
			f.name = fieldName(f.in, steps)
			out = append(out, f)
		}
	}
	return out
}

// among notes a word at a place and tells whether it may still be one: where very
// many differ they are values, and what was kept of them goes.
func (l *Learner) among(at uint64, s string) bool {
	p := l.beside[at]
	if p == nil {
		if len(l.beside) >= maxWaiting {
			return false
		}
		p = &place{words: map[uint64]bool{}}
		l.beside[at] = p
	}
	if p.open {
		return false
	}
	p.words[l.hash("word", s)] = true
	if len(p.words) > maxSiblings {
		p.open, p.words = true, nil
		l.collapse(at)
		return false
	}
	return true
}

// collapse drops what was kept below a place that has turned out to hold values.
func (l *Learner) collapse(at uint64) {
	for key, s := range l.shapes {
		prefix := ""
		for _, part := range strings.Split(strings.Trim(s.Path, "/"), "/") {
			if l.hash("path", s.Site, s.Method, prefix) == at && !strings.HasPrefix(part, "{") {
				delete(l.shapes, key)
				break
			}
			prefix += "/" + part
		}
		scope := l.hash("shape", s.Site, s.Method, s.Path, s.Type)
		s.Fields = slices.DeleteFunc(s.Fields, func(f Field) bool {
			here := l.hash("field", f.In, string(binary.LittleEndian.AppendUint64(nil, scope)))
			for _, step := range fieldSteps(f.In, f.Name) {
				if here == at {
					return true
				}
				here = l.hash("within", step, string(binary.LittleEndian.AppendUint64(nil, here)))
			}
			return false
		})
	}
	l.changed = true
}

// sent notes who sent a word at a place, and tells whether enough have.
func (l *Learner) sent(at uint64, s string, who uint64) bool {
	key := l.hash("sent", s, string(binary.LittleEndian.AppendUint64(nil, at)))
	by, seen := l.waiting[key]
	if len(by) >= Visitors {
		return true
	}
	if !seen && len(l.waiting) >= maxWaiting {
		for k, by := range l.waiting { // those that never became words make room
			if len(by) < Visitors {
				delete(l.waiting, k)
			}
		}
		if len(l.waiting) >= maxWaiting {
			return false
		}
	}
	if !slices.Contains(by, who) {
		l.waiting[key] = append(by, who)
	}
	return len(l.waiting[key]) >= Visitors
}

func (l *Learner) client(a netip.Addr) uint64 {
	b := a.As16()
	return maphash.Bytes(l.seed, b[:])
}

func (l *Learner) hash(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(l.seed)
	for _, p := range parts {
		_, _ = h.WriteString(p)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// Stats counts.
type Stats struct {
	Shapes, Waiting int
	Missed          int64 // requests that were passed over
}

// Stats may be called at any time.
func (l *Learner) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	few := 0
	for _, by := range l.waiting {
		if len(by) < Visitors {
			few++
		}
	}
	return Stats{len(l.shapes), few, l.missed.Load()}
}

// Shapes returns what was learnt of a site, or of all, the most frequent first.
func (l *Learner) Shapes(site string) []Shape {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Shape{}
	for _, s := range l.shapes {
		if site == "" || s.Site == site {
			out = append(out, s.clone())
		}
	}
	slices.SortFunc(out, func(a, b Shape) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Type, b.Type))
	})
	return out
}

func (s *Shape) clone() Shape {
	c := *s
	c.Statuses = copied(s.Statuses)
	c.Fields = make([]Field, len(s.Fields))
	for i, f := range s.Fields {
		c.Fields[i] = Field{f.In, f.Name, copied(f.Kinds)}
	}
	slices.SortFunc(c.Fields, func(a, b Field) int { return cmp.Or(cmp.Compare(a.In, b.In), cmp.Compare(a.Name, b.Name)) })
	return c
}

func copied(m map[string]int64) map[string]int64 {
	out := make(map[string]int64, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
