package capture

import (
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/element"
	"github.com/throughline/throughline/internal/fingerprint"
	"github.com/throughline/throughline/internal/wire"
)

// agentsKept is how many user agents are remembered.
const agentsKept = 2_000

// maxLanguage is how much of Accept-Language counts.
const maxLanguage = 256

// classed is what a connection's visitor was found to be. It holds as long as he
// calls himself the same.
type classed struct {
	agent, language string
	device          uint64
}

// Device is a hash of the class of devices that a request comes from, 0 where
// nothing is known. It is worked out once for a connection.
func (c *Capturer) Device(x *wire.Exchange) uint64 {
	agent, language := x.Request.Get("User-Agent"), strings.TrimSpace(x.Request.Get("Accept-Language"))
	language = language[:min(len(language), maxLanguage)]
	m := x.Conn.Memory
	if m != nil {
		if k, ok := m.Load().(*classed); ok && k.agent == agent && k.language == language {
			return k.device
		}
	}
	class := fingerprint.Class{Language: language}
	if s := x.Conn.Shown; s != nil {
		if class.TLS, class.H2 = s.TLS, s.H2; s.TLS == "" {
			class.TLS = fingerprint.JA4Stable(s.JA4)
		}
	}
	if agent != "" {
		k := c.agents.Get(agent)
		if class.Browser, class.System = k.Family, k.System; k.Family == "" {
			class.Browser = unnumbered(&k)
		}
	}
	device := class.Hash()
	if m != nil {
		m.Store(&classed{strings.Clone(agent), strings.Clone(language), device})
	}
	return device
}

// unnumbered is a user agent of no known family, without its versions.
func unnumbered(k *element.KnownAgent) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' || r == '.' {
			return -1
		}
		return r
	}, k.Text)
}

// deviceText is how the class is written.
func deviceText(device uint64) string {
	if device == 0 {
		return ""
	}
	const width = 16
	s := strconv.FormatUint(device, 16)
	return strings.Repeat("0", width-len(s)) + s
}
