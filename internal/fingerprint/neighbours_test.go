package fingerprint

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// moments are connections of one program at one address, in milliseconds: opened
// fresh, or resumed with a ticket, which each names by the connection that it came
// from first; asked over, with what the first request is to tell; closed.
var moments = []struct{ name, text string }{
	{"a browser that opens two and asks over one comes back with the other's ticket", `
		0 open a; 0.1 open b; 200 ask a; 2500 close a; 2500 close b
		3000 open c=b; 3010 ask c tells a
		6000 open d=b; 6010 ask d`},
	{"or over the other itself, when the first has ended", `
		0 open a; 0.1 open b; 200 ask a; 2500 close a; 3010 ask b tells a
		6000 open d=b; 6010 ask d`},
	{"one that opens more, since the network is slow, comes back with the ticket of each", `
		0 open a; 250 open b; 270 open c; 400 ask a; 2500 close a
		3000 open x=a; 3010 ask x; 6000 close x
		7000 open y=c; 7010 ask y tells a; 8000 close y
		9000 open z=b; 9010 ask z tells a`},
	{"one that is still open has no need of another", `
		0 open a; 0.1 open b; 200 ask a
		3000 open c=b; 3010 ask c`},
	{"nor does who asks at once", `
		0 open a; 10 ask a; 30 close a; 40 open b; 50 ask b; 70 close b; 80 open c; 90 ask c`},
	{"one that carried something is known by that", `
		0 open a; 0.1 open b; 200 ask a; 210 ask b; 2500 close a; 2500 close b
		3000 open c=b; 3010 ask c`},
	{"and is so when it was opened once more for nothing", `
		0 open a; 200 ask a; 270 open b; 300 ask b; 280 open A=a; 2500 close a; 2500 close A; 2500 close b
		3000 open c=a; 3010 ask c`},
	{"four browsers at once: of each two the nearer", `
		0 open a; 0.5 open A; 30 open b; 30.1 open B; 70 open c; 74 open C
		200 ask a; 210 ask B; 220 ask c; 2500 close a; 2500 close b; 2500 close c; 2500 close A; 2500 close B; 2500 close C
		3000 open x=C; 3001 open y=A; 3002 open z=b
		3010 ask z tells B; 3011 ask y tells a; 3012 ask x tells c`},
	{"where there are others, the nearest stays it when its own has come back", `
		0 open a; 5 open b; 200 open c; 300 ask a; 310 ask c; 2500 close a; 2500 close c
		3000 open x=a; 3010 ask x; 3500 close x
		4000 open y=b; 4010 ask y tells a`},
	{"two as near as each other are nobody's", `
		0 open a; 10 open b; 21 open c; 200 ask a; 210 ask c; 2500 close a; 2500 close c
		3000 open x=b; 3010 ask x`},
	{"nor is who has another as near", `
		0 open a; 10 open b; 21 open c; 90 open d; 200 ask b; 210 ask d; 2500 close b; 2500 close d
		3000 open x=a; 3010 ask x`},
	{"what was opened a while later is somebody else's", `
		0 open a; 600 open b; 700 ask a; 2500 close a; 2500 close b
		3000 open c=b; 3010 ask c`},
	{"another browser of the same build has another name", `
		0 open a; 0.1 open b; 200 ask a; 2500 close a
		3000 open c=b; 3010 ask c by=another`},
	{"who asked over what he resumed, and opened a third", `
		0 open a; 150 open b; 150.1 open c=a; 160 ask c; 2500 close c
		3000 open d=b; 3010 ask d tells a`},
	{"who resumed at once what he was given has no other", `
		0 open a; 20 open A=a; 40 open b; 60 open B; 100 ask a; 110 ask b; 2500 close a; 2500 close b
		3000 open c=a; 3001 open d=B; 3010 ask c; 3011 ask d tells b`},
	{"two that were resumed count as two that were given, once what they carried is long ago", `
		0 open a; 0.1 open b; 200 ask a; 210 ask b; 2500 close a; 2500 close b
		3000000 open c=a; 3000000.1 open d=b; 3000010 ask c; 3006000 close c; 3006000 close d
		3007000 open e=b; 3007010 ask e tells a`},
	{"what is not known tells nothing", `
		0 open a=z; 10 ask a`},
}

func TestNeighbours(t *testing.T) {
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			b := NewNeighbours()
			conns, ticket := map[string]*Neighbour{}, map[string]string{}
			place := b.Place(netip.MustParseAddr("192.0.2.1"), "print", "shop.example")
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
					conns[name] = b.Open(place, time.Duration(at*float64(time.Millisecond)), of)
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
					if got := b.Asked(conns[words[2]], time.Duration(at*float64(time.Millisecond)), agent); got != want {
						t.Errorf("%s: it tells %q, want %q", strings.TrimSpace(line), got, want)
					}
				case "close":
					b.Closed(conns[words[2]])
				default:
					t.Fatalf("%q", line)
				}
			}
		})
	}
}

// TestNeighboursAreBounded: neither many connections nor many at once grow it, and what is
// forgotten is the oldest.
func TestNeighboursAreBounded(t *testing.T) {
	b := NewNeighbours()
	one := b.Place(netip.MustParseAddr("192.0.2.1"), "print", "")
	for i := range 2 * neighboursCrowd {
		b.Open(one, 0, "crowd "+strconv.Itoa(i))
	}
	if n := len(b.moments[moment{one, 0}]); n != neighboursCrowd {
		t.Fatalf("%d of one moment, want %d", n, neighboursCrowd)
	}
	first, second := b.Open(one, time.Hour, "first"), b.Open(one, time.Hour, "second")
	b.Asked(first, time.Hour, "agent")
	b.Closed(first)
	for i := range neighboursKept - 2 {
		b.Open(one, 2*time.Hour+time.Duration(i)*time.Second, strconv.Itoa(i))
	}
	if len(b.order) != neighboursKept || len(b.tickets) != neighboursKept || b.tickets[second.bearer.ticket] == nil {
		t.Fatalf("%d connections and %d tickets, want %d", len(b.order), len(b.tickets), neighboursKept)
	}
	b.Open(one, 100*time.Hour, "last")
	b.Open(one, 100*time.Hour, "very last")
	if len(b.tickets) != neighboursKept || len(b.moments[moment{one, int64(time.Hour / openedWithin)}]) != 0 || b.tickets["last"] == nil {
		t.Fatalf("%d tickets; the oldest are %v", len(b.tickets), b.moments[moment{one, int64(time.Hour / openedWithin)}])
	}
	if got := b.Asked(b.Open(one, 101*time.Hour, "second"), 101*time.Hour, "agent"); got != "" {
		t.Fatalf("what was forgotten tells %q", got)
	}
}

func BenchmarkNeighbours(b *testing.B) {
	x := NewNeighbours()
	place := x.Place(netip.MustParseAddr("192.0.2.1"), "print", "shop.example")
	tickets := make([]string, 1<<17)
	for i := range tickets {
		tickets[i] = fmt.Sprintf("%032x", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		o := x.Open(place, time.Duration(i)*10*time.Millisecond, tickets[i%len(tickets)])
		x.Asked(o, o.came, "agent")
		x.Closed(o)
	}
}
