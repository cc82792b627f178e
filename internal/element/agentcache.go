package element

import (
	"strings"
	"sync"
)

// KnownAgent is a user agent of our own copy, cut to what is kept, and what it says.
type KnownAgent struct {
	Text string
	Agent
}

// Agents remembers what user agents say, unknown ones as well. It holds two
// generations: when the young one is full the old one goes, so that a flood of new
// ones costs memory for no more than the bound, and what is in use stays. Safe for
// concurrent use.
type Agents struct {
	mu         sync.RWMutex
	most       int // of a generation
	young, old map[string]KnownAgent
}

// NewAgents remembers about most user agents.
func NewAgents(most int) *Agents {
	most = max(most/2, 1)
	return &Agents{most: most, young: map[string]KnownAgent{}, old: map[string]KnownAgent{}}
}

// Get answers what a user agent says. The text given may be lent.
func (c *Agents) Get(ua string) KnownAgent {
	ua = cutBytes(ua, maxAgent)
	c.mu.RLock()
	k, young := c.young[ua]
	old := false
	if !young {
		k, old = c.old[ua]
	}
	c.mu.RUnlock()
	if young {
		return k
	}
	if !old {
		text := strings.ToValidUTF8(strings.Clone(ua), "")
		if line, err := userAgent(text); err == nil {
			text = line
		} else {
			text = ""
		}
		k = KnownAgent{Text: text, Agent: ParseAgent(text)}
	}
	c.mu.Lock()
	if len(c.young) >= c.most {
		c.old, c.young = c.young, map[string]KnownAgent{}
	}
	c.young[strings.Clone(ua)] = k
	c.mu.Unlock()
	return k
}

// Len is how many are remembered.
func (c *Agents) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.young) + len(c.old)
}
