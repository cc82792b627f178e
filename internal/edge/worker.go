package edge

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// The worker contract: a worker at a CDN sends a site's traffic under the managed
// domain, shows the customer key, and may name an origin and the visitor's Spec
// ID. docs/worker.md has it from the worker's side.
const (
	keyField      = "x-spec-customer-authorization"
	originField   = "x-spec-forward-origin"
	specCookie    = "x-spec-id"
	activityField = "x-atvak-activity-count"
)

// WorkerCounters counts what came from workers.
type WorkerCounters struct {
	Accepted      int64 // requests with a good key
	Missing       int64 // requests under the managed domain without a key
	Wrong         int64 // requests with a key that is none of the site's
	Refused       int64 // of these and others without a good key, answered 403
	ForeignOrigin int64 // origins named that the site does not have
}

// errand is what is known of a request that came from a worker.
type errand struct {
	keyed bool   // with a good key
	far   bool   // under the managed domain or with a good key: the peer is a CDN
	to    string // the origin it named, as the pools know it; "": the site's own
	id    string // the visitor's Spec ID
	raw   *wire.Message
}

// cleaned is a request without what was only for us.
type cleaned struct {
	head []byte
	req  wire.Message
	swap []wire.Swap
	add  []byte
}

// forget drops the views, and a buffer of no common size.
func (c *cleaned) forget() {
	if c == nil {
		return
	}
	c.req.Forget()
	clear(c.swap)
	if cap(c.head) > maxKept {
		c.head = nil
	}
}

// underManaged takes the managed domain off a host. It leaves a name before it.
func underManaged(host, domain string) (name string, ok bool) {
	n := len(host) - len(domain)
	if domain == "" || n < 2 || host[n-1] != '.' || host[n:] != domain {
		return "", false
	}
	return host[:n-1], true
}

// find finds the site. name is its host where that is not the request's: what
// stands before the managed domain.
func (t *table) find(host string) (st *site.Site, name string) {
	if name, ok := underManaged(host, t.managed); ok {
		if st := t.index.Find(name); st != nil && st.Worker != nil {
			return st, name
		}
	}
	return t.index.Find(host), ""
}

// meet reads what a worker says, and takes it out of the request, so that neither
// Decider nor origin see it. A status says that the request is refused.
func (e *exchange) meet(t *table, st *site.Site, name string) (status int) {
	drop := wire.Kinds(0)
	if st.Sidechain != nil && e.req.Has(wire.Signature) {
		if e.loops(t.routes[st].signer) {
			return http.StatusLoopDetected
		}
		drop = wire.Of(wire.Signature)
	}
	if st.Worker == nil {
		return e.clean(st, name, drop)
	}
	w, c := &e.errand, &e.s.counters
	key, has := "", false
	if e.req.Has(wire.Contract) {
		key, has = once(e.req, keyField)
	}
	switch {
	case has && st.Worker.Knows(key):
		w.keyed = true
		c.workerAccepted.Add(1)
	case has:
		c.workerWrong.Add(1)
	case name != "":
		c.workerMissing.Add(1)
	}
	m := st.InForce()
	if !w.keyed && (st.Worker.Refuse || m == site.Mirror || m == site.Bypass && st.Mode == site.Mirror) { // a copy is no traffic that is lost
		c.workerRefused.Add(1)
		return http.StatusForbidden
	}
	w.far = w.keyed || name != ""
	if w.keyed {
		if named, has := once(e.req, originField); has {
			to, known := t.routes[st].forwards[strings.ToLower(named)]
			if !known {
				c.workerForeign.Add(1)
			}
			w.to = to
		}
	}
	return e.clean(st, name, drop|wire.Of(wire.Contract))
}

// once is the value of a field that stands once. One that stands twice is there,
// with no value that could be good.
func once(m *wire.Message, name string) (value string, has bool) {
	for i := range m.Fields {
		if m.Kind(i) != wire.Contract || !strings.EqualFold(m.Fields[i].Name, name) {
			continue
		}
		if has {
			return "", true
		}
		value, has = m.Fields[i].Value, true
	}
	return value, has
}

// clean puts a request without what is not the origin's in the place of the one
// that came, as if it had come so.
func (e *exchange) clean(st *site.Site, name string, drop wire.Kinds) (status int) {
	w, m := &e.errand, e.req
	c := e.cleaned
	if c == nil {
		c = &cleaned{}
	}
	c.swap, c.add = c.swap[:0], c.add[:0]
	for i := range m.Fields {
		switch m.Kind(i) {
		case wire.Host:
			if name != "" {
				c.swap = append(c.swap, wire.Swap{At: i, Value: m.Fields[i].Value[:len(name)]}) // in its own case
			}
		case wire.EndToEnd:
			if st.Worker == nil || !strings.EqualFold(m.Fields[i].Name, "cookie") {
				continue
			}
			if rest, id, has := withoutCookie(m.Fields[i].Value, specCookie); has {
				c.swap = append(c.swap, wire.Swap{At: i, Value: rest})
				if w.keyed && w.id == "" && len(id) <= maxSpecID {
					w.id = id
				}
			}
		}
	}
	dropped := false
	for i := range m.Fields {
		dropped = dropped || drop.Has(m.Kind(i))
	}
	if name == "" && !dropped && len(c.swap) == 0 {
		return 0
	}
	if name != "" && !m.Has(wire.Host) { // HTTP/1.0 with a target in absolute form
		c.add = wire.AppendField(c.add, "Host", name)
	}
	c.head = m.Append(c.head[:0], &wire.Rewrite{Drop: drop, Swap: c.swap, Target: m.OriginForm(), Add: c.add})
	if _, err := c.req.ParseRequest(c.head, wire.Limits{Bytes: len(c.head), Fields: len(m.Fields) + 1}); err != nil {
		e.s.counters.malformed.Add(1)
		return http.StatusBadRequest
	}
	e.cleaned, w.raw, e.req = c, m, &c.req
	return 0
}

// maxSpecID bounds what is taken for a Spec ID.
const maxSpecID = 128

// withoutCookie takes a cookie out of a Cookie field. The others stay as they
// stand. Where there are several of the name all go, and the first counts.
func withoutCookie(field, name string) (rest, value string, has bool) {
	if !strings.Contains(field, name+"=") {
		return field, "", false
	}
	var b strings.Builder
	for pair := range strings.SplitSeq(field, ";") {
		k, v, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		if k == name {
			if !has {
				value, has = strings.Trim(v, `"`), true
			}
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(';')
		}
		b.WriteString(pair)
	}
	if !has {
		return field, "", false
	}
	return strings.Trim(b.String(), " \t"), value, true
}

// forwardsOf lists under which names a worker may ask for the origins of a site:
// by the name in the configuration, as a URL, as host and port, and as a host. A
// name that would fit two of them is none.
func forwardsOf(st *site.Site) map[string]string {
	out, twice := map[string]string{}, map[string]bool{}
	put := func(key, to string) {
		if other, there := out[key]; there && other != to {
			twice[key] = true
		}
		out[key] = to
	}
	origin := func(to, address string) {
		u, err := url.Parse(strings.ToLower(address))
		if err != nil {
			return
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		for _, key := range []string{u.Scheme + "://" + u.Host, u.Scheme + "://" + u.Hostname() + ":" + port, u.Hostname() + ":" + port, u.Hostname()} {
			put(key, to)
			put(key+"/", to)
		}
	}
	origin("", st.Origin)
	for name, address := range st.Origins {
		origin(name, address)
	}
	for key := range twice {
		delete(out, key)
	}
	for name := range st.Origins { // a name of the configuration's own comes first
		out[strings.ToLower(name)] = name
	}
	return out
}

// mark tells a worker with a good key how many Events its exchange made.
func (e *exchange) mark(edits []wire.Edit) []wire.Edit {
	if !e.ask || !e.errand.keyed {
		return edits
	}
	return append(edits, wire.Edit{Name: activityField, Value: strconv.Itoa(e.x.Activities)})
}
