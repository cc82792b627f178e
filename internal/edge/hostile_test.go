package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// send sends pieces one after the other, ends its half, and returns the statuses
// that come back.
func send(addr string, pieces ...[]byte) string {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	for i, p := range pieces {
		if i > 0 {
			time.Sleep(50 * time.Microsecond)
		}
		if _, err := c.Write(p); err != nil {
			break // refused already
		}
	}
	_ = c.(*net.TCPConn).CloseWrite()
	all, _ := io.ReadAll(c) // a reset ends it as well
	return statuses(all)
}

// statuses are those of the responses in b; what follows them and is none is marked.
func statuses(b []byte) string {
	var out []string
	r := bufio.NewReader(bytes.NewReader(b))
	for {
		if _, err := r.Peek(1); err != nil {
			break
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			out = append(out, "garbage")
			break
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			out = append(out, strconv.Itoa(resp.StatusCode)+"(cut)")
			break
		}
		out = append(out, strconv.Itoa(resp.StatusCode))
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, " ")
}

// TestHostileRequests sends each request in all ways: always the same is answered,
// and the same reaches the origin.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	type place struct {
		w *witness
		s *rig
	}
	inParallel(vectors(t, "requests"), func() place {
		w := newWitness(t)
		return place{w, start(t, w.url, nobody{}, nil)}
	}, func(p place, v vector) {
		for _, h := range ways(v.text) {
			got := send(p.s.addr, h.pieces...)
			if seen := p.w.take(); got != v.keys["want"] || seen != v.keys["origin"] {
				t.Errorf("%s: %s: answered %s, the origin got %q; want %s and %q", v.name, h.name, got, seen, v.keys["want"], v.keys["origin"])
				return
			}
		}
	})
}

// TestHostileRequestsBesidePeers sends the same to nginx and HAProxy: nothing
// reaches an origin through us that neither of them would let through.
func TestHostileRequestsBesidePeers(t *testing.T) {
	t.Parallel()
	list := vectors(t, "requests")
	next := startTracks(t, func() backend { return newWitness(t) })
	rows := newTable("request")
	inParallel(list, next, func(l *track, v vector) {
		ours := send(l.s.addr, v.text)
		reached := l.w.(*witness).take()
		cells := []string{brief(ours, reached)}
		var theirs []string
		for i, p := range l.peers {
			got := converse(l.plain[i], v.text, len(strings.Fields(ours)))
			theirs = append(theirs, p.(*witness).take())
			cells = append(cells, brief(got, theirs[i]))
		}
		rows.add(v.name, cells)
		if alone := passed(reached, theirs...); alone != nil && v.keys["alone"] == "" {
			t.Errorf("%s: only we pass on %q", v.name, alone)
		}
	})
	rows.print(t, list)
}

// brief is a cell of the table.
func brief(answered, reached string) string {
	if len(reached) > 60 {
		reached = reached[:60] + "..."
	}
	return answered + " > " + reached
}

// rows shows what became of each message: the statuses answered and, behind ">",
// what reached the origin.
type rows struct {
	mu   sync.Mutex
	what string
	of   map[string][]string
}

func newTable(what string) *rows { return &rows{what: what, of: map[string][]string{}} }

func (r *rows) add(name string, cells []string) {
	r.mu.Lock()
	r.of[name] = cells
	r.mu.Unlock()
}

func (r *rows) print(t *testing.T, list []vector) {
	t.Helper()
	var b strings.Builder
	line := func(name string, cells []string) {
		_, _ = fmt.Fprintf(&b, "%-48s", name)
		for _, c := range cells {
			_, _ = fmt.Fprintf(&b, " %-30s", c)
		}
		b.WriteByte('\n')
	}
	line(r.what, append([]string{"throughline"}, peerNames...))
	for _, v := range list {
		line(v.name, r.of[v.name])
	}
	t.Log("\n" + b.String())
}
