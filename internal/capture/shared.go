package capture

import (
	"hash/fnv"
	"strings"
	"sync"

	"github.com/throughline/throughline/internal/wire"
)

// Bounds of what sharedNames remembers.
const (
	watchedNames = 128 // names of cookies
	watchedSets  = 32  // of each, who was last given which value
	sharedFrom   = 4   // strangers who were given what another had
)

// sharedNames finds the cookies that look like keys and are none: their value says
// what a group of visitors has in common, such as a signed language or the hash of a
// price list, and the origin gives the same one to strangers. Those given to visitors
// who did not bring them are watched; where more than three in four had been given to
// somebody else before, the name tells nobody apart. That is more than the devices of
// one user make. The zero value is ready.
type sharedNames struct {
	mu    sync.RWMutex
	names map[string]*watched
}

// watched is what was seen of a name.
type watched struct {
	given  [watchedSets]given
	at     int
	own    int // values that nobody had been given before
	shared int // values that a stranger had been given
}

type given struct{ value, to uint64 }

// holds tells whether a name tells nobody apart.
func (s *sharedNames) holds(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w := s.names[name]
	return w != nil && w.tellsNobody()
}

func (w *watched) tellsNobody() bool { return w.shared >= sharedFrom && w.shared > 3*w.own }

// saw notes that a response gave a visitor a value of his own, or so it seems.
func (s *sharedNames) saw(name, value string, x *wire.Exchange) {
	if len(name) > maxNameLen || brings(&x.Request, name, value) {
		return
	}
	g := given{sum(value), visitorSum(x)}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.names[name]
	if w == nil {
		if len(s.names) >= watchedNames {
			return // the first are set by every page
		}
		if s.names == nil {
			s.names = map[string]*watched{}
		}
		w = &watched{}
		s.names[strings.Clone(name)] = w
	}
	known := false
	for _, o := range w.given {
		if o.value == g.value {
			if known = true; o.to != g.to {
				w.shared++
				break
			}
		}
	}
	if !known {
		w.own++
	}
	if w.shared+w.own >= 4*watchedSets { // what was long ago counts less
		w.shared, w.own = w.shared/2, w.own/2
	}
	w.given[w.at%watchedSets] = g
	w.at++
}

// brings tells whether a request carries a cookie.
func brings(h *wire.Head, name, value string) (yes bool) {
	eachCookie(h, func(n, v string) { yes = yes || n == name && v == value })
	return yes
}

// visitorSum tells strangers apart, as far as addresses and programs do.
func visitorSum(x *wire.Exchange) uint64 {
	ip := x.Conn.Client.As16()
	return sum(string(ip[:]) + x.Request.Get("User-Agent"))
}

// sum is no secret and goes nowhere.
func sum(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return max(h.Sum64(), 1)
}
