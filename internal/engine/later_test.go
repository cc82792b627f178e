package engine

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

const readLater = `
kind: spec
name: Page
type: page_view
match: {method: GET, path: "/page/{item}"}
request: {path.item: product_id, query.q: search_query, cookie.lang: language, header.X-App: app_version,
  tls.ja4: tls_fingerprint, tls.sni: campaign, conn.syn: tcp_signature, client.order: header_order}
outcome:
  - {status: [200], header: {X-Done: "yes"}, is: success}
---
kind: spec
name: Search
type: search
match: {method: POST, path: /search}
request: {form.q: search_query, form.mail: email}
response: {json $.n: refund_amount, header.X-Order: order_id, trailer.X-Sum: promo_code}
---
kind: spec
name: Cart
type: cart_update
match: {method: POST, path: /cart}
processing: sync
---
kind: session
headers: [X-Token]
`

// gathering is a Judge that keeps what may be read later.
type gathering struct {
	scripted
	unread   []*unread
	mirrored []bool
}

func (g *gathering) gather(u *unread, mirrored bool) bool {
	g.unread, g.mirrored = append(g.unread, u), append(g.mirrored, mirrored)
	return true
}

// lend puts every text of an exchange into memory that is then used for others.
func lend(x *wire.Exchange) (take func()) {
	var all [][]byte
	text := func(s *string) {
		if *s != "" {
			b := []byte(*s)
			all, *s = append(all, b), unsafe.String(&b[0], len(b))
		}
	}
	fields := func(list []wire.Field) {
		for i := range list {
			text(&list[i].Name)
			text(&list[i].Value)
		}
	}
	for _, h := range []*wire.Head{&x.Request, &x.Response} {
		for _, s := range []*string{&h.Method, &h.Target, &h.Host, &h.Reason, &h.Proto} {
			text(s)
		}
		fields(h.Fields)
	}
	fields(x.RespTrailers)
	for _, s := range []*string{&x.Conn.SNI, &x.Conn.ALPN, &x.Conn.ID, &x.Conn.Ticket} {
		text(s)
	}
	if s := x.Conn.Shown; s != nil {
		for _, s := range []*string{&s.JA3, &s.JA4, &s.TLS, &s.H2, &s.SYN} {
			text(s)
		}
	}
	all = append(all, x.ReqBody.Bytes, x.RespBody.Bytes)
	return func() {
		for _, b := range all {
			copy(b, bytes.Repeat([]byte("!"), len(b)))
		}
		clear(x.Request.Fields)
		clear(x.Response.Fields)
		clear(x.RespTrailers)
		*x = wire.Exchange{Conn: wire.Conn{Shown: x.Conn.Shown}}
		if x.Conn.Shown != nil {
			*x.Conn.Shown = wire.Shown{}
		}
	}
}

// TestWhatIsReadLaterIsTheSame runs exchanges through an engine that reads them while
// they last and through one that reads them when their memory is others'.
func TestWhatIsReadLaterIsTheSame(t *testing.T) {
	page := func(w *world) *wire.Exchange {
		x := w.exchange(site.Active, "GET", "/page/p-7?q=red+shoes&x=1", "Host", "shop.example", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0",
			"Accept-Language", "de-DE", "Cookie", "lang=de; sid=0123456789abcdef0123", "X-App", "7.12.0", "Authorization", "Bearer 0123456789abcdef0123456789")
		x.Conn = wire.Conn{Client: x.Conn.Client, TLS: true, SNI: "shop.example", ALPN: "h2", ID: "connection-1", Ticket: "ticket-1", Memory: new(wire.Memory),
			Shown: &wire.Shown{JA3: "771,1", JA4: "t13d1516h2_8daaf6152771_e5627efa2ab1", TLS: "0a0b", H2: "1:65536", SYN: "64:1:60"}}
		respond(x, 200, "Content-Type", "text/html", "X-Done", "yes")
		return x
	}
	search := func(w *world, size int) *wire.Exchange {
		x := w.exchange(site.Active, "POST", "/search", "Content-Type", "application/x-www-form-urlencoded", "Cookie", "sid=0123456789abcdef0123")
		x.ReqBody = wire.Body{Bytes: []byte("q=red&mail=ann%40example.com&pad=" + strings.Repeat("x", size)), Seen: true}
		respond(x, 200, "Content-Type", "application/json", "X-Order", "order-7")
		x.RespBody = wire.Body{Bytes: []byte(`{"n": "12.50 EUR"}`), Seen: true, Truncated: true}
		x.RespTrailers = []wire.Field{{Name: "X-Sum", Value: "WELCOME"}}
		return x
	}
	with := func(x *wire.Exchange, request bool, name, value string) *wire.Exchange {
		h := &x.Response
		if request {
			h = &x.Request
		}
		h.Fields = append(h.Fields, wire.Field{Name: name, Value: value})
		return x
	}
	for name, c := range map[string]struct {
		make  func(w *world) *wire.Exchange
		later bool
	}{
		"a page":      {page, true},
		"with bodies": {func(w *world) *wire.Exchange { return search(w, 10) }, true},
		"no response": {func(w *world) *wire.Exchange { x := page(w); x.Response, x.RespTime = wire.Head{}, 0; return x }, true},
		"a copy":      {func(w *world) *wire.Exchange { x := page(w); x.Mode = string(site.Mirror); return x }, true},
		"long bodies": {func(w *world) *wire.Exchange { return search(w, unreadBody) }, false},
		"a long head": {func(w *world) *wire.Exchange {
			return with(page(w), true, "x-long", strings.Repeat("x", unreadBytes))
		}, false},
		// What a few bytes unpack to may be long.
		"a packed response": {func(w *world) *wire.Exchange { return with(search(w, 10), false, "content-encoding", "gzip") }, false},
		"a packed request":  {func(w *world) *wire.Exchange { return with(search(w, 10), true, "Content-Encoding", "br") }, false},
		"packed, and none of it wanted": {func(w *world) *wire.Exchange {
			x := with(page(w), false, "content-encoding", "gzip")
			x.RespBody = wire.Body{Bytes: []byte("packed"), Seen: true}
			return x
		}, true},
		"a new cookie": {func(w *world) *wire.Exchange { return with(page(w), false, "set-cookie", "sid=abcdef0123456789abcd") }, false},
		"a new token":  {func(w *world) *wire.Exchange { return with(page(w), false, "x-token", "abcdef0123456789abcd") }, false},
		"a signature":  {func(w *world) *wire.Exchange { return with(page(w), true, "signature-input", "s=()") }, false},
		"a sync route that was never judged": {func(w *world) *wire.Exchange {
			x := page(w)
			x.Request.Method, x.Request.Target = "POST", "/cart"
			return x
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(w *world) {
				w.load(readLater)
				x := c.make(w)
				take := lend(x)
				for p := wire.PhaseRequestHead; p <= wire.PhaseEnd; p++ {
					w.e.Decide(x, p)
				}
				take()
			}
			now, then := newWorld(t), newWorld(t)
			g := &gathering{}
			then.e.sites.Load().judges[0] = g
			run(now)
			run(then)
			if later := len(g.unread) == 1 && len(g.seen) == 0; later != c.later {
				t.Fatalf("read later: %v, want %v", later, c.later)
			}
			copies, mirrored := now.judge.copies == 1, false
			for i, u := range g.unread {
				g.seen, mirrored = append(g.seen, u.read()), g.mirrored[i]
			}
			if mirrored != (copies && c.later) {
				t.Errorf("a copy: %v", mirrored)
			}
			if !reflect.DeepEqual(g.seen, now.judge.seen) {
				t.Errorf("later  %+v\nat once %+v", *g.seen[0], *now.judge.seen[0])
			}
			if c.later {
				spoil()
				if o := g.seen[0]; len(o.Elements) < 3 || len(o.Keys) == 0 || !reflect.DeepEqual(o, now.judge.seen[0]) {
					t.Errorf("some of it is lent still: %+v", *o)
				}
			}
		})
	}
}

// spoil writes over the memory that is to be used again.
func spoil() {
	var all []*unread
	for range 8 {
		u, _ := unreads.Get().(*unread)
		copy(u.text[:cap(u.text)], bytes.Repeat([]byte("!"), cap(u.text)))
		all = append(all, u)
	}
	for _, u := range all {
		unreads.Put(u)
	}
}

// through lets an exchange of an async Spec pass.
func (w *world) through(x *wire.Exchange) {
	w.t.Helper()
	w.e.Decide(x, wire.PhaseRequestHead)
	respond(x, 200)
	w.e.Decide(x, wire.PhaseResponseHead)
	w.e.Decide(x, wire.PhaseEnd)
}

// judgedBy has a partition judge in place of the scripted one.
func (w *world) judgedBy(p *Partition) { w.e.sites.Load().judges[0] = p }

// TestTheUnreadIsReadInItsPlace holds that what is read when it is folded stands in
// the log where it came, and that nothing is lost at the end.
func TestTheUnreadIsReadInItsPlace(t *testing.T) {
	noneLeft(t)
	p, log := resting(t, 100)
	w := newWorld(t)
	w.judgedBy(p)
	page := func(id uint64) {
		x := w.exchange(site.Active, "GET", "/page")
		x.ID = id
		w.through(x)
	}
	page(2)
	observe(t, p, 3)
	page(4)
	if n := p.unread.Load(); n != 2 {
		t.Fatalf("%d wait to be read", n)
	}
	if _, err := p.Submit(t.Context(), asked(9)); err != nil {
		t.Fatal(err)
	}
	page(5)
	stop(t, p)
	if got, want := judged(t, log), []uint64{0, 1, 0, 2, 3, 4, 9, 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("folded %v, want %v", got, want)
	}
	page(6)
	if n := w.shed.Counts()["stopping"] + p.shed.Counts()["stopping"]; n != 1 || p.unread.Load() != 0 {
		t.Errorf("%d shed, %d unread", n, p.unread.Load())
	}
}

// TestTheUnreadIsBounded: past the bound exchanges are read while they last, and a
// full lane sheds them.
func TestTheUnreadIsBounded(t *testing.T) {
	noneLeft(t)
	const lane = maxUnread + 40
	p, log := resting(t, 4*lane) // which is crowded from half on
	w := newWorld(t)
	w.judgedBy(p)
	for range lane {
		w.through(w.exchange(site.Active, "GET", "/page"))
	}
	if n := p.unread.Load(); n != maxUnread || len(p.async) != lane {
		t.Errorf("%d of %d wait to be read", n, len(p.async))
	}
	stop(t, p)
	if n := len(judged(t, log)); n != 3+lane || p.unread.Load() != 0 {
		t.Errorf("%d in the log, %d unread", n, p.unread.Load())
	}
	full := prepare(PartitionConfig{AsyncQueue: 2}, newMemLog(), &Shed{})
	full.up.Store(true) // and nobody takes
	w.judgedBy(full)
	for range 5 {
		w.through(w.exchange(site.Active, "GET", "/page"))
	}
	if n := full.shed.Counts()["async_queue_full"]; n != 3 || full.unread.Load() != 2 {
		t.Errorf("%d shed, %d unread", n, full.unread.Load())
	}
	full.drainShed()
	if n := full.shed.Counts()["journal_unavailable"]; n != 2 || full.unread.Load() != 0 {
		t.Errorf("%d shed, %d unread", n, full.unread.Load())
	}
}

// TestAPanicInReadingLater costs the Event, counted, and nothing else.
func TestAPanicInReadingLater(t *testing.T) {
	noneLeft(t)
	p, log := resting(t, 100)
	w := newWorld(t)
	w.judgedBy(p)
	c := w.e.cfg.Capture
	w.through(w.exchange(site.Active, "GET", "/page"))
	w.e.cfg.Capture = nil // the partition rests: it does not look
	if err := p.SetPolicy(t.Context(), bundle(rules1)); err != nil {
		t.Fatal(err)
	}
	w.e.cfg.Capture = c
	if n := w.shed.Counts()["capture_fault"]; n != 1 || w.e.Stats().Panics != 1 || p.unread.Load() != 0 {
		t.Errorf("%d shed, %d panics, %d unread", n, w.e.Stats().Panics, p.unread.Load())
	}
	w.through(w.exchange(site.Active, "GET", "/page"))
	stop(t, p)
	if got, want := judged(t, log), []uint64{0, 1, 0, 0, 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("folded %v, want %v", got, want)
	}
}

// TestCopiesAreReadBeforeTheyFindTheirPlace as they have none until then.
func TestCopiesAreReadBeforeTheyFindTheirPlace(t *testing.T) {
	noneLeft(t)
	log := newMemLog()
	p := start(t, PartitionConfig{Reorder: time.Hour}, log, &Shed{})
	w := newWorld(t)
	w.judgedBy(p)
	for _, at := range []int64{3, 1, 2} {
		x := w.exchange(site.Mirror, "GET", "/page")
		x.Start += at
		w.through(x)
	}
	eventually(t, "all wait", func() bool { return p.Stats().Waiting == 3 })
	stop(t, p)
	var times []int64
	for _, e := range log.all(t) {
		if o := e.Input.Observation; o != nil && o.Phase == journey.PhaseComplete {
			times = append(times, o.Time-noon)
		}
	}
	if want := []int64{1, 2, 3}; !reflect.DeepEqual(times, want) {
		t.Errorf("folded %v", times)
	}
}
