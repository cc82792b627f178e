package edge

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/throughline/throughline/internal/wire"
)

func TestWebSocket(t *testing.T) {
	echo := websocket.Server{Handler: func(ws *websocket.Conn) { _, _ = io.Copy(ws, ws) }}
	origin := serveOrigin(t, echo.ServeHTTP)
	rec := newRecorder(at(1, wire.Decision{Request: wire.BodyHold, Response: wire.BodyHold}))
	s := start(t, origin, rec, nil)
	ws, err := websocket.Dial("ws://"+s.addr+"/chat", "", "http://shop.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", strings.Repeat("long ", 50_000)} {
		if err := websocket.Message.Send(ws, text); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(text)) // the echo cuts frames of its own
		if n, err := io.ReadFull(ws, got); err != nil || string(got) != text {
			t.Fatalf("%d bytes back, %v", n, err)
		}
	}
	if n := s.Counters().Active; n != 1 {
		t.Errorf("%d active", n)
	}
	_ = ws.Close()
	if x, asked := rec.one(t); asked != "head body response end" || x.Response.Status != 101 || x.Err != "" {
		t.Errorf("asked %q: %d %q", asked, x.Response.Status, x.Err)
	}
}

// switching is an origin that switches to whatever is asked, says hello first,
// and after the client's end says what it got.
func switching(t *testing.T) string {
	return rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		h, err := readHead(r)
		if err != nil {
			return
		}
		_, rest, ok := strings.Cut(h, "\r\nUpgrade: ")
		if !ok {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
			return
		}
		protocol, _, _ := strings.Cut(rest, "\r\n")
		_, _ = io.WriteString(c, "HTTP/1.1 101 Now It Changes\r\nconnection: upgrade\r\nUpgrade: "+protocol+"\r\nX-A: 1\r\n\r\nhello ")
		got, _ := io.ReadAll(r)
		_, _ = io.WriteString(c, "got "+string(got))
	})
}

func TestAnyUpgradeWithItsHalves(t *testing.T) {
	s := start(t, switching(t), newRecorder(nil), nil)
	c := dial(t, s.addr)
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: my-own/1\r\n\r\nearly ")
	if h := c.head(); h != "HTTP/1.1 101 Now It Changes\r\nconnection: upgrade\r\nUpgrade: my-own/1\r\nX-A: 1\r\n\r\n" {
		t.Fatalf("%q", h)
	}
	if b := c.bytes(6); b != "hello " {
		t.Fatalf("%q", b)
	}
	c.send("and late")
	_ = c.Conn.(*net.TCPConn).CloseWrite() // what the origin says after our end still comes
	if rest := c.rest(); rest != "got early and late" {
		t.Fatalf("%q", rest)
	}
}

// A switch to HTTP/2 would carry requests past the Decider.
func TestNoSwitchToHTTP2(t *testing.T) {
	for _, protocol := range []string{"h2c", "H2C", "h2", "websocket, h2c", "HTTP/2.0"} {
		s := start(t, switching(t), newRecorder(nil), nil)
		c := dial(t, s.addr)
		c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + protocol + "\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n")
		if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 200 ") {
			t.Errorf("%s: %q", protocol, h)
		}
	}
}

func TestASwitchNobodyAskedFor(t *testing.T) {
	origin, _ := script(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
	rec := newRecorder(nil)
	s := start(t, origin, rec, nil)
	for _, ask := range []string{"", "Connection: Upgrade\r\nUpgrade: websocket\r\n"} {
		c := dial(t, s.addr)
		c.send("GET / HTTP/1.1\r\nHost: a\r\n" + ask + "\r\n")
		if h := c.head(); !strings.HasPrefix(h, "HTTP/1.1 502 ") {
			t.Fatalf("%q", h)
		}
		if x, _ := rec.one(t); x.Err != "origin broken" || x.Response.Status != 502 {
			t.Errorf("%+v", x)
		}
	}
}

func TestAnUpgradeCanBeAnswered(t *testing.T) {
	s := start(t, switching(t), newRecorder(at(3, wire.Decision{Answer: &wire.Answer{Status: 403, Body: []byte("no")}})), nil)
	resp, body := get(t, s.url, func(r *http.Request) {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
	})
	if resp.StatusCode != 403 || body != "no" {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
}

func TestShutdownEndsUpgradedConnections(t *testing.T) {
	rec := newRecorder(nil)
	s := start(t, switching(t), rec, nil)
	c := dial(t, s.addr)
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	c.head()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if len(rec.ended) != 1 {
		t.Error("Shutdown returned before the exchange had ended")
	}
	c.rest()
}
