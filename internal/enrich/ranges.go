package enrich

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// ranges says for address ranges which value they have, by its number. It is
// built once and then only read. Ranges don't overlap. There are no pointers in
// it, so that the garbage collector passes half a million of them by.
type ranges struct {
	v4 []range4
	v6 []range6
}

type range4 struct{ from, to, value uint32 }

type range6 struct {
	from, to wide
	value    uint32
}

// wide is an IPv6 address as two numbers.
type wide struct{ high, low uint64 }

func (a wide) cmp(b wide) int {
	if c := cmp.Compare(a.high, b.high); c != 0 {
		return c
	}
	return cmp.Compare(a.low, b.low)
}

func narrow(ip netip.Addr) uint32 {
	b := ip.As4()
	return binary.BigEndian.Uint32(b[:])
}

func widen(ip netip.Addr) wide {
	b := ip.As16()
	return wide{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// add takes a range; both ends are in it.
func (r *ranges) add(from, to netip.Addr, value uint32) error {
	from, to = from.Unmap(), to.Unmap()
	switch {
	case from.Is4() != to.Is4():
		return fmt.Errorf("%s and %s are not of one kind; want two IPv4 or two IPv6 addresses", from, to)
	case to.Less(from):
		return fmt.Errorf("%s comes after %s; want the lower address first", from, to)
	case from.Is4():
		r.v4 = append(r.v4, range4{narrow(from), narrow(to), value})
	default:
		r.v6 = append(r.v6, range6{widen(from), widen(to), value})
	}
	return nil
}

// seal sorts what was added. Where ranges overlap, as they do in lists, the one
// that begins later is the narrower and keeps its part.
func (r *ranges) seal() {
	by4 := func(a, b range4) int {
		if c := cmp.Compare(a.from, b.from); c != 0 {
			return c
		}
		return cmp.Compare(b.to, a.to)
	}
	if !slices.IsSortedFunc(r.v4, by4) {
		slices.SortStableFunc(r.v4, by4)
	}
	by6 := func(a, b range6) int {
		if c := a.from.cmp(b.from); c != 0 {
			return c
		}
		return b.to.cmp(a.to)
	}
	if !slices.IsSortedFunc(r.v6, by6) {
		slices.SortStableFunc(r.v6, by6)
	}
	r.v4 = flatten(r.v4, func(x range4) (uint32, uint32) { return x.from, x.to },
		func(x range4, from, to uint32) range4 { return range4{from, to, x.value} },
		cmp.Compare[uint32], func(a uint32) uint32 { return a + 1 }, func(a uint32) uint32 { return a - 1 })
	r.v6 = flatten(r.v6, func(x range6) (wide, wide) { return x.from, x.to },
		func(x range6, from, to wide) range6 { return range6{from, to, x.value} },
		wide.cmp, wide.next, wide.previous)
}

func (a wide) next() wide {
	if a.low++; a.low == 0 {
		a.high++
	}
	return a
}

func (a wide) previous() wide {
	if a.low == 0 {
		a.high--
	}
	a.low--
	return a
}

// flatten cuts sorted ranges (by start, the longer first) so that none overlap.
func flatten[R, A any](in []R, ends func(R) (A, A), cut func(R, A, A) R, compare func(a, b A) int, next, previous func(A) A) []R {
	clean := true
	for i := 1; i < len(in) && clean; i++ {
		_, end := ends(in[i-1])
		start, _ := ends(in[i])
		clean = compare(end, start) < 0
	}
	if clean {
		return slices.Clip(in)
	}
	var out, open []R
	// say closes the open ranges that end before a start.
	say := func(until *A) {
		for len(open) > 0 {
			top := open[len(open)-1]
			from, to := ends(top)
			if until != nil && compare(to, *until) >= 0 {
				if compare(from, *until) < 0 {
					out = append(out, cut(top, from, previous(*until)))
					open[len(open)-1] = cut(top, *until, to)
				}
				return
			}
			out = append(out, top)
			open = open[:len(open)-1]
			for len(open) > 0 { // what lies around goes on behind it
				around := open[len(open)-1]
				_, end := ends(around)
				if compare(end, to) > 0 {
					open[len(open)-1] = cut(around, next(to), end)
					break
				}
				open = open[:len(open)-1]
			}
		}
	}
	for _, r := range in {
		from, _ := ends(r)
		say(&from)
		open = append(open, r)
	}
	say(nil)
	return slices.Clip(out)
}

// find answers the value of an address.
func (r *ranges) find(ip netip.Addr) (uint32, bool) {
	if ip = ip.Unmap(); ip.Is4() {
		a := narrow(ip)
		i, exact := slices.BinarySearchFunc(r.v4, a, func(x range4, a uint32) int { return cmp.Compare(x.from, a) })
		if !exact {
			i--
		}
		if i < 0 || r.v4[i].to < a {
			return 0, false
		}
		return r.v4[i].value, true
	}
	if !ip.IsValid() {
		return 0, false
	}
	a := widen(ip)
	i, exact := slices.BinarySearchFunc(r.v6, a, func(x range6, a wide) int { return x.from.cmp(a) })
	if !exact {
		i--
	}
	if i < 0 || r.v6[i].to.cmp(a) < 0 {
		return 0, false
	}
	return r.v6[i].value, true
}

func (r *ranges) len() int { return len(r.v4) + len(r.v6) }
