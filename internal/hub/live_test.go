package hub

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/control"
	"github.com/throughline/throughline/internal/journey"
)

// stream is an open live stream.
type stream struct {
	t     testing.TB
	lines *bufio.Scanner
	close func()
}

type message struct{ event, id, data, comment string }

func (u *user) listen(path string) *stream {
	u.s.t.Helper()
	r := u.request("GET", path, nil)
	r.Header.Set("Last-Event-ID", "12345") // as a browser that was here before
	resp, err := u.s.server.Client().Do(r)
	if err != nil {
		u.s.t.Fatal(err)
	}
	u.s.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		u.s.t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	st := &stream{t: u.s.t, lines: bufio.NewScanner(resp.Body), close: func() { resp.Body.Close() }}
	st.lines.Buffer(nil, 1<<20)
	<-u.s.feed.joined
	return st
}

// next reads a message; ok is false at the end of the stream.
func (s *stream) next() (m message, ok bool) {
	for s.lines.Scan() {
		line := s.lines.Text()
		switch {
		case line == "":
			return m, true
		case strings.HasPrefix(line, ": "):
			m.comment = line[2:]
		case strings.HasPrefix(line, "event: "):
			m.event = line[7:]
		case strings.HasPrefix(line, "id: "):
			m.id = line[4:]
		case strings.HasPrefix(line, "data: "):
			m.data = line[6:]
		default:
			s.t.Fatalf("not server-sent events: %q", line)
		}
	}
	return m, false
}

func (s *stream) want(event string, data any) message {
	s.t.Helper()
	for {
		m, ok := s.next()
		if !ok {
			s.t.Fatalf("the stream ended before %s", event)
		}
		if m.comment != "" {
			continue
		}
		if m.event != event {
			s.t.Fatalf("got %+v, want %s", m, event)
		}
		if err := json.Unmarshal([]byte(m.data), data); err != nil {
			s.t.Fatal(err)
		}
		return m
	}
}

func TestLiveStream(t *testing.T) {
	s := newStand(t)
	m := memory(t)
	vera := s.signIn("vera", control.Viewer)
	all, bad := vera.listen("/api/v1/live"), vera.listen("/api/v1/live?rating=suspicious,malicious")
	var ready LiveReady
	all.want("ready", &ready)
	bad.want("ready", &ready)
	if ready.Time != "2026-03-01T12:00:00.000000Z" {
		t.Errorf("%+v", ready)
	}
	s.feed.publish(LiveItem{Event: m.Events[0], Session: m.Sessions[0]})
	s.feed.publish(LiveItem{Event: m.Events[5], Session: m.Sessions[1]})
	var first, second, only LiveMessage
	if got := all.want("event", &first); got.id != m.Events[0].ID.String() {
		t.Errorf("%+v", got)
	}
	all.want("event", &second)
	bad.want("event", &only)
	if first.Session.Rating != "normal" || second.Event.ID != m.Events[5].ID.String() || only.Event.ID != second.Event.ID || only.Session.Rating != "malicious" {
		t.Errorf("%+v\n%+v\n%+v", first, second, only)
	}

	s.feed.dropped.Store(7)
	s.feed.publish(LiveItem{Event: m.Events[0], Session: m.Sessions[0]})
	var lag LiveLag
	// What was dropped is told behind whichever event comes next: the stream may not
	// have looked yet behind the last one.
	for told := map[string]bool{}; !told["event"] || !told["lag"]; {
		got, ok := all.next()
		if !ok || told[got.event] {
			t.Fatalf("%+v, and the stream goes on: %v", got, ok)
		}
		if got.comment != "" {
			continue
		}
		told[got.event] = true
		if got.event == "lag" {
			if err := json.Unmarshal([]byte(got.data), &lag); err != nil {
				t.Fatal(err)
			}
		}
	}
	if lag.Dropped != 7 {
		t.Errorf("%+v", lag)
	}
	bad.want("lag", &lag) // told although the event itself was not for it

	s.hub.CloseStreams()
	if m, ok := all.next(); ok {
		t.Errorf("after closing: %+v", m)
	}
	<-s.feed.left
	<-s.feed.left
}

func TestLiveStreamsAreBounded(t *testing.T) {
	s := newStand(t)
	vera, ann := s.signIn("vera", control.Viewer), s.signIn("ann", control.Admin)
	open := make([]*stream, streamsPerActor)
	for i := range open {
		open[i] = vera.listen("/api/v1/live")
	}
	vera.do("GET", "/api/v1/live", nil, http.StatusTooManyRequests, nil)
	var ready LiveReady
	ann.listen("/api/v1/live").want("ready", &ready)
	open[0].close()
	<-s.feed.left
	// The place is free once the handler has returned, a moment later.
	for {
		resp, err := s.server.Client().Do(vera.request("GET", "/api/v1/live", nil))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			break
		}
	}
}

// A stream doesn't outlive the sign-in that opened it.
func TestLiveStreamEndsWithItsSession(t *testing.T) {
	s := newStand(t)
	s.hub.heartbeat = 5 * time.Millisecond
	vera := s.signIn("vera", control.Viewer)
	st := vera.listen("/api/v1/live")
	var ready LiveReady
	st.want("ready", &ready)
	if m, ok := st.next(); !ok || m.comment != "still here" {
		t.Fatalf("no heartbeat: %+v", m)
	}
	vera.do("POST", "/api/v1/logout", nil, 204, nil)
	for {
		m, ok := st.next()
		if !ok {
			return
		}
		if m.comment == "" {
			t.Fatalf("%+v", m)
		}
	}
}

// An open stream doesn't hold the server up when it is told to stop.
func TestServerShutsDownWithStreamsOpen(t *testing.T) {
	s := newStand(t)
	st := s.signIn("vera", control.Viewer).listen("/api/v1/live")
	var ready LiveReady
	st.want("ready", &ready)
	if err := s.server.Config.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, ok := st.next(); ok {
		t.Errorf("after the shutdown: %+v", m)
	}
}

func TestVelocity(t *testing.T) {
	for _, c := range []struct {
		events int
		span   time.Duration
		want   float64
	}{{1, 0, 0}, {2, time.Minute, 1}, {11, 30 * time.Second, 20}, {3, 0, 120000}, {5, 7 * time.Minute, 0.6}} {
		if got := velocity(journey.Session{Events: c.events, Start: 1, Last: 1 + c.span.Microseconds()}); got != c.want {
			t.Errorf("%d events in %s: %v, want %v", c.events, c.span, got, c.want)
		}
	}
}
