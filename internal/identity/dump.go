package identity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

// Dump is the index as a snapshot holds it. Equal states give equal bytes.
type Dump struct {
	Packed []byte `json:"packed,omitempty"`
	former
}

// magic begins a dump; its last byte is the version.
const magic = "TLWHO\x01"

// formerNumbers is how many numbers of an index earlier builds kept.
const formerNumbers = uint64(regained)

// Dump returns the index.
func (x *Index) Dump() Dump {
	b := append(make([]byte, 0, 256+33*x.nums[used]), magic...)
	b = binary.AppendUvarint(b, uint64(len(x.buckets)))
	b = binary.AppendUvarint(b, uint64(numbers))
	for _, n := range x.nums {
		b = binary.AppendVarint(b, n)
	}
	for r := ref(1); r <= ref(x.nums[used]); r++ {
		b = x.appendEntry(b, r)
	}
	for _, q := range x.buckets {
		b = binary.AppendUvarint(b, uint64(q.first))
		b = binary.AppendUvarint(b, uint64(q.last))
	}
	b = binary.AppendUvarint(b, uint64(len(x.over)))
	for _, r := range inOrder(x.over) {
		b = binary.AppendUvarint(b, uint64(r))
		b = binary.AppendUvarint(b, uint64(x.over[r]))
	}
	b = binary.AppendUvarint(b, uint64(len(x.extra.one)))
	for _, r := range x.extra.entries() {
		list := x.extra.of(r)
		b = binary.AppendUvarint(b, uint64(r))
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, o := range list {
			b = binary.AppendUvarint(b, uint64(o))
		}
	}
	b = appendGenerations(b, &x.pairs, func(b []byte, _ struct{}) []byte { return b })
	b = appendGenerations(b, &x.blocks, appendSights)
	b = appendGenerations(b, &x.seen, func(b []byte, r rarity) []byte {
		return binary.AppendUvarint(binary.AppendUvarint(b, uint64(r.n)), uint64(r.day))
	})
	b = appendGenerations(b, &x.related, func(b []byte, list []journey.ID) []byte {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, id := range list {
			b = binary.AppendVarint(b, int64(id))
		}
		return b
	})
	b = appendGenerations(b, &x.linked, func(b []byte, _ struct{}) []byte { return b })
	return Dump{Packed: b}
}

// appendEntry writes an entry: its flags first, since most are 0 of what is free.
func (x *Index) appendEntry(b []byte, r ref) []byte {
	e := x.at(r)
	b = append(b, e.flags)
	if e.kind() == nothing {
		return append(b, e.later[:]...)
	}
	listed := byte(0)
	if !e.shared() && x.leaves.Find(uint64(e.leaf)) == r {
		listed = 1
	}
	b = append(b, e.many, listed)
	b = binary.LittleEndian.AppendUint64(b, e.hash)
	b = binary.LittleEndian.AppendUint64(b, uint64(e.leaf))
	for _, p := range [...]packed{e.up, e.next, e.parent, e.later} {
		b = append(b, p[:]...)
	}
	return binary.LittleEndian.AppendUint16(b, e.day)
}

func appendSights(b []byte, list []sight) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = binary.AppendVarint(b, int64(s.id))
		b = binary.LittleEndian.AppendUint32(b, s.agent)
		day := uint64(s.day) << 1
		if s.device {
			day |= 1
		}
		b = binary.AppendUvarint(b, day)
	}
	return b
}

func appendGenerations[V any](b []byte, g *generations[V], value func([]byte, V) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(g.since))
	b = binary.AppendVarint(b, g.lost)
	for _, m := range []map[uint64]V{g.young, g.old} {
		b = binary.AppendUvarint(b, uint64(len(m)))
		for _, k := range sorted(m) {
			b = binary.LittleEndian.AppendUint64(b, k)
			b = value(b, m[k])
		}
	}
	return b
}

func inOrder[V any](m map[ref]V) []ref {
	out := make([]ref, 0, len(m))
	for r := range m {
		out = append(out, r)
	}
	slices.Sort(out)
	return out
}

// reader reads what Dump packed. After the first fault it reads zeros.
type reader struct {
	b   []byte
	err error
}

var errCut = errors.New("cut short")

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) take(n int) []byte {
	if r.err != nil || len(r.b) < n {
		if r.err == nil {
			r.err = errCut
		}
		r.b = nil
		return make([]byte, n)
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > most {
		r.fail("a number is cut short or above %d", most)
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("a number is cut short")
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads how many things of at least so many bytes follow.
func (r *reader) count(each int) int { return int(r.uvarint(uint64(len(r.b) / each))) }

// Load rebuilds an Index from a dump; a damaged one is an error.
func Load(d Dump, rules Rules) (*Index, error) {
	x := New(rules)
	if d.Packed == nil {
		x.loadFormer(d.former)
		return x, nil
	}
	if len(d.Packed) < len(magic) || string(d.Packed[:len(magic)]) != magic {
		return nil, fmt.Errorf("read identities: they begin with %x, this build reads %x", d.Packed[:min(len(d.Packed), len(magic))], magic)
	}
	r := &reader{b: d.Packed[len(magic):]}
	x.read(r)
	if len(r.b) > 0 {
		r.fail("%d bytes are left over", len(r.b))
	}
	if r.err != nil {
		return nil, fmt.Errorf("read identities: damaged: %w", r.err)
	}
	return x, nil
}

func (x *Index) read(r *reader) {
	own := len(x.buckets)
	x.buckets = make([]bucket, max(1, r.uvarint(4096)))
	known := r.uvarint(1 << 10)
	if known != uint64(numbers) && known != formerNumbers {
		r.fail("%d numbers, not %d", known, numbers)
		return
	}
	for i := range known {
		x.nums[i] = r.varint()
	}
	if known == formerNumbers { // as many were known as not, for long
		x.nums[regained] = x.nums[born]
	}
	if n := x.nums[used]; n < 0 || n >= maxRefs || n > int64(len(r.b)/4) {
		r.fail("%d entries", n)
		return
	}
	if x.nums[hand] < 0 || x.nums[hand] >= hashtable.Segments || x.nums[swept] < 0 || x.nums[swept] > 1<<16 || x.nums[born] < 0 ||
		x.nums[bornDay] < 0 || x.nums[bornDay] > 1<<16-1 || x.nums[regained] < 0 || x.nums[since] < 0 || x.nums[since] > 1<<16-1 {
		r.fail("a number is out of its range")
		return
	}
	listed := x.readEntries(r)
	top := uint64(x.nums[used])
	for i := range x.buckets {
		x.buckets[i] = bucket{ref(r.uvarint(top)), ref(r.uvarint(top))}
	}
	x.readSides(r, top)
	readGenerations(r, &x.pairs, 8, func() struct{} { return struct{}{} })
	readGenerations(r, &x.blocks, 9, func() []sight { return readSights(r) })
	readGenerations(r, &x.seen, 10, func() rarity {
		return rarity{uint32(r.uvarint(1<<32 - 1)), uint16(r.uvarint(1<<16 - 1))}
	})
	readGenerations(r, &x.related, 9, func() []journey.ID {
		list := make([]journey.ID, r.count(1))
		for i := range list {
			list[i] = journey.ID(r.varint())
		}
		return list
	})
	readGenerations(r, &x.linked, 8, func() struct{} { return struct{}{} })
	if r.err != nil {
		return
	}
	if err := x.check(); err != nil {
		r.fail("%w", err)
		return
	}
	x.fill(r, listed)
	if r.err == nil && own != len(x.buckets) {
		x.rebucket(own)
	}
}

func (x *Index) readEntries(r *reader) (listed []ref) {
	for n := ref(1); n <= ref(x.nums[used]); n++ {
		if int(n>>chunkBits) >= len(x.slab) {
			x.slab = append(x.slab, new([chunkSize]entry))
		}
		if n == 1 && len(x.slab) == 0 {
			x.slab = append(x.slab, new([chunkSize]entry))
		}
		e := x.at(n)
		if e.flags = r.take(1)[0]; e.kind() == nothing {
			e.later = packed(r.take(3))
			continue
		}
		e.many = r.take(1)[0]
		if r.take(1)[0] == 1 {
			listed = append(listed, n)
		}
		e.hash = binary.LittleEndian.Uint64(r.take(8))
		e.leaf = journey.ID(binary.LittleEndian.Uint64(r.take(8)))
		for _, p := range [...]*packed{&e.up, &e.next, &e.parent, &e.later} {
			*p = packed(r.take(3))
		}
		e.day = binary.LittleEndian.Uint16(r.take(2))
		if r.err != nil {
			return nil
		}
	}
	return listed
}

func (x *Index) readSides(r *reader, top uint64) {
	for range r.count(2) {
		if k, n := ref(r.uvarint(top)), r.uvarint(1<<32-1); k == 0 || n == 0 {
			r.fail("sessions of entry %d", k)
		} else {
			x.over[k] = uint32(n)
		}
	}
	for range r.count(3) {
		k := ref(r.uvarint(top))
		list := make([]ref, r.count(1))
		for i := range list {
			list[i] = ref(r.uvarint(top))
		}
		x.extra.put(k, list)
	}
}

func readSights(r *reader) []sight {
	n := r.count(6)
	if n > maxSights {
		r.fail("%d sights in a block", n)
		return nil
	}
	list := make([]sight, n)
	for i := range list {
		list[i] = sight{id: journey.ID(r.varint()), agent: binary.LittleEndian.Uint32(r.take(4))}
		day := r.uvarint(1<<17 - 1)
		list[i].day, list[i].device = uint16(day>>1), day&1 == 1
	}
	return list
}

func readGenerations[V any](r *reader, g *generations[V], each int, value func() V) {
	g.since = uint16(r.uvarint(1<<16 - 1))
	g.lost = r.varint()
	for _, m := range []map[uint64]V{g.young, g.old} {
		for range r.count(each) {
			k := binary.LittleEndian.Uint64(r.take(8))
			m[k] = value()
			if r.err != nil {
				return
			}
		}
	}
}
