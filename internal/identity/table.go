package identity

// segments is how many parts a table has. Each grows for itself, so that no growth
// takes long, and they begin at different sizes, so that they don't grow at once.
const segments = 1 << 10

// table finds entries by a number in them: open addressing by the order of robin
// hood. A slot is a ref and, above it, how far it stands from where it should.
type table struct {
	parts [segments]part
	key   func(ref) uint64
}

type part struct {
	slots []uint32
	n     uint32
}

const (
	refBits = 24
	refMask = 1<<refBits - 1
	maxAway = 255
)

// mix spreads a number over 64 bits: keyed hashes need it not, IDs do.
func mix(v uint64) uint64 {
	v ^= v >> 33
	v *= 0xff51afd7ed558ccd
	v ^= v >> 33
	v *= 0xc4ceb9fe1a85ec53
	return v ^ v>>33
}

// home is where in a part a number should stand.
func home(h uint64, size int) int { return int(uint64(uint32(h)) * uint64(size) >> 32) }

// find returns the entry of a number; 0 when there is none.
func (t *table) find(want uint64) ref {
	h := mix(want)
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
		if s>>refBits == away && t.key(ref(s&refMask)) == want {
			return ref(s & refMask)
		}
		if at++; at == len(p.slots) {
			at = 0
		}
	}
}

// insert adds an entry whose number is not there yet.
func (t *table) insert(r ref) {
	h := mix(t.key(r))
	p := &t.parts[h>>54]
	if int(p.n) >= len(p.slots)*17/20 {
		t.grow(p, int(h>>54))
	}
	for left := p.put(h, r); left != 0; left = p.put(mix(t.key(left)), left) {
		t.grow(p, int(h>>54))
	}
	p.n++
}

// put places an entry, moving those that stand nearer to their home. The answer is
// the entry that found no place, which would stand too far away; mostly 0.
func (p *part) put(h uint64, r ref) ref {
	at, hold := home(h, len(p.slots)), uint32(r)
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
			return ref(hold & refMask)
		}
		hold += 1 << refBits
		if at++; at == len(p.slots) {
			at = 0
		}
	}
}

// remove takes out an entry, and those behind it move up.
func (t *table) remove(r ref) {
	h := mix(t.key(r))
	p := &t.parts[h>>54]
	at := home(h, len(p.slots))
	for away := 0; ref(p.slots[at]&refMask) != r; away++ {
		if at++; at == len(p.slots) {
			at = 0
		}
		if away > maxAway {
			panic("identity: an entry is not in its table")
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
}

// grow makes a part larger by a quarter, or more when that is not enough.
func (t *table) grow(p *part, number int) {
	size := len(p.slots) + len(p.slots)/4
	if size == 0 {
		size = 8 + number%3
	}
	for !t.resize(p, size) {
		size += size / 4
	}
}

func (t *table) resize(p *part, size int) bool {
	q := part{slots: make([]uint32, size), n: p.n}
	for _, s := range p.slots {
		if r := ref(s & refMask); r != 0 && q.put(mix(t.key(r)), r) != 0 {
			return false
		}
	}
	*p = q
	return true
}
