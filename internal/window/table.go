package window

// shape is how a series keeps what it was given.
type shape uint8

const (
	times  shape = iota // entries without values
	values              // entries with values
	total               // one number: a Count or Sum without limit
	one                 // one time: First or Last
	shapes
)

// entry is one thing seen: its time (micros) and, by Op, a value hash or amount.
type entry struct {
	T int64 `json:"t"`
	V int64 `json:"v,omitempty"`
}

// slot is a series. It has no pointers: neither it nor what it holds is anything
// the garbage collector must look into. Its entries stand in a ring of a power of
// two, in the order of time; a single entry, by far the most frequent, stands in
// the slot itself.
type slot struct {
	key   Key
	last  int64 // latest time touched
	a, b  int64 // the single entry, or the total
	ring  uint32
	due   int32 // the minute under which it stands in Store.due
	head  uint16
	n     uint16
	class uint8 // the ring has room for 1<<class entries; 0: there is no ring
	shape shape
	live  bool
}

// slotBits makes a page of slots, so that growing never copies.
const slotBits = 12

// table holds slots and rings, and knows which are free.
type table struct {
	slots [][]slot
	used  uint32 // slots ever used
	idle  []uint32
	rings rings
	held  int // entries of all series
}

func (t *table) slot(at uint32) *slot { return &t.slots[at>>slotBits][at&(1<<slotBits-1)] }

// claim returns a slot that nobody uses.
func (t *table) claim() uint32 {
	if n := len(t.idle); n > 0 {
		at := t.idle[n-1]
		t.idle = t.idle[:n-1]
		return at
	}
	at := t.used
	if int(at>>slotBits) == len(t.slots) {
		t.slots = append(t.slots, make([]slot, 1<<slotBits))
	}
	t.used++
	return at
}

// release gives back a slot and its ring.
func (t *table) release(at uint32) {
	x := t.slot(at)
	if x.class > 0 {
		t.rings.release(x.ring)
	}
	*x = slot{}
	t.idle = append(t.idle, at)
}

// wide is 1 when entries have values.
func (x *slot) wide() uint8 { return uint8(x.shape & values) }

func (t *table) get(x *slot, i int) entry {
	if x.class == 0 {
		return entry{x.a, x.b}
	}
	return read(t.rings.words(x.ring), x, i)
}

func read(words []int64, x *slot, i int) entry {
	i = (int(x.head) + i) & (1<<x.class - 1)
	if x.shape == values {
		return entry{words[2*i], words[2*i+1]}
	}
	return entry{words[i], 0}
}

func write(words []int64, x *slot, i int, e entry) {
	i = (int(x.head) + i) & (1<<x.class - 1)
	if x.shape == values {
		words[2*i], words[2*i+1] = e.T, e.V
		return
	}
	words[i] = e.T
}

// after returns the place behind all entries at or before t.
func (t *table) after(x *slot, time int64) int {
	n := int(x.n)
	if n == 0 || t.get(x, n-1).T <= time { // mostly, things are seen in order
		return n
	}
	lo, hi := 0, n-1
	for lo < hi {
		if mid := (lo + hi) / 2; t.get(x, mid).T > time {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// find returns where a value stands, or -1.
func (t *table) find(x *slot, value int64) int {
	if x.class == 0 {
		if x.n == 1 && x.b == value {
			return 0
		}
		return -1
	}
	words := t.rings.words(x.ring)
	for i := range int(x.n) {
		if read(words, x, i).V == value {
			return i
		}
	}
	return -1
}

// put enters an entry at a place.
func (t *table) put(x *slot, i int, e entry) {
	t.held++
	if x.n == 0 && x.class == 0 {
		x.a, x.b, x.n = e.T, e.V, 1
		return
	}
	if int(x.n) == 1<<x.class {
		t.resize(x, x.class+1)
	}
	words, n := t.rings.words(x.ring), int(x.n)
	if i < n/2 {
		x.head = (x.head - 1) & (1<<x.class - 1)
		for j := range i {
			write(words, x, j, read(words, x, j+1))
		}
	} else {
		for j := n; j > i; j-- {
			write(words, x, j, read(words, x, j-1))
		}
	}
	write(words, x, i, e)
	x.n++
}

// cut takes the entry at a place out.
func (t *table) cut(x *slot, i int) {
	t.held--
	x.n--
	if x.class == 0 {
		x.a, x.b = 0, 0
		return
	}
	words, n := t.rings.words(x.ring), int(x.n)
	if i < n/2 {
		for j := i; j > 0; j-- {
			write(words, x, j, read(words, x, j-1))
		}
		x.head = (x.head + 1) & (1<<x.class - 1)
	} else {
		for j := i; j < n; j++ {
			write(words, x, j, read(words, x, j+1))
		}
	}
	switch {
	case n == 0, n == 1 && x.class == 2:
		t.resize(x, 0)
	case n <= 1<<x.class/4 && x.class > 2: // not at once, or it would go to and fro
		t.resize(x, x.class-1)
	}
}

// resize moves a series into a ring of another size, or out of any.
func (t *table) resize(x *slot, class uint8) {
	from := *x
	x.class, x.head = class, 0
	if class == 0 {
		x.a, x.b = 0, 0
		if from.n == 1 {
			e := t.get(&from, 0)
			x.a, x.b = e.T, e.V
		}
		x.ring = 0
	} else {
		x.ring = t.rings.claim(x.wide(), class)
		words := t.rings.words(x.ring)
		for i := range int(x.n) {
			write(words, x, i, t.get(&from, i))
		}
		x.a, x.b = 0, 0
	}
	if from.class > 0 {
		t.rings.release(from.ring)
	}
}
