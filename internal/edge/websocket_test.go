package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// echoOrigin echoes messages until the other side closes; to a text "close N reason"
// it closes itself, to "ping" it pings.
func echoOrigin(t *testing.T, pongs *atomic.Int64) string {
	return serveOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"chat.v2"}, CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			return
		}
		c.SetReadLimit(64 << 20)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		defer func() { _ = c.CloseNow() }()
		for {
			kind, msg, err := c.Read(ctx)
			if err != nil {
				return
			}
			switch {
			case bytes.HasPrefix(msg, []byte("close ")):
				_ = c.Close(websocket.StatusCode(4001), strings.TrimPrefix(string(msg), "close "))
				return
			case string(msg) == "ping":
				c.CloseRead(ctx) // somebody must read the pong
				if c.Ping(ctx) == nil {
					pongs.Add(1)
				}
				return
			}
			if c.Write(ctx, kind, msg) != nil {
				return
			}
		}
	})
}

// TestWebSocketCases is what the Autobahn suite asks of an echo, through us.
func TestWebSocketCases(t *testing.T) {
	t.Parallel()
	var pongs atomic.Int64
	origin := echoOrigin(t, &pongs)
	plain := start(t, origin, nobody{}, nil)
	secret, transport := startTLS(t, origin, nobody{})
	transport.ForceAttemptHTTP2 = false
	transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
	for _, way := range []struct {
		name, url string
		client    *http.Client
	}{{"in the clear", plain.url, http.DefaultClient}, {"over TLS", "https://" + secret.addr, &http.Client{Transport: transport}}} {
		for _, mode := range []websocket.CompressionMode{websocket.CompressionDisabled, websocket.CompressionContextTakeover} {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			open := func() *websocket.Conn {
				t.Helper()
				c, _, err := websocket.Dial(ctx, way.url+"/chat", &websocket.DialOptions{HTTPClient: way.client, Subprotocols: []string{"chat.v1", "chat.v2"}, CompressionMode: mode})
				if err != nil {
					t.Fatalf("%s: %v", way.name, err)
				}
				if c.Subprotocol() != "chat.v2" {
					t.Errorf("%s: subprotocol %q", way.name, c.Subprotocol())
				}
				c.SetReadLimit(64 << 20)
				return c
			}
			c := open()
			echo := func(what string, kind websocket.MessageType, msg []byte, pieces int) {
				t.Helper()
				sent := make(chan error, 1)
				go func() {
					w, err := c.Writer(ctx, kind) // each Write is a frame
					for rest := msg; err == nil && len(rest) > 0; {
						n := min(len(rest), len(msg)/pieces+1)
						_, err = w.Write(rest[:n])
						rest = rest[n:]
					}
					if err == nil {
						err = w.Close()
					}
					sent <- err
				}()
				got, back, err := c.Read(ctx)
				if err := errors.Join(err, <-sent); err != nil || got != kind || !bytes.Equal(back, msg) {
					t.Fatalf("%s: %s: %v, %d of %d bytes back", way.name, what, err, len(back), len(msg))
				}
			}
			for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536, 65537} {
				echo("text", websocket.MessageText, bytes.Repeat([]byte("*"), n), 1)
				echo("binary", websocket.MessageBinary, bytes.Repeat([]byte{0xfe}, n), 1)
			}
			echo("fragments", websocket.MessageText, []byte(strings.Repeat("Hello-µ@ßöäüàá-UTF-8!!", 500)), 100)
			big := make([]byte, 16<<20)
			for i := range big {
				big[i] = byte(i * 7)
			}
			echo("16 MB", websocket.MessageBinary, big, 8)
			reading := make(chan error, 1)
			go func() { _, _, err := c.Read(ctx); reading <- err }()
			if err := c.Ping(ctx); err != nil {
				t.Errorf("%s: ping: %v", way.name, err)
			}
			if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
				t.Errorf("%s: close: %v", way.name, err)
			}
			if err := <-reading; websocket.CloseStatus(err) != websocket.StatusNormalClosure && !errors.Is(err, io.EOF) {
				t.Errorf("%s: after the close: %v", way.name, err)
			}
			c = open() // the origin closes, and says why
			if err := c.Write(ctx, websocket.MessageText, []byte("close because of it")); err != nil {
				t.Fatal(err)
			}
			_, _, err := c.Read(ctx)
			var closed websocket.CloseError
			if !errors.As(err, &closed) || closed.Code != 4001 || closed.Reason != "because of it" {
				t.Errorf("%s: closed by the origin: %v", way.name, err)
			}
			c = open() // the origin pings
			before := pongs.Load()
			if err := c.Write(ctx, websocket.MessageText, []byte("ping")); err != nil {
				t.Fatal(err)
			}
			_, _, _ = c.Read(ctx) // answers the ping, until the origin hangs up
			if pongs.Load() != before+1 {
				t.Errorf("%s: the origin's ping was not answered", way.name)
			}
			_ = c.CloseNow()
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	eventually(t, "all are over", func() bool { return plain.Counters().Active+secret.Counters().Active == 0 })
}
