package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Bounds on live streams, each of which holds a connection and a buffer.
const (
	streamsPerActor = 8
	streamsAtAll    = 256
	streamWrite     = 10 * time.Second // a reader slower than this is gone
)

// streams counts the open live streams and ends them on shutdown.
type streams struct {
	mu     sync.Mutex
	open   map[string]int
	total  int
	closed chan struct{}
	once   sync.Once
}

func (s *streams) init() {
	s.open = map[string]int{}
	s.closed = make(chan struct{})
}

func (s *streams) close() { s.once.Do(func() { close(s.closed) }) }

func (s *streams) enter(actor string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= streamsAtAll || s.open[actor] >= streamsPerActor {
		return nil, false
	}
	s.total++
	s.open[actor]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		if s.open[actor]--; s.open[actor] == 0 {
			delete(s.open, actor)
		}
	}, true
}

func (h *Hub) live(ctx context.Context, in *liveInput) (*huma.StreamResponse, error) {
	leave, ok := h.streams.enter(callerOf(ctx).Actor())
	if !ok {
		return nil, huma.Error429TooManyRequests(fmt.Sprintf("too many live streams are open; at most %d each", streamsPerActor))
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer leave()
		r, w := humago.Unwrap(hctx)
		h.stream(r, w, in)
	}}, nil
}

// stream writes until the reader goes, the sign-in ends, or the Hub closes.
func (h *Hub) stream(r *http.Request, w http.ResponseWriter, in *liveInput) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := &sse{w: w, control: http.NewResponseController(w)}
	// The server's ReadTimeout would end the request while nothing is read.
	_ = out.control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back

	items, dropped := h.Live.Subscribe(ctx)
	out.send("ready", "", LiveReady{Time: stampOf(h.Clock())})
	beat := time.NewTicker(h.heartbeat)
	defer beat.Stop()
	c := callerOf(ctx)
	var told int64
	for out.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-h.streams.closed:
			return
		case <-beat.C:
			if h.Auth.Recheck(ctx, c.Principal) != nil {
				return
			}
			out.comment("still here")
		case item, ok := <-items:
			if !ok {
				return
			}
			if len(in.parsed.ratings) == 0 || slices.Contains(in.parsed.ratings, item.Session.Rating) {
				out.send("event", item.Event.ID.String(), LiveMessage{Event: h.eventOf(item.Event), Session: h.sessionOf(item.Session)})
			}
		}
		if n := dropped(); n > told {
			told = n
			out.send("lag", "", LiveLag{Dropped: n})
		}
	}
}

// sse writes server-sent events; after the first error it writes no more.
type sse struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (s *sse) send(event, id string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.err = err
		return
	}
	text := "event: " + event + "\n"
	if id != "" {
		text += "id: " + id + "\n"
	}
	s.write(text + "data: " + string(data) + "\n\n")
}

func (s *sse) comment(text string) { s.write(": " + text + "\n\n") }

func (s *sse) write(text string) {
	if s.err != nil {
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, s.err = s.w.Write([]byte(text)); s.err == nil {
		s.err = s.control.Flush()
	}
}
