package edge

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// beside remembers which connections of HTTP/2 were opened in the same moment, by an
// equal program at the same address. A browser opens two at once for its first page,
// asks over one of them and later resumes with the ticket of the other, of which no
// request was ever seen: beside says whose it most likely is. Safe for concurrent
// use; nothing in it outlives the process.
type beside struct {
	seed  maphash.Seed
	start time.Time

	mu      sync.Mutex
	order   []*opening // the oldest first, from next on once it is full
	next    int
	moments map[moment][]*opening
	tickets map[string]*opening // the latest connection of each ticket
}

// opening is a connection, as long as it is remembered. Guarded by beside.mu.
type opening struct {
	moment moment
	came   time.Duration
	ticket string

	agent   uint64 // of its first request
	resumed bool   // by ticket, which else it was given
	asked   bool   // it carried a request
	closed  bool
	passed  bool // its ticket came back with a request
}

// moment is a place and a step of time.
type moment struct {
	place uint64
	step  int64
}

const (
	besideWithin = 100 * time.Millisecond // between two that were opened at once; also the steps
	besideFirst  = 10 * time.Second       // a ticket is new for that long: its browser loads a first page
	besideKept   = 1 << 15                // connections
	besideCrowd  = 32                     // of one moment: with more nobody is told from others
)

func newBeside() *beside {
	return &beside{seed: maphash.MakeSeed(), start: time.Now(), moments: map[moment][]*opening{}, tickets: map[string]*opening{}}
}

// clock is when something happens that remember is to be told of.
func (b *beside) clock() time.Duration { return time.Since(b.start) }

// place is where programs that look the same to TLS ask for the same host.
func (b *beside) place(peer netip.Addr, print, sni string) uint64 {
	var h maphash.Hash
	h.SetSeed(b.seed)
	ip := peer.As16()
	_, _ = h.Write(ip[:])
	_, _ = h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(print))))
	_, _ = h.WriteString(print)
	_, _ = h.WriteString(sni)
	return h.Sum64()
}

// opens notes a connection that was given a ticket, or resumed with one.
func (b *beside) opens(place uint64, came time.Duration, ticket string, resumed bool) *opening {
	o := &opening{moment: moment{place, int64(came / besideWithin)}, came: came, ticket: ticket, resumed: resumed}
	if !resumed {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.remember(o)
	}
	return o
}

// asks notes the first request over a connection. When the ticket it resumed with is of
// one that carried nothing, it returns that of the one which was opened beside that, if
// there is one and no doubt.
func (b *beside) asks(o *opening, agent string) (other string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.agent = maphash.String(b.seed, agent)
	if !o.resumed {
		o.asked = true
		return ""
	}
	last := b.tickets[o.ticket]
	if last == nil {
		return ""
	}
	if !last.asked && !last.passed {
		if with := b.partner(last, o.agent); with != nil {
			with.passed, other = true, with.ticket
		}
	}
	last.passed = true
	if o.asked = true; o.came-last.came <= besideFirst {
		b.remember(o)
	}
	return other
}

// closes notes that a connection has ended.
func (b *beside) closes(o *opening) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o.closed = true
}

// partner is the connection that was opened beside one which carried nothing: the
// nearest in time that has ended, since over HTTP/2 nobody opens another while he has
// one, and whose own ticket has not come back. Neither may have another such close by.
func (b *beside) partner(idle *opening, agent uint64) *opening {
	var best *opening
	near, next := besideWithin+1, besideWithin+1
	crowd := false
	b.around(idle, &crowd, func(o *opening, gap time.Duration) {
		if !o.asked || !o.closed || o.passed || o.agent != agent || o.ticket == idle.ticket {
			return
		}
		if gap < near {
			best, near, next = o, gap, near
		} else {
			next = min(next, gap)
		}
	})
	if best == nil || crowd || !clearly(near, next) {
		return nil
	}
	next = besideWithin + 1
	b.around(best, &crowd, func(o *opening, gap time.Duration) {
		if !o.asked && !o.passed && o != idle {
			next = min(next, gap)
		}
	})
	if crowd || !clearly(near, next) {
		return nil
	}
	return best
}

// clearly says that of two the nearer is it. Of both at once neither is.
func clearly(near, next time.Duration) bool {
	return next > besideWithin || next >= 2*near+2*time.Millisecond
}

// around calls f with those opened about when o was, at its place.
func (b *beside) around(o *opening, crowd *bool, f func(*opening, time.Duration)) {
	for step := o.moment.step - 1; step <= o.moment.step+1; step++ {
		there := b.moments[moment{o.moment.place, step}]
		*crowd = *crowd || len(there) >= besideCrowd
		for _, other := range there {
			if gap := (other.came - o.came).Abs(); other != o && gap <= besideWithin {
				f(other, gap)
			}
		}
	}
}

// remember keeps a connection in place of the oldest.
func (b *beside) remember(o *opening) {
	there := b.moments[o.moment]
	if len(there) >= besideCrowd {
		return
	}
	b.moments[o.moment] = append(there, o)
	b.tickets[o.ticket] = o
	if len(b.order) < besideKept {
		b.order = append(b.order, o)
		return
	}
	b.forget(b.order[b.next])
	b.order[b.next] = o
	b.next = (b.next + 1) % besideKept
}

func (b *beside) forget(o *opening) {
	if b.tickets[o.ticket] == o {
		delete(b.tickets, o.ticket)
	}
	there := b.moments[o.moment]
	if there = slices.DeleteFunc(there, func(x *opening) bool { return x == o }); len(there) == 0 {
		delete(b.moments, o.moment)
	} else {
		b.moments[o.moment] = there
	}
}
