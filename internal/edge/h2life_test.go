package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// slowly is an origin that sends the first half of a body, and the rest when told.
func slowly(name string, begun chan<- struct{}, end <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			_, _ = io.WriteString(w, name)
			return
		}
		_, _ = io.WriteString(w, "be")
		_ = http.NewResponseController(w).Flush()
		begun <- struct{}{}
		<-end
		_, _ = io.WriteString(w, "gun")
	}
}

// Sites, and the certificate, change while streams of one connection run: they end as
// they began, and the connection goes on with the new ones.
func TestReconfigureUnderStreams(t *testing.T) {
	for _, proto := range []site.Protocol{site.HTTP1, site.HTTP2} {
		t.Run(string(proto), func(t *testing.T) {
			begun, end := make(chan struct{}), make(chan struct{})
			one, two := h2cOrigin(t, slowly("one", begun, end)), h2cOrigin(t, slowly("two", begun, end))
			dir := t.TempDir()
			cert, key := certificate(t, dir, "shop.example")
			s := start(t, one, newRecorder(nil), func(c *Config) {
				c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key
				c.Sites[0].OriginProtocol = proto
			})
			conns := atomic.Int64{}
			tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				DialContext: func(ctx context.Context, n, a string) (net.Conn, error) {
					conns.Add(1)
					return (&net.Dialer{}).DialContext(ctx, n, a)
				}}
			t.Cleanup(tr.CloseIdleConnections)
			ask := func(path string) (*http.Response, error) {
				r, _ := http.NewRequest("GET", "https://"+s.addr+path, nil)
				return tr.RoundTrip(r)
			}
			var running []*http.Response
			for range 5 {
				resp, err := ask("/slow")
				if err != nil {
					t.Fatal(err)
				}
				running = append(running, resp)
				<-begun
			}
			pools := s.table.Load().routes[s.site].pools
			other := *s.site
			other.Origin = two
			if err := s.Reconfigure(Config{Sites: []*site.Site{&other}}); err != nil {
				t.Fatal(err)
			}
			certificate(t, dir, "new.example")
			eventually(t, "the new certificate", func() bool { return served(t, s) == "new.example" })
			resp, err := ask("/")
			if err != nil {
				t.Fatal(err)
			}
			if body, _ := io.ReadAll(resp.Body); string(body) != "two" || resp.Body.Close() != nil {
				t.Errorf("the next got %q", body)
			}
			close(end)
			for _, resp := range running {
				if body, err := io.ReadAll(resp.Body); string(body) != "begun" || err != nil {
					t.Errorf("a running response became %q, %v", body, err)
				}
				_ = resp.Body.Close()
			}
			if n := conns.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
			eventually(t, "the old pool is empty", func() bool { return pools.Pool("").Idle() == 0 })
		})
	}
}

// A Server that stops says so to HTTP/2 by GOAWAY: streams that run end well, new ones
// are told that they were not looked at, and the connection ends.
func TestShutdownDrainsStreams(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	origin := h2cOrigin(t, slowly("late", begun, end))
	rec := newRecorder(nil)
	s, _ := startTLS(t, origin, rec)
	f := dialHTTP2(t, s)
	f.ask(t, 1, "GET", "/slow")
	<-begun
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		ended <- s.Shutdown(ctx)
	}()
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if g, ok := fr.(*http2.GoAwayFrame); ok {
			if g.ErrCode != http2.ErrCodeNo || g.LastStreamID < 1 {
				t.Errorf("%v", g)
			}
			break
		}
	}
	f.ask(t, 3, "GET", "/late") // it had not heard yet
	select {
	case err := <-ended:
		t.Fatalf("Shutdown did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(end)
	body, whole := "", false
	for {
		fr, err := f.ReadFrame()
		if err != nil {
			break
		}
		switch fr := fr.(type) {
		case *http2.DataFrame:
			body += string(fr.Data())
			whole = whole || fr.StreamID == 1 && fr.StreamEnded()
		case *http2.HeadersFrame:
			if fr.StreamID == 3 {
				t.Error("a stream behind the end was answered")
			}
		}
	}
	if err := <-ended; err != nil || !strings.HasSuffix(body, "gun") || !whole {
		t.Errorf("%v, the rest was %q, whole %v", err, body, whole)
	}
	if rec.mu.Lock(); len(rec.ended) != 1 || rec.ended[0].Err != "" {
		t.Errorf("%+v", rec.ended)
	}
	rec.mu.Unlock()
}

// TestHandOverOfStreams is TestHandOver by HTTP/2: no request of a client that tries
// nothing twice but what was not looked at fails while one server takes over from
// another.
func TestHandOverOfStreams(t *testing.T) {
	origin := serveOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	cert, key := certificate(t, t.TempDir(), "shop.example")
	on := func(l net.Listener) *rig {
		return start(t, origin, nobody{}, func(c *Config) { c.Listeners = []Listener{{Socket: l, CertFile: cert, KeyFile: key}} })
	}
	old := on(ln)
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer tr.CloseIdleConnections()
	var served atomic.Int64
	var done atomic.Bool
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for !done.Load() {
				r, _ := http.NewRequest("GET", "https://"+old.addr+"/", nil)
				resp, err := tr.RoundTrip(r)
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("after %d: %v", served.Load(), err)
					return
				}
				served.Add(1)
			}
		})
	}
	more := func(what string) {
		n := served.Load()
		eventually(t, what, func() bool { return served.Load() > n+200 || t.Failed() })
	}
	more("traffic flows")
	old.WindDown()
	more("traffic flows on")
	next := on(other)
	if err := old.StopAccepting(t.Context()); err != nil {
		t.Error(err)
	}
	more("the next one serves")
	if n := next.Counters().Requests; n == 0 {
		t.Error("the next one was asked nothing")
	}
	done.Store(true)
	all.Wait()
	tr.CloseIdleConnections()
	eventually(t, "the old one has no connection left", func() bool { return old.Counters().Connections == 0 })
}

// The worker contract over HTTP/2: a CDN's worker may come by either protocol.
func TestAWorkerByHTTP2(t *testing.T) {
	own, other := serveOrigin(t, echo("own")), h2cOrigin(t, echo("other"))
	rec := newRecorder(func(x *wire.Exchange, p wire.Phase) wire.Decision {
		if p == wire.PhaseRequestHead {
			x.Activities = 2
			return wire.Decision{Request: wire.BodyHold, Response: wire.BodyHold}
		}
		return wire.Decision{}
	})
	cert, key := certificate(t, t.TempDir(), "www.client.com")
	s := start(t, own, rec, func(c *Config) {
		withWorker(workerSite(customerKey))(c)
		c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key
		c.Sites[0].Origins = map[string]string{"other": other}
	})
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	ask := func(host, key, to string) (*http.Response, string) {
		t.Helper()
		r, _ := http.NewRequest("POST", "https://"+s.addr+"/login?a=b", io.MultiReader(strings.NewReader("x="), strings.NewReader("1")))
		r.Host = host
		r.Header.Set("Cookie", "a=1; x-spec-id=id-1; b=2")
		for name, v := range map[string]string{keyField: key, originField: to} {
			if v != "" {
				r.Header.Set(name, v)
			}
		}
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.ProtoMajor != 2 {
			t.Fatal(err, resp.Proto)
		}
		return resp, string(b)
	}
	const managed = "www.client.com." + site.DefaultManagedDomain
	for _, to := range []string{"", "other"} {
		resp, body := ask(managed, customerKey, to)
		want := map[string]string{"": "own", "other": "other"}[to]
		if resp.StatusCode != 200 || resp.Header.Get("X-Origin") != want || !strings.HasPrefix(body, "POST www.client.com /login?a=b\n") || !strings.HasSuffix(body, "\nx=1") {
			t.Errorf("to %q: %d %s", to, resp.StatusCode, body)
		}
		if resp.Header.Get(activityField) != "2" || !strings.Contains(body, "Cookie: a=1; b=2\r\n") {
			t.Errorf("to %q: %v\n%s", to, resp.Header, body)
		}
		mustNotHold(t, "what the origin got", body, "x-spec", "spec-internal", "customer-key")
		x, _ := rec.one(t)
		if x.SpecID != "id-1" || !x.Conn.Worker || x.Request.Host != "www.client.com" || string(x.ReqBody.Bytes) != "x=1" || !x.RespBody.Seen {
			t.Errorf("the Decider was given %+v", x)
		}
		mustNotHold(t, "what the Decider was given", fmt.Sprint(x.Request.Fields), "x-spec", "customer-key", "spec-internal")
	}
	resp, body := ask(managed, "wrong-key", "other")
	if resp.StatusCode != 200 || resp.Header.Get("X-Origin") != "own" || resp.Header.Get(activityField) != "" {
		t.Errorf("a wrong key: %d %v", resp.StatusCode, resp.Header)
	}
	mustNotHold(t, "what the origin got", body, "x-spec", "spec-internal", "wrong-key")
	if x, _ := rec.one(t); x.SpecID != "" || !x.Conn.Worker {
		t.Errorf("%+v", x)
	}
	if c := s.Counters().Workers; c != (WorkerCounters{Accepted: 2, Wrong: 1}) {
		t.Errorf("counted %+v", c)
	}
}

// A gRPC call on a sync route: held, judged, refused or let through, at either end;
// what is refused after the origin answered does not show what it answered.
func TestGRPCIsHeld(t *testing.T) {
	no := &wire.Answer{Status: 403, Fields: []wire.Field{{Name: "Content-Type", Value: "text/plain"}}, Body: []byte("no")}
	for _, c := range []struct {
		name string
		at   wire.Phase
		want codes.Code
	}{
		{"let through", 0, codes.OK}, {"refused at the head", wire.PhaseRequestHead, codes.PermissionDenied},
		{"refused at the body", wire.PhaseRequestBody, codes.PermissionDenied}, {"refused at the response", wire.PhaseResponseBody, codes.PermissionDenied},
	} {
		rec := newRecorder(func(x *wire.Exchange, p wire.Phase) wire.Decision {
			d := wire.Decision{Request: wire.BodyHold, Response: wire.BodyHold}
			if p == c.at {
				d.Answer = no
			}
			return d
		})
		_, _, cc := grpcRig(t, rec, false)
		out := new(text)
		err := cc.Invoke(within(t), "/test.Talk/Unary", wrapperspb.String("this"), out)
		if status.Code(err) != c.want || c.want != codes.OK && out.Value != "" || c.want == codes.OK && out.Value != "heard this" {
			t.Errorf("%s: %v %q", c.name, err, out.Value)
		}
		if x, _ := rec.one(t); x.Answered != (c.at != 0) || c.at != wire.PhaseRequestHead && !strings.HasSuffix(string(x.ReqBody.Bytes), "this") {
			t.Errorf("%s: %+v", c.name, x)
		}
	}
	// A stream whose visitor waits for an answer before he says more can't be whole:
	// it is let go when the time is up, judged by what came.
	_, _, origin := grpcOrigin(t, "", "")
	cert, key := certificate(t, t.TempDir(), "shop.example")
	rec := newRecorder(at(wire.PhaseRequestHead, wire.Decision{Request: wire.BodyHold, Response: wire.BodyHold}))
	s := start(t, origin, rec, func(c *Config) {
		c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key
		c.Sites[0].OriginProtocol, c.HoldTimeout = site.HTTP2, 100*time.Millisecond
	})
	cc, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cc.Close() }()
	both, err := cc.NewStream(within(t), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/test.Talk/Both")
	if err != nil {
		t.Fatal(err)
	}
	for _, say := range []string{"one", "two"} {
		m := new(text)
		if err := both.SendMsg(wrapperspb.String(say)); err != nil {
			t.Fatal(err)
		}
		if err := both.RecvMsg(m); err != nil || m.Value != "> "+say {
			t.Fatalf("%v %q", err, m.Value)
		}
	}
	_ = both.CloseSend()
	if err := both.RecvMsg(new(text)); err != io.EOF {
		t.Errorf("%v", err)
	}
	if x, _ := rec.one(t); !x.ReqBody.Truncated || !x.RespBody.Truncated || s.Counters().Slow != 2 {
		t.Errorf("%v %v, %d slow", x.ReqBody.Truncated, x.RespBody.Truncated, s.Counters().Slow)
	}
}

// What an origin of HTTP/2 does wrong reaches the visitor as the right status, by
// either protocol, and is counted by its kind.
func TestOriginsOfHTTP2ThatFail(t *testing.T) {
	const status200 = ":status 200"
	for _, c := range []struct {
		name, kind string
		status     int // 0: the response breaks off
		do         func(f *framer)
	}{
		{"resets", "reset", 502, func(f *framer) { _ = f.WriteRSTStream(1, http2.ErrCodeInternal) }},
		{"always refuses", "reset", 502, func(f *framer) {
			for id := uint32(1); id < 20; id += 2 {
				if id > 1 && f.until(http2.FrameHeaders) != nil {
					return
				}
				_ = f.WriteRSTStream(id, http2.ErrCodeRefusedStream)
			}
		}},
		{"hangs up", "reset", 502, func(f *framer) { _ = f.link.Close() }},
		{"never answers", "timeout", 504, func(*framer) {}},
		{"floods with settings", "broken", 502, func(f *framer) {
			for f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535}) == nil {
			}
		}},
		{"has an endless head", "broken", 502, func(f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(status200)})
			for f.WriteContinuation(1, false, f.block("x "+strings.Repeat("y", 10_000))) == nil {
			}
		}},
		{"has too large a head", "broken", 502, func(f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(status200, "x "+strings.Repeat("y", 9000)), EndHeaders: true, EndStream: true})
		}},
		{"says no status", "broken", 502, func(f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block("x y"), EndHeaders: true, EndStream: true})
		}},
		{"breaks off", "cut off", 0, func(f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(status200, "content-length 10"), EndHeaders: true})
			_ = f.WriteData(1, false, []byte("half"))
			time.Sleep(50 * time.Millisecond) // else the end overtakes the head
			_ = f.link.Close()
		}},
		{"resets in the body", "cut off", 0, func(f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(status200), EndHeaders: true})
			_ = f.WriteData(1, false, []byte("half"))
			time.Sleep(50 * time.Millisecond)
			_ = f.WriteRSTStream(1, http2.ErrCodeCancel)
		}},
		{"is longer than it says", "cut off", 0, func(f *framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(status200, "content-length 6"), EndHeaders: true})
			_ = f.WriteData(1, false, []byte("half"))
			time.Sleep(50 * time.Millisecond)
			_ = f.WriteData(1, true, []byte("half"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, visitor := range []string{"http/1.1", "h2"} {
				origin := framedOrigin(t, c.do)
				cert, key := certificate(t, t.TempDir(), "shop.example")
				rec := newRecorder(nil)
				s := start(t, origin, rec, func(cfg *Config) {
					cfg.Listeners[0].CertFile, cfg.Listeners[0].KeyFile = cert, key
					cfg.Sites[0].OriginProtocol = site.HTTP2
					cfg.Origin.HeaderTimeout, cfg.Origin.MaxHead = 5*time.Second, 8<<10
					if c.status == 504 {
						cfg.Origin.HeaderTimeout = 200 * time.Millisecond
					}
				})
				tr := &http.Transport{ForceAttemptHTTP2: visitor == "h2", TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{visitor}}}
				r, _ := http.NewRequest("POST", "https://"+s.addr+"/", strings.NewReader("x")) // nobody asks this twice
				resp, err := tr.RoundTrip(r)
				switch {
				case err != nil:
					t.Errorf("%s: %v", visitor, err)
				default:
					_, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if c.status == 0 && err == nil {
						t.Errorf("%s: what broke off looks whole", visitor)
					}
					if c.status != 0 && resp.StatusCode != c.status {
						t.Errorf("%s: %d", visitor, resp.StatusCode)
					}
				}
				if x, _ := rec.one(t); x.Err != "origin "+c.kind {
					t.Errorf("%s: %q", visitor, x.Err)
				}
				if n := s.Counters().OriginErrors; n[c.kind] != 1 || len(n) != 1 {
					t.Errorf("%s: counted %v", visitor, n)
				}
				tr.CloseIdleConnections()
			}
		})
	}
}

// framedOrigin is an origin of HTTP/2 that does something when it is asked.
func framedOrigin(t *testing.T, do func(f *framer)) string {
	return "http://" + rawTap(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		if _, err := io.ReadFull(r, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		f := newFramer(c, r)
		_ = f.WriteSettings()
		if f.until(http2.FrameHeaders) == nil {
			do(f)
			_ = f.until(http2.FrameGoAway)
		}
	})
}
