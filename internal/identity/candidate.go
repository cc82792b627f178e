package identity

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// Candidates are looked for among who was lately seen with the same class of
// devices at the same address, or on the same network. What two have in common
// weighs by how rare it is (Fellegi and Sunter's log-likelihood ratios). All is
// reckoned in whole numbers, so that the same input gives the same answer anywhere.

const (
	maxSights     = 16 // of one block
	maxBlocks     = 1 << 17
	maxValues     = 1 << 18
	maxCandidates = 3
	candidateDays = 21
	least         = 5 // per cent, below which nothing is said
)

// sight is that an ID was seen in a block.
type sight struct {
	id     journey.ID
	agent  uint32
	day    uint16
	device bool // it carried a device key
}

// rarity is how many IDs were seen with a value, half as many each 21 days.
type rarity struct {
	n   uint32
	day uint16
}

// What a value is of, to tell equal hashes apart.
const (
	atAddress uint64 = iota + 1
	atNetwork
	ofDevice
	addressBlock
	networkBlock
)

func valueOf(of, v uint64) uint64    { return mix(v ^ of<<56) }
func blockOf(of, a, b uint64) uint64 { return mix(mix(a^of<<56) + b) }

// unit is one bit of evidence.
const unit = 256

// log2 returns the logarithm of a number above 0, in units.
func log2(n uint64) int {
	whole := bits.Len64(n) - 1
	m := n << (63 - whole) >> 32 // from 2^31 on, below 2^32
	frac := 0
	for range 8 {
		m = m * m >> 31
		frac <<= 1
		if m >= 1<<32 {
			m >>= 1
			frac |= 1
		}
	}
	return whole*unit + frac
}

// odds returns 2 to the power of so many units, in 65536ths.
func odds(units int) uint64 {
	units = min(max(units, -16*unit), 24*unit) + 16*unit
	whole, f := units/unit, uint64(units%unit)
	frac := 1<<16 + f*(168+f*88/unit) // 2^f, within a third of a per cent
	return frac << whole >> 16
}

// candidate is an ID and what speaks for it.
type candidate struct {
	id      journey.ID
	units   int
	address bool
	agent   bool
	day     uint16
}

// candidates returns who a visitor may be that no key made known: those whose keys
// they carry in turn with others, then those seen where they are.
func (x *Index) candidates(v Visitor, list []found, inTurns bool, day uint16) (out []journey.Candidate) {
	if inTurns {
		out = x.holders(list)
	}
	if v.Device == 0 || len(out) == maxCandidates {
		return out
	}
	var space [2 * maxSights]candidate
	all := space[:0]
	if v.IP != 0 {
		sights, _ := x.blocks.get(blockOf(addressBlock, v.IP, v.Device))
		all = x.weigh(all, sights, true, v, list, day)
	}
	if v.Network != 0 {
		sights, _ := x.blocks.get(blockOf(networkBlock, v.Network, v.Device))
		all = x.weigh(all, sights, false, v, list, day)
	}
	for _, c := range out {
		all = slices.DeleteFunc(all, func(o candidate) bool { return o.id == c.SpecID })
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.units, a.units), cmp.Compare(a.id, b.id))
	})
	none := odds(0) // each stands for itself: one user may be several candidates
	for _, c := range all[:min(len(all), maxCandidates-len(out))] {
		if p := int(odds(c.units) * 100 / (none + odds(c.units))); p >= least {
			out = append(out, journey.Candidate{SpecID: c.id, Confidence: min(p, 99), Reasons: x.reasons(c, v, day)})
		}
	}
	return out
}

// weigh adds those seen in a block, each once, with what speaks for it.
func (x *Index) weigh(all []candidate, sights []sight, address bool, v Visitor, list []found, day uint16) []candidate {
	everyone := x.everyone(day)
	place := x.weight(90, ofDevice, v.Device, everyone, day)
	if address {
		place += x.weight(60, atAddress, v.IP, everyone, day)
	} else {
		place += x.weight(80, atNetwork, v.Network, everyone, day) - 3*unit/2
	}
	another := slices.ContainsFunc(list, func(f found) bool { return f.kind == device })
	for i := len(sights) - 1; i >= 0; i-- {
		s := sights[i]
		age := int(day) - int(s.day)
		if age > candidateDays || another && s.device { // each has a device key, and they differ
			continue
		}
		id := x.Current(s.id)
		if slices.ContainsFunc(all, func(c candidate) bool { return c.id == id }) {
			continue
		}
		c := candidate{id: id, address: address, day: s.day, agent: s.agent == uint32(v.Agent)}
		c.units = place - log2(everyone) - max(age, 0)*unit/7
		if c.agent {
			c.units += unit
		} else {
			c.units -= 2 * unit
		}
		all = append(all, c)
	}
	return all
}

// weight is what it says that two have a value in common: so many per cent of one
// user's Sessions have, and of other users those that share it.
func (x *Index) weight(percent uint64, of, value, everyone uint64, day uint16) int {
	others := min(x.rare(valueOf(of, value), day)+1, everyone)
	return log2(percent<<20/100) - 20*unit + log2(everyone) - log2(others)
}

// everyone is how many Spec IDs were seen lately; few say little of what is rare.
func (x *Index) everyone(day uint16) uint64 {
	return max(faded(uint64(x.nums[born]), uint16(x.nums[bornDay]), day), 50)
}

func (x *Index) rare(value uint64, day uint16) uint64 {
	r, _ := x.seen.get(value)
	return faded(uint64(r.n), r.day, day)
}

func faded(n uint64, since, day uint16) uint64 {
	if day < since {
		return n
	}
	return n >> min((day-since)/candidateDays, 63)
}

// sighted notes that an ID was seen where it was.
func (x *Index) sighted(v Visitor, id journey.ID, day uint16) {
	if id == v.Session {
		n := faded(uint64(x.nums[born]), uint16(x.nums[bornDay]), day)
		if day >= uint16(x.nums[bornDay])+candidateDays {
			x.set(bornDay, int64(day))
		} else {
			n = uint64(x.nums[born])
		}
		x.set(born, int64(n)+1)
	}
	if v.Device == 0 {
		return
	}
	s := sight{id: id, agent: uint32(v.Agent), day: day}
	s.device = slices.ContainsFunc(v.Keys, func(k journey.Key) bool { return k.Kind == journey.KeyDevice })
	if v.IP != 0 && x.into(blockOf(addressBlock, v.IP, v.Device), s, day) {
		x.commoner(valueOf(atAddress, v.IP), day)
	}
	if v.Network != 0 && x.into(blockOf(networkBlock, v.Network, v.Device), s, day) {
		x.commoner(valueOf(atNetwork, v.Network), day)
		x.commoner(valueOf(ofDevice, v.Device), day)
	}
}

// into puts a sight into a block, and tells whether its ID is new there. Who was
// seen longest ago gives way.
func (x *Index) into(block uint64, s sight, day uint16) bool {
	was, _ := x.blocks.get(block)
	at := slices.IndexFunc(was, func(o sight) bool { return o.id == s.id || x.Current(o.id) == s.id })
	if at == len(was)-1 && at >= 0 && was[at] == s {
		if _, young := x.blocks.young[block]; young {
			return false
		}
	}
	list := make([]sight, 0, min(len(was)+1, maxSights))
	for i, o := range was {
		if i != at && (at >= 0 || len(was) < maxSights || i > 0) && int(o.day)+candidateDays >= int(day) {
			list = append(list, o)
		}
	}
	if at >= 0 {
		s.device = s.device || was[at].device
	}
	x.blocks.put(block, append(list, s), day, x, didBlock)
	return at < 0
}

func (x *Index) commoner(value uint64, day uint16) {
	r, known := x.seen.get(value)
	if !known {
		r.day = day
	}
	if day >= r.day+candidateDays {
		r = rarity{uint32(faded(uint64(r.n), r.day, day)), day}
	}
	r.n++
	x.seen.put(value, r, day, x, didSeen)
}

// reasons says in words what speaks for a candidate.
func (x *Index) reasons(c candidate, v Visitor, day uint16) []string {
	where, value := "same network", valueOf(atNetwork, v.Network)
	if c.address {
		where, value = "same address", valueOf(atAddress, v.IP)
	}
	out := []string{others(where, x.rare(value, day)), others("same kind of device", x.rare(valueOf(ofDevice, v.Device), day))}
	if c.agent {
		out = append(out, "same browser version")
	} else {
		out = append(out, "another browser version")
	}
	switch age := int(day) - int(c.day); {
	case age <= 0:
		return append(out, "last seen the same day")
	case age == 1:
		return append(out, "last seen the day before")
	default:
		return append(out, fmt.Sprintf("last seen %d days before", age))
	}
}

// others says of how many a value was seen; one of them is the candidate.
func others(what string, n uint64) string {
	switch n {
	case 0, 1:
		return what + ", seen from no other"
	case 2:
		return what + ", seen from 1 other"
	default:
		return fmt.Sprintf("%s, seen from %d others", what, n-1)
	}
}
