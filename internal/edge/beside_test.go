package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// moments are connections of one program at one address, in milliseconds: opened
// fresh, or resumed with a ticket, which each names by the connection that it came
// from first; asked over, with what the first request is to tell; closed.
var moments = []struct{ name, text string }{
	{"a browser that opens two and asks over one comes back with the other's ticket", `
		0 open a; 0.1 open b; 200 ask a; 2500 close a; 2500 close b
		3000 open c=b; 3010 ask c tells a
		6000 open d=b; 6010 ask d`},
	{"one that is still open has no need of another", `
		0 open a; 0.1 open b; 200 ask a
		3000 open c=b; 3010 ask c`},
	{"a ticket that came back was its owner's, who has no other", `
		0 open a; 5 open b; 200 ask a; 2500 close a
		3000 open c=a; 3010 ask c; 3500 close c
		4000 open d=b; 4010 ask d`},
	{"one that carried something is known by that", `
		0 open a; 0.1 open b; 200 ask a; 210 ask b; 2500 close a; 2500 close b
		3000 open c=b; 3010 ask c`},
	{"four browsers at once: of each two the nearer", `
		0 open a; 0.5 open A; 30 open b; 30.1 open B; 70 open c; 74 open C
		200 ask a; 210 ask B; 220 ask c; 2500 close a; 2500 close b; 2500 close c; 2500 close A; 2500 close B; 2500 close C
		3000 open x=C; 3001 open y=A; 3002 open z=b
		3010 ask z tells B; 3011 ask y tells a; 3012 ask x tells c`},
	{"two as near as each other are nobody's", `
		0 open a; 10 open b; 21 open c; 200 ask a; 210 ask c; 2500 close a; 2500 close c
		3000 open x=b; 3010 ask x`},
	{"nor is who has another as near", `
		0 open a; 10 open b; 21 open c; 200 ask b; 2500 close b
		3000 open x=a; 3010 ask x`},
	{"what was opened a while later is somebody else's", `
		0 open a; 150 open b; 200 ask a; 2500 close a; 2500 close b
		3000 open c=b; 3010 ask c`},
	{"another browser of the same build has another name", `
		0 open a; 0.1 open b; 200 ask a; 2500 close a
		3000 open c=b; 3010 ask c by="another"`},
	{"who asked over what he resumed at once", `
		0 open a; 100 open b; 100.1 open c=a; 110 ask c; 2500 close c
		3000 open d=b; 3010 ask d tells a`},
	{"what is not known tells nothing", `
		0 open a=z; 10 ask a`},
}

func TestBeside(t *testing.T) {
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			b := newBeside()
			conns, ticket := map[string]*opening{}, map[string]string{}
			place := b.place(netip.MustParseAddr("192.0.2.1"), "print", "shop.example")
			for line := range strings.FieldsFuncSeq(m.text, func(r rune) bool { return r == ';' || r == '\n' }) {
				words := strings.Fields(line)
				if len(words) == 0 {
					continue
				}
				at, err := strconv.ParseFloat(words[0], 64)
				if err != nil {
					t.Fatal(err)
				}
				switch words[1] {
				case "open":
					name, of, resumed := strings.Cut(words[2], "=")
					if !resumed {
						of = name
					}
					ticket[name] = of
					conns[name] = b.opens(place, time.Duration(at*float64(time.Millisecond)), of, resumed)
				case "ask":
					agent, want := "agent", ""
					for i, w := range words[3:] {
						if w == "tells" {
							want = words[4+i]
						}
						if by, ok := strings.CutPrefix(w, "by="); ok {
							agent = by
						}
					}
					if got := b.asks(conns[words[2]], agent); got != want {
						t.Errorf("%s: it tells %q, want %q", strings.TrimSpace(line), got, want)
					}
				case "close":
					b.closes(conns[words[2]])
				default:
					t.Fatalf("%q", line)
				}
			}
		})
	}
}

// TestBesideIsBounded: neither many connections nor many at once grow it, and what is
// forgotten is the oldest.
func TestBesideIsBounded(t *testing.T) {
	b := newBeside()
	one := b.place(netip.MustParseAddr("192.0.2.1"), "print", "")
	for i := range 2 * besideCrowd {
		b.opens(one, 0, "crowd "+strconv.Itoa(i), false)
	}
	if n := len(b.moments[moment{one, 0}]); n != besideCrowd {
		t.Fatalf("%d of one moment, want %d", n, besideCrowd)
	}
	first, second := b.opens(one, time.Hour, "first", false), b.opens(one, time.Hour, "second", false)
	b.asks(first, "agent")
	b.closes(first)
	for i := range besideKept - 2 {
		b.opens(one, 2*time.Hour+time.Duration(i)*time.Second, strconv.Itoa(i), false)
	}
	if len(b.order) != besideKept || len(b.tickets) != besideKept || b.tickets[second.ticket] == nil {
		t.Fatalf("%d connections and %d tickets, want %d", len(b.order), len(b.tickets), besideKept)
	}
	b.opens(one, 100*time.Hour, "last", false)
	b.opens(one, 100*time.Hour, "very last", false)
	if len(b.tickets) != besideKept || len(b.moments[moment{one, int64(time.Hour / besideWithin)}]) != 0 || b.tickets["last"] == nil {
		t.Fatalf("%d tickets; the oldest are %v", len(b.tickets), b.moments[moment{one, int64(time.Hour / besideWithin)}])
	}
	if got := b.asks(b.opens(one, 101*time.Hour, "second", true), "agent"); got != "" {
		t.Fatalf("what was forgotten tells %q", got)
	}
}

// told is a cache that says when a ticket has come.
type told struct {
	tls.ClientSessionCache
	came chan struct{}
}

func (c told) Put(key string, s *tls.ClientSessionState) {
	c.ClientSessionCache.Put(key, s)
	if s != nil {
		select {
		case c.came <- struct{}{}:
		default:
		}
	}
}

// TestBrowserThatOpensTwo: over real connections, one that is never asked over gives
// the ticket that its client comes back with.
func TestBrowserThatOpensTwo(t *testing.T) {
	s, rec := identified(t, fixed(t, 10), nil)
	dial := func(cache tls.ClientSessionCache) *tls.Conn {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		c := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example", NextProtos: []string{"h2"}, ClientSessionCache: cache})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ask := func(c *tls.Conn) wire.Conn {
		by := &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
		defer by.CloseIdleConnections()
		fields(t, "https://"+s.addr+"/", by)
		x, _ := rec.one(t)
		return x.Conn
	}
	idle := told{tls.NewLRUClientSessionCache(4), make(chan struct{}, 1)}
	used, unused := dial(tls.NewLRUClientSessionCache(4)), dial(idle)
	go func() {
		var b [1]byte
		_, _ = unused.Read(b[:]) // takes the ticket
	}()
	<-idle.came
	first := ask(used)
	if first.Ticket == "" || first.Resumed || first.Beside != "" {
		t.Fatalf("the first is %+v", first)
	}
	_ = unused.Close()
	b := s.Server.beside
	for ended := false; !ended; time.Sleep(time.Millisecond) {
		b.mu.Lock()
		ended = b.tickets[first.Ticket].closed
		b.mu.Unlock()
	}
	back := ask(dial(idle))
	if !back.Resumed || back.Ticket == first.Ticket || back.Beside != first.Ticket {
		t.Fatalf("back it is %+v, and was %+v", back, first)
	}
	if again := ask(dial(idle)); !again.Resumed || again.Ticket != back.Ticket || again.Beside != "" {
		t.Fatalf("once more it is %+v", again)
	}
}

func BenchmarkBeside(b *testing.B) {
	x := newBeside()
	place := x.place(netip.MustParseAddr("192.0.2.1"), "print", "shop.example")
	tickets := make([]string, 1<<17)
	for i := range tickets {
		tickets[i] = fmt.Sprintf("%032x", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		o := x.opens(place, time.Duration(i)*10*time.Millisecond, tickets[i%len(tickets)], false)
		x.asks(o, "agent")
		x.closes(o)
	}
}
