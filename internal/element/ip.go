package element

import (
	"errors"
	"net/netip"
	"strings"
)

var errIP = errors.New("not an IP address")

// ipAddress reads an address, also in brackets and with a port, as headers carry
// it. IPv4 within IPv6 becomes IPv4; a zone means nothing elsewhere and goes. An
// IPv6 address also gives its /64.
func ipAddress(d *Def, s string) (Result, error) {
	a, err := parseIP(s)
	if err != nil {
		return Result{}, err
	}
	r := Result{Value: a.String()}
	if a.Is6() && d.gives(partNetwork) {
		if p, err := a.Prefix(64); err == nil {
			r.Parts = d.give(nil, partNetwork, p.String())
		}
	}
	return r, nil
}

func parseIP(s string) (netip.Addr, error) {
	if len(s) > 128 {
		return netip.Addr{}, errIP
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), nil
	}
	if rest, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(rest, "]") {
		if a, err := netip.ParseAddr(strings.TrimSuffix(rest, "]")); err == nil && a.Is6() {
			return a.Unmap().WithZone(""), nil
		}
		return netip.Addr{}, errIP
	}
	if p, err := netip.ParseAddrPort(s); err == nil {
		return p.Addr().Unmap().WithZone(""), nil
	}
	return netip.Addr{}, errIP
}

// network reads a prefix; bits beyond its length are cleared, and an address is the
// prefix of itself alone.
func network(s string) (string, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked().String(), nil
	}
	a, err := parseIP(s)
	if err != nil {
		return "", errors.New("not an IP network")
	}
	return netip.PrefixFrom(a, a.BitLen()).String(), nil
}
