package edge

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// Each event is with its visitor before the origin sends the next, whatever both
// speak, and while a copy of the response is kept: the origin waits to be told.
func TestEventsArriveOneByOneBetweenEveryProtocol(t *testing.T) {
	for _, big := range []bool{false, true} {
		next := make(chan string)
		rec := newRecorder(at(1, wire.Decision{Response: wire.BodyCopy, Limit: 12}))
		for _, p := range pairings(t, func() Decider { return rec }, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			rc := http.NewResponseController(w)
			_ = rc.Flush()
			for {
				select {
				case e := <-next:
					if e == "" {
						return
					}
					_, _ = io.WriteString(w, "data: "+e+"\n\n")
					_ = rc.Flush()
				case <-r.Context().Done():
					return
				}
			}
		}) {
			t.Run(fmt.Sprintf("%s, big %v", p.name, big), func(t *testing.T) {
				p.transport.ResponseHeaderTimeout = 20 * time.Second
				req, _ := http.NewRequestWithContext(t.Context(), "GET", p.url+"/events", nil)
				req.Header.Set("Accept", "text/event-stream")
				resp, err := p.transport.RoundTrip(req) // the head arrives before any event
				if err != nil {
					t.Fatal(err)
				}
				late := time.AfterFunc(20*time.Second, func() { _ = resp.Body.Close() }) // an event that never comes
				defer late.Stop()
				defer func() { _ = resp.Body.Close() }()
				if want := 1 + strings.Count(p.name[:2], "h2"); resp.ProtoMajor != want {
					t.Fatalf("the visitor speaks %s", resp.Proto)
				}
				in := bufio.NewReader(resp.Body)
				for _, e := range []string{"one", "two", "three", "four"} {
					if big { // more than a buffer, a frame and a window at first
						e = strings.Repeat(e, 100_000)
					}
					next <- e
					for _, want := range []string{"data: " + e + "\n", "\n"} {
						if line, err := in.ReadString('\n'); err != nil || line != want {
							t.Fatalf("%d bytes of %d, %v", len(line), len(want), err)
						}
					}
				}
				next <- ""
				if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
					t.Errorf("%q %v behind the last", rest, err)
				}
				if x, _ := rec.one(t); string(x.RespBody.Bytes[:9]) != "data: one" || !x.RespBody.Truncated {
					t.Errorf("kept %q", x.RespBody.Bytes)
				}
			})
		}
	}
}
