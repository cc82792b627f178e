package fingerprint

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Neighbours remembers which connections of HTTP/2 were opened in the same moment, by an
// equal program at the same address. A browser opens two at once for its first page,
// asks over one of them and later resumes with the ticket of the other, of which no
// request was ever seen: Neighbours says whose it most likely is. Safe for concurrent
// use; nothing in it outlives the process.
type Neighbours struct {
	seed maphash.Seed

	mu      sync.Mutex
	order   []*Neighbour // the oldest first, from next on once it is full
	next    int
	moments map[moment][]*Neighbour
	tickets map[string]*Neighbour // the latest connection of each ticket
}

// Neighbour is a connection, as long as it is remembered. Guarded by Neighbours.mu.
type Neighbour struct {
	moment moment
	came   time.Duration
	ticket string     // it was given, or resumed with
	former *Neighbour // the last one with its ticket before it, until that one's is asked for

	agent  uint64 // of its first request
	asked  bool   // it carried a request
	closed bool
	passed bool // its ticket came back with a request
}

// moment is a place and a step of time.
type moment struct {
	place uint64
	step  int64
}

const (
	openedWithin    = 100 * time.Millisecond // between two that were opened at once; also the steps
	neighboursKept  = 1 << 15                // connections
	neighboursCrowd = 32                     // of one moment: with more nobody is told from others
)

// NewNeighbours returns one that knows of none.
func NewNeighbours() *Neighbours {
	return &Neighbours{seed: maphash.MakeSeed(), moments: map[moment][]*Neighbour{}, tickets: map[string]*Neighbour{}}
}

// Place is where programs that look the same to TLS ask for the same host.
func (all *Neighbours) Place(peer netip.Addr, print, sni string) uint64 {
	var h maphash.Hash
	h.SetSeed(all.seed)
	ip := peer.As16()
	_, _ = h.Write(ip[:])
	_, _ = h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(print))))
	_, _ = h.WriteString(print)
	_, _ = h.WriteString(sni)
	return h.Sum64()
}

// Open notes a connection that was given a ticket, or resumed with one. came is when it
// was opened, by any clock that stands for nobody.
func (all *Neighbours) Open(place uint64, came time.Duration, ticket string) *Neighbour {
	o := &Neighbour{moment: moment{place, int64(came / openedWithin)}, came: came, ticket: ticket}
	all.mu.Lock()
	defer all.mu.Unlock()
	if o.former = all.tickets[ticket]; o.former != nil {
		o.former.former = nil // else none would ever be forgotten
	}
	all.remember(o)
	return o
}

// Asked notes the first request over a connection. When the one before with its ticket
// carried nothing, it returns the ticket of the one which was opened beside that, if
// there is one and no doubt.
func (all *Neighbours) Asked(o *Neighbour, agent string) (other string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	o.asked, o.agent = true, maphash.String(all.seed, agent)
	last := o.former
	if o.former = nil; last == nil {
		return ""
	}
	if !last.asked && !last.passed {
		if with := all.partner(last, o.agent); with != nil {
			with.passed, other = true, with.ticket
		}
	}
	last.passed = true
	return other
}

// Closed notes that a connection has ended.
func (all *Neighbours) Closed(o *Neighbour) {
	all.mu.Lock()
	defer all.mu.Unlock()
	o.closed = true
}

// partner is the connection that was opened beside one which carried nothing: the
// nearest in time that has ended, since over HTTP/2 nobody opens another while he has
// one, and whose own ticket has not come back. Neither may have another such close by.
func (all *Neighbours) partner(idle *Neighbour, agent uint64) *Neighbour {
	about, crowd := all.around(idle)
	if crowd || known(idle, about) {
		return nil
	}
	var best *Neighbour
	near, next := openedWithin+1, openedWithin+1
	for _, o := range about {
		if !o.asked || !o.closed || o.passed || o.agent != agent || spare(o, about) {
			continue
		}
		if gap := o.gap(idle); gap < near {
			best, near, next = o, gap, near
		} else {
			next = min(next, gap)
		}
	}
	if best == nil || !clearly(near, next) {
		return nil
	}
	about, crowd = all.around(best)
	next = openedWithin + 1
	for _, o := range about {
		if !o.asked && !o.passed && o != idle && !known(o, about) {
			next = min(next, o.gap(best))
		}
	}
	if crowd || !clearly(near, next) {
		return nil
	}
	return best
}

// known says that the ticket of one that carried nothing is known by one of those about
// it, which did.
func known(idle *Neighbour, about []*Neighbour) bool {
	return slices.ContainsFunc(about, func(o *Neighbour) bool { return o.asked && o.ticket == idle.ticket })
}

// spare says that a connection has its ticket from, or shares it with, one of those
// about it which carried nothing: its client has no other.
func spare(asked *Neighbour, about []*Neighbour) bool {
	return slices.ContainsFunc(about, func(o *Neighbour) bool { return !o.asked && o.ticket == asked.ticket })
}

// clearly says that of two the nearer is it. Of both at once neither is.
func clearly(near, next time.Duration) bool {
	return next > openedWithin || next >= 2*near+2*time.Millisecond
}

// around is who was opened about when o was, at its place, and whether they are too many.
func (all *Neighbours) around(o *Neighbour) (about []*Neighbour, crowd bool) {
	for step := o.moment.step - 1; step <= o.moment.step+1; step++ {
		there := all.moments[moment{o.moment.place, step}]
		crowd = crowd || len(there) >= neighboursCrowd
		for _, other := range there {
			if other != o && other.gap(o) <= openedWithin {
				about = append(about, other)
			}
		}
	}
	return about, crowd
}

func (o *Neighbour) gap(other *Neighbour) time.Duration { return (o.came - other.came).Abs() }

// remember keeps a connection in place of the oldest.
func (all *Neighbours) remember(o *Neighbour) {
	there := all.moments[o.moment]
	if len(there) >= neighboursCrowd {
		return
	}
	all.moments[o.moment] = append(there, o)
	all.tickets[o.ticket] = o
	if len(all.order) < neighboursKept {
		all.order = append(all.order, o)
		return
	}
	all.forget(all.order[all.next])
	all.order[all.next] = o
	all.next = (all.next + 1) % neighboursKept
}

func (all *Neighbours) forget(o *Neighbour) {
	if all.tickets[o.ticket] == o {
		delete(all.tickets, o.ticket)
	}
	there := all.moments[o.moment]
	if there = slices.DeleteFunc(there, func(x *Neighbour) bool { return x == o }); len(there) == 0 {
		delete(all.moments, o.moment)
	} else {
		all.moments[o.moment] = there
	}
}
