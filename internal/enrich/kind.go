package enrich

import (
	"fmt"
	"strings"
)

// Kind says what a network is used for.
type Kind uint8

// Kinds of networks, by how much they say of a visitor: of two the later one is
// told.
const (
	Unknown Kind = iota
	Residential
	Mobile
	Hosting
	Proxy
	VPN
	Tor
)

var kindNames = [...]string{"", "residential", "mobile", "hosting", "proxy", "vpn", "tor"}

func (k Kind) String() string { return kindNames[k] }

func (k Kind) worse(o Kind) Kind { return max(k, o) }

// ParseKind reads a kind as it is written in a configuration or a script.
func ParseKind(s string) (Kind, error) {
	for k, name := range kindNames {
		if name == s && s != "" {
			return Kind(k), nil //nolint:gosec // seven of them
		}
	}
	return Unknown, fmt.Errorf("%q is no kind of network; want %s", s, strings.Join(kindNames[1:], ", "))
}
