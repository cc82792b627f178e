package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"

	"github.com/throughline/throughline/internal/journey"
)

// Observed is what an observation says of who makes its request, but for the Session
// and its keys.
func Observed(o *journey.Observation) Visitor {
	return Visitor{Time: o.Time, IP: digest(o.IP), Network: network(o), Device: o.Device, Agent: o.Agent}
}

// network names the network of a client: its autonomous system, or without data of
// those the block of its address.
func network(o *journey.Observation) uint64 {
	for i := range o.Elements {
		if o.Elements[i].ID == "asn" && o.Elements[i].Value != "" {
			return digest("asn " + o.Elements[i].Value)
		}
	}
	a, err := netip.ParseAddr(o.IP)
	if err != nil {
		return 0
	}
	bits := 24
	if a = a.Unmap(); a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return 0
	}
	return digest(p.String())
}

// digest is a number that visitors can't make two values have in common.
func digest(s string) uint64 {
	sum := sha256.Sum256([]byte(s))
	return binary.LittleEndian.Uint64(sum[:])
}
