package capture

import (
	"strings"
	"sync"
)

// Bounds of the names remembered.
const (
	maxNames   = 64
	maxNameLen = 128
)

// cookieNames are the names of the session cookies that origins were seen to set,
// bounded. Only an origin adds to them. One that makes up a name for every answer
// (a nonce per sign-in) does not push out the name it sets to all: the name seen
// least makes room, and the newcomer takes over its count, so that a name set again
// and again stays. The zero value is ready.
type cookieNames struct {
	mu   sync.RWMutex
	seen map[string]uint64
}

func (n *cookieNames) holds(name string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	_, ok := n.seen[name]
	return ok
}

// saw counts a name. The name is copied, since its head is only lent.
func (n *cookieNames) saw(name string) {
	if len(name) > maxNameLen {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = make(map[string]uint64, maxNames)
	}
	if count, ok := n.seen[name]; ok {
		n.seen[name] = count + 1
		return
	}
	var least string
	var count uint64
	if len(n.seen) >= maxNames {
		first := true
		for k, v := range n.seen {
			if first || v < count || v == count && k < least {
				least, count, first = k, v, false
			}
		}
		delete(n.seen, least)
	}
	n.seen[strings.Clone(name)] = count + 1
}
