// Package hashtable finds numbered slots by a 64-bit number that stands in them, at
// about five bytes each, a seventh of a map's. identity and session keep millions of
// slots so. A table holds references only; the numbers stay where they are. It is
// split into parts that grow by a quarter each on its own, so that no insertion takes
// long. Open addressing in the order of robin hood (Celis, 1986), without tombstones.
package hashtable

// Segments is how many parts a Table has. Each grows for itself, so that no growth
// takes long, and they begin at different sizes, so that they don't grow at once.
const Segments = 1 << 10

// Table finds references of up to 24 bits, of which 0 is none. Not safe for
// concurrent use.
type Table[R ~uint32] struct {
	parts [Segments]part
	n     int
	key   func(R) uint64
}

// New returns an empty Table. key tells the number of a reference, which must not
// change while the Table holds it, and which no two that it holds have in common.
func New[R ~uint32](key func(R) uint64) Table[R] { return Table[R]{key: key} }

// Len is how many references it holds.
func (t *Table[R]) Len() int { return t.n }

// part is a Segment. A slot is a reference and, above it, how far it stands from
// where it should.
type part struct {
	slots []uint32
	n     uint32
}

const (
	refBits = 24
	refMask = 1<<refBits - 1
	maxAway = 255
)

// Mix spreads a number over 64 bits: keyed hashes need it not, IDs do.
func Mix(v uint64) uint64 {
	v ^= v >> 33
	v *= 0xff51afd7ed558ccd
	v ^= v >> 33
	v *= 0xc4ceb9fe1a85ec53
	return v ^ v>>33
}

// home is where in a part a number should stand.
func home(h uint64, size int) int { return int(uint64(uint32(h)) * uint64(size) >> 32) }

// Find returns the reference of a number; 0 when there is none.
func (t *Table[R]) Find(want uint64) R {
	h := Mix(want)
	p := &t.parts[h>>54]
	if p.n == 0 {
		return 0
	}
	at := home(h, len(p.slots))
	for away := uint32(0); ; away++ {
		s := p.slots[at]
		if s == 0 || s>>refBits < away {
			return 0
		}
		if s>>refBits == away && t.key(R(s&refMask)) == want {
			return R(s & refMask)
		}
		if at++; at == len(p.slots) {
			at = 0
		}
	}
}

// Insert adds a reference whose number is not there yet.
func (t *Table[R]) Insert(r R) {
	h := Mix(t.key(r))
	p := &t.parts[h>>54]
	if int(p.n) >= len(p.slots)*17/20 {
		t.grow(p, int(h>>54))
	}
	for left := p.put(h, uint32(r)); left != 0; left = p.put(Mix(t.key(R(left))), left) {
		t.grow(p, int(h>>54))
	}
	p.n++
	t.n++
}

// put places a reference, moving those that stand nearer to their home. The answer is
// the one that found no place, which would stand too far away; mostly 0.
func (p *part) put(h uint64, r uint32) uint32 {
	at, hold := home(h, len(p.slots)), r
	for {
		s := p.slots[at]
		if s == 0 {
			p.slots[at] = hold
			return 0
		}
		if s>>refBits < hold>>refBits {
			p.slots[at], hold = hold, s
		}
		if hold>>refBits == maxAway {
			return hold & refMask
		}
		hold += 1 << refBits
		if at++; at == len(p.slots) {
			at = 0
		}
	}
}

// Remove takes out a reference, whose number must still be what it was; those behind
// it move up.
func (t *Table[R]) Remove(r R) {
	h := Mix(t.key(r))
	p := &t.parts[h>>54]
	at := home(h, len(p.slots))
	for away := 0; R(p.slots[at]&refMask) != r; away++ {
		if at++; at == len(p.slots) {
			at = 0
		}
		if away > maxAway {
			panic("hashtable: a reference is not there")
		}
	}
	for {
		next := at + 1
		if next == len(p.slots) {
			next = 0
		}
		s := p.slots[next]
		if s>>refBits == 0 {
			break
		}
		p.slots[at] = s - 1<<refBits
		at = next
	}
	p.slots[at] = 0
	p.n--
	t.n--
}

// grow makes a part larger by a quarter, or more when that is not enough.
func (t *Table[R]) grow(p *part, number int) {
	size := len(p.slots) + len(p.slots)/4
	if size == 0 {
		size = 8 + number%3
	}
	for !t.resize(p, size) {
		size += size / 4
	}
}

func (t *Table[R]) resize(p *part, size int) bool {
	q := part{slots: make([]uint32, size), n: p.n}
	for _, s := range p.slots {
		if r := s & refMask; r != 0 && q.put(Mix(t.key(R(r))), r) != 0 {
			return false
		}
	}
	*p = q
	return true
}

// Segment calls for each reference of one of the parts, until it is told to stop. The
// Table must not be changed meanwhile.
func (t *Table[R]) Segment(number int, do func(R) bool) {
	for _, s := range t.parts[number].slots {
		if r := s & refMask; r != 0 && !do(R(r)) {
			return
		}
	}
}
