package edge

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/signature"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// answerAll sends each head it gets on a channel and answers with nothing in it.
func answerAll(heads chan<- string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, r *bufio.Reader) {
		for {
			h, err := readHead(r)
			if err != nil {
				return
			}
			heads <- h
			if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
				return
			}
		}
	}
}

func sideKey(id string) site.SigningKey {
	return site.SigningKey{ID: id, Secret: bytes.Repeat([]byte(id), 32)}
}

// chain is a visitor's way through worker, engine, worker again, to the origin.
type chain struct {
	*worker
	*rig
	name string
	rec  *recorder
}

func newChain(t *testing.T, signing []site.SigningKey, verifying []site.SigningKey, o signature.VerifierOptions, decide func(*wire.Exchange, wire.Phase) wire.Decision) *chain {
	t.Helper()
	keys := make([]signature.Key, len(verifying))
	for i, k := range verifying {
		keys[i] = signature.Key{ID: k.ID, Secret: k.Secret}
	}
	v, err := signature.NewVerifier(keys, o)
	if err != nil {
		t.Fatal(err)
	}
	c := &chain{worker: &worker{origin: serveOrigin(t, echo("own")), key: customerKey, verifier: v}, rec: newRecorder(decide)}
	c.name = c.worker.name(t)
	c.rig = start(t, c.name, c.rec, func(conf *Config) {
		withWorker(workerSite(customerKey))(conf)
		conf.Sites[0].Hosts, conf.Sites[0].Sidechain = []string{"www.client.com", "client.com"}, &site.Sidechain{Keys: signing}
	})
	c.worker.engine = c.rig.url
	return c
}

func hold(_ *wire.Exchange, p wire.Phase) wire.Decision {
	if p == wire.PhaseRequestHead {
		return wire.Decision{Request: wire.BodyHold}
	}
	return wire.Decision{}
}

func one(id string) []site.SigningKey { return []site.SigningKey{sideKey(id)} }

func TestSidechain(t *testing.T) {
	c := newChain(t, one("k"), one("k"), signature.VerifierOptions{Bodies: true, Replays: signature.NewReplays(100)}, hold)
	for _, body := range []string{"", "user=a&password=b", strings.Repeat("long ", 5000)} {
		method := "POST"
		if body == "" {
			method = "GET"
		}
		resp, got := visitName(t, c.name, method, "/login?next=%2Fa%20b", body, nil)
		if resp.StatusCode != 200 || !strings.HasPrefix(got, method+" www.client.com /login?next=%2Fa%20b\n") || !strings.HasSuffix(got, "\n"+body) {
			t.Fatalf("%d %.300s", resp.StatusCode, got)
		}
		mustNotHold(t, "what the origin got", got, "x-spec", "signature", "spec-internal")
		if x, phases := c.rec.one(t); string(x.ReqBody.Bytes) != body || !strings.HasPrefix(phases, "head body response") {
			t.Errorf("judged %s with %.20q", phases, x.ReqBody.Bytes)
		}
	}
	if c.direct.Load() != 3 || c.forwarded.Load() != 3 {
		t.Errorf("%d signed and %d unsigned, %v", c.direct.Load(), c.forwarded.Load(), c.refused.Load())
	}
	if n := c.Counters().Sidechain; n != (SidechainCounters{Signed: 3}) {
		t.Errorf("counted %+v", n)
	}
}

// A bypass relays without judging, and still signs: else the worker would send
// the request back for ever.
func TestABypassedSidechainSigns(t *testing.T) {
	c := newChain(t, one("k"), one("k"), signature.VerifierOptions{}, nil)
	c.SetBypass(true)
	if resp, _ := visitName(t, c.name, "POST", "/", "x", nil); resp.StatusCode != 200 || c.direct.Load() != 1 {
		t.Errorf("%d, %d direct", resp.StatusCode, c.direct.Load())
	}
}

// Whatever is not as it was signed comes back as unsigned, and is caught there.
func TestATamperedSidechain(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(*http.Request, *[]byte)
		clock  func() time.Time
		want   error
	}{
		"method": {tamper: func(r *http.Request, _ *[]byte) { r.Method = "PUT" }, want: signature.ErrForged},
		"path":   {tamper: func(r *http.Request, _ *[]byte) { r.URL.Path = "/admin" }, want: signature.ErrForged},
		"query":  {tamper: func(r *http.Request, _ *[]byte) { r.URL.RawQuery = "admin" }, want: signature.ErrForged},
		"host":   {tamper: func(r *http.Request, _ *[]byte) { r.Host = "client.com" }, want: signature.ErrForged},
		"body":   {tamper: func(_ *http.Request, b *[]byte) { *b = []byte("x=2") }, want: signature.ErrDigest},
		"late":   {clock: func() time.Time { return time.Now().Add(time.Minute) }, want: signature.ErrExpired},
		"early":  {clock: func() time.Time { return time.Now().Add(-time.Minute) }, want: signature.ErrEarly},
	} {
		t.Run(name, func(t *testing.T) {
			chain := newChain(t, one("k"), one("k"), signature.VerifierOptions{}, hold)
			chain.tamper, chain.clock = c.tamper, c.clock
			resp, _ := visitName(t, chain.name, "POST", "/a?b", "x=1", nil)
			err, _ := chain.refused.Load().(error)
			if resp.StatusCode != 508 || chain.direct.Load() != 0 {
				t.Errorf("%d, %d reached the origin", resp.StatusCode, chain.direct.Load())
			}
			if !errors.Is(err, c.want) {
				t.Errorf("refused for %v, want %v", err, c.want)
			}
			if n := chain.Counters().Sidechain; n.Loops != 1 || n.Signed != 1 {
				t.Errorf("counted %+v", n)
			}
		})
	}
}

// A signature is caught and used again, while the worker keeps state and while it
// does not.
func TestAReplayedSidechain(t *testing.T) {
	for name, c := range map[string]struct {
		seen *signature.Replays
		want int
	}{"with state": {signature.NewReplays(10), 508}, "without": {nil, 200}} {
		t.Run(name, func(t *testing.T) {
			chain := newChain(t, one("k"), one("k"), signature.VerifierOptions{Replays: c.seen}, hold)
			var caught *http.Request
			chain.tamper = func(r *http.Request, _ *[]byte) { caught = r.Clone(r.Context()) }
			visitName(t, chain.name, "POST", "/", "x=1", nil)
			chain.tamper = nil
			resp, _ := visitName(t, chain.name, "POST", "/", "x=1", func(r *http.Request) {
				for _, n := range []string{"Signature", "Signature-Input", "Content-Digest"} {
					r.Header[n] = caught.Header[n]
				}
			})
			if resp.StatusCode != c.want {
				t.Errorf("%d, want %d", resp.StatusCode, c.want)
			}
		})
	}
}

func TestALoopIsRefused(t *testing.T) {
	// A worker that does not know the key takes every signed request for unsigned.
	c := newChain(t, one("k"), one("other"), signature.VerifierOptions{}, nil)
	if resp, _ := visitName(t, c.name, "GET", "/", "", nil); resp.StatusCode != 508 || c.forwarded.Load() != 2 {
		t.Errorf("%d after %d passes", resp.StatusCode, c.forwarded.Load())
	}
	c.SetBypass(true)
	if resp, _ := visitName(t, c.name, "GET", "/", "", nil); resp.StatusCode != 508 || c.forwarded.Load() != 4 {
		t.Errorf("bypassed: %d after %d passes", resp.StatusCode, c.forwarded.Load())
	}
	if n := c.Counters().Sidechain; n.Loops != 2 || n.Signed != 2 {
		t.Errorf("counted %+v", n)
	}
}

func TestASidechainsKeysRotate(t *testing.T) {
	old, now := sideKey("old"), sideKey("new")
	for name, c := range map[string]struct{ signing, verifying []site.SigningKey }{
		"the worker learns first": {one("old"), []site.SigningKey{old, now}},
		"then the engine signs":   {[]site.SigningKey{now, old}, []site.SigningKey{old, now}},
		"then the old one goes":   {one("new"), one("new")},
	} {
		chain := newChain(t, c.signing, c.verifying, signature.VerifierOptions{}, nil)
		if resp, _ := visitName(t, chain.name, "GET", "/", "", nil); resp.StatusCode != 200 {
			t.Errorf("%s: %d, %v", name, resp.StatusCode, chain.refused.Load())
		}
	}
	// What the old key signed is still known as ours.
	chain := newChain(t, []site.SigningKey{now, old}, one("new"), signature.VerifierOptions{}, nil)
	s, err := signature.NewSigner([]signature.Key{{ID: "old", Secret: old.Secret}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := s.Sign(nil, &signature.Request{Method: "GET", Authority: "www.client.com", Target: "/"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, chain.addr)
	c.send("GET / HTTP/1.1\r\nHost: www.client.com\r\n" + string(lines) + "\r\n")
	if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 508 ") {
		t.Errorf("%s", h)
	}
}

func TestAForeignSignatureIsTakenOff(t *testing.T) {
	heads := make(chan string, 1)
	s := start(t, rawOrigin(t, answerAll(heads)), newRecorder(nil), func(c *Config) {
		c.Sites[0].Hosts, c.Sites[0].Sidechain = []string{"www.client.com"}, &site.Sidechain{Keys: one("k")}
	})
	for _, foreign := range []string{
		"Signature: x\r\n",
		"Signature-Input: spec=(\"@path\");created=1;keyid=\"k\";nonce=\"" + strings.Repeat("A", 43) + "\"\r\nSignature: spec=:AAAA:\r\n",
		"signature-input: a=()\r\nSIGNATURE: a=:AA==:\r\nSignature-Input: spec=()\r\n",
	} {
		c := dial(t, s.addr)
		c.send("GET / HTTP/1.1\r\nHost: www.client.com\r\nA: 1\r\n" + foreign + "B: 2\r\n\r\n")
		c.head()
		h := <-heads
		if !strings.HasPrefix(h, "GET / HTTP/1.1\r\nHost: www.client.com\r\nA: 1\r\nB: 2\r\n") {
			t.Errorf("the origin got\n%s", h)
		}
		if n := strings.Count(strings.ToLower(h), "\nsignature"); n != 2 {
			t.Errorf("%d signature fields:\n%s", n, h)
		}
	}
	if n := s.Counters().Sidechain; n != (SidechainCounters{Signed: 3, Foreign: 3}) {
		t.Errorf("counted %+v", n)
	}
}

// A rule cannot spoil the signature, nor a visitor's digest the binding.
func TestWhatIsSignedIsWhatLeaves(t *testing.T) {
	c := newChain(t, one("k"), one("k"), signature.VerifierOptions{Bodies: true}, func(x *wire.Exchange, p wire.Phase) wire.Decision {
		return wire.Decision{Request: wire.BodyHold, Edits: []wire.Edit{{Name: "Signature-Input", Value: "spec=()"}, {Name: "signature", Value: "spec=:AAAA:"},
			{Name: "Content-Digest", Value: "evil"}, {Name: "X-Tag", Value: "1"}}}
	})
	for _, digest := range []string{"", "sha-256=:AAAA:", signature.Digest([]byte("x=1")), "sha-512=:AAAA:, " + signature.Digest([]byte("x=1"))} {
		resp, body := visitName(t, c.name, "POST", "/", "x=1", func(r *http.Request) {
			if digest != "" {
				r.Header.Set("Content-Digest", digest)
			}
		})
		if resp.StatusCode != 200 || !strings.Contains(body, "X-Tag: 1") || !strings.Contains(body, signature.Digest([]byte("x=1"))) {
			t.Errorf("%q: %d, %v\n%s", digest, resp.StatusCode, c.refused.Load(), body)
		}
	}
}

// The signature names the Host that leaves, and goes to the public name alone.
func TestASidechainBesideRouting(t *testing.T) {
	heads, trap := make(chan string, 1), make(chan string, 1)
	s := start(t, rawOrigin(t, answerAll(heads)), newRecorder(func(x *wire.Exchange, p wire.Phase) wire.Decision {
		if x.Request.Target == "/trap" {
			return wire.Decision{Reroute: "trap"}
		}
		return wire.Decision{}
	}), func(c *Config) {
		st := c.Sites[0]
		st.Hosts, st.Sidechain, st.OriginHost = []string{"www.client.com"}, &site.Sidechain{Keys: one("k")}, "Public.Client.com"
		st.Origins = map[string]string{"trap": rawOrigin(t, answerAll(trap))}
	})
	v, err := signature.NewVerifier([]signature.Key{{ID: "k", Secret: sideKey("k").Secret}}, signature.VerifierOptions{})
	if err != nil {
		t.Fatal(err)
	}
	get(t, s.url+"/x", func(r *http.Request) { r.Host = "www.client.com" })
	h := <-heads
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(h)))
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{verifier: v}
	r.URL = &url.URL{Path: "/x"}
	if !w.judged(r, nil) || r.Host != "Public.Client.com" {
		t.Errorf("%v:\n%s", w.refused.Load(), h)
	}
	get(t, s.url+"/trap", func(r *http.Request) { r.Host = "www.client.com" })
	mustNotHold(t, "what another origin got", <-trap, "signature")
}

// A request that is sent again, since its connection had ended, is signed again:
// the first may have been seen.
func TestARepetitionIsSignedAnew(t *testing.T) {
	heads := make(chan string, 4)
	var first atomic.Bool
	s := start(t, rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		if first.CompareAndSwap(false, true) {
			for answer := true; ; answer = false {
				h, err := readHead(r)
				if err != nil {
					return
				}
				heads <- h
				if !answer {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
			}
		}
		answerAll(heads)(c, r)
	}), newRecorder(nil), func(c *Config) {
		c.Sites[0].Hosts, c.Sites[0].Sidechain = []string{"www.client.com"}, &site.Sidechain{Keys: one("k")}
	})
	for range 2 {
		if resp, _ := get(t, s.url, func(r *http.Request) { r.Host = "www.client.com" }); resp.StatusCode != 204 {
			t.Fatalf("%d", resp.StatusCode)
		}
	}
	<-heads
	lost, repeated := <-heads, <-heads
	if lost == repeated || strings.Count(repeated, "\nSignature") != 2 {
		t.Errorf("lost\n%s\nrepeated\n%s", lost, repeated)
	}
}
