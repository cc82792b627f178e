package edge

import (
	"bufio"
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

// liar is an origin that answers /hostile with the bytes of a vector, cut in pieces
// in some way, and everything else with the path asked for.
type liar struct {
	url string
	mu  sync.Mutex
	say way
	end bool // close behind it
	// said is closed when all of it has left: what comes on a connection after the
	// next request is its answer, for anybody who looks.
	said chan struct{}
}

func newLiar(t *testing.T) *liar {
	l := &liar{}
	l.url = rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		for {
			line, ok := lenientRequest(r)
			if !ok {
				return
			}
			_, path, _ := strings.Cut(line, " ")
			l.mu.Lock()
			say, end, said := l.say, l.end, l.said
			if path == "/hostile" {
				l.said = nil // a request may be repeated
			}
			l.mu.Unlock()
			if path != "/hostile" {
				say, end = way{pieces: [][]byte{fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(path), path)}}, false
				said = nil
			}
			err := say.write(c)
			if said != nil {
				close(said)
			}
			if err != nil || end {
				return
			}
		}
	})
	return l
}

func (w way) write(c net.Conn) error {
	for i, p := range w.pieces {
		if i > 0 {
			time.Sleep(50 * time.Microsecond)
		}
		if _, err := c.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// tell says what /hostile, asked for once, is to get.
func (l *liar) tell(w way, end bool) (said <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.say, l.end, l.said = w, end, make(chan struct{})
	return l.said
}

// visitLiar asks for /hostile and then, on the same connection if it still stands and on
// another one, for other paths. It tells what came of the first, and whether the
// others got what was theirs.
func visitLiar(network, addr string, v vector, said <-chan struct{}, patience time.Duration) (first string, fault string) {
	theirs := func(got, want string) bool {
		return got == want || v.keys["extra"] == "yes" && got == "502"
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		return err.Error(), ""
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	first, again := askFor(c, r, methodOf(v), "/hostile")
	if again {
		select {
		case <-said:
		case <-time.After(patience):
			return first, "the origin does not end"
		}
		if got, _ := askFor(c, r, "GET", "/same"); !theirs(got, "200 whole /same") && got != "-" {
			fault = "the next request on the connection got " + strconv.Quote(got)
		}
	}
	other, err := net.Dial(network, addr)
	if err != nil {
		return first, err.Error()
	}
	defer func() { _ = other.Close() }()
	_ = other.SetDeadline(time.Now().Add(patience))
	if got, _ := askFor(other, bufio.NewReader(other), "GET", "/other"); !theirs(got, "200 whole /other") {
		fault = "the next visitor got " + strconv.Quote(got)
	}
	return first, fault
}

// askFor sends a request and reads the response: the statuses, the interim ones among
// them, whether it came whole, and its body. again says that the connection is good
// for another.
func askFor(c net.Conn, r *bufio.Reader, method, path string) (got string, again bool) {
	req := &http.Request{Method: method}
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, path); err != nil {
		return "-", false
	}
	for {
		resp, err := http.ReadResponse(r, req)
		if err != nil {
			return strings.TrimSpace(got + " -"), false
		}
		got += strconv.Itoa(resp.StatusCode) + " "
		if resp.StatusCode < 200 && resp.StatusCode != 101 {
			if strings.Count(got, " ") > 1000 {
				return "interim responses without end", false
			}
			continue
		}
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode == 502 || resp.StatusCode == 504 {
			return strings.TrimSpace(got), false
		}
		if err != nil {
			return got + "cut", false // how much came before is a matter of time
		}
		return strings.TrimSpace(got + "whole " + string(body)), !resp.Close
	}
}

func TestHostileResponses(t *testing.T) {
	t.Parallel()
	type place struct {
		o *liar
		s *rig
	}
	list := vectors(t, "responses")
	inParallel(list, func() place {
		o := newLiar(t)
		return place{o, start(t, o.url, nobody{}, nil)}
	}, func(p place, v vector) {
		for _, h := range ways(v.text) {
			said := p.o.tell(h, v.keys["end"] == "close")
			got, fault := visitLiar("tcp", p.s.addr, v, said, 20*time.Second)
			if got != v.keys["want"] || fault != "" {
				t.Errorf("%s: %s: the visitor got %q, want %q; %s", v.name, h.name, got, v.keys["want"], fault)
				return
			}
		}
	})
}

func methodOf(v vector) string {
	if m := v.keys["method"]; m != "" {
		return m
	}
	return "GET"
}

// TestHostileResponsesBesidePeers shows what nginx and HAProxy make of them: what
// neither takes for a whole response we don't either.
func TestHostileResponsesBesidePeers(t *testing.T) {
	t.Parallel()
	list := vectors(t, "responses")
	next := startTracks(t, func() backend { return newLiar(t) })
	rows := newTable("response")
	inParallel(list, next, func(l *track, v vector) {
		whole := way{pieces: [][]byte{v.text}}
		ask := func(b backend, network, addr string) (string, bool) {
			said := b.(*liar).tell(whole, v.keys["end"] == "close")
			got, fault := visitLiar(network, addr, v, said, 2*time.Second)
			cell := got
			if fault != "" {
				cell += " !"
			}
			return cell, strings.Contains(got, "whole")
		}
		cell, ours := ask(l.w, "tcp", l.s.addr)
		cells, theirs := []string{cell}, false
		for i, p := range l.peers {
			cell, whole := ask(p, "unix", l.plain[i])
			cells, theirs = append(cells, cell), theirs || whole
		}
		rows.add(v.name, cells)
		if ours && !theirs && v.keys["alone"] == "" {
			t.Errorf("%s: only we pass it on", v.name)
		}
	})
	rows.print(t, list)
}
