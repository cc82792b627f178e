package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// The throttle slows guessing down: after a few free attempts each further one
// doubles the wait, per address and name, and (later) per address alone. Names
// alone are never locked, or a stranger could lock anybody out.
const (
	freePerName    = 5
	freePerAddress = 30
	longestWait    = 15 * time.Minute
	forgetAfter    = time.Hour
	throttleSize   = 16384 // entries kept at most; the longest untouched goes first
)

type throttleKey struct {
	network netip.Prefix
	name    string // "" for the address alone
}

type throttleEntry struct {
	key     throttleKey
	tries   int
	last    time.Time
	blocked time.Time
}

type throttle struct {
	mu      sync.Mutex
	entries map[throttleKey]*list.Element
	recent  *list.List // of *throttleEntry, latest first
	size    int
}

func newThrottle() *throttle {
	return &throttle{entries: map[throttleKey]*list.Element{}, recent: list.New(), size: throttleSize}
}

// network is the part of an address that one attacker is sure to hold: an IPv4
// address, or an IPv6 /64.
func network(ip string) netip.Prefix {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// begin counts an attempt before it is made, so that many at once are all
// counted, and answers how long to wait instead of making it.
func (t *throttle) begin(ip, name string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.entry(throttleKey{network(ip), name}, now)
	at := t.entry(throttleKey{network(ip), ""}, now)
	for _, e := range []*throttleEntry{of, at} {
		wait = max(wait, e.blocked.Sub(now))
	}
	if wait > 0 {
		return wait
	}
	of.count(freePerName, now)
	at.count(freePerAddress, now)
	return 0
}

// succeeded takes the attempt back: all of the name's, one of the address's.
func (t *throttle) succeeded(ip, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if el, ok := t.entries[throttleKey{network(ip), name}]; ok {
		t.remove(el)
	}
	if el, ok := t.entries[throttleKey{network(ip), ""}]; ok {
		e := el.Value.(*throttleEntry)
		e.tries--
		e.blocked = time.Time{}
	}
}

func (t *throttle) entry(k throttleKey, now time.Time) *throttleEntry {
	if el, ok := t.entries[k]; ok {
		t.recent.MoveToFront(el)
		e := el.Value.(*throttleEntry)
		if now.Sub(e.last) >= forgetAfter {
			*e = throttleEntry{key: k}
		}
		return e
	}
	if len(t.entries) >= t.size {
		t.remove(t.recent.Back())
	}
	e := &throttleEntry{key: k}
	t.entries[k] = t.recent.PushFront(e)
	return e
}

func (t *throttle) remove(el *list.Element) {
	delete(t.entries, el.Value.(*throttleEntry).key)
	t.recent.Remove(el)
}

func (e *throttleEntry) count(free int, now time.Time) {
	e.tries++
	e.last = now
	if over := e.tries - free; over >= 0 {
		e.blocked = now.Add(min(longestWait, time.Second<<min(over, 20)))
	}
}
