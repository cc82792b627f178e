package identity

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// Candidates are looked for among who was lately seen with the same class of
// devices at the same address, or on the same network. How much each thing says that
// two may have in common was fitted to simulated traffic whose truth is known
// (docs/identity.md), so that of those named with 70 per cent about seven of ten are
// right. All is reckoned in whole numbers, so that the same input gives the same
// answer anywhere.

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

// unit is one bit of evidence. What speaks for a candidate beyond likely counts half:
// people are alike by chance in ways that nothing here sees.
const (
	unit   = 256
	likely = 2 * unit
)

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

// weights are what speaks for a candidate, in eighths of a bit.
type weights struct {
	base    int
	place   int // for each doubling of those seen there
	crowd   int // of those with the same class of devices there now
	device  int // for each halving of the share that has the class of devices
	unknown int // when nobody is known by a key: most who carry none have been here before
	watched int // for each doubling of the days that were watched, which more of them are known from
	agent   int // for the same browser version
	week    int // since the candidate was seen
}

func weightsOf(address bool) weights {
	if address {
		return weights{base: -50, place: -6, crowd: -7, device: 2, unknown: 32, watched: 10, agent: 20, week: -1}
	}
	return weights{base: -102, place: -7, device: 9, unknown: 20, watched: 12, agent: 22, week: -1}
}

// weigh adds those seen in a block, each once, with what speaks for it.
func (x *Index) weigh(all []candidate, sights []sight, address bool, v Visitor, list []found, day uint16) []candidate {
	w, place := weightsOf(address), valueOf(atNetwork, v.Network)
	if address {
		place = valueOf(atAddress, v.IP)
	}
	units := w.base*unit + w.place*log2(x.rare(place, day)+1) + w.watched*log2(x.watched(day)+1) + w.unknown*x.unknown(day) +
		w.device*(log2(x.everyone(day))-log2(x.rare(valueOf(ofDevice, v.Device), day)+1))
	another := slices.ContainsFunc(list, func(f found) bool { return f.kind == device })
	before := len(all)
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
		c.units = units + w.week*max(age, 0)*unit/7
		if c.agent {
			c.units += w.agent * unit
		}
		all = append(all, c)
	}
	crowd := w.crowd * log2(uint64(len(all)-before)+1)
	for i := range all[before:] {
		c := &all[before+i]
		if c.units = (c.units + crowd) / 8; c.units > likely {
			c.units = (c.units + likely) / 2
		}
	}
	return all
}

// met counts a new Session's visitor, by whether a key made them known. What is
// counted fades.
func (x *Index) met(known bool, day uint16) {
	n, k := uint64(x.nums[born]), uint64(x.nums[regained])
	if n+k == 0 {
		x.set(since, int64(day))
	}
	if was := uint16(x.nums[bornDay]); day >= was+candidateDays {
		n, k = faded(n, was, day), faded(k, was, day)
		x.set(bornDay, int64(day))
	}
	if known {
		k++
	} else {
		n++
	}
	x.set(born, int64(n))
	x.set(regained, int64(k))
}

// unknown is the share of visitors that no key made known lately, in units.
func (x *Index) unknown(day uint16) int {
	was := uint16(x.nums[bornDay])
	n, k := faded(uint64(x.nums[born]), was, day), faded(uint64(x.nums[regained]), was, day)
	return int((n + 32) * unit / (n + k + 64)) // a half, as long as little was seen
}

// watched is for how many days visitors were seen, as far as they count.
func (x *Index) watched(day uint16) uint64 {
	return uint64(min(max(int64(day)-x.nums[since], 0), candidateDays))
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
	x.met(id != v.Session, day)
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
