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
	tickets map[string]*bearer
}

// Neighbour is a connection, as long as it is remembered. Guarded by Neighbours.mu.
type Neighbour struct {
	moment moment
	came   time.Duration
	bearer *bearer
	former *Neighbour // the one before it with its ticket, until it is asked over or another comes

	agent  uint64 // of its first request
	asked  bool   // it carried a request
	closed bool
}

// bearer is who has a ticket.
type bearer struct {
	ticket string
	last   *Neighbour // that was opened with it
	by     *Neighbour // that was asked over, nil: none was
	heard  time.Duration
}

// moment is a place and a step of time.
type moment struct {
	place uint64
	step  int64
}

const (
	openedWithin    = 500 * time.Millisecond // between two for the same page; also the steps. Browsers try another after 250
	unused          = time.Second            // after that one that was opened for a request has carried it
	heardFor        = 30 * time.Minute       // as long a ticket is known by what came with it
	neighboursKept  = 1 << 15                // connections
	neighboursCrowd = 32                     // of one moment: with more nobody is told from others
)

// NewNeighbours returns one that knows of none.
func NewNeighbours() *Neighbours {
	return &Neighbours{seed: maphash.MakeSeed(), moments: map[moment][]*Neighbour{}, tickets: map[string]*bearer{}}
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
	all.mu.Lock()
	defer all.mu.Unlock()
	b := all.tickets[ticket]
	if b == nil {
		b = &bearer{ticket: ticket}
	}
	o := &Neighbour{moment: moment{place, int64(came / openedWithin)}, came: came, bearer: b, former: b.last}
	if o.former != nil {
		o.former.former = nil // else none would ever be forgotten
	}
	all.remember(o)
	return o
}

// Asked notes the first request over a connection. When the connection had waited for
// one, or the one before with its ticket carried none, it returns the ticket of the one
// which was opened beside that, if there is one and no doubt.
func (all *Neighbours) Asked(o *Neighbour, now time.Duration, agent string) (other string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	o.agent = maphash.String(all.seed, agent)
	idle := o.former
	if now-o.came >= unused {
		idle = o
	}
	if idle != nil && !idle.asked && !o.bearer.known(now) {
		if with := all.partner(idle, o.agent); with != nil {
			other = with.bearer.ticket
		}
	}
	o.former = nil
	o.asked, o.bearer.by, o.bearer.heard = true, o, now
	return other
}

// known says that requests came with a ticket lately.
func (b *bearer) known(now time.Duration) bool { return b.by != nil && now-b.heard <= heardFor }

// Closed notes that a connection has ended.
func (all *Neighbours) Closed(o *Neighbour) {
	all.mu.Lock()
	defer all.mu.Unlock()
	o.closed = true
}

// partner is a connection of the client that one which carried nothing was opened by. It
// has ended, since over HTTP/2 nobody opens another while he has one.
func (all *Neighbours) partner(idle *Neighbour, agent uint64) *Neighbour {
	about, crowd := all.around(idle)
	if crowd {
		return nil
	}
	if o := only(about); o != nil {
		if o.closed && o.agent == agent && o.bearer != idle.bearer {
			return o
		}
		return nil
	}
	return all.nearest(idle, about, agent)
}

// only is the last connection of the one client that asked for something; nil when
// there was none, or another.
func only(about []*Neighbour) (one *Neighbour) {
	for _, o := range about {
		switch {
		case !o.asked:
		case one == nil:
			one = o.bearer.by
		case one.bearer != o.bearer:
			return nil
		}
	}
	return one
}

// nearest is, of several that asked, the nearest in time. Neither may have another such
// close by.
func (all *Neighbours) nearest(idle *Neighbour, about []*Neighbour, agent uint64) *Neighbour {
	var best *Neighbour
	near, next := openedWithin+1, openedWithin+1
	for _, o := range about {
		if !o.asked || !o.bearer.by.closed || o.agent != agent || o.bearer == idle.bearer || spare(o, about) {
			continue
		}
		switch gap := o.gap(idle); {
		case best != nil && best.bearer == o.bearer:
			near = min(near, gap)
		case gap < near:
			best, near, next = o, gap, near
		default:
			next = min(next, gap)
		}
	}
	if best == nil || !clearly(near, next) {
		return nil
	}
	about, crowd := all.around(best)
	next = openedWithin + 1
	for _, o := range about {
		if !o.asked && o != idle && !o.bearer.known(o.came) {
			next = min(next, o.gap(best))
		}
	}
	if crowd || !clearly(near, next) {
		return nil
	}
	return best
}

// spare says that one was opened right after it with its ticket and carried nothing: its
// client had no other ticket.
func spare(asked *Neighbour, about []*Neighbour) bool {
	return slices.ContainsFunc(about, func(o *Neighbour) bool { return !o.asked && o.bearer == asked.bearer && o.came > asked.came })
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
	all.tickets[o.bearer.ticket], o.bearer.last = o.bearer, o
	if len(all.order) < neighboursKept {
		all.order = append(all.order, o)
		return
	}
	all.forget(all.order[all.next])
	all.order[all.next] = o
	all.next = (all.next + 1) % neighboursKept
}

func (all *Neighbours) forget(o *Neighbour) {
	if o.bearer.last == o {
		delete(all.tickets, o.bearer.ticket)
	}
	there := slices.DeleteFunc(all.moments[o.moment], func(x *Neighbour) bool { return x == o })
	if len(there) == 0 {
		delete(all.moments, o.moment)
	} else {
		all.moments[o.moment] = there
	}
}
