package enrich

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// networks is a list of addresses, networks and autonomous systems.
type networks struct {
	ranges
	systems map[uint64]struct{}
}

func (n *networks) has(ip netip.Addr, system uint64) bool {
	if _, ok := n.find(ip); ok {
		return true
	}
	_, ok := n.systems[system]
	return ok && system != 0
}

func (n *networks) size() int { return n.len() + len(n.systems) }

const maxLine = 4 << 10

// parseNetworks reads a list: one entry a line, or JSON as crawlers publish it.
// name stands in errors.
func parseNetworks(name string, text []byte) (*networks, error) {
	n := &networks{systems: map[uint64]struct{}{}}
	var err error
	if t := bytes.TrimLeft(text, " \t\r\n\ufeff"); len(t) > 0 && t[0] == '{' {
		err = n.readJSON(name, text)
	} else {
		err = n.readLines(name, text)
	}
	if err != nil {
		return nil, err
	}
	if n.size() == 0 {
		return nil, fmt.Errorf("%s: nothing is listed; want an address, network, range or AS number a line", name)
	}
	n.seal()
	return n, nil
}

// eachLine calls fn with the lines that say something, and their numbers.
func eachLine(name string, text []byte, fn func(n int, line string) error) error {
	n := 0
	for raw := range bytes.Lines(text) {
		n++
		if n == 1 {
			raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
		}
		if len(raw) > maxLine || !utf8.Valid(raw) {
			return fmt.Errorf("%s:%d: no line of text of at most %d bytes", name, n, maxLine)
		}
		line := strings.TrimSpace(string(raw))
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if err := fn(n, line); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	return nil
}

func (n *networks) readLines(name string, text []byte) error {
	first, numbers := true, false // numbers: the first column is of AS numbers
	return eachLine(name, text, func(_ int, line string) error {
		head := first
		first = false
		if f := strings.Fields(line); len(f) > 1 { // what the Tor project publishes
			switch f[0] {
			case "ExitNode", "Published", "LastStatus":
				return nil
			case "ExitAddress":
				line = f[1]
			}
		}
		cells := strings.Split(line, ",")
		for i, c := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(c), `"`)
		}
		if head && len(cells) > 1 && isHeading(cells[0]) {
			numbers = strings.EqualFold(cells[0], "asn")
			return nil
		}
		// A remark may follow behind white space.
		entry, rest, _ := strings.Cut(cells[0], " ")
		rest = strings.TrimSpace(rest)
		if to, ok := strings.CutPrefix(rest, "- "); ok {
			entry, rest = entry+"-"+strings.TrimSpace(to), ""
		}
		if rest != "" && rest[0] != '#' && rest[0] != ';' {
			return fmt.Errorf("%q follows %s; want one entry a line, and remarks behind #", rest, entry)
		}
		if len(cells) > 1 {
			if from, to, ok := twoAddresses(cells[0], cells[1]); ok {
				return n.add(from, to, 1)
			}
		}
		if numbers && digitsOnly(entry) {
			entry = "AS" + entry
		}
		return n.entry(entry)
	})
}

func digitsOnly(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func twoAddresses(a, b string) (from, to netip.Addr, ok bool) {
	from, err := netip.ParseAddr(a)
	if err != nil {
		return from, to, false
	}
	to, err = netip.ParseAddr(b)
	return from, to, err == nil
}

// isHeading tells a column's name from an entry.
func isHeading(s string) bool {
	switch strings.ToLower(s) {
	case "network", "ip", "cidr", "prefix", "address", "ip_range_start", "start_ip", "start", "ip_address", "asn", "ip_prefix":
		return true
	}
	return false
}

// entry reads an address, a network, a range or an AS number.
func (n *networks) entry(s string) error {
	if len(s) > 2 && (s[0] == 'A' || s[0] == 'a') && (s[1] == 'S' || s[1] == 's') {
		number, err := strconv.ParseUint(s[2:], 10, 32)
		if err != nil || number == 0 {
			return fmt.Errorf("%q is no AS number; want e.g. AS64500", s)
		}
		n.systems[number] = struct{}{}
		return nil
	}
	if from, to, ok := strings.Cut(s, "-"); ok {
		a, b, ok := twoAddresses(from, to)
		if !ok {
			return fmt.Errorf("%q is no range; want e.g. 192.0.2.1-192.0.2.9", s)
		}
		return n.add(a, b, 1)
	}
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return fmt.Errorf("%q is no network; want e.g. 192.0.2.0/24 or 2001:db8::/32", s)
		}
		return n.prefix(p)
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return fmt.Errorf("%q is no address, network, range or AS number; want e.g. 192.0.2.7, 192.0.2.0/24 or AS64500", s)
	}
	return n.add(a, a, 1)
}

func (n *networks) prefix(p netip.Prefix) error {
	if p.Masked() != p {
		return fmt.Errorf("%s has bits behind its length; want %s, or %s for the one address", p, p.Masked(), p.Addr())
	}
	if p.Bits() == 0 {
		return fmt.Errorf("%s lists every address; want a part of them", p)
	}
	return n.add(p.Addr(), lastOf(p), 1)
}

// lastOf is the highest address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 128; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a := netip.AddrFrom16(b)
	if p.Addr().Is4() {
		return a.Unmap()
	}
	return a
}

// readJSON reads what crawlers and clouds publish: {"prefixes": [{"ipv4Prefix":
// "192.0.2.0/24"}, {"ipv6Prefix": ...}]}, or ip_prefix and ipv6_prefix.
func (n *networks) readJSON(name string, text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	at := func() string {
		return fmt.Sprintf("%s:%d", name, 1+bytes.Count(text[:min(int(d.InputOffset()), len(text))], []byte("\n")))
	}
	bad := func(what string) error {
		return fmt.Errorf(`%s: %s; want {"prefixes": [{"ipv4Prefix": "192.0.2.0/24"}, {"ipv6Prefix": "2001:db8::/32"}]}`, at(), what)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return bad("no JSON object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return bad(err.Error())
		}
		if key != "prefixes" && key != "ipv6_prefixes" {
			var passed json.RawMessage
			if err := d.Decode(&passed); err != nil {
				return bad(err.Error())
			}
			continue
		}
		if t, err := d.Token(); err != nil || t != json.Delim('[') {
			return bad(fmt.Sprintf("%v is no list", key))
		}
		for d.More() {
			var e map[string]any
			if err := d.Decode(&e); err != nil {
				return bad(err.Error())
			}
			if err := n.object(e); err != nil {
				return bad(err.Error())
			}
		}
		if _, err := d.Token(); err != nil {
			return bad("the list does not end")
		}
	}
	if _, err := d.Token(); err != nil {
		return bad("the object does not end")
	}
	if d.More() {
		return bad("something follows the object")
	}
	return nil
}

func (n *networks) object(e map[string]any) error {
	found := false
	for _, key := range [...]string{"ipv4Prefix", "ipv6Prefix", "ip_prefix", "ipv6_prefix"} {
		v, ok := e[key]
		if !ok {
			continue
		}
		s, _ := v.(string)
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil {
				return fmt.Errorf("%s %q is no network", key, s)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if err := n.prefix(p); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("an entry without ipv4Prefix or ipv6Prefix")
	}
	return nil
}
