package identity

import (
	"github.com/throughline/throughline/internal/hashtable"
	"github.com/throughline/throughline/internal/journey"
)

// undo remembers how to take back what was done since Begin: what each thing was
// before it changed, in order.
type undo struct {
	on    bool
	steps []step
}

type step struct {
	what  did
	i     uint8 // of a number, a table
	n     uint32
	ref   ref
	old   int64
	entry entry
}

type did uint8

const (
	didEdit   did = iota
	didSet        // a number
	didBucket     // a bucket's ends
	didInsert     // into a table
	didRemove
	didOver
	didExtra
	didChange
	didPair
	didBlock
	didSeen
	didRelate
	didPaired
)

// keepSteps is how much of an undo that was long is kept for the next.
const keepSteps = 1 << 12

// Begin remembers every change from here on, until End or Undo.
func (x *Index) Begin() {
	x.forgetSteps()
	x.undo.on = true
	x.changes = nil // those before are in the journal's hands
}

// End lets what was done since Begin stand.
func (x *Index) End() {
	x.forgetSteps()
	x.undo.on = false
}

// Mark names the changes since Begin, for UndoTo.
func (x *Index) Mark() int { return len(x.undo.steps) }

// Undo takes back everything since Begin.
func (x *Index) Undo() {
	x.UndoTo(0)
	x.End()
}

// UndoTo takes back everything since Mark gave this answer.
func (x *Index) UndoTo(mark int) {
	for n := len(x.undo.steps) - 1; n >= mark; n-- {
		x.takeBack(&x.undo.steps[n])
	}
	x.undo.steps = x.undo.steps[:mark]
}

func (x *Index) takeBack(s *step) {
	switch s.what {
	case didEdit:
		*x.at(s.ref) = s.entry
	case didSet:
		x.nums[s.i] = s.old
	case didBucket:
		x.buckets[s.n] = bucket{ref(uint64(s.old) >> 32), ref(uint32(s.old))}
	case didInsert:
		x.table(s.i).Remove(s.ref)
	case didRemove:
		x.table(s.i).Insert(s.ref)
	case didOver:
		if delete(x.over, s.ref); s.old != 0 {
			x.over[s.ref] = uint32(s.old)
		}
	case didExtra:
		x.takeBackExtra(s)
	case didChange:
		x.changes = x.changes[:len(x.changes)-1]
	case didPair:
		x.pairs.takeBack()
	case didBlock:
		x.blocks.takeBack()
	case didSeen:
		x.seen.takeBack()
	case didRelate:
		x.related.takeBack()
	case didPaired:
		x.linked.takeBack()
	}
}

func (x *Index) forgetSteps() {
	x.undo.steps = x.undo.steps[:0]
	if cap(x.undo.steps) > keepSteps {
		x.undo.steps = nil
	}
	x.pairs.settle()
	x.blocks.settle()
	x.seen.settle()
	x.related.settle()
	x.linked.settle()
}

// note remembers a step when it may be taken back.
func (x *Index) note(s step) {
	if x.undo.on {
		x.undo.steps = append(x.undo.steps, s)
	}
}

// num names a number of the index.
type num uint8

const (
	idle  num = iota // the first slot that nobody uses
	used             // slots ever used
	swept            // the day whose bucket is the lowest that may hold something
	keys
	accounts
	visits
	dropped
	merged
	split
	extras
	born // Spec IDs, of which old ones fade: for how rare a value is
	bornDay
	hand     // of the table of leaves, as far as it was looked through
	regained // Sessions whose visitor a key made known, fading as born does
	since    // the day of the first visitor
	numbers
)

func (x *Index) set(n num, v int64) {
	if x.nums[n] == v {
		return
	}
	x.note(step{what: didSet, i: uint8(n), old: x.nums[n]})
	x.nums[n] = v
}

func (x *Index) setBucket(i int, b bucket) {
	was := x.buckets[i]
	x.note(step{what: didBucket, n: uint32(i), old: int64(uint64(was.first)<<32 | uint64(was.last))})
	x.buckets[i] = b
}

func (x *Index) setOver(r ref, n uint32) {
	x.note(step{what: didOver, ref: r, old: int64(x.over[r])})
	if delete(x.over, r); n != 0 {
		x.over[r] = n
	}
}

func (x *Index) table(i uint8) *hashtable.Table[ref] {
	if i == 0 {
		return &x.keys
	}
	return &x.leaves
}

func (x *Index) number(t *hashtable.Table[ref]) uint8 {
	if t == &x.keys {
		return 0
	}
	return 1
}

func (x *Index) insert(t *hashtable.Table[ref], r ref) {
	t.Insert(r)
	x.note(step{what: didInsert, i: x.number(t), ref: r})
}

func (x *Index) remove(t *hashtable.Table[ref], r ref) {
	t.Remove(r)
	x.note(step{what: didRemove, i: x.number(t), ref: r})
}

// change tells of a merge or a split.
func (x *Index) change(c journey.SpecChange) {
	x.changes = append(x.changes, c)
	x.note(step{what: didChange})
	if !x.undo.on && len(x.changes) > keepSteps {
		x.changes = append([]journey.SpecChange(nil), x.changes[keepSteps/2:]...)
	}
}
