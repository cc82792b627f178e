package edge

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/signature"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

const (
	customerKey = "customer-key-0123456789"
	laterKey    = "customer-key-of-next-year"
)

// worker is a worker at a CDN as docs/worker.md describes one, with a site's
// public name before it: it sends requests to the engine, and with a Verifier
// lets signed ones go on to the origin.
type worker struct {
	engine, origin string // URLs
	key, forward   string
	specID         string
	domain         string
	verifier       *signature.Verifier
	clock          func() time.Time
	tamper         func(r *http.Request, body *[]byte) // of the network between engine and worker

	direct, forwarded, counted atomic.Int64
	activities                 atomic.Value // of the last response
	refused                    atomic.Value // why a signature was not accepted
}

// name puts the worker behind a public name.
func (w *worker) name(t *testing.T) string {
	t.Helper()
	if w.domain == "" {
		w.domain = site.DefaultManagedDomain
	}
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	return s.URL
}

func (w *worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if w.tamper != nil && r.Header.Get("Signature") != "" {
		w.tamper(r, &body)
	}
	host, target := r.Host, w.origin
	if w.verifier != nil && w.judged(r, body) {
		w.direct.Add(1)
		r.Header.Del("Signature")
		r.Header.Del("Signature-Input")
	} else {
		w.forwarded.Add(1)
		host, target = r.Host+"."+w.domain, w.engine
		for name, value := range map[string]string{keyField: w.key, originField: w.forward} {
			r.Header.Del(name)
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if w.specID != "" {
			r.AddCookie(&http.Cookie{Name: specCookie, Value: w.specID})
		}
	}
	out, err := http.NewRequest(r.Method, target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	out.Host, out.Header = host, r.Header
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if n := resp.Header.Get(activityField); n != "" {
		w.counted.Add(1)
		w.activities.Store(n)
		resp.Header.Del(activityField) // it is not the visitor's
	}
	for k, v := range resp.Header {
		rw.Header()[k] = v
	}
	rw.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(rw, resp.Body)
}

func (w *worker) judged(r *http.Request, body []byte) bool {
	m := &signature.Request{Method: r.Method, Authority: signature.Authority(r.Host, false), Target: r.URL.RequestURI()}
	for name, values := range r.Header {
		for _, v := range values {
			m.Fields = append(m.Fields, signature.Field{Name: name, Value: v})
		}
	}
	now := time.Now()
	if w.clock != nil {
		now = w.clock()
	}
	err := w.verifier.Verify(m, body, now)
	if err != nil {
		w.refused.Store(err)
	}
	return err == nil
}

// echo is an origin that tells what it got.
func echo(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Origin", name)
		_, _ = fmt.Fprintf(w, "%s %s %s\n", r.Method, r.Host, r.URL.RequestURI())
		_ = r.Header.Write(w)
		_, _ = fmt.Fprintf(w, "\n%s", body)
	}
}

func workerSite(keys ...string) *site.Worker {
	w := &site.Worker{}
	for _, k := range keys {
		w.Keys = append(w.Keys, site.DigestKey(k))
	}
	return w
}

func withWorker(w *site.Worker) func(*Config) {
	return func(c *Config) {
		c.Sites[0].Hosts, c.Sites[0].Worker = []string{"www.client.com"}, w
	}
}

// visitName is a visitor's request for the site's public name.
func visitName(t *testing.T, name, method, target, body string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, name+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "www.client.com"
	if change != nil {
		change(r)
	}
	return do(t, r)
}

func mustNotHold(t *testing.T, what, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(strings.ToLower(text), w) {
			t.Errorf("%s holds %q:\n%s", what, w, text)
		}
	}
}

func TestAWorkersRequest(t *testing.T) {
	origin := serveOrigin(t, echo("own"))
	rec := newRecorder(func(x *wire.Exchange, p wire.Phase) wire.Decision {
		if p == wire.PhaseRequestHead {
			x.Activities++
		}
		return wire.Decision{}
	})
	s := start(t, origin, rec, withWorker(workerSite(customerKey, laterKey)))
	for _, key := range []string{customerKey, laterKey} { // both are good while keys change
		w := &worker{engine: s.url, key: key, specID: "id-1"}
		resp, body := visitName(t, w.name(t), "POST", "/login?a=b", "x=1", func(r *http.Request) { r.Header.Set("Cookie", "a=1; b=2") })
		if resp.StatusCode != 200 || !strings.HasPrefix(body, "POST www.client.com /login?a=b\n") || !strings.HasSuffix(body, "\nx=1") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		mustNotHold(t, "what the origin got", body, "x-spec", "spec-internal", "customer-key")
		if !strings.Contains(body, "Cookie: a=1; b=2\r\n") || !strings.Contains(body, "X-Forwarded-Host: www.client.com\r\n") {
			t.Errorf("the origin got\n%s", body)
		}
		if resp.Header.Get(activityField) != "" || w.activities.Load() != "1" {
			t.Errorf("count %v, the visitor got %v", w.activities.Load(), resp.Header)
		}
		x, _ := rec.one(t)
		if x.SpecID != "id-1" || !x.Conn.Worker || x.Request.Host != "www.client.com" || x.Request.Get("host") != "www.client.com" {
			t.Errorf("the Decider was given %+v", x)
		}
		mustNotHold(t, "what the Decider was given", fmt.Sprint(x.Request.Fields), "x-spec", "customer-key", "spec-internal")
	}
	if c := s.Counters().Workers; c != (WorkerCounters{Accepted: 2}) {
		t.Errorf("counted %+v", c)
	}
}

// The request is changed where it must be and stays byte for byte elsewhere.
func TestAWorkersHeadKeepsItsBytes(t *testing.T) {
	heads := make(chan string, 8)
	origin := rawOrigin(t, answerAll(heads))
	s := start(t, origin, newRecorder(nil), withWorker(workerSite(customerKey)))
	for in, want := range map[string]string{
		"GET /a?b HTTP/1.1\r\nX-First:1\r\nHOST:  WWW.Client.com.Spec-Internal.com:8443 \r\nX-Spec-Customer-Authorization: " + customerKey +
			"\r\ncookie: a=1;  x-spec-id=\"7\";b=2\r\nX-Spec-Later: y\r\nx-last:  2\r\n\r\n": "GET /a?b HTTP/1.1\r\nX-First:1\r\nHOST: WWW.Client.com\r\ncookie: a=1;b=2\r\nx-last:  2\r\n",
		"GET http://www.client.com.spec-internal.com/x HTTP/1.1\r\nHost: www.client.com.spec-internal.com\r\nCookie: x-spec-id=1\r\n\r\n":         "GET /x HTTP/1.1\r\nHost: www.client.com\r\n",
		"GET / HTTP/1.1\r\nHost: www.client.com\r\nCookie: not-x-spec-id=1\r\nUser-Agent:x\r\n\r\n":                                               "GET / HTTP/1.1\r\nHost: www.client.com\r\nCookie: not-x-spec-id=1\r\nUser-Agent:x\r\n",
		"GET / HTTP/1.1\r\nHost: www.client.com\r\nCookie: x-spec-id=1; a=b\r\nCookie: x-spec-id=2\r\nx-spec-forward-origin: http://evil\r\n\r\n": "GET / HTTP/1.1\r\nHost: www.client.com\r\nCookie: a=b\r\n",
	} {
		c := dial(t, s.addr)
		c.send(in)
		c.head()
		got := <-heads
		if cut := strings.Index(got, "X-Forwarded-For: "); cut < 0 || got[:cut] != want {
			t.Errorf("the origin got\n%q\nwant\n%q", got, want)
		}
	}
}

// A key that is wrong or missing takes no traffic down, and gets nothing.
func TestAWrongKey(t *testing.T) {
	own, other := serveOrigin(t, echo("own")), serveOrigin(t, echo("other"))
	rec := newRecorder(nil)
	s := start(t, own, rec, func(c *Config) {
		withWorker(workerSite(customerKey))(c)
		c.Sites[0].Origins = map[string]string{"other": other}
	})
	for _, key := range []string{"", "customer-key-0123456788", customerKey + "x", strings.Repeat("k", 500)} {
		w := &worker{engine: s.url, key: key, forward: "other", specID: "id-1"}
		resp, body := visitName(t, w.name(t), "GET", "/", "", nil)
		if resp.StatusCode != 200 || resp.Header.Get("X-Origin") != "own" || !strings.HasPrefix(body, "GET www.client.com /\n") {
			t.Errorf("key %.30q: %d from %s: %s", key, resp.StatusCode, resp.Header.Get("X-Origin"), body)
		}
		mustNotHold(t, "what the origin got", body, "x-spec", "customer-key")
		if w.counted.Load() != 0 {
			t.Error("a worker without a good key was told the count")
		}
		x, phases := rec.one(t)
		if x.SpecID != "" || !x.Conn.Worker || phases != "head response end" {
			t.Errorf("judged %s: %+v", phases, x)
		}
	}
	// The same key twice is none, and a visitor who comes directly is a visitor.
	c := dial(t, s.addr)
	c.send("GET / HTTP/1.1\r\nHost: www.client.com\r\nX-Spec-Customer-Authorization: " + customerKey + "\r\nX-Spec-Customer-Authorization: " + customerKey + "\r\n\r\n")
	c.head()
	if x, _ := rec.one(t); x.Conn.Worker {
		t.Error("a key that stands twice was taken")
	}
	get(t, s.url, func(r *http.Request) { r.Host = "www.client.com" })
	if x, _ := rec.one(t); x.Conn.Worker {
		t.Error("a visitor was taken for a worker")
	}
	if c := s.Counters().Workers; c != (WorkerCounters{Missing: 1, Wrong: 4}) {
		t.Errorf("counted %+v", c)
	}
}

func TestRefusingWithoutAKey(t *testing.T) {
	conf := workerSite(customerKey)
	conf.Refuse = true
	rec := newRecorder(nil)
	s := start(t, serveOrigin(t, echo("own")), rec, withWorker(conf))
	for key, want := range map[string]int{"": 403, "customer-key-of-someone": 403, customerKey: 200} {
		w := &worker{engine: s.url, key: key}
		if resp, _ := visitName(t, w.name(t), "POST", "/", "body", nil); resp.StatusCode != want {
			t.Errorf("key %q: %d, want %d", key, resp.StatusCode, want)
		}
	}
	if resp, _ := get(t, s.url, func(r *http.Request) { r.Host = "www.client.com" }); resp.StatusCode != 403 {
		t.Errorf("directly: %d", resp.StatusCode)
	}
	if c := s.Counters().Workers; c != (WorkerCounters{Accepted: 1, Missing: 1, Wrong: 1, Refused: 3}) {
		t.Errorf("counted %+v", c)
	}
	rec.one(t)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.seen) != 1 {
		t.Error("the Decider was asked about what was refused")
	}
}

// A mirror has no traffic to lose: without a good key it takes nothing.
func TestAMirrorTakesNothingWithoutAKey(t *testing.T) {
	rec := newRecorder(nil)
	s := start(t, "http://127.0.0.1:1", rec, func(c *Config) {
		withWorker(workerSite(customerKey))(c)
		c.Sites[0].Mode = site.Mirror
	})
	for _, bypass := range []bool{false, true} {
		for key, want := range map[string]int{"": 403, "customer-key-of-someone": 403, customerKey: 200} {
			w := &worker{engine: s.url, key: key}
			if resp, _ := visitName(t, w.name(t), "GET", "/", "", nil); resp.StatusCode != want {
				t.Errorf("bypass %v, key %q: %d, want %d", bypass, key, resp.StatusCode, want)
			}
		}
		s.site.Switch.SetMode(site.Bypass)
	}
}

func TestForwardOrigin(t *testing.T) {
	own, other := serveOrigin(t, echo("own")), serveOrigin(t, echo("other"))
	s := start(t, own, newRecorder(nil), func(c *Config) {
		withWorker(workerSite(customerKey))(c)
		c.Sites[0].Origins = map[string]string{"Other": other}
	})
	foreign := int64(0)
	u, _ := url.Parse(other)
	for name, want := range map[string]string{
		"other": "other", "OTHER": "other", other: "other", other + "/": "other", u.Host: "other", own: "own", "": "own",
		"http://evil.example": "own", "127.0.0.1": "own", u.Host + ".evil.example": "own", "https://" + u.Host: "own", other + "/path": "own",
	} {
		if want == "own" && name != own && name != "" {
			foreign++
		}
		w := &worker{engine: s.url, key: customerKey, forward: name}
		if resp, _ := visitName(t, w.name(t), "GET", "/", "", nil); resp.Header.Get("X-Origin") != want {
			t.Errorf("%q went to %s", name, resp.Header.Get("X-Origin"))
		}
	}
	if n := s.Counters().Workers.ForeignOrigin; n != foreign {
		t.Errorf("%d foreign origins, want %d", n, foreign)
	}
}

// An answer of our own tells the worker its count too, a bypassed one does not.
func TestTheCountOfAnAnswer(t *testing.T) {
	rec := newRecorder(func(x *wire.Exchange, p wire.Phase) wire.Decision {
		if x.Request.Target == "/block" {
			return wire.Decision{Answer: &wire.Answer{Status: 429}}
		}
		return wire.Decision{}
	})
	s := start(t, serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dead" {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set(activityField, "99")
	}), rec, withWorker(workerSite(customerKey)))
	w := &worker{engine: s.url, key: customerKey}
	name := w.name(t)
	if resp, _ := visitName(t, name, "GET", "/block", "", nil); resp.StatusCode != 429 || w.activities.Load() != "0" {
		t.Errorf("%d with count %v", resp.StatusCode, w.activities.Load())
	}
	if visitName(t, name, "GET", "/", "", nil); w.activities.Load() != "0" {
		t.Errorf("the origin's own field stayed: %v", w.activities.Load())
	}
	s.SetBypass(true)
	if visitName(t, name, "GET", "/", "", nil); w.activities.Load() != "99" {
		t.Errorf("a bypass counts %v", w.activities.Load())
	}
	counted := w.counted.Load()
	if resp, _ := visitName(t, name, "GET", "/dead", "", nil); resp.StatusCode != 502 || w.counted.Load() != counted {
		t.Errorf("a bypass counts with %d", resp.StatusCode)
	}
}

// Another site, or one without a worker, is not reached under the managed domain.
func TestTheManagedDomain(t *testing.T) {
	a, b := serveOrigin(t, echo("a")), serveOrigin(t, echo("b"))
	s := start(t, a, newRecorder(nil), func(c *Config) {
		withWorker(workerSite(customerKey))(c)
		c.ManagedDomain = "Edge.Example.net."
		plain := *c.Sites[0]
		plain.Name, plain.Hosts, plain.Worker, plain.Origin = "plain", []string{"plain.com"}, nil, b
		c.Sites = append(c.Sites, &plain)
	})
	for host, want := range map[string]int{
		"www.client.com.edge.example.net": 200, "WWW.client.com.EDGE.example.net:99": 200, "www.client.com": 200, "plain.com": 200,
		"www.client.com.spec-internal.com": 421, "plain.com.edge.example.net": 421, "edge.example.net": 421, "www.client.comxedge.example.net": 421,
		"other.com.edge.example.net": 421, "www.client.com.edge.example.net.edge.example.net": 421,
	} {
		if resp, _ := get(t, s.url, func(r *http.Request) { r.Host = host }); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", host, resp.StatusCode, want)
		}
	}
	// A site without a worker gives its origin what comes.
	_, body := get(t, s.url, func(r *http.Request) {
		r.Host = "plain.com"
		r.Header.Set("X-Spec-Sheet", "7")
		r.Header.Set("Signature", "mine")
	})
	if !strings.Contains(body, "X-Spec-Sheet: 7") || !strings.Contains(body, "Signature: mine") {
		t.Errorf("the origin got\n%s", body)
	}
}
